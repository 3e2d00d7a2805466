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
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Final

from bot.domain import codes
from bot.understanding import Entity

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
_EDGE: Final = r"(?<![a-zA-ZÀ-ÿ0-9.,:-])"  # Chinese may stand right before a number

_CURRENCIES: Final = {
    "EUR": "€ euro euros eur 欧 欧元",
    "GBP": "£ pound pounds quid gbp",
    "BRL": "r$ reais real brl",
    "SGD": "s$ sgd",
    "USD": "us$ usd dollar dollars bucks 美元",
    "INR": "₹ rs rs. inr rupee rupees",
    "NGN": "₦ naira ngn",
    "CNY": "¥ ￥ yuan rmb cny 元 块 块钱 塊 塊錢 块錢",
    "MXN": "mxn",
    "ARS": "ars",
    "": "$ pesos peso",  # of which country is not told
}
_CODE_OF: Final = {sign: code for code, signs in _CURRENCIES.items() for sign in signs.split()}
_SIGNS: Final = "|".join(re.escape(s) for s in sorted(_CODE_OF, key=len, reverse=True))

_DAYS: Final = (
    r"(?:today|tonight|tomorrow|tmrw|tmr|yesterday|"
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)day|"
    r"hoy|pasado mañana|mañana|ayer|esta noche|lunes|martes|mi[eé]rcoles|jueves|viernes|s[aá]bado|"
    r"domingo|hoje|depois de amanh[ãa]|amanh[ãa]|ontem|segunda-feira|ter[çc]a(?:-feira)?|"
    r"quarta-feira|quinta-feira|sexta(?:-feira)?|"
    r"aujourd'hui|apr[eè]s-demain|demain|hier|ce soir|lundi|mardi|mercredi|jeudi|vendredi|samedi|"
    r"dimanche|heute(?: abend)?|(?:ü|ue)bermorgen|gestern|montag|dienstag|mittwoch|donnerstag|"
    r"freitag|samstag|sonntag)"
)
_MONTHS: Final = (
    r"(?:january|february|march|april|june|july|august|september|october|november|december|"
    r"enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre|"
    r"janeiro|fevereiro|março|maio|junho|julho|setembro|outubro|novembro|dezembro|"
    r"janvier|février|mars|avril|juin|juillet|août|septembre|octobre|novembre|décembre|"
    r"januar|februar|märz|juni|juli|oktober|dezember)"
)
_CLOCK: Final = (
    r"(?:(?:[01]?\d|2[0-4])[:h.][0-5]\d(?:\s?[ap]\.?m\b\.?)?(?:\s?uhr)?"
    r"|(?:[01]?\d|2[0-4])\s?(?:[ap]\.?m\b\.?|uhr|o'clock|h(?![a-z]))|noon|midday|midnight|mediod[ií]a"
    r"|medianoche|meio-dia|meia-noite|midi|minuit|mittags?|mitternacht)"
)
_CLOCK_ZH: Final = (
    r"(?:今天|今晚|明天|明早|明晚|后天|後天|昨天|(?:上|下|这|這)?(?:周|週|星期)[一二三四五六日天])?"
    r"(?:早上|上午|中午|下午|晚上|凌晨|傍晚)?(?:\d{1,2}|[一二两兩三四五六七八九十]{1,3})"
    r"(?:点|點)(?:半|[一二三四五]?十?[一二三四五六七八九]?分?|\d{2})?"
)
_DAYS_ZH: Final = (
    r"(?:今天|今晚|明天|明早|明晚|后天|後天|昨天|(?:上|下|这|這)?(?:周|週|星期)[一二三四五六日天])"
    r"(?:早上|上午|中午|下午|晚上)?|(?:十一|十二|[一二三四五六七八九十]|\d{1,2})月份?"
)

_PILE_NOUN: Final = (
    r"(?:pile|charger|charging point|point|socket|number|no\.|nr\.|n[°º]|num[eé]ro|n[uú]mero|"
    r"nummer|borne|prise|s(?:ä|ae|a)ule|dose|cargador|poste|toma|carregador|tomada|station)"
)

_VEHICLES: Final = (
    r"tesla(?: model [3sxy])?|model [3sxy]|(?:nissan )?leaf|(?:hyundai )?kona|ioniq(?: \d)?|"
    r"(?:renault )?zo[eé]|id\.?[3457]|e-golf|bmw i\d|polestar(?: \d)?|byd(?: \w+)?|dolphin|nio|"
    r"xpeng|niu|gogoro|voltz|ather|ola s1|kia(?: \w+\d)?|bolt|mini cooper|"
    r"e-?bikes?|electric bikes?|bicycles?|bikes?|e-?scooters?|scooters?|mopeds?|"
    r"motorbikes?|motorcycles?|taxi|van|truck|car|coche|carro|auto|furgoneta|moto(?:cicleta)?|bici(?:cleta)?|patinete|"
    r"bicicleta|voiture|bagnole|v[eé]lo|trottinette|camionnette|wagen|fahrrad|rad|e-?auto|roller|"
    r"motorrad|e-?rad|小电驴|电动车|電動車|电瓶车|電瓶車|摩托车|摩托車|比亚迪|比亞迪|特斯拉|小牛|混动车"
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
    value = number(m["n"] or m["zh"] or "")
    return str(int(value)) if value is not None and value <= 100 else None


def _energy(m: re.Match[str]) -> str | None:
    value = number(m["n"])
    unit = 1 if m["unit"].lower() == "wh" else 1000
    return None if value is None else str(int(value * unit))


def _duration(m: re.Match[str]) -> str | None:
    if m["half"]:
        return "1800"
    value = number(m["n"])
    unit = m["unit"].lower()
    size = 60
    if unit.startswith(("h", "stunde", "std", "小", "个", "個")):
        size = 3600
    return None if value is None else str(int(value * size))


def _amount(m: re.Match[str]) -> str | None:
    value = number(m["n1"] or m["n2"])
    sign = (m["s1"] or m["s2"]).lower()
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
            rf"pour ?cent|prozent)|百分之(?P<zh>{_WORDS_CJK}|\d+)"
        ),
        _percent,
    ),
    (
        "energy",
        _pattern(rf"{_EDGE}(?P<n>{_NUM})\s?(?P<unit>kwh|wh|度电?|度電|千瓦时|千瓦時)(?![a-z])"),
        _energy,
    ),
    (
        "duration",
        _pattern(
            rf"(?P<half>half an hour|half hour|media hora|meia hora|(?:une )?demi-?heure"
            rf"|(?:eine )?halbe stunde|半个?小时|半個?小時)"
            rf"|{_EDGE}(?P<n>{_NUM}|\ban?)\s?(?:more |más |mas |mais |weitere )?"
            rf"(?P<unit>minutes?|mins?|minutos?|minuten|分钟|分鐘|hours?|hrs?|horas?|heures?"
            rf"|stunden?|std|个?小时|個?小時|个钟头)(?![a-z])"
        ),
        _duration,
    ),
    (
        "amount",
        _pattern(
            rf"(?<![\w])(?P<s1>r\$|s\$|us\$|rs\.?|[€£$¥￥₹₦])\s?(?P<n1>\d+(?:[.,]\d{{1,2}})?)"
            rf"|{_EDGE}(?P<n2>{_NUM})\s?(?P<s2>{_SIGNS})(?![a-z])"
        ),
        _amount,
    ),
    (
        "time",
        _pattern(
            rf"{_CLOCK_ZH}|{_DAYS_ZH}"
            rf"|(?<!\w){_DAYS}(?: (?:at |a las |às |à |um )?{_CLOCK}| (?:at|a las|às|um) \d{{1,2}})(?!\w)"
            rf"|(?<![\w.,]){_CLOCK}(?: {_DAYS})?(?!\w)|(?<!\w){_DAYS}(?!\w)|(?<!\w){_MONTHS}(?!\w)"
        ),
        _as_written,
    ),
    (
        "time",
        _pattern(
            r"(?<!\w)(?:at|by|until|a las|hasta las|às|as|até as|pras|um|bis|gegen)"
            r" (?P<span>(?:[01]?\d|2[0-4])(?: (?:de la |da |am )(?:tarde|noche|mañana|noite|manhã|abend))?)"
            r"(?![\w%€£$]|[.,:-]\d| ?(?:%|per|kwh|eur|prozent|por|min))"
        ),
        _as_written,
    ),
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
            rf"(?<!\w){_PILE_NOUN}\s?#?\s?(?P<span>\d{{1,6}}|[a-z]-?\d{{1,3}}|(?:{_WORDS_LATIN})\b)(?![\w%])"
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
    ("pile_code", _pattern(r"(?<![a-z0-9-])(?P<span>[a-f]-?\d{1,3})(?![a-z0-9-])"), _raw_code),
    (
        "pile_code",
        re.compile(r"(?<![\d.,:/+€£$¥-])(?P<span>[1-9]\d{3,5})(?![\d.,:/%-]\d|\d)"),
        _raw_code,
    ),
    ("pile_code", re.compile(r"^\s*(?P<span>\d{1,6}|[A-Za-z]-?\d{1,3})\s*[.!]?\s*$"), _raw_code),
    ("vehicle", _pattern(rf"(?<![a-zà-ÿ-])(?:{_VEHICLES})(?![a-zà-ÿ-])"), _as_written),
)
_YEAR: Final = range(1990, 2036)


def find(text: str) -> tuple[Entity, ...]:
    """All entities of a text in the order they stand, none overlapping."""
    found: list[Entity] = []
    for entity in _candidates(text):
        if not any(overlaps(entity, other) for other in found):
            found.append(entity)
    return tuple(sorted(found, key=lambda entity: entity.start or 0))


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
    for type_, pattern, canon in _RULES:
        for m in pattern.finditer(text):
            span = m.span("span") if "span" in pattern.groupindex else m.span()
            raw = text[slice(*span)]
            canonical = canon(m)
            if canonical is not None and not (m[0] == raw and _is_year(text, raw)):
                yield Entity(type_, canonical, raw, *span)


def _is_year(text: str, raw: str) -> bool:
    """A lone "2026" inside a sentence is a year, as a whole message it is a pile."""
    return raw.isdigit() and int(raw) in _YEAR and text.strip() != raw
