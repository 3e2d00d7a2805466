"""Stop: works in any state, in any language, whoever owns the chat."""

from __future__ import annotations

from bot.dialog.intents import intent
from bot.dialog.turn import Turn
from bot.replies import Choose, Option, Replies, Say
from bot.services import charging, later
from bot.store.charging import ChargingSession
from handlers.start_later import cancel_later


@intent("stop_charge")
def stop(turn: Turn) -> Replies | None:
    """Stops the running charge; a button of an ended charge is answered and does nothing."""
    session = charging.open_session(turn.work, turn.rider.id)
    named = turn.value("session")
    if named and (session is None or str(session.id) != named):
        return _ended(turn, named)
    if session is None and later.of_rider(turn.work, turn.rider.id) is not None:
        return cancel_later(turn)
    if session is None:
        return Choose(
            Say("You have no charge running, so there is nothing to stop."),
            [
                Option("invoice_or_receipt", Say("My last receipt")),
                Option("privacy_request", Say("Stop messages")),
                Option("help", Say("Menu")),
            ],
        )
    charging.request_stop(turn.work, turn.settings, session, by="rider", key=turn.heard.key)
    return None


def _ended(turn: Turn, named: str) -> Replies:
    known = turn.work.session.get(ChargingSession, int(named)) if named.isdigit() else None
    if known is None or known.rider_id != turn.rider.id:
        return Say("I do not know that charge, so nothing was stopped.")
    return Choose(
        Say("That charge has already ended, so nothing was stopped."),
        [Option(f"invoice_or_receipt?session={named}", Say("Receipt"))],
    )
