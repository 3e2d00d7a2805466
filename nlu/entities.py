"""Find pile codes, amounts, times, connectors and vehicles in a text by pattern.

Runs in the service, so that it also works while Rasa is away. `Entity.text` is the exact
substring; `value` is canonical:

pile_code       "1023-27" or "1023"; else as typed ("12", "A12"): the dialog resolves it
energy          watt-hours as an integer ("20000")
percent         an integer ("80")
duration        seconds as an integer ("1800")
amount          decimal and ISO code where it is told ("12.50 EUR", "20")
time            as written, lower case ("tomorrow 8am"): only the station knows its day
connector_type  type1 type2 ccs chademo schuko gbt nacs usb
vehicle         as written, lower case
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

from bot.domain import codes
from bot.understanding import Entity
from nlu import spoken, timewords
from nlu.language import guess_language

_NUMBER_WORDS: Final = {
    1: "one uno una um uma un une ein eine einer einen 一",
    2: "two dos dois duas deux zwei 二 两 兩",
    3: "three tres três trois drei 三",
    4: "four cuatro quatro quatre vier 四",
    5: "five cinco cinq funf fünf 五",
    6: "six seis sechs 六",
    7: "seven siete sete sept sieben 七",
    8: "eight ocho oito huit acht 八",
    9: "nine nueve nove neuf neun 九",
    10: "ten diez dez dix zehn 十",
    11: "eleven once onze elf 十一",
    12: "twelve doce doze douze zwolf zwölf 十二",
    15: "fifteen quince quinze fünfzehn funfzehn 十五",
    20: "twenty veinte vinte vingt zwanzig 二十",
    30: "thirty treinta trinta trente dreißig dreissig 三十",
    40: "forty cuarenta quarenta quarante vierzig 四十",
    45: "forty-five 四十五",
    50: "fifty cincuenta cinquenta cinquante fünfzig funfzig 五十",
    60: "sixty sesenta sessenta soixante sechzig 六十",
    70: "seventy setenta siebzig 七十",
    80: "eighty ochenta oitenta quatre-vingts achtzig 八十",
    85: "eighty-five 八十五",
    90: "ninety noventa neunzig 九十",
    100: "hundred cien cem cent hundert 一百",
}
_BY_WORD: Final = {word: n for n, words in _NUMBER_WORDS.items() for word in words.split()}
_WORDS_LATIN: Final = "|".join(sorted((w for w in _BY_WORD if w[0] < "⺀"), key=len, reverse=True))
_WORDS_CJK: Final = "[一二两兩三四五六七八九十百]+"
_NUM: Final = rf"(?:\d+(?:[.,]\d+)?|(?:{_WORDS_LATIN})\b|{_WORDS_CJK})"
_EDGE: Final = (
    r"(?<![a-zA-ZÀ-ÿ0-9])(?<![0-9][.,:-])(?<![-])"  # Chinese may stand right before a number
)

_CURRENCIES: Final = {
    "EUR": "€ euro euros eur euronen balles 欧 欧元 歐元",
    "GBP": "£ pound pounds quid gbp",
    "BRL": "r$ reais real conto contos pila pilas brl",
    "SGD": "s$ sgd",
    "USD": "us$ usd dollar dollars bucks 美元",
    "INR": "₹ rs rs. inr rupee rupees",
    "NGN": "₦ naira ngn",
    "CNY": "¥ ￥ yuan rmb cny 元 块 块钱 塊 塊錢 块錢 蚊",
    "MXN": "mxn varos",
    "ARS": "ars lucas",
    "CHF": "chf franken francs fr. stutz",
    "": "$ pesos peso plata",  # of which country is not told
}
_CODE_OF: Final = {sign: code for code, signs in _CURRENCIES.items() for sign in signs.split()}
_SIGNS: Final = "|".join(re.escape(s) for s in sorted(_CODE_OF, key=len, reverse=True))

# "E-204" on a screen is an error, no pile.
_NOT_ERROR: Final = (
    r"(?<!error )(?<!err )(?<!erro )(?<!erreur )(?<!fehler )(?<!fault )(?<!code )(?<!c[oó]digo )"
    r"(?<!says )(?<!dice )(?<!报 )(?<!報 )(?<!报)(?<!報)(?<!错误)(?<!代码)(?<!故障)(?<!affiche )(?<!zeigt )"
)
_PILE_NOUN: Final = (
    r"(?:pile|charger|charging point|point|socket|number|no\.|nr\.|n[°º]|num[eé]ro|n[uú]mero|"
    r"nummer|borne|prise|s(?:ä|ae|a)ule|dose|cargador|poste|toma|carregador|tomada|station)"
)

# Plain "car", "voiture", "auto", "coche", "carro" are not told: only makes, models and classes.
_VEHICLES: Final = (
    r"teslas?(?: model [3sxy])?|model [3sxy]|(?:nissan )?leaf|(?:hyundai )?kona|ioniq(?: ?\d)?|"
    r"(?:renault )?(?:zo[eé]|m[eé]gane(?: e-tech)?|twingo|kangoo|kwid(?: e-tech)?)|"
    r"(?:vw |volkswagen )?(?:id\.? ?(?:[3457]|buzz)|e-golf|e-up!?)|(?:bmw )?(?:i[34x8]|"
    r"ix[13])(?!\w)|"
    r"mini cooper|polestar(?: \d)?|(?:skoda )?enyaq|(?:cupra )?born|taycan|e-tron|"
    r"mustang mach-e|mach-e|"
    r"e-?208|e-?2008|e-c[34]|corsa(?:-e)?|(?:dacia )?spring|(?:fiat )?500e|(?:chevrolet |"
    r"chevy )?bolt|aveo|"
    r"byd(?: (?:dolphin|seal|atto ?3|song|yuan|han|mini))?|dolphin(?: mini)?|nio(?: e[st]\d)?|"
    r"xpeng(?: \w\d)?|"
    r"(?:tata )?(?:nexon|tiago|punch)(?: ev)?|mg ?4|mg ?zs|ora 03|niu|gogoro|ather(?: 450x?)?|"
    r"ola s1|"
    r"kia(?: (?:ev\d|niro|soul))?|ev[69]|niro|range rover|e-?bikes?|pedelecs?|cargo bikes?|"
    r"lastenrad|"
    r"electric (?:bikes?|scooters?)|bici(?:cleta)?s? el[eé]ctricas?|"
    r"bici(?:cleta)?s? el[eé]tricas?|"
    r"bikes? el[eé]tricas?|v[eé]los? [eé]lectriques?|vae|e-?scooters?|scooters?|mopeds?|bikes?|"
    r"motorbikes?|motorcycles?|okada|keke|auto ?rickshaw|e-?rickshaw|furgon(?:eta)?|furgo|"
    r"moto(?:cicleta|neta|s)?|"
    r"bici(?:cleta)?s?|patinetes?|patinetas?|v[eé]los?|trottinettes?|trott|camionnettes?|"
    r"utilitaire|fahrrad|"
    r"e-?roller|roller|motorrad|e-?rad|van|truck|小电驴|小電驢|电动车|電動車|电瓶车|電瓶車|摩托车|摩托車|"
    r"比亚迪|比亞迪|特斯拉|蔚来|蔚來|小鹏|小鵬|理想|极氪|宏光 ?mini|五菱|小牛|混动车|货车|貨車|面包车"
)
_CONNECTORS: Final = (
    ("type2", r"t[yi]pe?o? ?2|mennekes"),
    ("type1", r"t[yi]pe?o? ?1|j1772"),
    ("ccs", r"ccs ?[12]?|combo ?2?"),
    ("chademo", r"cha ?demo"),
    ("gbt", r"gb ?/ ?t|国标|國標"),
    ("nacs", r"nacs"),
    ("schuko", r"schuko"),
    ("usb", r"usb(?:-c)?"),
)


def number(text: str) -> Decimal | None:
    """ "12,5", "twelve", "半", "八十五" as a number."""
    text = text.strip().lower()
    if re.fullmatch(r"\d{1,3}([.,]\d{3})+", text):
        return Decimal(re.sub("[.,]", "", text))
    if re.fullmatch(r"\d+([.,]\d+)?", text):
        return Decimal(text.replace(",", "."))
    if text in _BY_WORD:
        return Decimal(_BY_WORD[text])
    if re.fullmatch(_WORDS_CJK, text):
        return _chinese(text)
    return None


def _chinese(text: str) -> Decimal | None:
    tens, ten, ones = text.partition("十")
    if not ten:
        return Decimal(_BY_WORD[text]) if text in _BY_WORD else None
    return Decimal(10 * _BY_WORD.get(tens, 1) + _BY_WORD.get(ones, 0))


_Canon = Callable[[re.Match[str]], "str | None"]


def _percent(m: re.Match[str]) -> str | None:
    if m["tenths"]:
        tenths = number(m["tenths"])
        return None if tenths is None else str(int(tenths * 10))
    value = number(m["n"] or m["zh"] or m["bare"] or "")
    return str(int(value)) if value is not None and value <= 100 else None


def _energy(m: re.Match[str]) -> str | None:
    value = number(m["n"])
    unit = 1 if m["unit"].lower() == "wh" else 1000
    return None if value is None else str(int(value * unit))


_UNIT_S: Final = (
    ("h 小 个小 個小 个钟 個鐘 stunde std stünd", 3600),
    ("day d tag jour 天", 86_400),
    ("week s woche 个星 個星 礼拜 禮拜 个礼 個禮", 604_800),
)


def _duration(m: re.Match[str]) -> str | None:
    if m["half"] or m["whole"]:
        return "1800" if m["half"] else "5400"
    if m["h"] or m["m"]:
        return str(int(m["h"]) * 3600 if m["h"] else int(m["m"]) * 60)
    count = {"a": "1", "an": "1", "ne": "1", "'ne": "1", "俩": "2", "倆": "2"}.get(
        m["n"].lower(), m["n"]
    )
    value = number(count)
    return None if value is None else str(int(value * _seconds(m["unit"].lower())))


def _seconds(unit: str) -> int:
    if unit.startswith("sec"):
        return 1
    if unit.startswith(("min", "分")):
        return 60
    for size in (3600, 604_800, 86_400):
        starts = next(words for words, seconds in _UNIT_S if seconds == size)
        if unit.startswith(tuple(starts.split())):
            return size
    return 60


_SLANG: Final = {"tenner": "10 GBP", "fiver": "5 GBP", "twenty quid": "20 GBP"}
_TIMES: Final = {
    "hundred": 100, "百": 100, "thousand": 1000, "grand": 1000, "mil": 1000, "tausend": 1000,
    "k": 1000, "千": 1000, "万": 10_000, "萬": 10_000,
}  # fmt: skip


def _amount(m: re.Match[str]) -> str | None:
    if m["slang"]:
        return next(value for word, value in _SLANG.items() if m["slang"].lower().endswith(word))
    if m["n4"]:
        thousands = number(m["n4"])
        return None if thousands is None else f"{thousands * 1000}"
    written = (m["n1"] or m["n2"]).lower().strip()
    times = next((each for each in _TIMES if written.endswith(each) and written != each), None)
    value = number(written.removesuffix(times).strip()) if times else number(written)
    sign = (m["s1"] or m["s2"] or m["s3"]).lower()
    if value is not None and times:
        value *= _TIMES[times]
    if value is None or value > 1_000_000:
        return None
    return f"{value} {_CODE_OF.get(sign, '')}".strip()


def _as_written(m: re.Match[str]) -> str:
    return (m["span"] if "span" in m.re.groupindex else m[0]).lower().strip()


def _raw_code(m: re.Match[str]) -> str:
    typed = re.sub(r"\s+", "", m["span"]).upper()
    spoken = number(m["span"])
    return typed if spoken is None or typed.isdigit() else str(int(spoken))


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


# In order: what is found first keeps its place in the text.
_RULES: Final[tuple[tuple[str, re.Pattern[str], _Canon], ...]] = (
    (
        "percent",
        _pattern(
            rf"{_EDGE}(?P<n>{_NUM})\s?(?:%|％|per ?cent|pct|por ?ciento|por ?cento|"
            rf"pour ?cent|prozent)|百分之(?P<zh>{_WORDS_CJK}|\d+)|(?P<tenths>[一二三四五六七八九\d])成(?!功|员|"
            rf"为|本|了)"
            rf"|(?<![a-z])(?:to|till?|until|at|al|hasta(?: el)?|at[eé](?: os)?|bis|auf|"
            rf"jusqu'[aà]|[aà]|bei|in|over|under|der|ao|em)"
            rf" (?P<bare>[5-9]\d|100)(?=\s*(?:$|[?!,;]|\.(?!\d)|and|y |e |und|et |then|por fa|"
            rf"please|pls|plz|or|instead|bitte|coupe|corta|para|stop))"
        ),
        _percent,
    ),
    (
        "energy",
        _pattern(
            rf"{_EDGE}(?P<n>{_NUM})\s?(?P<unit>kwh|wh|(?<![一1] )(?<![一1])度电?|(?<=\\d)度電|千瓦时|千瓦時)(?![a-z以])"
        ),
        _energy,
    ),
    (
        "duration",
        _pattern(
            rf"(?P<half>half an hour|half hour|media horita|media hora|meia hora|meia horinha|"
            rf"(?:une )?demi-?heure|(?:eine? |ne )?halbe stunde|半个?小时|半個?小時|半个钟|半個鐘)"
            rf"|(?P<whole>\ban hour and a half|hora y media|uma hora e meia|une heure et demie|"
            rf"anderthalb stunden|eineinhalb stunden|一个半小时|一個半小時)"
            rf"|{_EDGE}(?P<n>{_NUM}|an?(?= )|'?ne(?= )|俩|倆|几|幾)\s?"
            rf"(?:more |más |mas |mais |weitere |extra |solid |good )?"
            rf"(?P<unit>minutes?|mins?|minut(?:o|ito|inho)s?|minuten|分钟|分鐘|hours?|hrs?|hor(?:it|"
            rf"inh)?as?|heures?(?! (?:et|moins|du|pile))|"
            rf"stunden?|stündchen|std|个?小时|個?小時|个钟头?|個鐘頭?|days?|weeks?|d[ií]as?|semanas?|jours?|"
            rf"semaines?|tagen?|wochen?|天(?!气)|个星期|個星期|(?:个|個)?(?:礼拜|禮拜)|seconds?)(?![a-zà-ÿ])"
            rf"|{_EDGE}(?P<h>\d{{1,2}})\s?h(?:rs?)?(?= (?:de carga|na reserva|more|mais|más|"
            rf"plus|länger|of charg|charg|booking|slot|gratis))"
            rf"|{_EDGE}(?P<m>\d{{1,3}})\s?(?:m|mn)(?![\w²])"
        ),
        _duration,
    ),
    (
        "amount",
        _pattern(
            rf"(?<![\w])(?P<s1>r\$|s\$|us\$|rs\.?|eur|"
            rf"[€£$¥￥₹₦])\s?(?P<n1>\d+(?:[.,]\d{{1,3}})*k?)"
            rf"|{_EDGE}(?P<n2>(?:{_NUM}|\d+k|an?(?= (?:quid|pound|buck|hundred))|十几|"
            rf"几十)(?: ?(?:hundred|thousand|grand|mil|tausend|百|千|万|萬|[kK](?!\w)))?)"
            rf"(?:[ -]{{0,2}}(?P<s2>{_SIGNS})|\s?(?P<s3>[€£$]))(?![a-zà-ÿ])"
            rf"|(?P<slang>\ba? ?(?:tenner|fiver|twenty quid)\b)|"
            rf"{_EDGE}(?P<n4>{_NUM}) (?P<s4>grand|k naira)(?!\w)"
        ),
        _amount,
    ),
    ("time", timewords.CHINESE, _as_written),
    ("time", timewords.LATIN, _as_written),
    ("time", timewords.AFTER, _as_written),
    ("vehicle", _pattern(rf"(?<![a-zà-ÿ-])(?:{_VEHICLES})(?![a-zà-ÿ-])"), _as_written),
    *(
        (
            "connector_type",
            _pattern(rf"(?<![a-z0-9])(?:{form})(?![a-z0-9])"),
            lambda _, name=name: name,
        )
        for name, form in _CONNECTORS
    ),
    (
        "pile_code",
        _pattern(
            rf"(?<!\w){_PILE_NOUN}\s?#?\s?(?P<span>\d{{1,6}}|[a-z]-?\d{{1,3}}|(?!une?\b|uma?\b|"
            rf"eine?\b|einen\b|einer\b)(?:{_WORDS_LATIN})\b)(?![\w%])"
        ),
        _raw_code,
    ),
    (
        "pile_code",
        _pattern(r"(?P<span>\d{1,6}|[一二三四五六七八九十]+)\s?[号號](?:桩|樁|枪|槍|机|機)?"),
        _raw_code,
    ),
    ("pile_code", _pattern(r"#\s?(?P<span>\d{1,6})(?!\w)"), _raw_code),
    ("pile_code", re.compile(r"(?<![\w-])(?P<span>[A-Z]{2}[ -]\d{4})(?![\w-])"), _raw_code),
    (
        "pile_code",
        _pattern(rf"{_NOT_ERROR}(?<![a-z0-9-])(?P<span>[a-h]-?\d{{1,3}})(?![a-z0-9-])"),
        _raw_code,
    ),
    (
        "pile_code",
        re.compile(r"(?<![\d.,:/+€£$¥-])(?P<span>[1-9]\d{3,5})(?![\d.,:/%-]\d|\d)"),
        _raw_code,
    ),
    (
        "pile_code",
        re.compile(r"(?<![\w-])(?P<span>[GJKLNPQRSTVWXYZ]-?\d{1,3})(?![\w-])"),
        _raw_code,
    ),
    ("pile_code", re.compile(r"^\s*(?P<span>\d{1,6}|[A-Za-z]-?\d{1,3})\s*[.!]?\s*$"), _raw_code),
    # "mach die 12 aus", "la 14 est libre?": an article before a bare number
    (
        "pile_code",
        re.compile(
            r"(?:(?<=[dD]er )|(?<=[dD]ie )|(?<=[aA]n )|(?<=[eE]l )|(?<=[lL]a )|(?<=del )|"
            r"(?<= no )"
            r"|(?<=[nN]a )|(?<=sur la )|(?<= au )|(?<=[Oo] ))(?P<span>\d{1,2})"
            r"(?=\s*(?:$|[?!,]|\.(?!\d)|[a-zA-ZÀ-ÿ]))"
            r"(?!\s*(?:%|de (?:la|enero|febrero|marzo|abril|mayo|junio|julio|agosto|sep|oct|nov|"
            r"dic)|"
            r"h\b|hs\b|uhr|k?wh|kw|eur|€|min|prozent|por|pour|stund|std|hor|heur|jan|f[eé]v|mar|"
            r"avr|juin|"
            r"jui|ao|set|out|dez|dec|d[eé]c|a las|[aà]s))"
        ),
        _raw_code,
    ),
)
_YEAR: Final = range(1990, 2036)


def find(text: str) -> tuple[Entity, ...]:
    """All entities of a text in the order they stand, none overlapping."""
    found: list[Entity] = []
    for entity in _candidates(text):
        if not any(overlaps(entity, other) for other in found):
            found.append(entity)
    return tuple(sorted(found, key=lambda entity: entity.start or 0))


def merge(seen: Iterable[Entity], found: Sequence[Entity]) -> tuple[Entity, ...]:
    """What a model saw and what the patterns found, as one: a code with a right check digit stands,
    else the model decides, since it knows the sentence; what only patterns see is added.

    `seen` has the exact substring as `text`; its canonical value is made here.
    """
    sure = [one for one in found if one.type == "pile_code" and codes.parse(one.text) is not None]
    sure = [one for one in sure if "-" in one.value]
    kept = [*sure]
    for one in seen:
        value = _value(one, found)
        if value is not None and not any(overlaps(one, other) for other in kept):
            kept.append(replace(one, value=value))
    kept += [one for one in found if not any(overlaps(one, other) for other in kept)]
    return tuple(sorted(kept, key=lambda one: one.start or 0))


def _value(one: Entity, found: Sequence[Entity]) -> str | None:
    """The canonical value: as the patterns read this place, else the substring alone; None for a
    number that cannot be read."""
    same = [each for each in found if each.type == one.type and overlaps(one, each)]
    if len(same) == 1:
        return same[0].value if one.type != "time" else one.text.lower()
    alone = [each.value for each in find(one.text) if each.type == one.type]
    if alone and one.type != "time":
        return alone[-1]
    if one.type == "pile_code":
        spelt = number(one.text)
        return str(int(spelt)) if spelt is not None else re.sub(r"\s+", "", one.text).upper()
    if one.type in ("amount", "percent", "energy", "duration"):
        written = re.search(_NUM, one.text, re.IGNORECASE)
        value = number(written[0]) if written else None
        if value is None:
            return None
        scale = {"energy": 1000, "duration": 60}.get(one.type, 1)
        return str(int(value * scale)) if one.type != "amount" else str(value)
    return one.text.lower() if one.type in ("time", "vehicle") else one.text


def overlaps(a: Entity, b: Entity) -> bool:
    """Whether two entities share a character of the text."""
    if a.start is None or a.end is None or b.start is None or b.end is None:
        return False
    return a.start < b.end and b.start < a.end


def _candidates(text: str) -> Iterator[Entity]:
    for each in codes.find(text):
        typed = text[each.start : each.end].strip()
        start = text.index(typed, each.start)
        known = isinstance(each.code, codes.PileCode)
        value = str(each.code) if known else typed.lstrip("#")
        yield Entity("pile_code", value, typed, start, start + len(typed))
    for start, end, digits in spoken.find(text):
        named = codes.examine(digits)
        value = str(named) if isinstance(named, codes.PileCode) else digits
        yield Entity("pile_code", value, text[start:end], start, end)
    for type_, pattern, canon in _RULES:
        for m in pattern.finditer(text):
            span = m.span("span") if "span" in pattern.groupindex else m.span()
            raw = text[slice(*span)]
            if _is_here(raw, text):
                continue
            canonical = canon(m)
            if canonical is not None and not (m[0] == raw and _is_year(text, raw)):
                yield Entity(type_, canonical, raw, *span)


def _is_here(raw: str, text: str) -> bool:
    """ "hier" is yesterday in French and here in German."""
    return raw.lower() == "hier" and guess_language(text) != "fr"


def _is_year(text: str, raw: str) -> bool:
    """A lone "2026" inside a sentence is a year, as a whole message it is a pile."""
    return raw.isdigit() and int(raw) in _YEAR and text.strip() != raw
