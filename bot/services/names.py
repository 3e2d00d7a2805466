"""Which of our names a rider means: typos, parts of names, missing accents, other words around.

A name is looked for in every run of words of the text as long as itself, without the little words
of six languages and without "station" and its like; short names must stand as they are.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Final, TypeVar

from rapidfuzz import fuzz

Key = TypeVar("Key", bound=Hashable)

_LIKE: Final = 82  # per cent of likeness from which a run of words is the name
_SHORT: Final = 5  # letters below which a name has no typos: each would be another word
_PART: Final = 4  # letters that a part of a name must have to stand for it
_LITTLE_WORDS: Final = """
    a an the at in on by near next to of for and or my station stations charging charger chargers
    pile point hub car park stop is there any free one what about how much please pls go
    el la los las un una del de en al por cerca y lo que hay estacion cargador cargadores parada
    o os as um uma do da dos das no na nos nas em perto ao posto carregador estacao tem
    le les une des du au aux sur pres chez et borne bornes gare recharge
    der die das den dem ein eine am im an auf bei beim zur zum ins nach von vom und
    saule ladestation ladesaule haltestelle
    asema asemalla latausasema luona lahella"""
_LITTLE: Final = frozenset(_LITTLE_WORDS.split())
_ENDINGS: Final = (
    "充电站",
    "充電站",
    "站点",
    "站點",
    "站",
    "停车场",
    "停車場",
    "附近",
    "那边",
    "那邊",
)


def best(text: str, names: Mapping[Key, str], *, whole: bool = False) -> Key | None:
    """The key of the name that a text means, or None.

    `whole`: the text is nothing but the name, or a part of one that no other name has.
    """
    said = _words(text)
    scored = [(score, key) for key, name in names.items() if (score := _score(said, name, whole))]
    if not scored:
        return _by_part(said, names) if whole else None
    return max(scored, key=lambda one: one[0])[1]


def _score(said: Sequence[str], name: str, whole: bool) -> float:
    """Likeness in per cent, 0 below the least; a longer name wins over one it contains."""
    wanted = " ".join(_words(name)) or _plain(name)
    letters = len(wanted.replace(" ", ""))
    top = 0.0
    for run in _runs(said, wanted.count(" ") + 1, whole):
        if not wanted.isascii() and wanted in run:  # Chinese: no spaces around a name
            top = 100.0
        like = fuzz.ratio(run, wanted)
        if (
            like == 100
            or (letters >= _SHORT and like >= _LIKE and run[:1] == wanted[:1])
            or (letters >= _SHORT and like >= _LIKE + 6)
        ):
            top = max(top, like)
        # "Kauppatorilla", "Oodissa": other languages decline names.
        elif letters >= _PART and run.startswith(wanted) and len(run) - len(wanted) <= 4:
            top = max(top, 90.0)
    return top + letters / 100 if top else 0.0


def _runs(said: Sequence[str], length: int, whole: bool) -> Iterator[str]:
    """Runs of about as many words as the name has; a name may be written in one word or in two."""
    if whole:
        yield " ".join(said)
        yield "".join(said)
        return
    for size in range(max(1, length - 1), length + 2):
        for at in range(len(said) - size + 1):
            run = said[at : at + size]
            yield " ".join(run)
            if size > 1:
                yield "".join(run)


def _by_part(said: Sequence[str], names: Mapping[Key, str]) -> Key | None:
    """ "kirkkopuisto" for "Vanha kirkkopuisto", where just one name has such a word."""
    if not said or any(len(word) < _PART for word in said):
        return None
    fits = []
    for key, name in names.items():
        parts = _words(name)
        like = [max((fuzz.ratio(word, part) for part in parts), default=0.0) for word in said]
        if min(like) >= _LIKE + 3 or (
            len(said) == 1 and len(said[0]) > _SHORT and any(p.startswith(said[0]) for p in parts)
        ):
            fits.append(key)
    return fits[0] if len(fits) == 1 else None


def _words(text: str) -> list[str]:
    """The plain words that may be of a name."""
    words = [word for word in _plain(text).split() if word not in _LITTLE]
    return [_bare(word) for word in words]


def _bare(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) > len(ending):
            return word.removesuffix(ending)
    return word


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKD", text.casefold().replace("ß", "ss"))
    letters = (
        c if c.isalnum() else "" if unicodedata.combining(c) or c in "'’" else " " for c in folded
    )
    return " ".join("".join(letters).split())
