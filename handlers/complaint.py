"""Something went wrong: a case with a number at once, its pile and charge filled in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bot.dialog.intents import ask, intent, maybe, wish
from bot.dialog.kinds import KEPT, PILE, PilePoint, tapped
from bot.dialog.turn import Turn
from bot.domain.cases import DANGER, RIDER_TOPICS, TOPICS, topic_in
from bot.replies import Choose, Option, Replies, Say
from bot.services import case_intake, case_talk, desk, handoff
from bot.store.cases import Case
from bot.store.stations import Pile
from handlers.unsafe_wiring import alarm

_REASONS: Final = {"fee": "refund", "technical": "fault"}
_REPORTS: Final = {"hazard": "safety_emergency", "wiring": "unsafe_wiring"}  # have their own way
_ENOUGH_WORDS: Final = 3  # a sentence that names none of the topics is "something else"
_HAVE: Final = (
    r"(?:i have |i want to make |tengo |quiero poner |tenho |j['’]ai |ich habe |ich hätte )?"
)
_COMPLAINT: Final = (
    r"(?:complaint|queja|reclamo|reclamaci[oó]n|reclama[cç][aã]o|queixa|r[eé]clamation|plainte"
    r"|beschwerde)"
)
_ABOUT: Final = r"(?:about|on|over|sobre|por|de|da|do|del|sur|concernant|über|ueber|wegen|zu[rm]?)"

# Nothing but money: whatever else is complained about may be a danger, which the NLU sees first.
_MONEY: Final = (
    r"(?:the |my |a |la |mi |el |o |os |minha |meu |ma |mon |le |die |der |meine |meiner |den )?"
    r"(?:last |última |dernière |letzten? |letzte )?"
    r"(?:bill|billing|invoice|price|costs?|refund|factura|cuenta|cobro|precio|reembolso|conta"
    r"|cobrança|fatura|preço|facture|prix|montant|remboursement|rechnung|abrechnung|preise?"
    r"|erstattung)(?: of (?:my |the )?(?:last )?(?:charge|session))?"
)


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
        [Option(_REPORTS.get(code, f"={code}"), case_talk.TOPICS[code]) for code in RIDER_TOPICS],
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
    patterns=(
        rf"{_HAVE}(?:an? |una? |uma |une |eine )?{_COMPLAINT}\s*(?:{_ABOUT})\s*{_MONEY}",
        r"(?:我要|我想)?(?:投诉|投訴)(?:我的|这个)?(?:账单|費用|费用|收费|扣费|价格|退款)",
    ),
)  # fmt: skip
def complain(turn: Turn, want: Complaint) -> Replies:
    """Opened at once; a person has it from here."""
    said = [want.words or "", turn.heard.text]
    text = ". ".join(dict.fromkeys(part.strip() for part in said if part.strip()))
    if want.topic in DANGER:
        return alarm(turn, want.pile.pile if want.pile else None, text)
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
