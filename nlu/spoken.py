"""Codes as voice typing writes them: "ten twenty three", "one zero two three", "一零二三".

`find` gives (start, end, digits) of runs of number words that spell a pile's number or code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

_UNITS: Final = {
    "en": "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen",
    "es": "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce "
    "quince dieciséis diecisiete dieciocho diecinueve",
    "pt": "zero um dois três quatro cinco seis sete oito nove dez onze doze treze quatorze quinze "
    "dezesseis dezessete dezoito dezenove",
    "fr": "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze "
    "seize dix-sept dix-huit dix-neuf",
    "de": "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn "
    "fünfzehn sechzehn siebzehn achtzehn neunzehn",
}  # fmt: skip
_TENS: Final = {
    "en": "twenty thirty forty fifty sixty seventy eighty ninety",
    "es": "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa",
    "pt": "vinte trinta quarenta cinquenta sessenta setenta oitenta noventa",
    "fr": "vingt trente quarante cinquante soixante soixante-dix quatre-vingts quatre-vingt-dix",
    "de": "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig",
}
_JOIN: Final = {"en": "{ten} {one}", "es": "{ten} y {one}", "pt": "{ten} e {one}"}
_ALSO: Final = {"oh": 0, "nought": 0, "zwo": 2, "meia": 6, "dreissig": 30}
_DASH: Final = r"(?:dash|hyphen|minus|gui[oó]n|menos|h[ií]fen|tra[çc]o|tiret|bindestrich|strich)"


def _words() -> Mapping[str, int]:
    found: dict[str, int] = dict(_ALSO)
    for lang, units in _UNITS.items():
        small = units.split()
        found |= {word: value for value, word in enumerate(small)}
        for at, ten in enumerate(_TENS[lang].split(), start=2):
            found[ten] = 10 * at
            for one in range(1, 10):
                found |= dict.fromkeys(_compound(lang, ten, small, one), 10 * at + one)
    found |= {_bare(word): value for word, value in found.items()}
    return found


def _compound(lang: str, ten: str, small: list[str], one: int) -> Iterator[str]:
    if lang == "de":
        yield f"{'ein' if one == 1 else small[one]}und{ten}"
    elif lang == "fr":
        # soixante-dix and quatre-vingt-dix count on with the teens.
        stem, teens = (ten[:-4], 10) if ten.endswith("-dix") else (ten.rstrip("s"), 0)
        yield f"{stem}-{small[one + teens]}"
        yield f"{stem} {small[one + teens]}"
        yield f"{stem} et {small[one + teens]}"
    else:
        yield _JOIN[lang].format(ten=ten, one=small[one])
        if lang == "en":
            yield f"{ten}-{small[one]}"
        if lang == "es" and ten == "veinte":
            yield f"veinti{_bare(small[one])}"
            yield f"veinti{small[one]}"


def _bare(word: str) -> str:
    return word.translate(str.maketrans("áéêíóúüöäç", "aeeiouuoac"))


_VALUES: Final = _words()
_WORD: Final = "|".join(re.escape(w) for w in sorted(_VALUES, key=len, reverse=True))
_ONE: Final = re.compile(rf"(?:{_WORD})(?!\w)", re.IGNORECASE)
_RUN: Final = re.compile(
    rf"(?<!\w)(?:{_WORD})(?!\w)(?:(?:\s*[,-]\s*|\s+(?:{_DASH}\s+)?)(?:{_WORD})(?!\w))+",
    re.IGNORECASE,
)
_CHINESE: Final = re.compile("[零〇一二三四五六七八九幺两兩]{4,9}")
_CHINESE_DIGITS: Final = str.maketrans("零〇一二三四五六七八九幺两兩", "00123456789122")
_NOUN: Final = re.compile(
    r"(?:pile|charger|point|socket|number|nummer|n[uú]mero|num[eé]ro|code|c[oó]digo|borne|"
    r"s[aä]ule|cargador|poste|carregador|station)\s*$",
    re.IGNORECASE,
)
_LEAST_WORDS: Final = 3  # "two three minutes" is no code


def find(text: str) -> Iterator[tuple[int, int, str]]:
    """Runs that spell 4 to 9 digits: three words or more, two behind "pile" or as all there is."""
    for run in _RUN.finditer(text):
        words = _ONE.findall(run[0])
        digits = "".join(str(_VALUES[word.lower()]) for word in words)
        alone = text.strip(" .!?") == run[0] or _NOUN.search(text[: run.start()]) is not None
        if 4 <= len(digits) <= 9 and (alone or len(words) >= _LEAST_WORDS):
            yield run.start(), run.end(), digits
    for run in _CHINESE.finditer(text):
        yield run.start(), run.end(), run[0].translate(_CHINESE_DIGITS)
