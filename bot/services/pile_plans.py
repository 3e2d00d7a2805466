"""What an action at a pile would do: unlocking, restarts, service, settings, logs, firmware.

Reading disturbs nobody. What changes a pile is not done while somebody charges there, unless a
person who may insists, with the reason that every action has; a firmware is never installed then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select

from bot.domain import firmware as firmware_rules
from bot.domain.pile_variables import Variable, WrongValue, check, variable, variables
from bot.services import session_changes
from bot.services.fences import fences
from bot.services.plan_parts import SOON, Asked, NotPossible, Plan
from bot.store.bookings import Booking
from bot.store.charging import ChargingSession
from bot.store.database import ALONE, UnitOfWork
from bot.store.desk import Incident, StaffAction
from bot.store.remote import Firmware, FirmwareUpdate, PileVariable
from bot.store.staff import Staff
from bot.store.stations import Evse, Pile

LOGS: Final = (
    ("DiagnosticsLog", "What it did"),
    ("SecurityLog", "Who logged in, what was refused"),
)


def _unlock(asked: Asked) -> Plan:
    evse = _socket(asked)
    running = [each for each in session_changes.open_sessions_at(asked.work, evse.pile_id)
               if each.evse_id == evse.id]  # fmt: skip
    busy = f"A charge is running at this connector ({_charges(running)})." if running else ""
    forced = asked.force(f"{busy} Stop it first." if busy else "")
    _reachable(evse.pile)
    _once(asked, StaffAction.body["evse_id"].as_integer() == evse.id)
    told = "The lock opens so that the cable can be pulled out. Tell the rider to pull now."
    return asked.plan(
        f"Connector {evse.code}, {evse.pile.station.name}",
        f"{_stopped_first(running)}{told}",
        *_state(evse.pile),
        forced=forced,
        body={"evse_id": evse.id, **_forced(forced, running)},
    )


def _restart(asked: Asked) -> Plan:
    pile, hard = asked.the_pile(), asked.kind.name == "hard_restart"
    mine = asked.conversation.rider_id if asked.conversation else None
    running = session_changes.open_sessions_at(asked.work, pile.id)
    why = ""
    if others := [each for each in running if each.rider_id != mine]:
        why = (
            f"Somebody else is charging at this pile (charge {others[0].id}), so it cannot be "
            "restarted now."
        )
    elif running:
        why = "A charge is running at this pile. Stop it first, or restart when idle."
    forced = asked.force(why)
    _reachable(pile)
    _once(asked, StaffAction.pile_id == pile.id)
    when = "at once" if hard else "as soon as nothing charges there"
    return asked.plan(
        _named(pile),
        f"{_stopped_first(running) if hard else ''}The pile restarts {when} and is away for a "
        "minute or two. It is done when the pile reports that it has booted.",
        *_state(pile),
        forced=forced,
        body={
            "type": "Immediate" if hard else "OnIdle",
            **_forced(forced, running if hard else ()),
        },
    )


def _out_of_service(asked: Asked) -> Plan:
    pile = asked.the_pile()
    if not pile.in_service:
        raise NotPossible("This pile is out of service already.")
    _once(asked, StaffAction.pile_id == pile.id)
    running = len(session_changes.open_sessions_at(asked.work, pile.id))
    told = "Riders are no longer offered this pile, from now on. "
    told += "The charge that runs there goes on. " if running else ""
    told += "" if pile.online else "The pile is out of contact: it is told when it is back."
    return asked.plan(_named(pile), told.strip(), *_state(pile), body={"status": "Inoperative"})


def _in_service(asked: Asked) -> Plan:
    pile = asked.the_pile()
    if pile.in_service:
        raise NotPossible("This pile is in service already.")
    incident = select(Incident.id).where(Incident.pile_id == pile.id, Incident.state != "closed")
    if (number := asked.work.session.scalars(incident).first()) is not None:
        raise NotPossible(f"Incident {number} about this pile is not closed yet.")
    _reachable(pile)
    _once(asked, StaffAction.pile_id == pile.id)
    return asked.plan(
        _named(pile),
        "Riders are offered this pile again as soon as it has said yes.",
        *_state(pile),
        body={"status": "Operative"},
    )


# --- one socket


def _socket_out(asked: Asked) -> Plan:
    evse = _socket(asked)
    if not evse.in_service:
        raise NotPossible("This socket is out of service already.")
    _once(asked, StaffAction.body["evse_id"].as_integer() == evse.id)
    told = "Riders are no longer offered this socket, from now on; the others of the pile are. "
    if any(
        each.evse_id == evse.id
        for each in session_changes.open_sessions_at(asked.work, evse.pile_id)
    ):
        told += "The charge that runs there goes on. "
    told += "" if evse.pile.online else "The pile is out of contact: it is told when it is back."
    return asked.plan(
        f"Connector {evse.code}, {evse.pile.station.name}", told.strip(), *_state(evse.pile),
        body={"evse_id": evse.id, "status": "Inoperative"},
    )  # fmt: skip


def _socket_in(asked: Asked) -> Plan:
    evse = _socket(asked)
    if evse.in_service:
        raise NotPossible("This socket is in service already.")
    _reachable(evse.pile)
    _once(asked, StaffAction.body["evse_id"].as_integer() == evse.id)
    return asked.plan(
        f"Connector {evse.code}, {evse.pile.station.name}",
        "Riders are offered this socket again as soon as the pile has said yes.",
        *_state(evse.pile),
        body={"evse_id": evse.id, "status": "Operative"},
    )


# --- logs and settings


def _get_log(asked: Asked) -> Plan:
    pile = asked.the_pile()
    _reachable(pile)
    _once(asked, StaffAction.pile_id == pile.id)
    wanted = asked.target.choice or LOGS[0][0]
    if wanted not in dict(LOGS):
        raise NotPossible("There is no such log.")
    size, days = asked.settings.pile_log_max_bytes // 1_000_000, asked.settings.pile_log_kept_days
    return asked.plan(
        _named(pile),
        f"The pile sends its log to an address of ours that opens once, for an hour; at most "
        f"{size} MB. It is kept for {days} days. Charging is not disturbed.",
        *_state(pile),
        choices=LOGS,
        body={"log_type": wanted},
    )


def _read_settings(asked: Asked) -> Plan:
    pile = asked.the_pile()
    _reachable(pile)
    _once(asked, StaffAction.pile_id == pile.id)
    names = [each.name for each in variables(pile.kind, pile.model)]
    return asked.plan(
        _named(pile),
        f"The pile tells its {len(names)} settings. Nothing is changed.",
        *_state(pile),
        body={"variables": names},
    )


def _set_setting(asked: Asked) -> Plan:
    pile = asked.the_pile()
    wanted = variable(pile.kind, pile.model, asked.target.choice)
    if wanted is None:
        raise NotPossible("This pile has no such setting.")
    now = asked.work.session.get(PileVariable, (pile.id, wanted.name))
    if now is None or now.read_at is None:
        raise NotPossible(
            "Read the settings first: what it is now is kept, so that it can be undone."
        )
    value = _value(asked, wanted, now)
    running = session_changes.open_sessions_at(asked.work, pile.id)
    busy = f"Somebody charges at this pile ({_charges(running)})." if running else ""
    forced = asked.force(busy)
    _reachable(pile)
    _once(
        asked,
        StaffAction.body["variable"].as_string() == wanted.name,
        StaffAction.pile_id == pile.id,
    )
    told = "It counts after a restart, which you order apart. " if wanted.reboot else ""
    return asked.plan(
        f"{wanted.title} of pile {pile.number}",
        f"{_stopped_first(running)}{wanted.about}. {told}What it is now is kept, so that it can "
        "be undone.",
        ("Now", f"{now.value} {wanted.unit}".strip()),
        ("Told", now.read_at),
        ("Takes", wanted.range),
        takes=wanted.range,
        given=asked.target.value,
        choices=[(each, each) for each in wanted.choices],
        forced=forced,
        body={
            "variable": wanted.name, "value": value, "before": now.value,
            **_forced(forced, running),
        },
    )  # fmt: skip


def _value(asked: Asked, wanted: Variable, now: PileVariable) -> str:
    """The value that was given, checked where it counts."""
    if not asked.deciding:
        return asked.target.value
    try:
        value = check(wanted, asked.target.value)
    except WrongValue as error:
        raise NotPossible(str(error)) from error
    if not now.waits and now.value == value:
        raise NotPossible(f"{wanted.title} is {value} already.")
    return value


# --- firmware


def _ask_firmware(asked: Asked) -> Plan:
    pile = asked.the_pile()
    _reachable(pile)
    _once(asked, StaffAction.pile_id == pile.id)
    return asked.plan(
        _named(pile),
        "The pile tells whether it downloads or installs a firmware. Nothing is changed.",
        ("Runs", pile.firmware or "not known"),
        *_state(pile),
    )


def _firmware(asked: Asked) -> Plan:
    pile = asked.the_pile()
    offered = images(asked.work, pile.model)
    if not offered:
        raise NotPossible("There is no firmware for this model. It is added under Firmware.")
    chosen = next((each for each in offered if str(each.id) == asked.target.choice), None)
    if asked.deciding and chosen is None:
        raise NotPossible("Please pick a firmware.")
    if asked.deciding and chosen is not None and chosen.version == pile.firmware:
        raise NotPossible(f"This pile runs {chosen.version} already.")
    if why := why_no_update(asked.work, pile):
        raise NotPossible(f"{why} A firmware is installed while nobody needs the pile.")
    if live_update(asked.work, pile.id) is not None:
        raise NotPossible("A firmware is on its way into this pile already.")
    _once(asked, StaffAction.pile_id == pile.id)
    minutes = int(firmware_rules.TAKES.total_seconds()) // 60
    return asked.plan(
        _named(pile),
        "The pile fetches the file from us, checks it, and installs it while nothing charges; it "
        f"is away from riders for up to {minutes} minutes and restarts. Each step is shown here.",
        ("Runs", pile.firmware or "not known"),
        *_state(pile),
        choices=[(str(each.id), f"{each.version}{', ' + each.note if each.note else ''}"[:80])
                 for each in offered],
        body={"firmware_id": chosen.id} if chosen else {},
    )  # fmt: skip


def images(work: UnitOfWork, model: str) -> Sequence[Firmware]:
    """What a model may be given, the newest first."""
    rows = select(Firmware).where(Firmware.model == model, Firmware.withdrawn_at.is_(None))
    return work.session.scalars(rows.order_by(Firmware.id.desc())).all()


def why_no_update(work: UnitOfWork, pile: Pile) -> str:
    """What stands against an update now: charges, whoever comes soon, no contact; "" when nothing
    does."""
    return firmware_rules.why_not_now(
        busy=bool(session_changes.open_sessions_at(work, pile.id)),
        booked_at=_next_use(work, pile),
        now=work.now,
        online=pile.online,
    )


def _next_use(work: UnitOfWork, pile: Pile) -> datetime | None:
    """When somebody counts on this pile next: by a booking, a later start, a turn in line."""
    booked = (
        select(Booking.starts_at)
        .join(Evse, Evse.id == Booking.evse_id)
        .where(Evse.pile_id == pile.id, Booking.live, Booking.ends_at > work.now)
        .order_by(Booking.starts_at)
        .limit(1)
    )
    kept = fences(work, [each.id for each in pile.evses]).values()
    moments = [each.until if each.why == "later" else work.now for each in kept]
    return min([*work.session.scalars(booked), *moments], default=None)


def live_update(work: UnitOfWork, pile_id: str) -> FirmwareUpdate | None:
    """The update that is on its way into a pile."""
    rows = (
        select(FirmwareUpdate)
        .where(FirmwareUpdate.pile_id == pile_id, FirmwareUpdate.action_id.is_not(None))
        .order_by(FirmwareUpdate.id.desc())
        .limit(1)
    )
    row = work.session.scalars(rows).first()
    return row if row is not None and not firmware_rules.is_over(row.state) else None


# --- what they share


def _socket(asked: Asked) -> Evse:
    if asked.evse is None:
        raise NotPossible("There is no such connector.")
    return asked.evse


def _charges(running: Sequence[ChargingSession]) -> str:
    return ", ".join(f"charge {each.id}" for each in running)


def _stopped_first(running: Sequence[ChargingSession]) -> str:
    """What being insisted on means for who charges."""
    if not running:
        return ""
    first = _charges(running).capitalize()
    return f"{first} ends first: its rider pays what was delivered, and is told. "


def _forced(why: str, stopped: Sequence[ChargingSession]) -> dict[str, Any]:
    """What an action keeps of having been insisted on."""
    if not why:
        return {}
    return {"forced": why, "stop_first": [each.id for each in stopped]}


def _named(pile: Pile) -> str:
    return f"Pile {pile.number}, {pile.station.name}"


def _state(pile: Pile) -> tuple[tuple[str, str | datetime], ...]:
    heard: str | datetime = pile.seen_at if pile.seen_at is not None else "never"
    plugs = ", ".join(f"{each.code} {each.status.lower() or 'unknown'}" for each in pile.evses)
    return (
        ("Contact", "online" if pile.online else "offline"),
        ("Last heard", heard),
        ("Connectors", plugs),
    )


def _reachable(pile: Pile) -> None:
    if not pile.online:
        raise NotPossible("This pile is out of contact, so it cannot be told anything now.")


def _once(asked: Asked, *same: Any) -> None:
    """The same order is not given twice while the first is on its way."""
    if asked.deciding and asked.pile is not None:
        asked.work.session.get_one(Pile, asked.pile.id, with_for_update=ALONE)
    row = asked.work.session.execute(
        select(StaffAction.asked_at, Staff.name)
        .join(Staff, Staff.id == StaffAction.asked_by)
        .where(
            *same,
            StaffAction.kind == asked.kind.name,
            StaffAction.state == "running",
            StaffAction.asked_at > asked.work.now - SOON,
        )
        .order_by(StaffAction.id.desc())
    ).first()
    if row is not None:
        raise NotPossible(f"{row[1]} asked for this at {row[0]:%H:%M} UTC; it is on its way.")


PLANS: Final[Mapping[str, Callable[[Asked], Plan]]] = {
    "unlock": _unlock, "soft_restart": _restart, "hard_restart": _restart,
    "out_of_service": _out_of_service, "in_service": _in_service,
    "socket_out": _socket_out, "socket_in": _socket_in,
    "get_log": _get_log, "read_settings": _read_settings, "set_setting": _set_setting,
    "firmware": _firmware, "ask_firmware": _ask_firmware,
}  # fmt: skip
