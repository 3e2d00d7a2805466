"""The words of the questions after a charge or a conversation, and of their answers."""

from __future__ import annotations

from typing import Final

from bot.replies import Choose, Option, Replies, Say
from bot.store.feedback import Feedback

REASONS: Final = {
    "price": Say("The price"),
    "broken": Say("Something was broken"),
    "slow": Say("Charging was slow"),
    "occupied": Say("Places were taken"),
    "payment": Say("Paying"),
    "finding": Say("Hard to find"),
    "chat": Say("This chat"),
    "people": Say("Your people"),
    "other": Say("Something else"),
}
TAGS: Final = {
    "fast": Say("Fast"),
    "easy": Say("Easy to find"),
    "clean": Say("Clean"),
    "safe": Say("Feels safe"),
    "slow": Say("Slow"),
    "hard": Say("Hard to find"),
    "dirty": Say("Dirty"),
    "blocked": Say("Often blocked"),
}
CHOOSE: Final = Say("Choose")


def question(row: Feedback, place: str) -> Replies:
    """The one question, with a way out of it."""
    if row.kind == "nps":
        text = Say(
            "How likely are you to recommend us to a friend? {low} is not at all, {high} for sure.",
            {"low": row.scale_low, "high": row.scale_high},
        )
        scores = [
            _score(row, each, Say("{number}", {"number": each}))
            for each in range(row.scale_high, row.scale_low - 1, -1)
        ]
    else:
        text = Say("How was our help just now?")
        if row.kind == "stars":
            text = Say("How was charging at {station}?", {"station": place})
        scores = [
            _score(row, each, Say("{stars}", {"stars": "★" * each + "☆" * (5 - each)}))
            for each in range(5, 0, -1)
        ]
    ways_out = [
        Option("rate_or_feedback?do=later", Say("Not now")),
        Option("rate_or_feedback?do=never", Say("Do not ask again")),
    ]
    return Choose(text, [*scores, *ways_out], list_button=CHOOSE)


def _score(row: Feedback, score: int, title: Say) -> Option:
    return Option(f"rate_or_feedback?ask={row.id}&score={score}", title)


def why(row: Feedback) -> Replies:
    """After a low score: what was it?"""
    options = [
        Option(f"rate_or_feedback?ask={row.id}&reason={key}", title)
        for key, title in REASONS.items()
    ]
    text = Say("I am sorry. A person will look at this. What was it most of all?")
    return Choose(text, options, list_button=CHOOSE)


def noticed(row: Feedback, place: str) -> Replies:
    """After stars for a site: what stood out?"""
    options = [
        Option(f"rate_or_feedback?ask={row.id}&tag={key}", title)
        for key, title in TAGS.items()
        if key not in row.tags
    ]
    options.append(_comment(row))
    text = Say("Thank you! What did you notice at {station}?", {"station": place})
    return Choose(text, options[:10], list_button=CHOOSE)


def thanks(row: Feedback) -> Replies:
    """The end; a comment is welcome."""
    return Choose(Say("Thank you, that helps us."), [_comment(row)])


def _comment(row: Feedback) -> Option:
    return Option(f"feedback_comment?about={row.id}", Say("Write a comment"))
