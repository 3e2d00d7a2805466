"""What became of remote work: logs that came, settings that were told, a firmware's steps."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import select, update

from bot.domain import firmware as rules
from bot.domain import pile_variables
from bot.services import action_results
from bot.settings import Settings
from bot.store import inbox
from bot.store.changes import touched
from bot.store.database import UnitOfWork
from bot.store.desk import StaffAction
from bot.store.devices import Command
from bot.store.remote import Firmware, FirmwareUpdate, PileLog, PileVariable
from bot.store.stations import Pile

KINDS: Final = frozenset({"get_log", "read_settings", "set_setting", "firmware", "ask_firmware"})
_LOG_FAILED: Final[Mapping[str, str]] = {
    "UploadFailure": "The pile could not send its log",
    "PermissionDenied": "The pile was not let in at the address for its log",
    "BadMessage": "The pile did not understand the order",
    "NotSupportedOperation": "The pile cannot send logs this way",
    "AcceptedCanceled": "The pile gave it up for another order",
}  # fmt: skip
_WAITS_IDLE: Final = timedelta(hours=12)  # of a charge that runs on, as MAX_SESSION_S
_FAILED: Final = frozenset({"rejected", "error", "timeout", "expired", "offline"})


def command_answered(work: UnitOfWork, command: Command, body: Mapping[str, Any]) -> None:
    """Inbox kind "command.result", after bot/services/action_results.py has told how it went."""
    action = _of_command(work, command.id)
    if action is None or action.kind not in KINDS:
        return
    if body["outcome"] in _FAILED:
        _refused(work, action)
    elif body["outcome"] == "accepted" and action.state != "done":
        _accepted(work, action, command.answer or {})


def _accepted(work: UnitOfWork, action: StaffAction, answer: Mapping[str, Any]) -> None:
    match action.kind:
        case "read_settings":
            _read(work, action, pile_variables.values(answer))
        case "set_setting":
            _set(work, action, answer)
        case "ask_firmware":
            action_results.finish(work, action, "done", "The pile tells its state.")
        case "firmware":
            _wait(work, action, rules.SILENT_AFTER)


def _refused(work: UnitOfWork, action: StaffAction) -> None:
    if action.kind == "get_log" and (log := _log(work, action.id)) is not None:
        log.state, log.state_at = "Refused", work.now
    if action.kind == "firmware" and (row := _update(work, action.id)) is not None:
        _moved(work, row, "Refused", action.outcome)


# --- settings


def _read(work: UnitOfWork, action: StaffAction, told: Mapping[str, str | None]) -> None:
    assert action.pile_id is not None
    for name, value in told.items():
        row = _variable(work, action.pile_id, name)
        row.known, row.value, row.read_at = value is not None, (value or "")[:200], work.now
    known = sum(value is not None for value in told.values())
    action_results.finish(work, action, "done", f"{known} settings read.")


def _set(work: UnitOfWork, action: StaffAction, answer: Mapping[str, Any]) -> None:
    assert action.pile_id is not None
    taken, waits, why = pile_variables.outcome(answer)
    if not taken:
        action_results.finish(work, action, "failed", f"The pile refused ({why}).")
        return
    row = _variable(work, action.pile_id, str(action.body["variable"]))
    row.previous = row.value if row.read_at is not None else None
    row.value, row.known, row.waits = str(action.body["value"]), True, waits
    row.read_at = row.changed_at = work.now
    row.changed_by = action.asked_by
    told = "Taken; it counts after a restart." if waits else "Taken, and in force."
    action_results.finish(work, action, "done", told)


def _variable(work: UnitOfWork, pile_id: str, name: str) -> PileVariable:
    row = work.session.get(PileVariable, (pile_id, name), with_for_update=True)
    if row is None:
        row = PileVariable(pile_id=pile_id, name=name, value="", known=True, waits=False)
        work.session.add(row)
    return row


def booted(work: UnitOfWork, pile_id: str) -> None:
    """A pile has started up: settings that waited for it count."""
    work.session.execute(
        update(PileVariable)
        .where(PileVariable.pile_id == pile_id, PileVariable.waits)
        .values(waits=False)
    )


# --- logs


def on_log(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Inbox kind "pile.log" (RemoteFact): how far an upload is."""
    action = _of_request(work, body, "get_log")
    log = _log(work, action.id) if action is not None else None
    if action is None or log is None:
        return
    status = str(body["status"])
    log.state, log.state_at = status, work.now
    if status in _LOG_FAILED and log.media_id is None:
        action_results.finish(work, action, "failed", f"{_LOG_FAILED[status]}.")
    elif status == "Uploaded" and log.media_id is None:
        told = "The pile says that it sent its log, but none came."
        action_results.finish(work, action, "failed", told)
    elif action.state == "running":
        action.outcome = "The log is on its way"


def log_kept(work: UnitOfWork, log: PileLog) -> None:
    """The file is here, whatever the pile says of it."""
    action = work.session.get_one(StaffAction, log.action_id)
    log.state_at = work.now
    size = f"{-(-(log.size or 0) // 1000)} kB"
    action_results.finish(work, action, "done", f"The log is here, {size}.")


# --- firmware


def on_firmware(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Inbox kind "pile.firmware" (RemoteFact): a step of an installation."""
    action = _of_request(work, body, "firmware")
    row = _update(work, action.id) if action is not None else None
    status = str(body["status"])
    if action is None or row is None or not rules.comes_after(row.state, status):
        return
    if status in rules.FAILED:
        _moved(work, row, status, rules.FAILED[status])
        action_results.finish(work, action, "failed", f"{rules.FAILED[status]}.")
    elif status == "Installed":
        _installed(work, action, row)
    else:
        _moved(work, row, status)
        action.outcome = rules.words(status)
        _wait(work, action, _WAITS_IDLE if status == "InstallScheduled" else rules.SILENT_AFTER)


def _installed(work: UnitOfWork, action: StaffAction, row: FirmwareUpdate) -> None:
    """Believed when the boot before it named the version."""
    image = work.session.get_one(Firmware, row.firmware_id)
    pile = work.session.get_one(Pile, row.pile_id)
    if pile.firmware != image.version:
        why = f"The pile says that it is installed, but runs {pile.firmware or 'something else'}."
        _moved(work, row, "InstallationFailed", why)
        action_results.finish(work, action, "failed", why)
        return
    _moved(work, row, "Installed")
    action_results.finish(work, action, "done", f"The pile runs {image.version}.")


def on_timer(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Inbox kind "action.timer": what a pile accepted should show by now."""
    action = work.session.get(StaffAction, int(body["action_id"]))
    if action is None or action.state != "running":
        return
    if action.kind == "firmware" and (row := _update(work, action.id)) is not None:
        last = f"After “{rules.words(row.state)}” the pile told no further step."
        _moved(work, row, "Silent", last)
        action_results.finish(work, action, "failed", last)
        return
    if action.kind == "get_log" and (log := _log(work, action.id)) is not None:
        log.state, log.state_at = "Expired", work.now
    action_results.on_timer(work, settings, body)


def _moved(work: UnitOfWork, row: FirmwareUpdate, state: str, why: str = "") -> None:
    row.state, row.state_at, row.why = state, work.now, why
    work.session.flush()
    touched(work, f"pile:{row.pile_id}")
    if row.rollout_id is not None:
        roll_on(work, row.rollout_id)


def roll_on(work: UnitOfWork, rollout_id: int, *, after: timedelta = timedelta()) -> None:
    """Have a roll-out looked at (bot/services/rollouts.py), in a stream of its own."""
    inbox.put(
        work, source="timer", source_id=f"rollout:{rollout_id}", stream=f"rollout:{rollout_id}",
        kind="rollout.timer", body={"rollout_id": rollout_id}, available_at=work.now + after,
        coalesce=True,
    )  # fmt: skip


# --- what they share


def _wait(work: UnitOfWork, action: StaffAction, within: timedelta) -> None:
    """Give a pile this long for its next step."""
    inbox.put(
        work, source="timer", source_id=f"action:{action.id}", stream=f"pile:{action.pile_id}",
        kind="action.timer", body={"action_id": action.id}, available_at=work.now + within,
        coalesce=True,
    )  # fmt: skip


def _of_request(work: UnitOfWork, body: Mapping[str, Any], kind: str) -> StaffAction | None:
    """The action behind a report; a pile speaks for its own orders only."""
    request_id = body.get("request_id")
    if not isinstance(request_id, int) or not 0 < request_id < 2**63:
        return None
    action = _of_command(work, request_id)
    mine = action is not None and action.kind == kind and action.pile_id == body["pile_id"]
    return action if mine else None


def _of_command(work: UnitOfWork, command_id: int) -> StaffAction | None:
    rows = select(StaffAction).where(StaffAction.command_id == command_id).with_for_update()
    return work.session.scalars(rows).first()


def _log(work: UnitOfWork, action_id: int) -> PileLog | None:
    return work.session.scalars(select(PileLog).where(PileLog.action_id == action_id)).first()


def _update(work: UnitOfWork, action_id: int) -> FirmwareUpdate | None:
    rows = select(FirmwareUpdate).where(FirmwareUpdate.action_id == action_id)
    return work.session.scalars(rows).first()
