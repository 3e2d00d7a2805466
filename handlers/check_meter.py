"""Doubting a meter: the readings of the charge, and a test by a person with a reference meter."""

from __future__ import annotations

from bot.dialog.intents import ask, intent, wish
from bot.dialog.turn import Turn
from bot.errors import Refused
from bot.replies import Replies, Say
from bot.services import case_talk, disputes, meter_cases, meter_checks
from bot.store.charging import ChargingSession
from handlers.refund import OrderKind, ask_order


@wish
class CheckMeter:
    """Which charge; the only one need not be asked for."""

    order: ChargingSession | None = ask(ask_order, OrderKind())


@intent(
    "check_meter",
    words=(
        "check meter", "check the meter", "meter check", "revisar contador", "revisar el contador",
        "verificar medidor", "检查电表", "电表不准", "vérifier le compteur", "verifier le compteur",
        "zähler prüfen",
    ),
)  # fmt: skip
def check_meter(turn: Turn, want: CheckMeter) -> Replies:
    """Opens the check once for a charge; asked again it tells how it stands."""
    session = want.order
    if session is None:
        session = next(iter(disputes.contestable(turn.work, turn.rider.id, limit=1)), None)
    if session is None:
        raise Refused("There is no bill for this charge yet. It comes when the charge ends.")
    check = meter_checks.ask(turn.work, session)
    values = meter_checks.readings(turn.work, check)
    if check.state == "fair":
        return Say("The meter of {evse} was tested ({code}) and is right.", values)
    if check.state == "paid":
        return Say("The meter of {evse} was tested ({code}); your money went back.", values)
    if check.state == "failed":
        return meter_checks.failed_words(turn.work, check)
    said = Say(
        "Meter check {code}: {evse}, {date}. The meter stood at {from} before and {to} after, so "
        "{energy}. A technician tests it against a reference. If it is off by more than 1 %, you "
        "get ten times the difference back; I tell you the result here.",
        values,
    )
    case = meter_cases.of_check(turn.work, check)
    return [said, case_talk.opened(turn.work, turn.settings, case)] if case is not None else said
