"""Something went wrong: a case with a number at once, its pile and charge filled in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bot.dialog.intents import ask, intent, maybe, wish
from bot.dialog.kinds import KEPT, PILE, PilePoint, tapped
from bot.dialog.turn import Turn
from bot.domain.cases import RIDER_TOPICS, TOPICS, topic_in
from bot.replies import Choose, Option, Replies, Say
from bot.services import case_intake, case_talk, desk, handoff
from bot.store.cases import Case
from bot.store.stations import Pile

_REASONS: Final = {"fee": "refund", "technical": "fault"}
_ENOUGH_WORDS: Final = 3  # a sentence that names none of the topics is "something else"


class TopicKind:
    """What it is about: a row of the list, or words that name it."""

    def hear(self, turn: Turn, name: str, *, asked: bool) -> str | None:
        """None while it may be anything."""
        row = tapped(turn, name)
        if row is not None:
            return row if row in TOPICS else None
        named = topic_in(turn.heard.text)
        if named is None and asked and len(turn.heard.text.split()) >= _ENOUGH_WORDS:
            return "other"
        return named

    def dump(self, value: str) -> str:
        """The code."""
        return value

    def load(self, turn: Turn, raw: str) -> str | None:
        """The code, while it exists."""
        return raw if raw in TOPICS else None


TOPIC = TopicKind()


def ask_topic(turn: Turn, slots: Mapping[str, Any]) -> Replies:
    """The list of what can be wrong; what was said already is kept for the case."""
    turn.keep["words"] = turn.heard.text
    return Choose(
        Say("I am sorry to hear that. What is it about? You can also write AGENT for a person."),
        [
            Option("safety_emergency" if code == "hazard" else f"={code}", case_talk.TOPICS[code])
            for code in RIDER_TOPICS
        ],
        list_button=Say("Choose a topic"),
    )


@wish
class Complaint:
    """The topic; the pile where it is named; the words of the first message."""

    topic: str = ask(ask_topic, TOPIC)
    pile: PilePoint | None = maybe(PILE)
    words: str | None = maybe(KEPT)


@intent(
    "complaint",
    words=(
        "complaint", "complain", "queja", "reclamo", "reclamação", "reclamacao", "投诉",
        "réclamation", "reclamation", "beschwerde",
    ),
)  # fmt: skip
def complain(turn: Turn, want: Complaint) -> Replies:
    """Opened at once; a person has it from here."""
    said = [want.words or "", turn.heard.text]
    text = ". ".join(dict.fromkeys(part.strip() for part in said if part.strip()))
    return open_and_tell(turn, want.topic, want.pile.pile if want.pile else None, text)


def open_and_tell(turn: Turn, code: str, pile: Pile | None, text: str) -> Replies:
    """Number, what comes next by when, and what would help; the chat goes to people."""
    case = case_intake.from_chat(
        turn.work, turn.conversation, code=code, pile=pile, key=turn.heard.key,
        text=text or TOPICS[code].title,
    )  # fmt: skip
    told = case_talk.opened(turn.work, turn.settings, case)
    said = Say("{case} {more}", {"case": told, "more": _help_us(turn, case)})
    handoff.to_queue(
        turn.work, turn.conversation, reason=_REASONS.get(TOPICS[code].class_, "complaint")
    )
    return said


def _help_us(turn: Turn, case: Case) -> Say:
    wait = desk.waiting_text(turn.work, turn.settings, turn.conversation)
    if case.pile_id is None and TOPICS[case.code].class_ == "technical":
        return Say(
            "Which pile is it? Please send its code or a photo, and what you see. {wait} Write "
            "BOT to come back to me.",
            {"wait": wait},
        )
    return Say(
        "You can add a photo or more words here at any time. {wait} Write BOT to come back to me.",
        {"wait": wait},
    )
