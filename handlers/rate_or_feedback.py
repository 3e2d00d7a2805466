"""Rating a charge, asked or unasked: score, what it was, and a way to be left alone."""

from __future__ import annotations

from bot.dialog.intents import intent
from bot.dialog.turn import Turn
from bot.domain import feedback as rules
from bot.replies import Replies, Say
from bot.services import feedback, feedback_words
from bot.store.feedback import Feedback
from bot.store.stations import Station


@intent("rate_or_feedback", words=("rate", "rating", "feedback", "valorar", "avaliar", "评价",
                                   "noter", "bewerten"))  # fmt: skip
def rate(turn: Turn) -> Replies:
    """A tap on an answer; anything else asks about the last charge."""
    wanted = turn.value("do")
    if wanted in ("later", "never"):
        feedback.wish(turn.work, turn.rider.id, never=wanted == "never")
        if wanted == "never":
            return Say("I will not ask again. Write RATE whenever you want to tell us something.")
        return Say("All right, I will not ask for a while.")
    named = _number(turn, "ask")
    if named is None:
        row = feedback.question_unasked(turn.work, turn.settings, turn.rider.id)
        return feedback_words.question(row, _place(turn, row))
    return _answered(turn, feedback.own(turn.work, turn.rider.id, named))


def _answered(turn: Turn, row: Feedback) -> Replies:
    score = _number(turn, "score")
    if score is not None:
        feedback.answer(turn.work, row, score)
        kind: rules.Kind = "nps" if row.kind == "nps" else "stars"
        if rules.is_low(kind, score):
            return feedback_words.why(row)
        if row.kind == "stars":
            return feedback_words.noticed(row, _place(turn, row))
    if (tag := turn.value("tag")) is not None:
        feedback.add_tag(turn.work, row, tag)
    if (reason := turn.value("reason")) is not None:
        feedback.say_why(turn.work, row, reason)
    return feedback_words.thanks(row)


def _number(turn: Turn, name: str) -> int | None:
    raw = turn.value(name) or ""
    return int(raw) if raw.isascii() and raw.isdigit() and len(raw) <= 18 else None


def _place(turn: Turn, row: Feedback) -> str:
    station = turn.work.session.get(Station, row.station_id) if row.station_id else None
    return station.name if station is not None else ""
