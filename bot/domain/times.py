"""What riders mean by "tonight half 7", "mañana a las 8" or "明早七点半": aware moments of a zone.

`resolve` is pure: now and the zone are passed in. Understood are clock times in six languages
("18:30", "7pm", "halb sieben", "las diez y media", "八点半"), days ("tomorrow", "next Friday",
"14 nov"), parts of days, delays ("in 20 minutes") and ranges ("from 6 to 8", "zwischen 9 und 11").
What could be another time too is in `alternatives`, so that the dialog can ask.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final


@dataclass(frozen=True, slots=True)
class When:
    """A moment, or a range when `end` is told; both aware, in the zone asked for.

    `alternatives` are other starts that the words may mean, the likeliest first. `exact` is False
    where only a day or a part of it is named: then start and end are its bounds. `skipped`: the
    clocks go forward over the hour that was said, so the start is another one.
    """

    start: datetime
    end: datetime | None = None
    alternatives: tuple[datetime, ...] = ()
    exact: bool = True
    skipped: bool = False

    @property
    def ambiguous(self) -> bool:
        """Whether the rider should be asked which one."""
        return bool(self.alternatives)


def resolve(text: str, *, now: datetime, zone: tzinfo) -> When | None:
    """What a text says of time, seen from `now` (aware) in `zone`; None when it says nothing.

    Without a day the next such moment is meant. An hour that does not exist on that day (summer
    time begins) moves on by the gap; one that comes twice is the first, the other an alternative.
    """
    here = now.astimezone(zone)
    said = _MERIDIEM.sub(_in_24_hours, _plain(text))
    delay = _delay(said)
    if delay is not None:
        return When((now + delay).astimezone(zone))
    days, said = _days(said, here)
    part, said = _part(said)
    clocks = _clocks(said)
    if not clocks:
        return _whole(days, part, here)
    starts = _moments(clocks[0], days, part, here)
    if not starts:
        return None
    skipped = _skipped(starts[0], clocks[0])
    if len(clocks) == 1:
        return When(starts[0], None, tuple(starts[1:]), skipped=skipped)
    ends = [_end(start, clocks[1], clocks[0]) for start in starts]
    if clocks[1].full and not clocks[0].full:  # "6 to 8pm": the shorter one
        starts.sort(key=lambda start: _end(start, clocks[1], clocks[0]) - start)
        ends = [_end(starts[0], clocks[1], clocks[0])]
        starts = starts[:1]
    return When(starts[0], ends[0], tuple(starts[1:]), skipped=skipped)


def is_delay(text: str) -> bool:
    """Whether a text says "in 20 minutes": its length of time is no length of a stay."""
    return _delay(_plain(text)) is not None


# -- words --------------------------------------------------------------------------------------

_LEVEL: Final = str.maketrans("點週禮後個號兩鐘晝夜裡聽時間", "点周礼后个号两钟昼夜里听时间")
_DIGITS_ZH: Final = {c: n for n, c in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0}
_NUMBERS: Final = (
    "zero one two three four five six seven eight nine ten eleven twelve",
    "cero una dos tres cuatro cinco seis siete ocho nueve diez once doce",
    "zero uma duas tres quatro cinco seis sete oito nove dez onze doze",
    "zero une deux trois quatre cinq six sept huit neuf dix onze douze",
    "null eins zwei drei vier funf sechs sieben acht neun zehn elf zwolf",
)
_WORDS: Final = {word: n for each in _NUMBERS for n, word in enumerate(each.split())} | {
    "ein": 1, "dois": 2, "quinze": 15, "quince": 15, "twenty": 20, "veinte": 20, "vinte": 20,
    "vingt": 20, "zwanzig": 20, "thirty": 30, "treinta": 30, "trinta": 30, "trente": 30,
    "dreissig": 30, "fifteen": 15, "funfzehn": 15,
}  # fmt: skip
_NUMBER_WORD: Final = re.compile(rf"\b(?:{'|'.join(sorted(_WORDS, key=len, reverse=True))})\b")
_WAKING: Final = 6  # an hour before this is meant last
_MERIDIEM: Final = re.compile(r"(?<![\d.:])(\d\d?)(?:[:.]([0-5]\d))?\s?([ap])\.?m\b\.?(?! ?\d)")
_MIDNIGHT: Final = re.compile(r"\b(?:midnight|medianoche|meia[- ]noite|minuit|mitternacht)\b|午夜")
_NOON: Final = re.compile(
    r"\b(?:noon|midday|mittags?|(?<!apres[- ])midi|mediodia|meio[- ]dia)\b(?P<more> (?:y|e|et) )?"
)
_WEEKDAYS: Final = (
    ("monday mon lunes segunda-feira segunda lundi montag", "一1"),
    ("tuesday tues tue martes terca-feira terca mardi dienstag", "二2"),
    ("wednesday wed miercoles quarta-feira quarta mercredi mittwoch", "三3"),
    ("thursday thurs thur thu jueves quinta-feira quinta jeudi donnerstag", "四4"),
    ("friday fri viernes sexta-feira sexta vendredi freitag", "五5"),
    ("saturday sat sabado samedi samstag sonnabend", "六6"),
    ("sunday sun domingo dimanche sonntag", "日天7"),
)
_WEEKDAY: Final = {word: n for n, (words, _) in enumerate(_WEEKDAYS) for word in words.split()}
_MONTHS: Final = (
    "january jan enero janeiro janvier januar", "february feb febrero fevereiro fevrier februar",
    "march mar marzo marco mars marz", "april apr abril avril", "may mayo maio mai",
    "june jun junio junho juin juni", "july jul julio julho juillet juli",
    "august aug agosto aout", "september sept sep septiembre setiembre setembro septembre",
    "october oct octubre outubro octobre oktober okt",
    "november nov noviembre novembro novembre",
    "december dec diciembre dezembro decembre dezember dez",
)  # fmt: skip
_MONTH: Final = {word: n for n, words in enumerate(_MONTHS, 1) for word in words.split()}
_MONTH_WORD: Final = "|".join(sorted(_MONTH, key=len, reverse=True))

# Days from today, the longest words first; a part of the day may hang on them.
_OFFSETS: Final = (
    (2, r"day after tomorrow|pasado manana|depois de amanha|apres[- ]demain"
        r"|uebermorgen|ubermorgen"
        r"|后天"),
    (0, r"tonight|tonite|2nite|esta noche|esta tarde|hoje a noite|hoje a tarde|ce soir|cette nuit"
        r"|cet apres[- ]midi|ce midi|heute? abend|heute nacht|heute? fruh"
                  r"|heute? nachmittag|今晚|今早"
        r"|今夜|this (?:morning|afternoon|evening)|esta manana|ce matin"),
    (1, r"tomorrow|tmrw|tmr|2moro|tomoro"
        r"|(?<!de la )(?<!por la )(?<!la )manana(?! por)|manana(?= por)"
        r"|amanha|demain|morgen(?!s)|明天|明早|明晚|明儿|明日|听日"),
    (0, r"today|hoy|hoje|hj|aujourd'?\s?hui|ajd|heute?|今天|今日"),
)  # fmt: skip
_LATE: Final = (
    r"tonight|tonite|2nite|esta noche|noite|ce soir|cette nuit|abend|nacht|晚|今夜|evening"
)
_NOON_PART: Final = r"esta tarde|a tarde|apres[- ]midi|nachmittag|afternoon"
_EARLY: Final = r"早|fruh|matin|this morning|esta manana"
# Part of the day → the hours it may mean.
_PARTS: Final = (
    ("night", r"de madrugada|da madrugada|凌晨|半夜"),
    ("morning", r"in the morning|morning|por la manana|de la manana|da manha|de manha"
                  r"|du matin|matin"
                r"|morgens|vormittags?|fruh|temprano|cedo|早上|上午|早晨|清晨"),
    ("afternoon", r"in the afternoon|afternoon|de la tarde|por la tarde|a la tarde"
                  r"|da tarde|a tarde"
                  r"|de tarde|de l'apres[- ]midi|apres[- ]midi|nachmittags?|下午|中午"),
    ("evening", r"in the evening|evening|at night|night|de la noche|por la noche"
                  r"|a la noche|da noite"
                r"|a noite|de noite|du soir|soir|abends?|nachts|晚上|傍晚|夜里"),
)  # fmt: skip
_BOUNDS: Final = {
    "night": (0, 6), "morning": (6, 12), "afternoon": (12, 18), "evening": (18, 24), None: (0, 24),
}  # fmt: skip


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).lower().translate(_LEVEL).replace("ß", "ss")
    bare = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    return " ".join(bare.replace("’", "'").replace("礼拜", "周").replace("星期", "周").split())


def _chinese(text: str) -> int | None:
    """ "十一", "二十五", "7" as a number."""
    if text.isdigit():
        return int(text)
    tens, ten, ones = text.partition("十")
    if not ten:
        return _DIGITS_ZH.get(text)
    return 10 * (_DIGITS_ZH.get(tens, 1) if tens else 1) + _DIGITS_ZH.get(ones, 0)


def _in_24_hours(said: re.Match[str]) -> str:
    hour, minute, half = int(said[1]), said[2] or "00", said[3]
    if not 1 <= hour <= 12:
        return f"{said[1]}:{minute}"
    return f"{hour % 12 + (12 if half == 'p' else 0):02}:{minute}h"  # h: one of 24, not of 12


# -- delays ---------------------------------------------------------------------------------------

_HALF_HOUR: Final = re.compile(
    r"\b(?:in|en|dentro de|em|daqui a|dans)\s+(?:half an hour|media hora|meia hora|"
    r"une demi-?heure|"
    r"(?:einer )?halben? stunde)|半个?小时(?:以|之)?后|half an hour from now"
)
_DELAY: Final = re.compile(
    r"\b(?:in|en|dentro de|em|daqui a|dans)\s+(?P<n>\d+|an?|una?|uma?|une?|einer?)\s*"
    r"(?P<unit>min|hour|hr|hora|heure|stunde|std|h\b|m\b)"
    r"|(?P<nz>\d+|[一二两三四五六七八九十]+)个?(?P<uz>分钟?|小时|钟头)(?:以|之)?后"
    r"|(?P<n2>\d+|an?)\s*(?P<u2>min|hour|hr)[a-z]*\s+(?:from now|later)"
)


def _delay(said: str) -> timedelta | None:
    if _HALF_HOUR.search(said):
        return timedelta(minutes=30)
    said = _NUMBER_WORD.sub(lambda word: str(_WORDS[word[0]]), said)
    found = _DELAY.search(said)
    if found is None:
        return None
    raw = found["n"] or found["n2"] or found["nz"]
    count = int(raw) if raw.isdigit() else _chinese(raw) if found["nz"] else 1
    unit = found["unit"] or found["u2"] or found["uz"]
    minutes = unit.startswith(("m", "分"))
    if count is None or count > 100_000:
        return None
    return timedelta(minutes=count) if minutes else timedelta(hours=min(count, 1000))


# -- days -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Days:
    """The dates a text may mean, the likeliest first; empty: none is named. `later` is taken when
    the time named is over on all of them."""

    dates: tuple[date, ...] = ()
    later: date | None = None


_ISO: Final = re.compile(r"\b(20\d\d)-(\d\d?)-(\d\d?)\b")
_SLASHED: Final = re.compile(
    r"\b(\d\d?)(?:/|\.(?=\d\d?\.))(\d\d?)(?:[/.](?:(?:20)?\d\d)?)?(?!\d|:)"
)
_DATED: Final = re.compile(
    rf"\b(?:the |el |le |am |dia |on )*(\d\d?)(?:st|nd|rd|th|er|\.)?\s?(?:of |de |"
    rf"do )?({_MONTH_WORD})\b"
    rf"|\b({_MONTH_WORD})\s(\d\d?)(?:st|nd|rd|th)?\b(?!:)"
)
_DATED_ZH: Final = re.compile(
    r"(\d\d?|[一二三四五六七八九十]{1,2})月(\d\d?|[一二三四五六七八九十]{1,3})[日号]"
)
_ON_WEEKDAY: Final = re.compile(
    r"\b(?P<next>next |proximo |proxima |nachsten? |nachster )?(?:this |on |el |este |am |na |"
    r"no |le |ce )*"
    rf"(?P<day>{'|'.join(sorted(_WEEKDAY, key=len, reverse=True))})s?\b"
    r"(?P<after> que viene| que vem| prochain| proximo)?"
)
_ON_WEEKDAY_ZH: Final = re.compile(r"(?P<next>下)?(?:这|本)?个?周(?P<day>[一二三四五六日天])")


def _days(said: str, here: datetime) -> tuple[_Days, str]:
    """The days that are named, and the text without their words (parts of the day stay)."""
    today = here.date()
    for pattern in (_ISO, _DATED, _DATED_ZH, _SLASHED):
        found = pattern.search(said)
        named = _dated(pattern, found, today) if found else None
        if found and named:
            return _Days((named,)), _cut(said, found)
    for offset, words in _OFFSETS:
        found = re.search(rf"(?<![a-z])(?:{words})(?![a-z])", said)
        if found:
            hint = _hint(found[0])
            return _Days((today + timedelta(days=offset),)), _cut(said, found, hint)
    found = _ON_WEEKDAY.search(said) or _ON_WEEKDAY_ZH.search(said)
    if found is None:
        return _Days(), said
    return _coming(found, today), _cut(said, found)


def _hint(word: str) -> str:
    """The part of the day that hangs on a day's word, as a word `_part` knows."""
    for part, words in (("evening", _LATE), ("afternoon", _NOON_PART), ("morning", _EARLY)):
        if re.search(words, word):
            return f" {part} "
    return " "


def _cut(said: str, found: re.Match[str], instead: str = " ") -> str:
    return f"{said[: found.start()]}{instead}{said[found.end() :]}"


def _dated(pattern: re.Pattern[str], found: re.Match[str], today: date) -> date | None:
    groups = [group for group in found.groups() if group]
    try:
        if pattern is _ISO:
            return date(*map(int, groups))
        if pattern is _DATED_ZH:
            month, day = _chinese(groups[0]), _chinese(groups[1])
        elif pattern is _SLASHED:
            day, month = int(groups[0]), int(groups[1])
        else:
            first, second = groups
            day = int(first) if first.isdigit() else int(second)
            month = _MONTH[second if first.isdigit() else first]
        named = date(today.year, month or 0, day or 0)  # 0: no such date
        return named if named >= today - timedelta(days=31) else named.replace(year=today.year + 1)
    except ValueError:
        return None


def _coming(found: re.Match[str], today: date) -> _Days:
    """The coming such weekday; "next" may mean the one a week later. Chinese 下 is next week's."""
    groups = found.groupdict()
    wanted = _WEEKDAY.get(groups["day"])
    if wanted is None:
        wanted = next(n for n, (_, signs) in enumerate(_WEEKDAYS) if groups["day"] in signs)
        if groups["next"]:
            return _Days((today + timedelta(days=7 + wanted - today.weekday()),))
    ahead = (wanted - today.weekday()) % 7
    nearest, later = today + timedelta(days=ahead or 7), today + timedelta(days=ahead + 7)
    if groups["next"] or groups.get("after"):
        return _Days((nearest, later) if ahead else (nearest,))
    return _Days((today + timedelta(days=ahead),), later)


def _part(said: str) -> tuple[str | None, str]:
    for part, words in _PARTS:
        found = re.search(rf"(?<![a-z])(?:{words})(?![a-z])|(?<=\d)(?:{words})(?![a-z])", said)
        if found:
            return part, _cut(said, found)
    return None, said


# -- clock times ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Clock:
    """A clock time as said; "7" may be either half of the day unless `full`."""

    hour: int
    minute: int = 0
    full: bool = False  # written in 24 hours: "18:30", "07:30", "19h"
    also: tuple[int, int] | None = None  # "half 7" is 6:30 to some


_H: Final = r"([01]?\d|2[0-4])"
_FORMS: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    ("noon", re.compile(r"@noon")),
    ("half_de", re.compile(rf"\bhalb {_H}\b")),
    ("three_de", re.compile(rf"\bdreiviertel {_H}\b")),
    ("past", re.compile(
        rf"\b(half|quarter|viertel|\d\d?) (?:minutes )?"
        rf"(?:past|after|nach) {_H}\b")),
    ("to", re.compile(rf"\b(half|quarter|viertel|five|ten|20|25) (?:to|before|vor) {_H}\b")),
    ("half_en", re.compile(rf"\bhalf {_H}\b")),
    ("minus", re.compile(
        rf"\b{_H}(?: heures?| h| horas)? (?:menos|moins) (?:le )?"
        rf"(cuarto|quart|\d\d?)\b")),
    ("plus", re.compile(
        rf"\b{_H}(?: heures?| h| horas)? (?:y|e|et) (media|meia|demie?|cuarto|quart|quarto|"
        rf"\d\d?)\b")),
    ("clock", re.compile(
        rf"(?<![\d.:]){_H}\s?(?:[:.]|h|uhr )\s?([0-5]\d)(?![\d])(?:\s?"
        rf"(?:uhr|h|hs))?")),
    ("zh", re.compile(
        r"(\d\d?|[一二两三四五六七八九十]{1,3})点(半|[一三]刻|[一二三四五六七八九十]{1,3}|\d\d?)?")),
    ("hour", re.compile(
        rf"(?<![\d.:]){_H}\s?(uhr|h(?![a-z])|hs\b|heures?\b|o'?clock|horas\b)?"
        rf"(?![\d%])")),
)  # fmt: skip


def _clocks(said: str) -> list[_Clock]:
    """At most two clock times, in the order they stand."""
    said = _MIDNIGHT.sub(" 24:00 ", said)
    said = _NOON.sub(lambda noon: f"12{noon['more']}" if noon["more"] else " @noon ", said)
    said = re.sub(r"\b(five|ten) (to|before) ", lambda m: f"@{m[1]} {m[2]} ", said)
    said = _NUMBER_WORD.sub(lambda word: str(_WORDS[word[0]]), said)
    said = re.sub(r"@(?:5|five) ", "five ", re.sub(r"@(?:10|ten) ", "ten ", said))
    found: list[tuple[int, int, _Clock]] = []
    for form, pattern in _FORMS:
        for match in pattern.finditer(said):
            clock = _clock(form, match)
            taken = any(s < match.end() and match.start() < e for s, e, _ in found)
            if clock is not None and not taken:
                found.append((match.start(), match.end(), clock))
    return [clock for _, _, clock in sorted(found, key=lambda each: each[0])][:2]


_MINUTES: Final = {
    "half": 30, "media": 30, "meia": 30, "demi": 30, "demie": 30, "quarter": 15, "cuarto": 15,
    "quart": 15, "quarto": 15, "viertel": 15, "five": 5, "ten": 10,
    "半": 30, "一刻": 15, "三刻": 45,
}  # fmt: skip


def _minutes(raw: str | None) -> int:
    if not raw:
        return 0
    if raw in _MINUTES:
        return _MINUTES[raw]
    return int(raw) if raw.isdigit() else (_chinese(raw) or 0)


def _clock(form: str, match: re.Match[str]) -> _Clock | None:
    if form == "noon":
        return _Clock(12, full=True)
    one, two = str(match[1]), str(match[2] or "") if match.re.groups > 1 else ""
    if form == "half_de":
        return _back(int(one), 30)
    if form == "three_de":
        return _back(int(one), 15)
    if form == "past":
        return _Clock(int(two or 0), _minutes(one))
    if form == "to":
        return _back(int(two or 0), _minutes(one))
    if form == "half_en":  # 7:30 in Britain, 6:30 to those who think in German
        before = _back(int(one), 30)
        return _Clock(int(one), 30, also=(before.hour, before.minute))
    if form == "minus":
        return _back(int(one), _minutes(two))
    hour = _chinese(one) if form == "zh" else int(one)
    minute = 0 if form == "hour" else _minutes(two)
    if hour is None or hour > 24 or minute > 59 or (hour == 24 and minute):
        return None
    full = hour > 12 or hour == 0 or (form == "clock" and one.startswith("0"))
    french = form in ("clock", "hour") and re.search(r"\d ?h(?!e|o)", match[0]) is not None
    return _Clock(hour, minute, full=full or french)


def _back(hour: int, minutes: int) -> _Clock:
    """`minutes` before the hour: of 24 hours a full one stays full."""
    before = hour - 1 if hour > 1 else hour + 11 if hour == 1 else 23
    return _Clock(before, 60 - minutes, full=before > 12)


def _moments(clock: _Clock, days: _Days, part: str | None, here: datetime) -> list[datetime]:
    """Every start the words may mean, the likeliest first; past ones only where nothing else is."""
    forms = [(clock.hour, clock.minute), *([clock.also] if clock.also else [])]
    found: list[datetime] = []
    for hour, minute in forms:
        hours = [hour] if clock.full else _hours(hour, part)
        if days.dates:
            named = [each for day in days.dates for each in _on(day, hours, minute, here.tzinfo)]
            coming = [each for each in named if each > here]
            if not coming and days.later is not None:
                coming = _on(days.later, hours, minute, here.tzinfo)
            found += coming or named
        else:
            found += _next_such(hours, minute, here, by_night=part == "night")
    return list({each.astimezone(UTC): each for each in found}.values())


def _next_such(
    hours: Iterable[int], minute: int, here: datetime, *, by_night: bool
) -> list[datetime]:
    """For each hour its next occurrence, the soonest first, the small hours last."""
    found: list[datetime] = []
    for hour in hours:
        for ahead in (0, 1):
            coming = _on(here.date() + timedelta(days=ahead), [hour], minute, here.tzinfo)
            if coming[0] > here:
                found += coming
                break
    return sorted(found, key=lambda each: (each.hour < _WAKING and not by_night, each))


def _hours(hour: int, part: str | None) -> list[int]:
    """The hours of 24 that a spoken hour may be, the likelier first."""
    if hour > 12 or hour == 0:
        return [hour]
    late = hour % 12 + 12
    if part == "morning" or part == "night":
        return [hour % 12]
    if part == "afternoon":
        return [hour if hour in (11, 12) else late]
    if part == "evening":  # "tonight at 1" is after midnight
        return [24] if hour == 12 else [late] if hour >= 4 else [hour + 24]
    if hour == 12:
        return [12, 24]
    return [hour, late] if hour >= 7 else [late, hour]


def _on(day: date, hours: Iterable[int], minute: int, zone: tzinfo | None) -> list[datetime]:
    """These hours (24 and more: of the next day) on a day; one that comes twice gives both."""
    found = []
    for hour in hours:
        at = datetime.combine(day + timedelta(days=hour // 24), time(hour % 24, minute), zone)
        again = at.replace(fold=1)
        found.append(_real(at))
        if again.astimezone(UTC) > at.astimezone(UTC):
            found.append(again)
    return found


def _real(at: datetime) -> datetime:
    """A wall time that exists: one in the gap of summer time moves on by the gap."""
    return at.astimezone(UTC).astimezone(at.tzinfo)


def _skipped(start: datetime, clock: _Clock) -> bool:
    """Whether a start is not at the time that was said, since that does not exist on its day."""
    said = [(clock.hour, clock.minute), *([clock.also] if clock.also else [])]
    return (start.hour % 12, start.minute) not in [(hour % 12, minute) for hour, minute in said]


def _end(start: datetime, clock: _Clock, first: _Clock) -> datetime:
    """The first such clock time after the start."""
    hours = (
        [clock.hour]
        if clock.full or first.full
        else sorted({clock.hour % 24, (clock.hour + 12) % 24})
    )
    ends = [
        end
        for ahead in (0, 1)
        for end in _on(
            start.date() + timedelta(days=ahead),
            [h % 24 for h in hours],
            clock.minute,
            start.tzinfo,
        )
        if end > start
    ]
    return min(ends)


def _whole(days: _Days, part: str | None, here: datetime) -> When | None:
    if not days.dates and part is None:
        return None
    day = days.dates[0] if days.dates else here.date()
    first, last = _BOUNDS[part]
    start = _on(day, [first], 0, here.tzinfo)[0]
    end = _on(day, [last], 0, here.tzinfo)[0]
    if not days.dates and end <= here:  # "in the morning", said at noon
        start, end = (_on(day + timedelta(days=1), [h], 0, here.tzinfo)[0] for h in (first, last))
    return When(start, end, exact=False)
