"""The start page, the page to type a pile's code, the piles' short addresses and the terms."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Final

import segno
from flask import Blueprint, Response, make_response, redirect, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from bot.domain.availability import Availability
from bot.domain.codes import Mistyped, PileCode, examine, parse
from bot.errors import GiveUp, Refused
from bot.gateways.translate import say
from bot.replies import Amount, Moment, Say
from bot.services import pile_care, stations
from bot.services.stations import EvseView
from bot.services.tariffs import price_lines, tariff_for
from bot.store.database import UnitOfWork
from bot.store.stations import Evse, Station
from bot.web.context import Site
from bot.web.login import say_code

# What riders read for each state, and the look it has (static/base.css).
STATES: Final = {
    Availability.FREE: (Say("Free"), "free"),
    Availability.PLUGGED: (Say("Cable plugged in, ready"), "free"),
    Availability.BUSY: (Say("In use"), "busy"),
    Availability.RESERVED: (Say("Reserved"), "busy"),
    Availability.FAULTED: (Say("Out of order"), "broken"),
    Availability.IN_REPAIR: (Say("Under repair"), "broken"),
    Availability.OUT_OF_SERVICE: (Say("Out of service"), "broken"),
    Availability.NOT_CONFIRMED: (Say("Not confirmed"), "unknown"),
}
_REPAIRS: Final = {
    "accepted": Say("Under repair, a technician is on the way"),
    "on_way": Say("Under repair, a technician is on the way"),
    "arrived": Say("Under repair, a technician is there"),
}
# OCPI 2.2.1 ConnectorType → what is printed beside sockets.
CONNECTORS: Final = {
    "IEC_62196_T1": "Type 1",
    "IEC_62196_T2": "Type 2",
    "IEC_62196_T1_COMBO": "CCS 1",
    "IEC_62196_T2_COMBO": "CCS 2",
    "CHADEMO": "CHAdeMO",
    "DOMESTIC_F": "Schuko",
    "schuko": "Schuko",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """One EVSE as a page shows it; every text is in the rider's language."""

    code: str
    number: int
    station: Station
    connector: str
    power: str
    state: str
    look: str
    usable: bool
    as_of: str | None
    prices: tuple[str, ...]
    rating: str
    doubt: str  # why it may not work
    care: tuple[str, ...]  # when it was looked after, and will be


def add_routes(routes: Blueprint, site: Site) -> None:
    """Put the open pages on the site."""

    @routes.get("/")
    def start_page() -> AnyResponse:
        return make_response(site.page("start"))

    @routes.get("/terms")
    def terms() -> AnyResponse:
        return make_response(site.page("terms", settings=site.settings))

    @routes.get("/whatsapp.svg")
    def whatsapp_svg() -> Response:
        """The QR that opens a WhatsApp chat with us, for people who sit at a computer."""
        picture = io.BytesIO()
        segno.make(site.whatsapp_link(""), error="m").save(
            picture, kind="svg", border=2, light="white", omitsize=True
        )
        response = Response(picture.getvalue(), content_type="image/svg+xml")
        response.cache_control.max_age = 3600
        return response

    @routes.get("/p")
    def type_code() -> AnyResponse:
        typed = request.args.get("code", "").strip()[:40]
        if not typed:
            return make_response(site.page("code", typed="", wrong=False, guesses=[]))
        return _opened(site, typed)

    @routes.get("/p/<typed>")
    def pile(typed: str) -> AnyResponse:
        return _opened(site, typed.strip()[:40])

    @routes.post("/p/<typed>/continue")
    def go_on(typed: str) -> AnyResponse:
        """Continue in the web chat: the code becomes the rider's first line there."""
        site.browser.check_csrf()
        code = parse(typed[:40])
        rider = site.browser.rider()
        if code is None or rider is None:
            return redirect(url_for("site.login", code=str(code or "")), code=303)
        with site.store.begin() as work:
            # One line for one press, however often the browser repeats it within the second.
            moment = work.now.strftime("%Y%m%d%H%M%S")
            say_code(work, rider.id, code, source_id=f"page:{rider.id}:{code}:{moment}")
        return redirect(url_for("site.chat"), code=303)


def _opened(site: Site, typed: str) -> AnyResponse:
    """The page of a typed code: its EVSE, its pile to pick an EVSE of, or what may be wrong."""
    code = examine(typed)
    if isinstance(code, PileCode):
        if str(code) != typed or request.path.rstrip("/") == "/p":
            return redirect(url_for("site.pile", typed=str(code)))
        with site.store.read() as work:
            try:
                pile, evse = stations.by_code(work, code)
            except Refused:
                evse, pile = None, None
            if pile is not None:
                if evse is not None:
                    seen = _seen(site, work, evse)
                    return make_response(site.page("pile", seen=seen))
                choices = [_seen(site, work, each) for each in pile.evses]
                return make_response(
                    site.page("pick", pile=pile, station=pile.station, choices=choices)
                )
    with site.store.read() as work:
        guesses = _guesses(work, typed) if code is not None else []
    # A mistyped code is the rider's small slip (422), an unknown pile is not there (404).
    status = 422 if isinstance(code, Mistyped) or code is None else 404
    return make_response(site.page("code", status, typed=typed, wrong=True, guesses=guesses))


def _seen(site: Site, work: UnitOfWork, evse: Evse) -> Seen:
    view: EvseView = stations.evse_view(work, site.settings, evse)
    word, look = STATES[view.state]
    if view.repair is not None and view.state is Availability.IN_REPAIR:
        word = _REPAIRS.get(view.repair.state, word)
    lang, station = site.browser.language(), evse.pile.station
    as_of = Moment(view.as_of, station.tz) if view.as_of is not None else None
    if as_of is not None and (work.now - as_of.at).total_seconds() > 12 * 3600:
        as_of = Moment(as_of.at, station.tz, form="date_time")
    return Seen(
        code=evse.code,
        number=evse.number,
        station=station,
        connector=CONNECTORS.get(evse.connector_type, evse.connector_type),
        power=say(lang, Say("{power}", {"power": Amount(evse.allowed_w, "w")})),
        state=say(lang, word),
        look=look,
        usable=view.state.usable,
        as_of=say(lang, Say("as of {time}", {"time": as_of})) if as_of else None,
        prices=tuple(say(lang, line) for line in _prices(work, evse)),
        rating=say(lang, _rating(station)),
        care=tuple(say(lang, line) for line in pile_care.told(work, evse.pile, [evse])),
        doubt=say(lang, view.doubt) if view.doubt is not None and view.state.usable else "",
    )


def _rating(station: Station) -> Say:
    if station.rating_tenths is None:
        return Say("unknown")
    stars = f"{station.rating_tenths / 10:.1f}"
    return Say("{stars} of 5 ({count})", {"stars": stars, "count": station.rating_count})


def _prices(work: UnitOfWork, evse: Evse) -> tuple[Say, ...]:
    """What applies now and what changes next; a missing price is said, never hidden."""
    try:
        return price_lines(tariff_for(work, evse, work.now), work.now)
    except GiveUp:
        return (Say("Unknown; you see it before you say yes."),)


@dataclass(frozen=True, slots=True)
class Guess:
    """A real code one slip away from the typed one; `marks` are (character, differs) of it."""

    code: str
    station: str
    marks: list[tuple[str, bool]]


def _guesses(work: UnitOfWork, typed: str) -> list[Guess]:
    """Our codes that differ from the typed one by one digit: wrong, missing, extra or swapped."""
    digits = "".join(filter(str.isdecimal, typed))[:12]
    near = {str(code) for each in _one_slip(digits) if (code := parse(each)) and code.evse_number}
    rows = work.session.scalars(select(Evse).where(Evse.code.in_(sorted(near))).limit(4)).all()
    return [Guess(e.code, e.pile.station.name, _marks(digits, e.code)) for e in rows]


def _one_slip(digits: str) -> set[str]:
    """Every string one substitution, insertion, deletion or swap of neighbours away."""
    splits = [(digits[:at], digits[at:]) for at in range(len(digits) + 1)]
    changed = {a + d + b[1:] for a, b in splits if b for d in "0123456789"}
    missing = {a + d + b for a, b in splits for d in "0123456789"}
    extra = {a + b[1:] for a, b in splits if b}
    swapped = {a + b[1] + b[0] + b[2:] for a, b in splits if len(b) > 1}
    return (changed | missing | extra | swapped) - {digits}


def _marks(typed: str, code: str) -> list[tuple[str, bool]]:
    """The code's characters, those that differ from the typed digits marked."""
    plain = code.replace("-", "")
    same_start = 0
    while same_start < min(len(plain), len(typed)) and plain[same_start] == typed[same_start]:
        same_start += 1
    same_end = 0
    while (
        same_end < min(len(plain), len(typed)) - same_start
        and plain[-1 - same_end] == typed[-1 - same_end]
    ):
        same_end += 1
    last = max(len(plain) - same_end, same_start + 1)
    marks, place = [], 0
    for character in code:
        differs = character != "-" and same_start <= place < last
        marks.append((character, differs))
        place += character != "-"
    return marks
