"""What a rider wants: button, danger, code in a photo, keyword, Rasa, then keywords again.

`Nlu` never raises and takes no longer than its time limit for Rasa. Where the intent is not
clear it says "unclear" and puts its best guess into `secondary`; the dialog then asks.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import parse_qsl

from bot.understanding import Entity, Understanding
from nlu import entities as patterns
from nlu import keywords
from nlu.language import guess_language
from nlu.rasa import Parsed, Rasa
from nlu.safety import is_danger, is_denied

INTENTS: Final = (
    "find_pile", "charge_status", "order_history", "book_pile", "modify_booking",
    "cancel_booking", "start_charge", "stop_charge", "change_session", "faq_howto",
    "pricing_question", "refund", "complaint", "invoice_or_receipt", "top_up_or_payment",
    "coupon_or_membership", "report_fault", "safety_emergency", "human_handoff",
    "rate_or_feedback", "community", "language_change", "privacy_request", "greet", "thanks_bye",
    "affirm", "deny", "help", "out_of_scope",
)  # fmt: skip
# Acting on these by mistake costs the rider something: they need a margin before the next guess.
ACTIONS: Final = frozenset(
    ("start_charge", "stop_charge", "book_pile", "cancel_booking", "refund", "top_up_or_payment")
)
MAX_CHARS: Final = 500  # a 60 kB text blocks Rasa for 14 s; no request needs more than this

_SURE: Final = 0.30  # below this the dialog asks back
_MARGIN: Final = 0.20  # what an action must be ahead of the next guess
_KEYWORD_SHARE: Final = 0.05  # how much keywords weigh beside Rasa
# Danger: recall comes first. Words of danger count unless Rasa is sure of something else ("this
# charger is fire"); without such words Rasa's suspicion is enough.
_DANGER_WITH_WORDS: Final = 0.02
_DANGER_ALONE: Final = 0.25
_DANGER_DENIED: Final = 0.97  # where the text says that there is none ("no smoke, no smell")
# Out of scope is told from the rest more often than its probability says: nobody can write
# examples of everything that is not about charging.
_FOREIGN: Final = 2.0
_FOREIGN_WORDS: Final = 30.0  # the same with words of other trades and none of ours
_FOREIGN_LEAST: Final = 0.03  # its probability before that, where Rasa sees none
# What a fact makes likelier, as a factor.
_LIKELIER: Final = {
    "session_active": {
        "charge_status": 3.0,
        "stop_charge": 2.0,
        "change_session": 3.0,
        "deny": 1.3,
    },
    "has_booking": {"modify_booking": 2.0, "cancel_booking": 2.0, "order_history": 1.5},
    "plugged_in": {"start_charge": 2.5},
    "in_wallet": {"top_up_or_payment": 3.0},
    "asked_confirm": {"affirm": 6.0, "deny": 6.0},
}
# What the absence of a fact makes less likely: there is no session to change. Mildly, since
# riders may speak of what the conversation does not know.
_WITHOUT: Final = {
    "session_active": {"change_session": 0.3, "charge_status": 0.4, "stop_charge": 0.5},
    "has_booking": {"modify_booking": 0.4, "cancel_booking": 0.6},
    "asked_confirm": {"affirm": 0.6},
}
# Several requests of one message: what may be one of them, and how sure its piece must be.
_REQUESTS: Final = frozenset(
    ("find_pile", "charge_status", "order_history", "book_pile", "modify_booking",
     "cancel_booking", "start_charge", "stop_charge", "change_session", "pricing_question",
     "refund", "invoice_or_receipt", "top_up_or_payment", "coupon_or_membership",
     "human_handoff", "language_change", "privacy_request")
)  # fmt: skip
_SURE_REQUEST: Final = 0.75


class Nlu:
    """bot.understanding.Understander over the real parts; `rasa=None` works without Rasa."""

    def __init__(self, rasa: Rasa | None) -> None:
        self._rasa = rasa

    def __call__(
        self,
        text: str,
        *,
        payload: str | None = None,
        codes: tuple[str, ...] = (),
        lang: str | None = None,
        context: frozenset[str] = frozenset(),
    ) -> Understanding:
        """See bot.understanding.Understander; the result's `lang` is a guess from `text` alone."""
        if payload:
            return from_payload(payload)
        words_of_danger = is_danger(clean(text, 8 * MAX_CHARS))
        text = clean(text)
        found = patterns.find(text)
        language = guess_language(text)
        if words_of_danger and self._is_meant(text):
            sign = tuple(Entity("pile_code", code, code) for code in codes)
            return Understanding("safety_emergency", 1.0, (*found, *sign), None, language, "safety")
        if codes:
            return self._photo(text, codes, language, context)
        return self._text(text, found, language, context)

    def _is_meant(self, text: str) -> bool:
        """Whether words of danger are meant as such; they are while Rasa is away."""
        parsed = self._rasa.parse(text) if self._rasa and _is_readable(text) else None
        if parsed is None:
            return True
        return dict(parsed.ranking).get("safety_emergency", 0.0) >= _DANGER_WITH_WORDS

    def _photo(
        self, text: str, codes: tuple[str, ...], language: str | None, context: frozenset[str]
    ) -> Understanding:
        """A code in a photo starts a charge, unless the caption clearly asks for something else."""
        seen = tuple(Entity("pile_code", code, code) for code in codes)
        start = Understanding("start_charge", 1.0, seen, None, language, "qr")
        if not text:
            return start
        caption = self._text(text, patterns.find(text), language, context)
        others = tuple(one for one in caption.entities if one.type != "pile_code")
        if caption.intent in _ABOUT_A_PILE:
            return replace(caption, entities=(*others, *seen))
        return replace(start, entities=(*others, *seen))

    def _text(
        self,
        text: str,
        found: tuple[Entity, ...],
        language: str | None,
        context: frozenset[str],
    ) -> Understanding:
        if not text:
            return Understanding("unclear", 0.0)
        intent = keywords.exact(text, context)
        if intent is not None:
            return Understanding(intent, 1.0, found, None, language)
        if _is_only_a_code(text, found):
            return Understanding("start_charge", 0.95, found, None, language)
        if not _is_readable(text):
            return Understanding("unclear", 0.0, found, "out_of_scope", language)
        parsed = self._rasa.parse(text) if self._rasa else None
        if parsed is None:
            return _by_keywords(text, found, language, context)
        return _decide(text, parsed, found, language, context)


_ABOUT_A_PILE: Final = frozenset(
    ("report_fault", "find_pile", "pricing_question", "book_pile", "complaint", "human_handoff",
     "stop_charge", "charge_status", "faq_howto")
)  # fmt: skip


def literal(text: str) -> Understanding:
    """What rules read in a text whose intent is known already: its entities and its language."""
    text = clean(text)
    return Understanding("unclear", 0.0, patterns.find(text), None, guess_language(text))


def from_payload(payload: str) -> Understanding:
    """ "start_charge?pile=1023-27" → start_charge with entity pile; "=yes" → "answer"."""
    if payload.startswith("="):
        answer = payload[1:]
        return Understanding("answer", 1.0, (Entity("answer", answer, answer),), engine="button")
    intent, _, slots = payload.partition("?")
    pairs = parse_qsl(slots, keep_blank_values=True)
    given = tuple(Entity(name, value, value) for name, value in pairs)
    return Understanding(intent, 1.0, given, engine="button")


def clean(text: str, longest: int = MAX_CHARS) -> str:
    """What may be given to Rasa: no control characters, no leading "/" (it would inject an
    intent), and of a longer text its beginning and its end, where people say what they want."""
    text = unicodedata.normalize("NFC", text[: 8 * longest])
    kept = "".join(
        " " if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") else c for c in text
    )
    words = " ".join(kept.split()).lstrip("/ ").strip()
    if len(words) <= longest:
        return words
    return f"{words[: longest // 2].rstrip()} {words[1 - longest // 2 :].lstrip()}"


def _is_only_a_code(text: str, found: Sequence[Entity]) -> bool:
    codes = [one for one in found if one.type == "pile_code"]
    if len(codes) != len(found) or not codes:
        return False
    rest = text
    for one in codes:
        rest = rest.replace(one.text, " ")
    return not re.search(r"[^\W\d_]{3,}|[\u3400-\u9fff]{2,}", rest)


def _is_readable(text: str) -> bool:
    """Whether there are letters or characters of the scripts we speak."""
    letters = [c for c in text if c.isalpha()]
    known = sum(
        c < "\u0250" or "\u3400" <= c <= "\u9fff" or "\u1e00" <= c < "\u1f00" for c in letters
    )
    return bool(letters) and known * 2 >= len(letters)


def _by_keywords(
    text: str, found: tuple[Entity, ...], language: str | None, context: frozenset[str]
) -> Understanding:
    """Rasa is away: rules by keyword. One hit is enough for a question, not for surprises, so
    the confidence stays low and actions are confirmed by the dialog anyway."""
    intents = keywords.scored(text)
    if any(fact.startswith("asked_confirm") for fact in context):
        intents.sort(key=lambda intent: intent not in ("affirm", "deny"))
    if intents:
        second = intents[1] if len(intents) > 1 else None
        return Understanding(intents[0], 0.6, found, second, language)
    if any(one.type == "pile_code" for one in found):
        return Understanding("start_charge", 0.5, found, None, language)
    return Understanding("unclear", 0.1, found, None, language)


def weigh(
    ranking: Iterable[tuple[str, float]], text: str, context: frozenset[str]
) -> list[tuple[str, float]]:
    """Rasa's ranking, moved by what the conversation knows and by keywords; adds up to 1."""
    scores = dict(ranking)
    facts = {fact.partition(":")[0] for fact in context}
    moved = [factors for fact, factors in _LIKELIER.items() if fact in facts]
    moved += [factors for fact, factors in _WITHOUT.items() if fact not in facts]
    for intent, factor in (pair for factors in moved for pair in factors.items()):
        scores[intent] = scores.get(intent, 0.01) * factor
    foreign = _FOREIGN_WORDS if keywords.is_foreign(text) else _FOREIGN
    if "out_of_scope" in scores:
        scores["out_of_scope"] = max(scores["out_of_scope"], _FOREIGN_LEAST) * foreign
    total = sum(scores.values()) or 1.0
    mixed = {intent: (1 - _KEYWORD_SHARE) * score / total for intent, score in scores.items()}
    hits = keywords.scored(text)
    if hits:
        mixed[hits[0]] = mixed.get(hits[0], 0.0) + _KEYWORD_SHARE
    whole = sum(mixed.values())
    return sorted(((i, s / whole) for i, s in mixed.items()), key=lambda one: -one[1])


def _decide(
    text: str,
    parsed: Parsed,
    found: tuple[Entity, ...],
    language: str | None,
    context: frozenset[str],
) -> Understanding:
    everything = patterns.merge(parsed.entities, found)
    suspicion = dict(parsed.ranking).get("safety_emergency", 0.0)
    if suspicion >= (_DANGER_DENIED if is_denied(text) else _DANGER_ALONE):
        return Understanding("safety_emergency", suspicion, everything, None, language, "rasa")
    ranking = [one for one in weigh(parsed.ranking, text, context) if one[0] != "safety_emergency"]
    several = requests(parsed, context)
    if several:
        sure = min(p for intent, p in parsed.requests if intent in several and p >= _SURE_REQUEST)
        return Understanding(
            several[0], sure, everything, several[1], language, "rasa", also=several[1:]
        )
    (first, sure), (second, next_) = ranking[0], ranking[1] if len(ranking) > 1 else (None, 0.0)
    if sure < _SURE or (first in ACTIONS and sure - next_ < _MARGIN):
        return Understanding("unclear", sure, everything, first, language, "rasa")
    likely = second if next_ >= _SURE / 2 else None
    return Understanding(first, sure, everything, likely, language, "rasa")


def requests(parsed: Parsed, context: frozenset[str]) -> tuple[str, ...]:
    """The intents of a message that asks for several things, in its order; () where it asks for
    one. A fault counts only before the wish for another pile: else it is a reason."""
    sure = [intent for intent, p in parsed.requests if p >= _SURE_REQUEST]
    if "out_of_scope" in sure or parsed.ranking[0][0] == "out_of_scope":
        return ()
    wanted = [
        intent
        for intent in dict.fromkeys(sure)
        if intent in _REQUESTS or (intent == "report_fault" and "find_pile" in sure)
    ]
    if "stop_charge" in wanted and "session_active" not in context:
        wanted.remove("stop_charge")
    return tuple(wanted) if len(wanted) > 1 else ()
