"""Answers from the knowledge base: the entry that fits a question, the list of the most asked,
and whether it helped."""

from __future__ import annotations

from bot.dialog.intents import intent
from bot.dialog.turn import Turn
from bot.replies import Choose, Option, Replies, Say, Written
from bot.services import knowledge
from handlers.human_handoff import to_person


@intent("knowledge", digression=True)
def answer(turn: Turn) -> Replies | None:
    """A tap on "Did this help?", a row of the list, or the entry that was found for a question."""
    use = _number(turn.value("use"))
    if use is not None:
        return _rated(turn, use, turn.value("helped") or "")
    heard = turn.heard.understanding
    raw = turn.value("entry") or heard.entity("entry")
    found = knowledge.given(
        turn.work, turn.rider.id, _number(raw) or 0, key=turn.heard.key,
        score=_number(heard.entity("likeness")),
    )  # fmt: skip
    if found is None:
        return most_asked(turn)
    version, given = found
    return Choose(
        Say("{answer}\n\nDid this help?", {"answer": Written(version.answer)}),
        [
            Option(f"knowledge?use={given.id}&helped=yes", Say("Yes")),
            Option(f"knowledge?use={given.id}&helped=no", Say("No")),
            Option(f"knowledge?use={given.id}&helped=person", Say("Talk to a person")),
        ],
    )


def _rated(turn: Turn, use: int, outcome: str) -> Replies | None:
    if not knowledge.rated(turn.work, turn.rider.id, use, outcome):
        return most_asked(turn)
    if outcome == "person":
        return to_person(turn)
    if outcome == "yes":
        return Say("Good to hear. Write FAQ to see what others ask.")
    return Choose(
        Say("Sorry that it did not. Please ask in other words, or let a person help you."),
        [Option("help", Say("Menu")), Option("human_handoff", Say("Talk to a person"))],
    )


@intent(
    "faq",
    digression=True,
    words=(
        "faq", "faqs", "questions", "preguntas frecuentes", "preguntas", "perguntas frequentes",
        "perguntas", "常见问题", "常見問題", "questions fréquentes", "questions frequentes",
        "häufige fragen", "haeufige fragen", "fragen",
    ),
)  # fmt: skip
def most_asked(turn: Turn) -> Replies | None:
    """What riders ask most, to tap."""
    person = Option("human_handoff", Say("Talk to a person"))
    entries = knowledge.top(turn.work, turn.lang)
    if not entries:
        return Choose(
            Say("Just write your question. I answer what I know, and fetch a person otherwise."),
            [Option("faq_howto", Say("How it works")), person],
        )
    questions = [
        Option(f"knowledge?entry={each.id}", Say("{words}", {"words": Written(each.question)}))
        for each in entries
    ]
    return Choose(
        Say("What riders ask most. Tap a question, or write your own."),
        [*questions, person],
        list_button=Say("Questions"),
    )


def _number(raw: str | None) -> int | None:
    return int(raw) if raw and raw.isascii() and raw.isdigit() and len(raw) <= 18 else None
