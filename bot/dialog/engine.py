"""The dialog engine: fills the wish of an intent slot by slot, then runs its handler.

One dialog is open at a time. A digression is answered and the open question asked again; any
other intent replaces the dialog; "no" ends it; a button of an older question is told apart by
its tag. Nothing here knows what the intents are about.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from bot.dialog.intents import Intent, Slot
from bot.dialog.kinds import AGREED
from bot.dialog.turn import Instead, State, Turn
from bot.errors import Refused
from bot.replies import Choose, Option, Reply, Say, as_sequence
from bot.store.charging import ChargingSession

STALE_AFTER = timedelta(hours=1)
# "start it" to "Shall I start?" is a yes; a long text that speaks of starting is not.
YES_WORDS = 5
NAMED_CHARS = 60  # longer messages are no commands: they are not held against patterns
# What may be an answer to an open question although it was taken for no or another request.
ANSWERS = frozenset({"answer", "affirm", "deny", "unclear", "out_of_scope", "help", "greet"})


# Several requests of one message: stopping first, then what is told at once, then what asks back.
STOP_WORDS = 2
FIRST = ("safety_emergency", "stop_charge")
TOLD_AT_ONCE = (
    "invoice_or_receipt", "charge_status", "order_history", "faq_howto", "language_change",
    "cancel_booking", "pricing_question", "report_fault",
)  # fmt: skip


class Engine:
    """Serves turns with the handlers that `collect` found."""

    def __init__(self, intents: Mapping[str, Intent]) -> None:
        self.intents = intents
        self._words = {word: name for name, each in intents.items() for word in each.words}
        self._patterns = [
            (re.compile(pattern, re.IGNORECASE), name)
            for name, each in intents.items()
            for pattern in each.patterns
        ]

    def named(self, text: str) -> str | None:
        """The intent that claims this whole message by its words or patterns, or None."""
        bare = text.strip().strip("!.")
        word = self._words.get(bare.casefold())
        if word is not None or len(bare) > NAMED_CHARS:
            return word
        return next((name for pattern, name in self._patterns if pattern.fullmatch(bare)), None)

    def serve(self, turn: Turn) -> list[Reply]:
        """The bot's answer to one message; leaves the new dialog state on the conversation."""
        state = self._state(turn)
        try:
            turn, fresh = self._untag(turn, state)
        except Refused as stale:
            return [Say(stale.text, stale.values), *self._ask_again(turn, state)]
        heard = turn.heard.understanding.intent
        if state is not None and state.asking is not None and not fresh:
            answered = self._answer(turn, state, heard)
            if answered is not None:
                return answered
        return self._serve_all(turn, state)

    # -- several requests ---------------------------------------------------------------------

    def _serve_all(self, turn: Turn, state: State | None) -> list[Reply]:
        """The message's request, or all of them: what answers at once before what asks back.

        Only one of them may open a question, since a yes must mean one thing; what would come
        after it is left, unless it answers at once.
        """
        understood = turn.heard.understanding
        several = [each for each in (understood.intent, *understood.also) if each in self.intents]
        if len(several) < 2 or understood.engine == "safety" or turn.heard.payload is not None:
            return self._begin(turn, state, understood.intent)
        in_order = sorted(dict.fromkeys(several), key=_turn_of)
        last, aside = in_order[-1], all(self.intents[each].digression for each in in_order)
        if state is not None:
            turn.left.update(state.slots)
        replies: list[Reply] = []
        for name in in_order:
            if turn.conversation.dialog and turn.conversation.dialog.get("tag") == _tag(
                turn.heard.key
            ):
                break
            meant = replace(understood, intent=name, also=())
            one = replace(turn, heard=replace(turn.heard, understanding=meant))
            open_ = state if name == last and aside else None
            replies += [each for each in self._begin(one, open_, name) if each not in replies]
        return replies

    # -- an open question ---------------------------------------------------------------------

    def _answer(self, turn: Turn, state: State, heard: str) -> list[Reply] | None:
        """The message as an answer to the open question, or None when it is something else."""
        intent = self.intents[state.intent]
        slot = next(each for each in intent.slots if each.name == state.asking)
        findings = getattr(slot.kind, "takes_danger", False) and _is_told(turn)
        if findings and len(turn.heard.text) <= getattr(slot.kind, "longest", 0):
            return self._said_freely(turn, intent, slot, state)
        if turn.heard.understanding.engine == "safety":
            return None  # a word of danger never answers anything else
        if self.takes_anything(turn.conversation.dialog) and _is_free(turn):
            return self._said_freely(turn, intent, slot, state)
        earlier = self._earlier(turn, intent, slot)
        same = (
            heard == state.intent
            or earlier is not None
            or self._corrects(turn, intent, slot, heard)
            or slot.claims(turn)  # a bare code, a bare time: the answer, whatever else it may be
        )
        if not same and heard not in ANSWERS and not turn.heard.place:
            return None
        if heard == "deny" and not same:
            turn.conversation.dialog = {}
            return [Say("All right, I have dropped that. Nothing was changed.")]
        try:
            corrected = self._yes_but(turn, intent, slot, state) if not same else {}
            if corrected:  # "yes, at 23:00" to an offer that starts now: shown anew, not agreed to
                return self._go_on(turn, intent, state, corrected)
            said = self._take(turn, intent, asking=earlier or (slot.name if not same else None))
            if same and not said:
                said = self._take(turn, intent, asking=slot.name)
                if not said and slot.kind is AGREED:
                    # Words that are a value of another slot are no yes, whatever comes of them.
                    named = any(each.claims(turn) for each in intent.slots)
                    if named or len(turn.heard.text.split()) > YES_WORDS:
                        return self._not_an_answer(turn, state)
                    said = {slot.name: AGREED.dump(True)}
        except Refused as refused:
            return [_no(refused)]
        if not said:
            if heard == "affirm":  # "yes" to "Which one?": never dropped, the next word may cost
                return self._yes_to_which(turn, state)
            if heard in ("unclear", "out_of_scope", "answer"):
                return self._not_an_answer(turn, state)
            return None
        if same and slot.name not in said:
            return self._go_on(turn, intent, state, said)
        state.slots |= said
        turn.conversation.fallbacks = 0
        return self._advance(turn, intent, state)

    def _go_on(
        self, turn: Turn, intent: Intent, state: State, said: Mapping[str, str]
    ) -> list[Reply]:
        """Earlier slots were corrected: what hung on them goes."""
        names = [each.name for each in intent.slots]
        alone = {each.name for each in intent.slots if _stands_alone(each)}
        first = min(names.index(name) for name in said)
        kept = {k: v for k, v in state.slots.items() if names.index(k) < first or k in alone}
        state.slots = {**kept, **said}
        turn.conversation.fallbacks = 0
        return self._advance(turn, intent, state)

    def _yes_but(self, turn: Turn, intent: Intent, slot: Slot, state: State) -> Mapping[str, str]:
        """What a typed yes says otherwise than what was shown."""
        if slot.kind is not AGREED or turn.heard.payload is not None:
            return {}
        said = self._take(turn, intent, asking=None)
        kinds = {each.name: each.kind for each in intent.slots}
        return {
            name: value
            for name, value in said.items()
            if name != slot.name and not _alike(kinds[name], state.slots.get(name), value)
        }

    def takes_anything(self, dialog: Mapping[str, Any]) -> bool:
        """Whether the open question is about a name, an address or other free text: it tells
        nothing of what the rider wants, nor of their language."""
        return self._asks(dialog, "takes_anything")

    def takes_findings(self, dialog: Mapping[str, Any]) -> bool:
        """Whether it is about what was found and done at a pile."""
        return self._asks(dialog, "takes_danger")

    def _asks(self, dialog: Mapping[str, Any], trait: str) -> bool:
        intent = self.intents.get(dialog.get("intent", ""))
        slots = intent.slots if intent else ()
        asking = next((each for each in slots if each.name == dialog.get("asking")), None)
        return asking is not None and getattr(asking.kind, trait, False)

    def _said_freely(self, turn: Turn, intent: Intent, slot: Slot, state: State) -> list[Reply]:
        """Free text answers the open question, whatever it was taken for."""
        try:
            said = self._take(turn, intent, asking=slot.name)
        except Refused as refused:
            return [_no(refused)]
        state.slots |= said
        turn.conversation.fallbacks = 0
        return self._advance(turn, intent, state)

    def _earlier(self, turn: Turn, intent: Intent, asked: Slot) -> str | None:
        """ "30" to "Top up €20?": the slot answered before that the whole message is a value of."""
        if asked.claims(turn):
            return None
        for each in reversed(intent.slots[: intent.slots.index(asked)]):
            try:
                if each.claims(turn) and self._take(turn, intent, asking=each.name):
                    return each.name
            except Refused:
                return each.name
        return None

    def _corrects(self, turn: Turn, intent: Intent, asked: Slot, heard: str) -> bool:
        """ "no, 1023-27" and "wait, it is 1023-27": a slot other than the one asked for."""
        if heard not in ("deny", "unclear", "out_of_scope"):
            return False
        try:
            return bool(self._take(turn, intent, asking=None).keys() - {asked.name})
        except Refused:
            return True

    def _yes_to_which(self, turn: Turn, state: State) -> list[Reply]:
        """A yes takes the only answer there is to tap; of several it cannot choose."""
        asked = self._ask_again(turn, state)
        answers = [
            option.payload.partition(":")[2]
            for reply in asked
            if isinstance(reply, Choose)
            for option in reply.options
            if option.payload.startswith("=")
        ]
        if len(answers) != 1 or turn.heard.payload is not None:
            return [Say("Sorry, I did not understand that as an answer."), *asked]
        tapped = replace(turn, heard=replace(turn.heard, payload=f"={answers[0]}"))
        return self._answer(tapped, state, "answer") or asked

    def _not_an_answer(self, turn: Turn, state: State) -> list[Reply]:
        turn.conversation.fallbacks += 1
        if turn.conversation.fallbacks >= 2:
            return self._run(turn, self.intents["unclear"])
        return [
            Say("Sorry, I did not understand that as an answer."),
            *self._ask_again(turn, state),
        ]

    # -- a new request ------------------------------------------------------------------------

    def _begin(self, turn: Turn, open_: State | None, heard: str) -> list[Reply]:
        intent = self.intents.get(heard) or self.intents["unsupported"]
        turn.conversation.fallbacks = (
            turn.conversation.fallbacks + 1 if intent.name == "unclear" else 0
        )
        if intent.digression and open_ is not None:
            replies = self._run_wish(turn, intent, {})
            still = turn.conversation.dialog
            if not still or still.get("tag") == _tag(turn.heard.key):
                return replies  # it settled what was asked, or opened a question of its own
            return [*replies, *self._ask_again(turn, open_)]
        if open_ is not None:
            turn.left.update(open_.slots)
        turn.conversation.dialog = {}
        return self._run_wish(turn, intent, {})

    def _run_wish(self, turn: Turn, intent: Intent, slots: dict[str, str]) -> list[Reply]:
        if intent.wish is None:
            return self._run(turn, intent)
        state = State(intent.name, slots, tag=_tag(turn.heard.key))
        try:
            state.slots |= self._take(turn, intent, asking=None)
        except Refused as refused:
            return self._refused(turn, intent, state, refused)
        return self._advance(turn, intent, state)

    # -- filling and running ------------------------------------------------------------------

    def _take(self, turn: Turn, intent: Intent, *, asking: str | None) -> dict[str, str]:
        """Every slot value that the message carries; `asking` may take the bare text."""
        found: dict[str, str] = {}
        for slot in intent.slots:
            if asking is not None and slot.name != asking:
                continue
            value = slot.kind.hear(turn, slot.name, asked=slot.name == asking)
            if value is not None:
                found[slot.name] = slot.kind.dump(value)
        return found

    def _advance(self, turn: Turn, intent: Intent, state: State) -> list[Reply]:
        """Ask for the first slot still empty, or run the handler with the whole wish."""
        assert intent.wish is not None
        values: dict[str, Any] = {}
        for slot in intent.slots:
            raw = state.slots.get(slot.name)
            value = slot.kind.load(turn, raw) if raw is not None else None
            if value is None and slot.prompt is not None:
                state.slots.pop(slot.name, None)
                asked = self._ask(turn, intent, state, slot, values)
                if asked is not None:
                    return asked
            values[slot.name] = value
        if turn.conversation.dialog.get("intent") == intent.name:
            turn.conversation.dialog = {}
        return self._run(turn, intent, intent.wish(**values))

    def _ask(
        self, turn: Turn, intent: Intent, state: State, slot: Slot, values: Mapping[str, Any]
    ) -> list[Reply] | None:
        """The question; None when the prompt finds that it need not be asked."""
        assert slot.prompt is not None
        try:
            prompt = Say(slot.prompt) if isinstance(slot.prompt, str) else slot.prompt(turn, values)
        except Refused as refused:
            return self._refused(turn, intent, state, refused)
        if prompt is None:
            return None
        state.slots |= turn.keep
        self._keep(turn, state, slot.name)
        return [_tagged(reply, state.tag) for reply in as_sequence(prompt)]

    def _keep(self, turn: Turn, state: State, asking: str) -> None:
        """The dialog is open, with this question."""
        state.asking, state.at = asking, turn.now.isoformat()
        turn.conversation.dialog = state.dump()

    def _refused(self, turn: Turn, intent: Intent, state: State, refused: Refused) -> list[Reply]:
        """Why it cannot be; the dialog ends unless another value may be written at once."""
        turn.conversation.dialog = {}
        names = [each.name for each in intent.slots]
        if refused.again in names:
            before = names[: names.index(refused.again)]
            state.slots = {name: raw for name, raw in state.slots.items() if name in before}
            self._keep(turn, state, refused.again)
        return [_no(refused)]

    def _ask_again(self, turn: Turn, state: State | None) -> list[Reply]:
        if state is None or state.asking is None:
            return []
        intent = self.intents[state.intent]
        return self._advance(turn, intent, state)

    def _run(self, turn: Turn, intent: Intent, *wishes: object) -> list[Reply]:
        try:
            done = intent.run(turn, *wishes)
        except Refused as refused:
            return [_no(refused)]
        if isinstance(done, Instead):
            turn.conversation.dialog = {}
            return self._run_wish(turn, self.intents[done.intent], {})
        return list(as_sequence(done))

    # -- state and buttons --------------------------------------------------------------------

    def _state(self, turn: Turn) -> State | None:
        """The open dialog, unless it went stale or its handler is gone since a deploy."""
        raw = turn.conversation.dialog
        if not raw or raw["intent"] not in self.intents:
            return None
        state = State(**raw)
        names = {slot.name for slot in self.intents[state.intent].slots}
        if turn.now - datetime.fromisoformat(state.at) > STALE_AFTER or state.asking not in names:
            turn.conversation.dialog = {}
            return None
        return state

    def _untag(self, turn: Turn, state: State | None) -> tuple[Turn, bool]:
        """The turn with a plain "=value" payload; True when a button names its own request.

        Raises Refused for a button that belongs to a question no longer open.
        """
        payload = turn.heard.payload
        if payload is None or not payload.startswith("="):
            return turn, payload is not None
        tag, found, value = payload[1:].partition(":")
        if not found or state is None or state.asking is None or tag != state.tag:
            raise Refused("That button belongs to an earlier question, so nothing was done.")
        return replace(turn, heard=replace(turn.heard, payload=f"={value}")), False


def _stands_alone(slot: Slot) -> bool:
    return bool(getattr(slot.kind, "stands_alone", False))


def _alike(kind: Any, kept: str | None, said: str) -> bool:
    if kept is None:
        return False
    alike = getattr(kind, "alike", None)
    return bool(alike(kept, said)) if alike is not None else kept == said


def _is_free(turn: Turn) -> bool:
    """Typed words that are no command, no danger and no stop."""
    heard = turn.heard
    if heard.payload is not None or not heard.text.strip():  # an address may have a place, too
        return False
    understood = heard.understanding
    if understood.engine in ("safety", "qr") or understood.intent in FIRST:
        return False
    return understood.confidence < 1 or understood.intent in ("affirm", "greet", "thanks_bye")


def _is_told(turn: Turn) -> bool:
    """Typed words that tell of danger, or hold a word for stopping by the way: "a burnt terminal".
    A stop is a stop for whoever charges, and in so many words for everybody."""
    heard = turn.heard
    if heard.payload is not None or not heard.text.strip():
        return False
    if heard.understanding.intent == "stop_charge":
        return len(heard.text.split()) > STOP_WORDS and not _charges(turn)
    return heard.understanding.intent == "safety_emergency"


def _charges(turn: Turn) -> bool:
    open_ = select(ChargingSession.id).where(
        ChargingSession.rider_id == turn.rider.id, ChargingSession.open
    )
    return turn.work.session.scalars(open_).first() is not None


def _no(refused: Refused) -> Reply:
    """A refusal as the rider gets it."""
    said = Say(refused.text, refused.values)
    return Choose(said, refused.options) if refused.options else said


def _turn_of(intent: str) -> int:
    order = (*FIRST, *TOLD_AT_ONCE)
    return order.index(intent) if intent in order else len(order)


def _tag(key: str) -> str:
    return hashlib.blake2s(key.encode(), digest_size=4).hexdigest()


def _tagged(reply: Reply, tag: str) -> Reply:
    """Buttons that answer this question carry its tag."""
    if not isinstance(reply, Choose):
        return reply
    options = [
        Option(f"={tag}:{option.payload[1:]}", option.title, option.detail)
        if option.payload.startswith("=")
        else option
        for option in reply.options
    ]
    return Choose(reply.prompt, options, reply.list_button)
