"""Which questions are alike: masked, cut into pieces of words, weighed by how rare these are.

A text is the bag of its words and of the runs of three and four characters in them, Chinese of
single characters and pairs, traditional ones as simplified: typing errors and endings change a
part of them only. Pieces that many texts have weigh less (TF-IDF); texts are compared by the cosine
of their bags.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bot.domain.chinese import simplified
from bot.domain.masking import mask_text

ALIKE: Final = 0.34  # questions of one group, against the group's middle
_HIDDEN: Final = "•••"

# --- what must not be kept -----------------------------------------------------------------------

_PLATE_ZH: Final = re.compile(r"[\u4e00-\u9fff][A-Za-z][·\s-]?[A-Za-z0-9]{5,6}(?![A-Za-z0-9])")
_JOINED: Final = re.compile(  # abc-123, b-ab1234, 1234bcd, ab12cde
    r"(?<![\w-])(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*(?![\w-])"
)
_APART: Final = re.compile(r"(?<!\w)[A-Z]{1,3} \d{2,4}(?: [A-Z]{1,3})?(?!\w)|"
                           r"(?<!\w)\d{3,4} [A-Z]{2,3}(?!\w)|"
                           r"(?<!\w)[A-Z]{2}\d{2} [A-Z]{3}(?!\w)")  # fmt: skip
_AMOUNT: Final = re.compile(r"\d+([.,]\d+)?(k?wh?|km|m|min|h|s|v|a|eur|usd|gbp|%)", re.IGNORECASE)
_ORDINARY: Final = re.compile(
    r"(type|typ|tipo|ccs|mode|combo)\d|\d(st|nd|rd|th|e|er|a|o)|\d{1,2}h\d\d", re.IGNORECASE
)
_NUMBER: Final = re.compile(r"\d[\d.,/\-]*\d|\d")
_PHONE_END: Final = re.compile(r"(\+\d{3} )?••• \d\d(?!\d)")


def masked(text: str) -> str:
    """A question without what could name a person: e-mails, numbers, plates; "80 %" stays."""
    text = _PHONE_END.sub(_HIDDEN, mask_text(text))
    text = _APART.sub(_HIDDEN, _PLATE_ZH.sub(_HIDDEN, text))
    text = _JOINED.sub(lambda found: _joined(found[0]), text)
    text = _NUMBER.sub(
        lambda found: _HIDDEN if sum(c.isdigit() for c in found[0]) > 2 else found[0], text
    )
    return " ".join(text.split())


def _joined(word: str) -> str:
    """Letters and digits in one: hidden, unless it is an amount or a kind of plug."""
    return word if _AMOUNT.fullmatch(word) or _ORDINARY.fullmatch(word) else _HIDDEN


# --- how a text is seen --------------------------------------------------------------------------

_CJK: Final = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]+")
_WORD: Final = re.compile(r"[^\W\d_]+")
# Words that stand in any question, plain form: what is asked about is told by the others.
_COMMON_WORDS: Final = """
    a an the is are am was it its i im my me you your to of and or in on at for with this that
    do does did can could will would should how what when where why which who if there have has be
    please pls hi hello any some while here also still may must they we as from
    el la los las un una es esta estoy que de en y o por para con mi me tu se lo como donde cuando
    cuanto cual si puedo puede hay al del hola favor
    os as um uma e do da no na meu minha eu voce pode posso qual quanto onde quando ola
    le les une et est qui des du dans sur mon ma mes je j c vous nous on ne pas peux puis peut
    comment combien quel quelle quand ou ce bonjour s il plait
    der die das ein eine einen ist sind und oder ich mein meine mir mich du sie wir es zu zum zur
    im am an auf mit von den dem kann konnen darf man meinen meiner wie was wo wann wenn hallo bitte
"""
_COMMON: Final = frozenset(_COMMON_WORDS.split())
# Words of this trade, by how they begin: nearly every question has one, so they tell little.
_TRADE: Final = (
    "charg", "station", "pile", "carg", "estacion", "estac", "carreg", "recarg", "rechar", "born",
    "lad", "aufla", "saul",
)  # fmt: skip
_TRADE_ZH: Final = re.compile(r"[充电桩站]")
_TRADE_WEIGHT: Final = 0.2
_COMMON_ZH: Final = re.compile(
    r"请问|怎么样?|如何|什么|可不可以|可以|能不能|你们|我们|[我你的了吗呢吧啊嘛么能要会是有]"
)
Bag = Mapping[str, float]


def pieces(text: str) -> dict[str, float]:
    """The pieces of a text, each with how much of it there is."""
    plain = simplified(unicodedata.normalize("NFKC", text)).casefold().replace("ß", "ss")
    split = unicodedata.normalize("NFD", plain)
    plain = "".join(c for c in split if not unicodedata.combining(c))
    found: dict[str, float] = defaultdict(float)
    for run in _CJK.findall(plain):
        for part in filter(None, _COMMON_ZH.split(run)):
            for piece in (*part, *(part[at : at + 2] for at in range(len(part) - 1))):
                trade = not _TRADE_ZH.sub("", piece)
                found[piece] += _TRADE_WEIGHT if trade else 1.0
    words = _WORD.findall(_CJK.sub(" ", plain))
    for word in [each for each in words if each not in _COMMON]:
        weight = _TRADE_WEIGHT if word.startswith(_TRADE) else 1.0
        found[f"={word}"] += weight
        edged = f"_{word}_"
        for size in (3, 4):
            for at in range(len(edged) - size + 1):
                found[edged[at : at + size]] += weight
    return dict(found)


class Rarity:
    """How much each piece weighs, learned from texts; one that none of them has weighs most."""

    def __init__(self, bags: Iterable[Bag]) -> None:
        seen: Counter[str] = Counter()
        self.texts = 0
        for bag in bags:
            seen.update(bag.keys())
            self.texts += 1
        self._seen = seen

    def weigh(self, bag: Bag) -> dict[str, float]:
        """The bag with its weights, of length 1; empty where it has no pieces."""
        weighed = {
            piece: (amount if amount < 1 else 1 + math.log(amount))
            * (1 + math.log((1 + self.texts) / (1 + self._seen[piece])))
            for piece, amount in bag.items()
        }
        length = math.sqrt(sum(each * each for each in weighed.values()))
        return {piece: each / length for piece, each in weighed.items()} if length else {}


def cosine(one: Bag, other: Bag) -> float:
    """How alike two bags of length 1 are, 0 to 1."""
    if len(other) < len(one):
        one, other = other, one
    return sum(weight * other.get(piece, 0.0) for piece, weight in one.items())


# --- groups --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it came in, masked already; `who` tells riders apart and goes no further."""

    text: str
    who: int


@dataclass(frozen=True, slots=True)
class Group:
    """Questions that say the same: the most usual way to say it, and how many people did."""

    text: str
    count: int
    riders: int
    examples: tuple[tuple[str, int], ...]


def groups(asked: Sequence[Asked], *, examples: int = 5) -> list[Group]:
    """The questions of one language by what they ask, the most frequent first.

    Each text joins the group whose middle is nearest, or begins one; then every text chooses once
    more among the groups that came of it. The order of the questions makes no difference.
    """
    people: dict[str, list[int]] = defaultdict(list)
    for each in asked:
        people[each.text].append(each.who)
    texts = sorted(people, key=lambda text: (-len(people[text]), text))
    bags = {text: pieces(text) for text in texts}
    texts = [text for text in texts if bags[text]]
    rarity = Rarity(bags[text] for text in texts)
    seen = {text: rarity.weigh(bags[text]) for text in texts}
    members: list[list[str]] = []
    for text in texts:
        at = _nearest(seen[text], [_middle(each, seen) for each in members])
        if at is None:
            members.append([text])
        else:
            members[at].append(text)
    middles = [_middle(each, seen) for each in members]
    again: dict[int, list[str]] = defaultdict(list)
    for number, text in enumerate(texts):
        at = _nearest(seen[text], middles)
        again[len(middles) + number if at is None else at].append(text)
    made = [_group(each, people, seen, examples) for each in again.values()]
    return sorted(made, key=lambda group: (-group.count, group.text))


def _middle(texts: Sequence[str], seen: Mapping[str, Bag]) -> dict[str, float]:
    total: dict[str, float] = defaultdict(float)
    for text in texts:
        for piece, weight in seen[text].items():
            total[piece] += weight
    length = math.sqrt(sum(each * each for each in total.values()))
    return {piece: each / length for piece, each in total.items()}


def _nearest(bag: Bag, middles: Sequence[Bag]) -> int | None:
    best = max(((cosine(bag, middle), -at) for at, middle in enumerate(middles)), default=(0.0, 0))
    return -best[1] if best[0] >= ALIKE else None


def _group(
    texts: Sequence[str],
    people: Mapping[str, Sequence[int]],
    seen: Mapping[str, Bag],
    examples: int,
) -> Group:
    """Its name is what most people wrote; of several such the nearest to the middle."""
    middle = _middle(texts, seen)
    order = sorted(
        texts, key=lambda text: (-len(people[text]), -round(cosine(seen[text], middle), 9), text)
    )
    return Group(
        text=order[0],
        count=sum(len(people[text]) for text in texts),
        riders=len({who for text in texts for who in people[text]}),
        examples=tuple((text, len(people[text])) for text in order[:examples]),
    )
