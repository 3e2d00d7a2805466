"""Tariffs as OCPI 2.3 Tariff objects, out and in, exact to the last digit.

What OCPI has no field for (grace and cap of the idle fee, free hours) stands under "x_pilebot",
which other systems pass over. Fields of OCPI that have no effect here are kept for the way back;
fields that nobody knows are named, so that whoever imports decides.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from itertools import groupby
from typing import Any, Final

from bot.domain.restrictions import Only, When, dump_only
from bot.domain.tariffs import Element, Limit, Tariff, TariffError, dump_when, load_tariff

OWN: Final = "x_pilebot"
_TYPES: Final = {"energy": "ENERGY", "time": "TIME", "idle": "PARKING_TIME", "flat": "FLAT"}
_KINDS: Final = {name: kind for kind, name in _TYPES.items()}
_PER: Final = {"energy": "kwh", "time": "h", "idle": "h", "flat": "start"}
_DAYS: Final = (
    "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY",
)  # fmt: skip
# Restrictions: OCPI's name and ours in bot/domain/restrictions.py.
_LIMITS: Final = {
    "min_kwh": "min_kwh", "max_kwh": "max_kwh", "min_power": "min_kw", "max_power": "max_kw",
    "min_current": "min_a", "max_current": "max_a", "min_duration": "min_s",
    "max_duration": "max_s", "start_date": "start_date", "end_date": "end_date",
    "reservation": "reservation",
}  # fmt: skip
_WITHOUT_EFFECT: Final = (
    "country_code", "party_id", "id", "type", "tariff_alt_text", "tariff_alt_url",
    "preauthorize_amount", "end_date_time", "energy_mix",
)  # fmt: skip
_IDENTITY: Final = frozenset({"country_code", "party_id", "id", "type"})
_TARIFF: Final = frozenset(_WITHOUT_EFFECT) | {
    "currency", "min_price", "max_price", "elements", "tax_included", "start_date_time",
    "last_updated", OWN,
}  # fmt: skip
_OWN: Final = frozenset(
    {"name", "tz", "tax_percent", "idle_grace_s", "idle_cap", "idle_free", "idle_if_waited",
     "per_minute", "derived"}
)  # fmt: skip


class OcpiError(ValueError):
    """A document that cannot be read; `problems` are (path of the field, what is wrong)."""

    def __init__(self, problems: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{path}: {what}" for path, what in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Imported:
    """What a document says: `body` is TariffVersion.body. `unknown` are paths of fields that nobody
    knows, `without_effect` those that are kept but change nothing here."""

    body: dict[str, Any]
    currency: str
    valid_from: datetime | None
    unknown: tuple[str, ...]
    without_effect: tuple[str, ...]


# --- out


def export(
    tariff: Tariff,
    *,
    id_: str,
    country: str,
    party: str,
    valid_from: datetime | None = None,
    updated: datetime,
    kept: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The OCPI object of a tariff; numbers are Decimal, for `to_json`. `kept` is what an import
    brought that has no effect here."""
    derived: list[str] = []
    document: dict[str, Any] = {
        "country_code": country,
        "party_id": party,
        "id": id_[:36],
        "currency": tariff.currency,
        **(kept or {}),
        "tax_included": "YES" if tariff.includes_tax else "NO",
        "elements": [_element(tariff, group) for group in _groups(tariff.elements)],
    }
    for name, limit in (("min_price", tariff.minimum), ("max_price", tariff.maximum)):
        if limit != Limit():
            document[name] = _limit(tariff, limit, name, derived)
    if valid_from is not None:
        document["start_date_time"] = _moment(valid_from)
    document["last_updated"] = _moment(updated)
    document[OWN] = _own(tariff, derived)
    return document


def _own(tariff: Tariff, derived: list[str]) -> dict[str, Any]:
    minutes = [number for number, each in enumerate(tariff.elements) if each.per == "min"]
    own = {
        "name": tariff.name,
        "tz": tariff.tz,
        "tax_percent": tariff.tax_percent,
        "idle_grace_s": tariff.idle_grace_s or None,
        "idle_cap": tariff.idle_cap,
        "idle_free": dump_when(tariff.idle_free),
        "idle_if_waited": tariff.idle_if_waited or None,
        "per_minute": minutes or None,
        "derived": derived or None,
    }
    return {name: value for name, value in own.items() if value is not None}


def _groups(elements: Sequence[Element]) -> Iterator[list[Element]]:
    """Prices in a row with the same conditions, each kind once."""
    for _, same in groupby(elements, key=lambda each: (each.when, each.only)):
        group: list[Element] = []
        for each in same:
            if any(other.kind == each.kind for other in group):
                yield group
                group = []
            group.append(each)
        yield group


def _element(tariff: Tariff, group: Sequence[Element]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "price_components": [
            {
                "type": _TYPES[each.kind],
                "price": each.price * 60 if each.per == "min" else each.price,
                "vat": tariff.tax_of(each),
                "step_size": each.step,
            }
            for each in group
        ]
    }
    if restrictions := _restrictions(group[0].when, group[0].only):
        found["restrictions"] = restrictions
    return found


def _restrictions(when: When | None, only: Only) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if when is not None:
        for name, clock in (("start_time", when.start), ("end_time", when.end)):
            if clock is not None:
                found[name] = f"{clock:%H:%M}"
        if when.weekdays:
            found["day_of_week"] = [_DAYS[day] for day in sorted(when.weekdays)]
    ours = dump_only(only)
    for name, mine in _LIMITS.items():
        if mine in ours:
            value = ours[mine]
            text = isinstance(value, int) or mine in {"start_date", "end_date", "reservation"}
            found[name] = value if text else Decimal(value)
    return found


def _limit(tariff: Tariff, limit: Limit, name: str, derived: list[str]) -> dict[str, Decimal]:
    """OCPI wants the amount before tax; where only the one after is set, it is worked out so that
    it never binds first."""
    before = limit.before
    if before is None:
        assert limit.after is not None
        rates = [tariff.tax_of(each) for each in tariff.elements] or [tariff.tax_percent]
        least = name == "min_price"
        rate = max(rates) if least else min(rates)
        smallest = Decimal(1).scaleb(-4)
        before = (limit.after * 100 / (100 + rate)).quantize(
            smallest, ROUND_DOWN if least else ROUND_UP
        )
        derived.append(name)
    found = {"before_taxes": before}
    if limit.after is not None:
        found["after_taxes"] = limit.after
    return found


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def to_json(value: Any, indent: int = 0) -> str:
    """JSON with decimals as exact numbers, which json.dumps cannot write."""
    inner = " " * (indent + 2)
    match value:
        case Decimal():
            return f"{value:f}"
        case Mapping() if value:
            rows = [f"{inner}{json.dumps(k)}: {to_json(v, indent + 2)}" for k, v in value.items()]
            return "{\n" + ",\n".join(rows) + "\n" + " " * indent + "}"
        case list() | tuple() if value:
            rows = [inner + to_json(each, indent + 2) for each in value]
            return "[\n" + ",\n".join(rows) + "\n" + " " * indent + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)


# --- in


def parse(text: str) -> list[Any]:
    """The tariff objects in a text: one, a list, or an OCPI answer. Raises OcpiError."""
    try:
        found = json.loads(text, parse_float=Decimal, parse_constant=Decimal)
    except (ValueError, RecursionError) as error:
        raise OcpiError([("$", f"this is not JSON ({error})")]) from error
    if isinstance(found, dict) and "data" in found and "elements" not in found:
        found = found["data"]
    return found if isinstance(found, list) else [found]


@dataclass(slots=True)
class _Reader:
    """Gathers problems and unknown fields, with their paths."""

    problems: list[tuple[str, str]] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def wrong(self, path: str, what: str) -> None:
        self.problems.append((path, what))

    def fields(self, raw: object, path: str, known: frozenset[str]) -> Mapping[str, Any]:
        if not isinstance(raw, Mapping):
            self.wrong(path, "must be an object")
            return {}
        self.unknown += [f"{path}.{name}" for name in raw if name not in known]
        return raw

    def number(self, raw: object, path: str) -> Decimal | None:
        if isinstance(raw, bool) or not isinstance(raw, int | Decimal):
            self.wrong(path, f"must be a number, not {_shown(raw)}")
            return None
        value = Decimal(raw)
        if not value.is_finite() or value < 0:
            self.wrong(path, f"must not be negative: {_shown(raw)}")
            return None
        return value


def read(document: object, *, tax_percent: str, includes_tax: bool, path: str = "$") -> Imported:
    """What an OCPI Tariff object says, for stations of that tax. Raises OcpiError with every field
    that is wrong."""
    reader = _Reader()
    raw = reader.fields(document, path, _TARIFF)
    own = reader.fields(raw.get(OWN) or {}, f"{path}.{OWN}", _OWN)
    currency = raw.get("currency")
    if not (isinstance(currency, str) and len(currency) == 3 and currency.isupper()):
        reader.wrong(f"{path}.currency", f"must be an ISO 4217 code, not {_shown(currency)}")
        currency = "XXX"
    included = raw.get("tax_included")
    if included not in {"YES", "NO", "N/A"}:
        what = f"must be YES, NO or N/A, not {_shown(included)}"
        reader.wrong(f"{path}.tax_included", what)
    base = Decimal(0) if included == "N/A" else _base_tax(reader, own, tax_percent, path)
    body: dict[str, Any] = {"elements": _read_elements(reader, raw, own, base, path)}
    if included in {"YES", "NO"} and (included == "YES") != includes_tax:
        body["includes_tax"] = included == "YES"
    if base != Decimal(tax_percent):
        body["tax_percent"] = str(base)
    derived = own.get("derived") or ()
    for name, mine in (("min_price", "minimum"), ("max_price", "maximum")):
        if name in raw:
            body[mine] = _read_limit(reader, raw[name], f"{path}.{name}", name in derived)
    for name in ("idle_grace_s", "idle_free", "idle_if_waited"):
        if name in own:
            body[name] = own[name]
    if (cap := own.get("idle_cap")) is not None:
        value = reader.number(cap, f"{path}.{OWN}.idle_cap")
        body["idle_cap"] = None if value is None else str(value)
    kept = {name: _plain(raw[name]) for name in _WITHOUT_EFFECT if name in raw}
    if kept:
        body["ocpi"] = kept
    valid_from = _read_moment(reader, raw.get("start_date_time"), f"{path}.start_date_time")
    if reader.problems:
        raise OcpiError(reader.problems)
    _try(body, currency, tax_percent, includes_tax, path)
    silent = tuple(f"{path}.{name}" for name in kept if name not in _IDENTITY)
    return Imported(body, currency, valid_from, tuple(reader.unknown), silent)


def _base_tax(reader: _Reader, own: Mapping[str, Any], given: str, path: str) -> Decimal:
    if "tax_percent" not in own:
        return Decimal(given)
    found = reader.number(own["tax_percent"], f"{path}.{OWN}.tax_percent")
    return Decimal(given) if found is None else found


def _read_elements(
    reader: _Reader, raw: Mapping[str, Any], own: Mapping[str, Any], base: Decimal, path: str
) -> list[dict[str, Any]]:
    given = raw.get("elements")
    if not isinstance(given, list) or not given:
        reader.wrong(f"{path}.elements", "must be a list of at least one element")
        return []
    found: list[dict[str, Any]] = []
    minutes = own.get("per_minute") or ()
    known = frozenset({"price_components", "restrictions"})
    for number, each in enumerate(given):
        here = f"{path}.elements[{number}]"
        element = reader.fields(each, here, known)
        conditions = _read_restrictions(reader, element.get("restrictions"), here)
        components = element.get("price_components")
        if not isinstance(components, list) or not components:
            reader.wrong(f"{here}.price_components", "must be a list of at least one component")
            continue
        for place, component in enumerate(components):
            where = f"{here}.price_components[{place}]"
            price = _read_component(reader, component, where, base, len(found) in minutes)
            found.append({**price, **conditions})
    return found


def _read_component(
    reader: _Reader, raw: object, path: str, base: Decimal, per_minute: bool
) -> dict[str, Any]:
    given = reader.fields(raw, path, frozenset({"type", "price", "vat", "step_size"}))
    kind = _KINDS.get(str(given.get("type")))
    if kind is None:
        names = ", ".join(_KINDS)
        reader.wrong(f"{path}.type", f"must be one of {names}, not {_shown(given.get('type'))}")
        return {}
    price = reader.number(given.get("price"), f"{path}.price") or Decimal(0)
    per = _PER[kind]
    if per_minute and per == "h" and price / 60 * 60 == price:
        price, per = price / 60, "min"
    vat = Decimal(0) if given.get("vat") is None else reader.number(given["vat"], f"{path}.vat")
    step = given.get("step_size", 1)
    if isinstance(step, bool) or not isinstance(step, int) or step < 1:
        if kind != "flat" or step != 0:
            reader.wrong(f"{path}.step_size", f"must be a whole number from 1, not {_shown(step)}")
        step = 1
    found: dict[str, Any] = {"kind": kind, "per": per, "price": f"{price:f}", "step": step}
    if vat is not None and vat != base:
        found["tax_percent"] = str(vat)
    return found


def _read_restrictions(reader: _Reader, raw: object, path: str) -> dict[str, Any]:
    if raw is None:
        return {}
    path = f"{path}.restrictions"
    known = frozenset(_LIMITS) | {"start_time", "end_time", "day_of_week"}
    given = reader.fields(raw, path, known)
    only = {
        mine: _plain(given[name]) for name, mine in _LIMITS.items() if given.get(name) is not None
    }
    days = given.get("day_of_week") or []
    if not isinstance(days, list) or not set(map(str, days)) <= set(_DAYS):
        reader.wrong(f"{path}.day_of_week", f"must be a list of days like MONDAY, not {days!r}")
        days = []
    found: dict[str, Any] = {"only": only} if only else {}
    clocks = [given.get("start_time"), given.get("end_time")]
    if days or any(clocks):
        weekdays = sorted(_DAYS.index(day) for day in days)
        found["when"] = {"weekdays": weekdays, "start": clocks[0], "end": clocks[1]}
    probe = {"kind": "flat", "per": "start", "price": "0", **found}
    try:
        _load([probe], "EUR", "0", includes_tax=True)
    except TariffError as error:
        name = next((ocpi for ocpi, mine in _LIMITS.items() if str(error).startswith(mine)), "")
        reader.wrong(f"{path}.{name}" if name else path, str(error))
        return {}
    return found


def _read_limit(reader: _Reader, raw: object, path: str, derived: bool) -> dict[str, str]:
    given = reader.fields(raw, path, frozenset({"before_taxes", "after_taxes"}))
    found = {}
    for name, side in (("before_taxes", "before"), ("after_taxes", "after")):
        if name in given and not (derived and side == "before"):
            value = reader.number(given[name], f"{path}.{name}")
            found[side] = str(value)
    if not found and not reader.problems:
        reader.wrong(f"{path}.before_taxes", "is missing")
    return found


def _read_moment(reader: _Reader, raw: object, path: str) -> datetime | None:
    if raw is None:
        return None
    try:
        at = datetime.fromisoformat(str(raw))
    except ValueError:
        reader.wrong(path, f"must be a date and time, not {_shown(raw)}")
        return None
    return at.replace(tzinfo=at.tzinfo or UTC)


def _try(
    body: Mapping[str, Any], currency: str, tax_percent: str, includes_tax: bool, path: str
) -> None:
    try:
        load_tariff(
            body, name="", version="", currency=currency, tz="UTC", tax_percent=tax_percent,
            includes_tax=includes_tax,
        )  # fmt: skip
    except (TariffError, TypeError, ValueError, AttributeError) as error:
        raise OcpiError([(path, str(error))]) from error


def _load(elements: list[Any], currency: str, tax: str, *, includes_tax: bool) -> Tariff:
    return load_tariff(
        {"elements": elements}, currency=currency, tz="UTC", tax_percent=tax,
        includes_tax=includes_tax,
    )  # fmt: skip


def _plain(value: Any) -> Any:
    """A value as JSON columns keep it: decimals as text."""
    match value:
        case Decimal():
            return f"{value:f}"
        case Mapping():
            return {name: _plain(each) for name, each in value.items()}
        case list():
            return [_plain(each) for each in value]
        case _:
            return value


def _shown(value: object) -> str:
    return "nothing" if value is None else repr(str(value) if isinstance(value, Decimal) else value)
