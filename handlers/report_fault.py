"""Something is broken or blocked: a case at once, with its pile and the rider's charge there."""

from __future__ import annotations

from bot.dialog.intents import intent, maybe, wish
from bot.dialog.kinds import PILE, PilePoint
from bot.dialog.turn import Turn
from bot.domain.cases import DANGER, TOPICS, topic_in
from bot.replies import Replies, Say
from bot.services import case_intake, case_talk, handoff
from handlers.unsafe_wiring import alarm


@wish
class Fault:
    """The pile, when the rider names it."""

    pile: PilePoint | None = maybe(PILE)


@intent("report_fault")
def report(turn: Turn, want: Fault) -> Replies:
    """Kept with its pile for the person who takes over; the number and the clock are told."""
    named = topic_in(turn.heard.text) or "broken"
    if named in DANGER:
        return alarm(turn, want.pile.pile if want.pile else None, turn.heard.text)
    code = named if TOPICS[named].class_ != "fee" else "broken"
    case = case_intake.from_chat(
        turn.work, turn.conversation, code=code, pile=want.pile.pile if want.pile else None,
        text=turn.heard.text or TOPICS[code].title, key=turn.heard.key,
    )  # fmt: skip
    told = case_talk.opened(turn.work, turn.settings, case)
    handoff.to_queue(turn.work, turn.conversation, reason="fault")
    if case.pile_id is None:
        more = Say(
            "Which pile is it? Please send its code or a photo, and what you see. Write BOT to "
            "come back to me."
        )
    else:
        more = Say("Please add a photo or what you see. Write BOT to come back to me.")
    return Say("Thank you for telling us. {case} {more}", {"case": told, "more": more})
