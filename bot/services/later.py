"""Starting later, when it is cheaper: the price is pinned, the socket kept, the money held then."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from statistics import median
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from bot.domain.availability import Availability
from bot.domain.offpeak import USUAL_WH, Cheaper, cheaper_start
from bot.errors import Refused
from bot.replies import Amount, Choose, Moment, Option, Say, Value
from bot.services import charging, diversion, site_news
from bot.services.booked import live_of, taken_cells
from bot.services.booking_bays import LATER_TAKES
from bot.services.fences import somebody_waits
from bot.services.notices import again_button
from bot.services.offers import Offer, occupied, read_offer, refuse_evse, refuse_rider
from bot.services.outbound import tell_rider
from bot.services.stations import evse_view
from bot.settings import Settings
from bot.store import inbox
from bot.store.charging import ChargingSession
from bot.store.database import ALONE, UnitOfWork
from bot.store.riders import Rider
from bot.store.stations import Evse, Pile, Station
from bot.store.waiting import LaterStart

TIMER: Final = "later.timer"
CANCEL: Final = Option("later_cancel", Say("Cancel this start"))
_HISTORY: Final = 20
LONGEST: Final = timedelta(hours=24)  # how long ahead a socket may be kept
PLUG_IN: Final = timedelta(minutes=15)  # a socket is not kept longer for nobody
# A pile that is out of contact when it is time: tried again after these, then given up.
RETRY_S: Final = (60, 120, 240, 480)


def cheaper(work: UnitOfWork, evse: Evse, rider: Rider, offer: Offer) -> Cheaper | None:
    """A later start that saves this rider money, where a socket may be kept for it: not at fast
    chargers, and not while anybody waits."""
    kind = evse.pile.kind
    if kind not in USUAL_WH or somebody_waits(work, evse.id):
        return None
    return cheaper_start(
        offer.tariff, at=work.now, power_w=evse.allowed_w,
        energy_wh=_planned_wh(work, rider.id, kind),
    )  # fmt: skip


def _planned_wh(work: UnitOfWork, rider_id: int, kind: str) -> int:
    """What the rider usually takes at such piles."""
    rows = work.session.execute(
        select(ChargingSession.meter_wh, ChargingSession.meter_start_wh)
        .join(Evse, Evse.id == ChargingSession.evse_id)
        .join(Pile, Pile.id == Evse.pile_id)
        .where(
            ChargingSession.rider_id == rider_id,
            Pile.kind == kind,
            ~ChargingSession.open,
            ChargingSession.started_at.is_not(None),
        )
        .order_by(ChargingSession.id.desc())
        .limit(_HISTORY)
    )
    known = [(last or 0) - (first or 0) for last, first in rows]
    known = [each for each in known if each > 0]
    return int(median(known)) if len(known) >= 3 else USUAL_WH[kind]


def confirm(
    work: UnitOfWork, settings: Settings, *, rider: Rider, evse: Evse, starts_at: datetime,
    offer_body: Mapping[str, Any], key: str,
) -> LaterStart:  # fmt: skip
    """Plan a start at the price that was shown; a repeat of `key` returns what stands.

    Raises Refused as a start does, and for a moment that is over or too far ahead.
    """
    known = work.session.scalars(select(LaterStart).where(LaterStart.key == key)).first()
    if known is not None:
        return known
    work.session.get_one(Rider, rider.id, with_for_update=ALONE)
    work.session.get_one(Evse, evse.id, with_for_update=ALONE)
    read_offer(offer_body, evse, work.now)
    refuse_rider(work, rider)
    refuse_evse(work, settings, evse, rider)
    if starts_at <= work.now:
        raise Refused("That time cannot be chosen any more. Please send {evse} again.",
                      {"evse": evse.code})  # fmt: skip
    refuse_later(work, evse, rider, starts_at)
    planned = of_rider(work, rider.id)
    if planned is not None:
        there = work.session.get_one(Evse, planned.evse_id)
        raise Refused(
            "A start at {evse} is planned for {time} already.",
            {"evse": there.code, "time": Moment(planned.starts_at, there.pile.station.tz)},
            [CANCEL],
        )
    body = {name: value for name, value in offer_body.items() if name != "carry"}
    row = LaterStart(
        key=key, rider_id=rider.id, evse_id=evse.id, offer=body, state="waiting",
        created_at=work.now, starts_at=starts_at,
    )  # fmt: skip
    try:
        with work.session.begin_nested():
            work.session.add(row)
            work.session.flush()
    except IntegrityError as error:
        raise occupied(work, settings, evse) from error
    inbox.put(
        work, source="timer", source_id=f"later:{row.id}", stream=f"later:{row.id}", kind=TIMER,
        body={"later_id": row.id}, available_at=starts_at,
    )  # fmt: skip
    if starts_at - work.now > PLUG_IN:
        inbox.put(
            work, source="timer", source_id=f"later:{row.id}:cable", stream=f"later:{row.id}",
            kind=TIMER, body={"later_id": row.id, "cable": True},
            available_at=work.now + PLUG_IN,
        )  # fmt: skip
    site_news.evse_changed(work, evse.id)
    diversion.went(work, rider.id, evse, "later")
    return row


def refuse_later(work: UnitOfWork, evse: Evse, rider: Rider, starts_at: datetime) -> None:
    """Raises Refused where a socket may not be kept until then: too long, a fast charger, others
    in line, booked by somebody else."""
    values: dict[str, Value] = {"evse": evse.code}
    here = Option(f"start_charge?pile={evse.code}", Say("Charge here"))
    booking = Option(f"book_pile?spot=pile:{evse.code}", Say("Book"))
    if starts_at > work.now + LONGEST:
        raise Refused(
            "I can plan a start at most {length} ahead. For a later time you can book {evse}.",
            {**values, "length": Amount(int(LONGEST.total_seconds()), "s")}, [booking],
        )  # fmt: skip
    if evse.pile.kind not in USUAL_WH:
        raise Refused(
            "{evse} is a fast charger, which is not kept for a later start. You can book it.",
            values, [booking, here],
        )  # fmt: skip
    if somebody_waits(work, evse.id):
        raise Refused(
            "Others are in line for {evse}, so it cannot be kept for a later start.",
            values, [here],
        )  # fmt: skip
    mine = live_of(work, rider.id)
    but = mine.id if mine is not None else None
    if taken_cells(work, [evse.id], work.now, starts_at + LATER_TAKES, but=but):
        raise Refused(
            "{evse} is booked by somebody else around that time. Please choose another time or "
            "pile.",
            values, [here, Option("find_pile", Say("Find a pile"))],
        )  # fmt: skip


def of_rider(work: UnitOfWork, rider_id: int) -> LaterStart | None:
    """The start this rider has planned, or None."""
    return work.session.scalars(
        select(LaterStart).where(LaterStart.rider_id == rider_id, LaterStart.state == "waiting")
    ).first()


def cancel(work: UnitOfWork, rider_id: int) -> LaterStart | None:
    """Give a planned start up; None when there is none."""
    row = work.session.scalars(
        select(LaterStart)
        .where(LaterStart.rider_id == rider_id, LaterStart.state == "waiting")
        .with_for_update()
    ).first()
    if row is not None:
        _end(work, row, "cancelled")
    return row


def _end(work: UnitOfWork, row: LaterStart, state: str) -> None:
    row.state, row.ended_at = state, work.now
    inbox.cancel(work, source="timer", source_id=f"later:{row.id}")
    site_news.evse_changed(work, row.evse_id)
    work.session.flush()


def end_overtaken(work: UnitOfWork, station: Station) -> None:
    """Who charges here already needs no planned start any more."""
    rows = work.session.scalars(
        select(LaterStart)
        .join(ChargingSession, ChargingSession.rider_id == LaterStart.rider_id)
        .join(Evse, Evse.id == ChargingSession.evse_id)
        .join(Pile, Pile.id == Evse.pile_id)
        .where(
            LaterStart.state == "waiting",
            Pile.station_id == station.id,
            ChargingSession.open,
            ChargingSession.started_at.is_not(None),
        )
    ).all()
    for row in rows:
        _end(work, row, "cancelled")


def on_timer(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Kind "later.timer": it is time. The hold is placed now, and the charge starts with it."""
    row = work.session.get(LaterStart, int(body["later_id"]), with_for_update=True)
    if row is None or row.state != "waiting":
        return
    rider = work.session.get_one(Rider, row.rider_id)
    evse = work.session.get_one(Evse, row.evse_id)
    if body.get("cable"):
        _no_cable(work, row, evse)
        return
    row.state, row.ended_at = "started", work.now
    work.session.flush()
    offer = {**row.offer, "at": work.now.isoformat()}  # the price of that time was agreed to
    try:
        charging.start(
            work, settings, rider=rider, evse=evse, offer_body=offer, key=f"later:{row.id}"
        )
    except Refused as no:
        if not _tries_again(work, settings, row, evse, tried=int(body.get("tried", 0))):
            _failed(work, row, evse, no)
        return
    values = {"evse": evse.code}
    told = Say("It is time: I am starting {evse} as you asked, at the price you saw.", values)
    tell_rider(work, rider.id, told, key=f"later:{row.id}")


def _no_cable(work: UnitOfWork, row: LaterStart, evse: Evse) -> None:
    """Nobody plugged in: the socket is anybody's again."""
    if evse.status != "Available":  # a cable is in, or nobody can tell
        return
    _end(work, row, "cancelled")
    text = Say(
        "No cable is in at {evse}, so it is free for others and the planned start is cancelled. It "
        "costs nothing.",
        {"evse": evse.code},
    )
    reply = Choose(text, [again_button(evse.code), Option("find_pile", Say("Find a pile"))])
    tell_rider(work, row.rider_id, reply, key=f"later:{row.id}:cable")


def _tries_again(
    work: UnitOfWork, settings: Settings, row: LaterStart, evse: Evse, *, tried: int
) -> bool:
    """Whether a pile is merely out of contact and has minutes left; the rider hears it once."""
    silent = evse_view(work, settings, evse).state is Availability.NOT_CONFIRMED
    if not silent or tried >= len(RETRY_S):
        return False
    row.state, row.ended_at = "waiting", None
    inbox.put(
        work, source="timer", source_id=f"later:{row.id}:{tried + 1}", stream=f"later:{row.id}",
        kind=TIMER, body={"later_id": row.id, "tried": tried + 1},
        available_at=work.now + timedelta(seconds=RETRY_S[tried]),
    )  # fmt: skip
    work.session.flush()
    if not tried:
        until = Moment(work.now + timedelta(seconds=sum(RETRY_S)), evse.pile.station.tz)
        text = Say(
            "It is time, but {evse} is out of contact. I keep trying until {time} and tell you.",
            {"evse": evse.code, "time": until},
        )
        tell_rider(work, row.rider_id, Choose(text, [CANCEL]), key=f"later:{row.id}:silent")
    return True


def _failed(work: UnitOfWork, row: LaterStart, evse: Evse, no: Refused) -> None:
    """It cannot start: why, what is near instead, and the socket is anybody's."""
    row.state = "failed"
    site_news.evse_changed(work, row.evse_id)
    text = Say("I could not start as you planned. {why}", {"why": Say(no.text, no.values)})
    find = Option("find_pile", Say("Find a pile"))
    reply = Choose(text, [*no.options, again_button(evse.code), find][:3])
    tell_rider(work, row.rider_id, reply, key=f"later:{row.id}:failed")
