"""Says things in the rider's language: gettext catalogues, and values formatted by locale."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_skeleton, format_time
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal, format_percent

from bot.domain.money import Money, exponent
from bot.replies import Amount, Moment, Rate, Say, Value, Written

LOCALE_DIR = Path(__file__).resolve().parent.parent / "locale"
LANGUAGES: Final = ("en", "es", "pt-BR", "zh", "fr", "de")

# English as in Europe: 24-hour times and day before month, as the piles' own displays.
_LOCALES: Final = {"en": "en_GB", "es": "es", "pt-BR": "pt_BR", "zh": "zh", "fr": "fr", "de": "de"}
_UNITS_ZH: Final = {"s": "秒", "min": "分钟", "h": "小时", "m": "米", "km": "公里"}
_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")

# WhatsApp formats only pairs of marks at the edge of a word and knows no escape character, so a
# mark there is replaced by its look-alike; marks inside words and addresses stay as they are.
_EDGE_MARK: Final = re.compile(r"(?<![^\W_])[*_~`]|[*_~`](?![^\W_])")
_LOOK_ALIKES: Final = str.maketrans({"*": "∗", "_": "＿", "~": "∼", "`": "ˋ"})


def language(lang: str | None) -> str:
    """The shipped language for any tag: "pt" and "pt_PT" give "pt-BR", unknown ones "en"."""
    wanted = (lang or "").replace("_", "-").lower()
    for each in LANGUAGES:
        if each.lower() == wanted:
            return each
    for each in LANGUAGES:
        if wanted and each.split("-")[0].lower() == wanted.split("-")[0]:
            return each
    return "en"


def translate(lang: str | None, text: str) -> str:
    """The translation of an English source sentence; the sentence itself when there is none."""
    return _catalogue(language(lang)).get(text, text)


@lru_cache
def _catalogue(lang: str) -> dict[str, str]:
    path = LOCALE_DIR / _LOCALES[lang].replace("en_GB", "en") / "LC_MESSAGES" / "pilebot.po"
    if not path.exists():
        return {}
    with path.open("rb") as file:
        messages = read_po(file, locale=path.parent.parent.name)
    return {
        message.id: message.string
        for message in messages
        if isinstance(message.id, str)
        and isinstance(message.string, str)
        and message.id
        and message.string
        and not message.fuzzy
    }


def say(lang: str | None, saying: Say) -> str:
    """A saying as the rider reads it. A placeholder without a value stays visible."""
    shown = {name: show(lang, value) for name, value in saying.values.items()}
    text = translate(lang, saying.text)
    return _PLACEHOLDER.sub(lambda found: shown.get(found[1], found[0]), text)


def show(lang: str | None, value: Value) -> str:
    """One value behind a placeholder, formatted for the language."""
    locale = Locale.parse(_LOCALES[language(lang)])
    match value:
        case Say():
            return say(lang, value)
        case str():
            return escape_marks(value)
        case Written():
            return value.text
        case int():
            return format_decimal(value, locale=locale)
        case Money():
            return _currency(value.major(), value.currency, exponent(value.currency), locale)
        case Moment():
            return _moment(value, locale)
        case Amount():
            return _amount(value, language(lang), locale)
        case Rate():
            return _rate(value, lang, locale)


def escape_marks(text: str) -> str:
    """Foreign text that cannot turn bold, italic, struck or code in WhatsApp."""
    if re.fullmatch(r"https?://\S+", text):
        return text
    return _EDGE_MARK.sub(lambda found: found[0].translate(_LOOK_ALIKES), text)


def _currency(amount: Decimal, currency: str, digits: int, locale: Locale) -> str:
    """ISO 4217 decides the digits, not the locale's habit (CLDR drops some that banks keep)."""
    pattern = locale.currency_formats["standard"].pattern
    pattern = pattern.replace(".00", "." + "0" * digits if digits else "")
    return format_currency(amount, currency, pattern, locale=locale, currency_digits=False)


def _moment(moment: Moment, locale: Locale) -> str:
    zone = ZoneInfo(moment.tz)
    if moment.form == "date":
        return format_date(moment.at.astimezone(zone), "medium", locale=locale)
    if moment.form == "time":
        return format_time(moment.at, "short", tzinfo=zone, locale=locale)
    if moment.form == "date":
        return format_date(moment.at.astimezone(zone), "medium", locale=locale)
    time = format_time(moment.at, "short", tzinfo=zone, locale=locale)
    if moment.form == "day_time":
        day = format_skeleton("MEd", moment.at, tzinfo=zone, locale=locale)
        return f"{day} {time}"
    date = format_date(moment.at.astimezone(zone), "medium", locale=locale)
    if moment.form == "date":
        return date
    return f"{date}, {time}"


def _amount(amount: Amount, lang: str, locale: Locale) -> str:
    number = amount.number
    match amount.unit:
        case "percent":
            return format_percent(number / 100, locale=locale)
        case "milli":
            return format_decimal(Decimal(number) / 1000, "#,##0.###", locale=locale)
        case "wh":
            return _unit(Decimal(number) / 1000, "#,##0.###", "kWh", lang, locale)
        case "w" if number < 1000:
            return _unit(Decimal(number), "#,##0", "W", lang, locale)
        case "w":
            return _unit(Decimal(number) / 1000, "#,##0.#", "kW", lang, locale)
        case "m" if number < 1000:
            step = 10 if number >= 100 else 1
            return _unit(Decimal(round(number / step) * step), "#,##0", "m", lang, locale)
        case "m":
            return _unit(Decimal(number) / 1000, "#,##0.#", "km", lang, locale)
        case "s":
            return _duration(number, lang, locale)
        case unit:
            raise ValueError(f"no way to show an amount in {unit!r}")


def _duration(seconds: int, lang: str, locale: Locale) -> str:
    if seconds < 60:
        return _unit(Decimal(seconds), "0", "s", lang, locale)
    hours, minutes = divmod(round(seconds / 60), 60)
    parts = []
    if hours:
        parts.append(_unit(Decimal(hours), "#,##0", "h", lang, locale))
    if minutes or not hours:
        parts.append(_unit(Decimal(minutes), "0", "min", lang, locale))
    return " ".join(parts)


def _unit(number: Decimal, pattern: str, symbol: str, lang: str, locale: Locale) -> str:
    shown = format_decimal(number, pattern, locale=locale)
    return f"{shown} {_UNITS_ZH.get(symbol, symbol) if lang == 'zh' else symbol}"


def _rate(rate: Rate, lang: str | None, locale: Locale) -> str:
    amount = Decimal(rate.amount)
    written = -int(amount.as_tuple().exponent)  # 0.2945 keeps its four digits
    shown = _currency(amount, rate.currency, max(written, exponent(rate.currency)), locale)
    unit = {"kwh": "kWh", "min": "min", "h": "h", "start": say(lang, Say("start"))}[rate.per]
    return f"{shown}/{unit}"
