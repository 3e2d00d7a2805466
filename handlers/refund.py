"""Money back: what is wrong with which charge; a rule decides at once, else a person in time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from bot.dialog.intents import ask, intent, maybe, wish
from bot.dialog.kinds import AGREED, CHOICE, tapped
from bot.dialog.turn import Turn
from bot.domain.disputes import REASONS, Reason, reason_in
from bot.errors import Refused
from bot.replies import Amount, Choose, Moment, Option, Replies, Say, Value
from bot.services import billing, charging, coupons, disputes, refund_words
from bot.services.disputes import Contested
from bot.services.offers import stack
from bot.store.charging import ChargingSession
from bot.store.stations import Evse
from handlers.order_history import explained

TITLES: Final[Mapping[Reason, Say]] = {
    "overcharged": Say("It cost too much"),
    "not_refunded": Say("Refund did not come"),
    "coupon": Say("Coupon did not count"),
    "twice": Say("Charged twice"),
    "failed": Say("Payment failed"),
}
PERSON: Final = "person"
FEW_WORDS: Final = 6
NOT_MINE: Final = Option("refund?reason=not_me", Say("A bill is not mine"))


class ReasonKind:
    """What is wrong: tapped, or named in the rider's own words."""

    def claims(self, turn: Turn) -> bool:
        """A few words that name a reason, whatever else they may be taken for ("it cost too
        much")."""
        text = turn.heard.text
        few = turn.heard.payload is None and len(text.split()) <= FEW_WORDS
        return few and reason_in(text) is not None

    def hear(self, turn: Turn, name: str, *, asked: bool) -> Reason | None:
        """One of the reasons."""
        value = tapped(turn, name)
        return self.load(turn, value) if value else reason_in(turn.heard.text)

    def dump(self, value: Reason) -> str:
        """Its name."""
        return value

    def load(self, turn: Turn, raw: str) -> Reason | None:
        """One of the reasons, or None."""
        return next((each for each in REASONS if each == raw), None)


class OrderKind:
    """A billed charge of the rider's own, tapped in a list."""

    def hear(self, turn: Turn, name: str, *, asked: bool) -> ChargingSession | None:
        """The charge, or None for one that is not theirs."""
        return self.load(turn, tapped(turn, name) or "")

    def dump(self, value: ChargingSession) -> str:
        """Its number."""
        return str(value.id)

    def load(self, turn: Turn, raw: str) -> ChargingSession | None:
        """The charge again."""
        known = disputes.contestable(turn.work, turn.rider.id, limit=50)
        return next((each for each in known if str(each.id) == raw), None)


def ask_reason(turn: Turn, slots: Mapping[str, Any]) -> Replies:
    """Five reasons; without a bill there is nothing to contest."""
    if not disputes.contestable(turn.work, turn.rider.id, limit=1):
        raise Refused(
            "I see no bill of yours that money could come back from. A hold that was not used is "
            "released by itself; your bank may take a few days to show it.",
            {},
            [Option("human_handoff", Say("Talk to a person"))],
        )
    options = [Option(f"={reason}", title) for reason, title in TITLES.items()]
    return Choose(Say("I am sorry about that. What is wrong?"), options)


def ask_order(turn: Turn, slots: Mapping[str, Any]) -> Replies | None:
    """The charge; with only one there is nothing to ask."""
    found = disputes.contestable(turn.work, turn.rider.id)
    if len(found) < 2:
        return None
    options = [_option(turn, each) for each in found]
    return Choose(Say("Which charge is it about?"), options, list_button=Say("Choose a charge"))


def _option(turn: Turn, session: ChargingSession) -> Option:
    contested = disputes.look(turn.work, session)
    assert contested is not None
    evse = contested.evse
    values: dict[str, Value] = {
        "evse": evse.code,
        "amount": contested.amount(contested.bill.total_minor),
        "time": Moment(session.started_at or session.created_at, evse.pile.station.tz, "date_time"),
        "station": evse.pile.station.name,
    }
    return Option(
        f"={session.id}", Say("{evse}, {amount}", values), Say("{station}, {time}", values)
    )


@wish
class Contest:
    """What is wrong with which charge; `ask` is "person" when the rule's word was not enough."""

    reason: Reason = ask(ask_reason, ReasonKind())
    order: ChargingSession | None = ask(ask_order, OrderKind())
    ask: str | None = maybe(CHOICE)


# Taken for an invoice by the NLU: "rechnung", "factura" and "facture" are both.
_BILL_IS_WRONG = (
    r"(?:i have |there is |tengo |hay |tenho |há |j['’]ai |il y a |ich habe )?"
    r"(?:an? |un |um |ein )?"
    r"(?:problem|problema|problème) (?:with|con|com|avec|mit) "
    r"(?:my|the|mi|la|minha|a|ma|meiner|der) "
    r"(?:last |letzten |última |dernière )?(?:bill|factura|cuenta|conta|fatura|facture|rechnung)|"
    r"(?:my|the) (?:last )?bill is wrong|(?:mi|la) (?:factura|cuenta) está mal|"
    r"(?:minha|a) conta está errada|(?:ma|la) facture est fausse|"
    r"(?:meine|die) rechnung (?:ist falsch|stimmt nicht)|(?:我的)?账单(?:有误|不对|有问题|错了)"
)


@intent(
    "refund",
    words=(
        "dispute", "disputa", "disputar", "reclamar", "contester", "litige", "reklamation",
        "reklamieren", "申诉", "争议", "退款",
    ),
    patterns=(_BILL_IS_WRONG,),
)  # fmt: skip
def contest(turn: Turn, want: Contest) -> Replies:
    """A rule first; a person where it cannot decide or the rider does not agree."""
    found = _contested(turn, want.order)
    before = disputes.known(turn.work, found.session.id, want.reason)
    if before is not None:
        return disputes.status(turn.work, before)
    if want.ask == PERSON:
        return _to_people(turn, found, want.reason)
    decision, refund = disputes.check(turn.work, found, want.reason)
    if refund is not None:
        return refund_words.told(turn.work, refund, disputes.WHY[want.reason])
    if decision.verdict == "status":
        lines = [refund_words.stands(turn.work, each) for each in found.refunds[:3]]
        return Choose(stack(lines), [_person(found, want.reason)])
    return _explained(turn, found, want.reason)


def _contested(turn: Turn, session: ChargingSession | None) -> Contested:
    if session is None:
        session = next(iter(disputes.contestable(turn.work, turn.rider.id, limit=1)), None)
    found = disputes.look(turn.work, session) if session is not None else None
    if found is None:
        raise Refused("There is no bill for this charge yet. It comes when the charge ends.")
    return found


def _person(found: Contested, reason: Reason) -> Option:
    query = urlencode({"reason": reason, "order": found.session.id, "ask": PERSON})
    return Option(f"refund?{query}", Say("Ask a person"))


def _explained(turn: Turn, found: Contested, reason: Reason) -> Replies:
    """What the rule sees, line by line where it is about the bill; a person may look again."""
    view = billing.bill_view(turn.work, found.bill.id)
    values: dict[str, Value] = {
        "total": found.amount(found.money.due),
        "kept": found.amount(found.money.kept),
        "number": found.bill.number,
        "reference": view.payment_reference or "-",
    }
    text = Say(_SEEN[reason].text, values)
    if reason == "overcharged":
        text = Say("{bill}\n\n{seen}", {"bill": explained(view), "seen": text})
    if reason == "coupon":
        lines = [text, *_why_no_coupon(turn, found)]
        text = stack(lines)
    options = [_person(found, reason), Option("thanks_bye", Say("It is fine"))]
    return Choose(text, options)


_SEEN: Final[Mapping[Reason, Say]] = {
    "overcharged": Say("Computed again from the meter it comes to the same: {total}."),
    "not_refunded": Say("No refund was promised for bill {number} so far."),
    "coupon": Say("No coupon of yours would have lowered bill {number}."),
    "twice": Say(
        "Bill {number} is {total}, and {kept} was taken once (reference {reference}). A second "
        "amount at your bank is the hold: it is released and goes away by itself in a few days."
    ),
    "failed": Say(
        "For bill {number} of {total} we have got {kept} (reference {reference}). What your bank "
        "shows beyond that was only held and goes away by itself in a few days."
    ),
    "not_me": Say("Bill {number} of {total} was started from this chat."),
}


def _why_no_coupon(turn: Turn, found: Contested) -> Sequence[Say]:
    """Each coupon the rider has, and why it did not count."""
    lines = []
    for row in coupons.mine(turn.work, turn.rider.id)[:5]:
        if row.issued_at > found.session.created_at:
            why = Say("You got it after this charge.")
        elif (reason := coupons.why_not(turn.work, row, found.evse)) is not None:
            why = coupons.WHY_NOT[reason]
        else:
            why = Say("It counts for your next charge.")
        lines.append(Say("{code}: {why}", {"code": row.code, "why": why}))
    return lines


def _to_people(turn: Turn, found: Contested, reason: Reason) -> Replies:
    text = turn.heard.text if turn.heard.payload is None else ""
    request = disputes.open_request(turn.work, turn.settings, found, reason, text=text)
    values: dict[str, Value] = {
        "code": disputes.code(request),
        "time": Moment(request.deadline_at, found.evse.pile.station.tz, "date_time"),
        "hours": Amount(turn.settings.dispute_hours * 3600, "s"),
    }
    return Say(
        "Your request is {code}. A person decides it within {hours}, by {time}, and I tell you "
        "here at once. If nobody does, it is decided for you. Anything to add? Just write it.",
        values,
    )


# --- not me


def ask_not_me(turn: Turn, slots: Mapping[str, Any]) -> Replies:
    """Before a charge is stopped."""
    session = charging.open_session(turn.work, turn.rider.id)
    if session is None:
        raise Refused(
            "No charge of yours is running. Is a bill not yours? Then write DISPUTE.",
            {},
            [NOT_MINE],
        )
    evse = turn.work.session.get_one(Evse, session.evse_id)
    return Choose(
        Say(
            "Somebody charges at {evse} on your account, and it is not you? Then I stop it now. "
            "Shall I?",
            {"evse": evse.code},
        ),
        [Option("=yes", Say("Yes, stop it")), Option("deny", Say("No, it is mine"))],
    )


@wish
class NotMe:
    """The rider is sure."""

    agreed: bool = ask(ask_not_me, AGREED)


@intent(
    "not_me",
    words=(
        "not me", "that is not me", "that's not me", "no soy yo", "não sou eu", "nao sou eu",
        "不是我", "ce n'est pas moi", "pas moi", "das bin ich nicht", "nicht ich",
    ),
)  # fmt: skip
def not_me(turn: Turn, want: NotMe) -> Replies | None:
    """Early on it costs nothing; later it is stopped, and a person looks at the bill."""
    session = charging.open_session(turn.work, turn.rider.id)
    if session is None:
        return Say("This charge has ended already. Write DISPUTE to have its bill looked at.")
    began = session.started_at or session.created_at
    if (turn.now - began).total_seconds() <= turn.settings.not_me_s:
        charging.not_me(turn.work, session, key=turn.heard.key)
        return None
    charging.request_stop(turn.work, turn.settings, session, by="rider", key=turn.heard.key)
    return Choose(
        Say("When the receipt is here, a person can look at whether it has to be paid."),
        [Option("refund?reason=not_me", Say("It was not me"))],
    )
