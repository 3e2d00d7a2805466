"""Carrying out what staff ordered of a pile: the command, and what counts from now on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from sqlalchemy import select

from bot.services import booking_trouble, charging, pile_files, piles, site_news
from bot.services.plan_parts import Plan
from bot.settings import Settings
from bot.store.changes import touched
from bot.store.charging import ChargingSession
from bot.store.database import UnitOfWork
from bot.store.desk import StaffAction
from bot.store.remote import Firmware, FirmwareUpdate, PileLog
from bot.store.stations import Pile

COMMAND_TTL_S: Final = 120  # an order staff wait for is not carried out much later
ABSENT_TTL_S: Final = 600  # as in bot/services/safety.py: told when the pile is back
LOG_ADDRESS: Final = timedelta(hours=1)
FIRMWARE_ADDRESS: Final = timedelta(hours=24)
# Our kind of action -> the kind of command.
COMMANDS: Final = {
    "unlock": "unlock", "soft_restart": "reset", "hard_restart": "reset",
    "out_of_service": "change_availability", "in_service": "change_availability",
    "socket_out": "change_availability", "socket_in": "change_availability",
    "get_log": "get_log", "read_settings": "get_variables", "set_setting": "set_variable",
    "firmware": "update_firmware", "ask_firmware": "trigger",
}  # fmt: skip
_OF_SOCKET: Final = frozenset({"unlock", "socket_out", "socket_in"})


def run(work: UnitOfWork, settings: Settings, action: StaffAction, plan: Plan) -> None:
    """Give the order; its end is told by bot/services/action_results.py and pile_results.py."""
    assert plan.pile is not None
    _stop_first(work, settings, action)
    _take_out(work, action, plan)
    command = piles.command(
        work,
        key=f"action:{action.id}",
        pile_id=plan.pile.id,
        kind=COMMANDS[action.kind],
        evse_number=plan.evse.number if plan.evse and action.kind in _OF_SOCKET else None,
        body=_body(work, settings, action, plan.pile),
        ttl_s=ABSENT_TTL_S if action.kind in {"out_of_service", "socket_out"} else COMMAND_TTL_S,
    )
    action.command_id = command.id
    action.outcome = "Told the pile"
    booking_trouble.recheck(work, settings, plan.pile.id)


def _stop_first(work: UnitOfWork, settings: Settings, action: StaffAction) -> None:
    """Charges that somebody insisted to end: their riders' bills are frozen now."""
    for session_id in action.body.get("stop_first", ()):
        session = work.session.get_one(ChargingSession, int(session_id))
        if session.open:
            key = f"action:{action.id}:{session_id}"
            charging.request_stop(work, settings, session, by="staff", key=key)


def _take_out(work: UnitOfWork, action: StaffAction, plan: Plan) -> None:
    """What goes out of service is offered to nobody from this moment, whatever the pile says."""
    assert plan.pile is not None
    if action.kind == "out_of_service":
        plan.pile.in_service, plan.pile.out_action_id = False, action.id
    elif action.kind == "socket_out":
        assert plan.evse is not None
        plan.evse.in_service = False
    else:
        return
    site_news.changed(work, plan.pile.station_id)


def _body(work: UnitOfWork, settings: Settings, action: StaffAction, pile: Pile) -> dict[str, Any]:
    match action.kind:
        case "get_log":
            log = PileLog(
                pile_id=pile.id, action_id=action.id, log_type=action.body["log_type"],
                asked_at=work.now, state_at=work.now, expires_at=work.now + LOG_ADDRESS,
            )  # fmt: skip
            work.session.add(log)
            work.session.flush()
            return {"log_type": log.log_type, "location": pile_files.log_address(settings, log)}
        case "read_settings":
            return {"variables": action.body["variables"]}
        case "set_setting":
            return {"variable": action.body["variable"], "value": action.body["value"]}
        case "firmware":
            return _firmware(work, settings, action, pile)
        case "ask_firmware":
            return {"message": "FirmwareStatusNotification"}
        case _:
            return {name: action.body[name] for name in ("type", "status") if name in action.body}


def _firmware(
    work: UnitOfWork, settings: Settings, action: StaffAction, pile: Pile
) -> dict[str, Any]:
    image = work.session.get_one(Firmware, int(action.body["firmware_id"]))
    rollout_id = int(action.body["rollout"]) if "rollout" in action.body else None
    planned = select(FirmwareUpdate).where(
        FirmwareUpdate.rollout_id == rollout_id, FirmwareUpdate.pile_id == pile.id
    )
    update = work.session.scalars(planned).first() if rollout_id is not None else None
    if update is None:
        update = FirmwareUpdate(
            firmware_id=image.id, pile_id=pile.id, rollout_id=rollout_id, at=work.now
        )
        work.session.add(update)
    update.action_id, update.state, update.state_at = action.id, "Ordered", work.now
    update.before, update.why = pile.firmware, ""
    work.session.flush()
    touched(work, f"pile:{pile.id}")
    until = work.now + FIRMWARE_ADDRESS
    return {
        "location": pile_files.firmware_address(settings, update, until),
        "sha256": image.sha256,
        "at": work.now.isoformat(timespec="seconds").replace("+00:00", "Z"),
    }
