"""Why a conversation goes to people: its words for staff, its priority, the skill it asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SAFETY, URGENT, MONEY, OTHER = 0, 1, 2, 3  # Conversation.priority


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason of Conversation.handoff_reason; `label` is put on the conversation by itself."""

    title: str
    priority: int = OTHER
    skill: str | None = None
    label: str | None = None


REASONS: Final[dict[str, Reason]] = {
    "safety": Reason("Danger reported", SAFETY, "technical", "safety"),
    "command_failed": Reason("The pile failed twice", URGENT, "technical", "pile fault"),
    "threat": Reason("Threatens with lawyers, press or authorities", URGENT, None, "escalation"),
    "complaint": Reason("Complains", OTHER, None, "complaint"),
    "fault": Reason("Reports a fault", OTHER, "technical", "pile fault"),
    "refund": Reason("Wants money back", MONEY, "finance", "refund"),
    "dispute": Reason("Disputes a charge", MONEY, "finance", "dispute"),
    "angry": Reason("Angry", MONEY, None, "upset"),
    "repeated": Reason("Asked the same three times"),
    "not_understood": Reason("Not understood three times"),
    "asked": Reason("Asked for a person"),
    "privacy": Reason("Asks about personal data", OTHER, None, "privacy"),
    "error": Reason("Our own error", URGENT),
    "reopened": Reason("Wrote again after it was resolved"),
    "returned": Reason("Nobody answered in time"),
    "lost": Reason("The agent went offline"),
    "released": Reason("Put back into the queue"),
}


def reason(name: str | None) -> Reason:
    """What is known of a reason; an unknown one is shown by its name."""
    return REASONS.get(name or "", Reason((name or "").replace("_", " ").capitalize()))
