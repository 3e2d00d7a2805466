"""Cash of a wallet back to where it came from: newest payment first, no fee, bonus stays.

What no payment takes back any more (too old, given back already, money of good will) goes to
staff, who send it by other means.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import or_, select

from bot.domain.money import Money
from bot.domain.staff_actions import plain
from bot.domain.wallet import Source, split_payout
from bot.errors import Refused
from bot.replies import Choose, Option, Say
from bot.services import billing, money_watch, refunds, wallet
from bot.services.outbound import tell_rider
from bot.store.charging import Hold, Refund
from bot.store.database import UnitOfWork
from bot.store.riders import Rider
from bot.store.wallet import Payout, TopUp, Wallet

# Card networks refuse refunds of much older payments; Stripe's own advice is half a year.
TOO_OLD: Final = timedelta(days=180)
_DECIDED: Final = frozenset({"won", "lost", "warning_closed", "prevented"})


@dataclass(frozen=True, slots=True)
class Plan:
    """What paying out would do now: shown before the yes."""

    wallet_id: int
    cash: Money
    parts: tuple[Source, ...]  # holds, newest first
    by_hand: Money
    bonus: Money

    @property
    def by_itself(self) -> Money:
        """What goes back to the payments it came from."""
        return Money(self.cash.amount_minor - self.by_hand.amount_minor, self.cash.currency)


def plan(work: UnitOfWork, rider: Rider, currency: str) -> Plan:
    """How a rider's cash would go back. Raises Refused: nothing there, or a dispute is open."""
    mine = wallet.find(work, rider.id, currency)
    if mine is None or not mine.cash_minor:
        bonus = Money(mine.bonus_minor if mine else 0, currency)
        raise Refused(
            "There is no cash in your wallet to pay out. Bonus ({bonus}) is for charging only and "
            "stays.",
            {"bonus": bonus},
        )
    if open_dispute(work, rider.id):
        raise Refused(
            "Your bank is looking into one of your payments. Until it has decided, nothing can be "
            "paid out; you can go on charging. Write “agent” to talk to a person about it."
        )
    parts, by_hand = split_payout(mine.cash_minor, _sources(work, mine))
    return Plan(
        wallet_id=mine.id,
        cash=Money(mine.cash_minor, currency),
        parts=tuple(parts),
        by_hand=Money(by_hand, currency),
        bonus=Money(mine.bonus_minor, currency),
    )


def _sources(work: UnitOfWork, mine: Wallet) -> list[Source]:
    """Payments of top-ups that can still take money back, newest first."""
    paid = select(TopUp.id).where(TopUp.wallet_id == mine.id, TopUp.state == "paid")
    subjects = [f"topup:{number}" for number in work.session.scalars(paid)]
    holds = list(
        work.session.scalars(
            select(Hold)
            .where(
                Hold.subject.in_(subjects),
                Hold.captured_minor > 0,
                Hold.created_at > work.now - TOO_OLD,
                or_(Hold.reason.is_(None), ~Hold.reason.like("dispute % lost:%")),
            )
            .order_by(Hold.id.desc())
        )
    )
    left = refunds.balances(work, holds)
    return [Source(hold.id, left[hold.id].left.amount_minor) for hold in holds]


def open_dispute(work: UnitOfWork, rider_id: int) -> bool:
    """Whether a bank has not decided yet on a payment of this rider."""
    contested = select(Hold.reason).where(
        Hold.rider_id == rider_id, Hold.reason.startswith("dispute ")
    )
    for reason in work.session.scalars(contested):
        words = (reason or "").replace(":", " ").split()
        if len(words) < 3 or words[2] not in _DECIDED:
            return True
    return False


def start(work: UnitOfWork, rider: Rider, agreed: Money, *, key: str) -> Plan:
    """Pay out the cash that was agreed to; a repeat of `key` changes nothing. Raises Refused when
    the balance has changed since it was shown."""
    mine = wallet.find(work, rider.id, agreed.currency)
    if mine is not None:
        wallet.lock(work, mine.id)
        known = select(Payout.id).where(Payout.key.startswith(f"{key}:"))
        if work.session.scalars(known).first() is not None:
            raise Refused("This is on its way already.")
    planned = plan(work, rider, agreed.currency)
    if planned.cash != agreed:
        raise Refused(
            "Your balance has changed since I showed it, so nothing was paid out. Please look at "
            "it again.",
            {},
            [Option("pay_out", Say("Pay out"))],
        )
    for number, part in enumerate(planned.parts):
        payout = _draw(work, planned, f"{key}:{number}", part.left_minor, "open")
        refund = refunds.give_back(work, part.id, part.left_minor, reason="payout")
        assert refund is not None
        payout.refund_id = refund.id
    if planned.by_hand.amount_minor:
        _draw(work, planned, f"{key}:hand", planned.by_hand.amount_minor, "staff")
        text = (
            f"Pay out {plain(planned.by_hand)} of the wallet by hand: no card payment takes it "
            f"back any more. Ask the rider for an account, send it, then note it in the panel."
        )
        money_watch.call_staff(work, rider.id, text, reason="refund", key=f"payout:{key}:hand")
    work.session.flush()
    return planned


def _draw(work: UnitOfWork, planned: Plan, key: str, amount_minor: int, state: str) -> Payout:
    payout = Payout(
        key=key, wallet_id=planned.wallet_id, amount_minor=amount_minor, state=state,
        created_at=work.now,
    )  # fmt: skip
    work.session.add(payout)
    work.session.flush()
    wallet.draw(
        work, planned.wallet_id, amount_minor, source=f"payout:{payout.id}",
        account=wallet.PREPAID,
    )  # fmt: skip
    return payout


def on_refund(work: UnitOfWork, hold: Hold, refund: Refund) -> None:
    """The provider has sent a part, or could not: then it is back in the wallet, and staff know."""
    payout = work.session.scalars(select(Payout).where(Payout.refund_id == refund.id)).first()
    if payout is None or payout.state == "returned":
        return
    mine = wallet.lock(work, payout.wallet_id)
    money = Money(payout.amount_minor, mine.currency)
    if refund.state == "done" and payout.state == "open":
        payout.state, payout.ended_at = "done", work.now
    elif refund.state == "failed":
        payout.state, payout.ended_at = "returned", work.now
        wallet.credit(
            work, mine.rider_id, money, bonus=False, source=f"payout:{payout.id}",
            kind="returned", account=wallet.PREPAID,
        )  # fmt: skip
        text = Say(
            "Your bank did not take back {amount} of your pay-out, so it is in your wallet again. "
            "A person of our team will look for another way with you.",
            {"amount": money},
        )
        reply = Choose(text, [Option("wallet", Say("Wallet"))])
        tell_rider(work, mine.rider_id, reply, key=f"payout:{payout.id}:returned")


def waiting_for_staff(work: UnitOfWork, wallet_id: int) -> list[Payout]:
    """What staff still have to send by hand."""
    rows = select(Payout).where(Payout.wallet_id == wallet_id, Payout.state == "staff")
    return list(work.session.scalars(rows.order_by(Payout.id)))


def sent_by_hand(work: UnitOfWork, payout_id: int) -> Payout | None:
    """Staff have sent it: the books say so, and the rider is told. None when it is done already."""
    payout = work.session.get_one(Payout, payout_id)
    mine = wallet.lock(work, payout.wallet_id)
    work.session.refresh(payout)
    if payout.state != "staff":
        return None
    _sent(work, payout, mine)
    money = Money(payout.amount_minor, mine.currency)
    text = Say("{amount} of your wallet has been sent to you, as agreed.", {"amount": money})
    tell_rider(work, mine.rider_id, text, key=f"payout:{payout.id}:sent")
    return payout


def _sent(work: UnitOfWork, payout: Payout, mine: Wallet) -> None:
    payout.state, payout.ended_at = "done", work.now
    billing.post(
        work,
        source=f"payout:{payout.id}",
        kind="sent",
        currency=mine.currency,
        amounts={wallet.PREPAID: payout.amount_minor, wallet.BANK: -payout.amount_minor},
    )


def lost(work: UnitOfWork, hold: Hold, *, dispute: str) -> None:
    """A bank has given a top-up back to the cardholder over our heads: as much of it as is still
    there leaves the wallet, or it could be paid out twice; what is missing staff hear of. A repeat
    changes nothing."""
    kind, _, number = hold.subject.partition(":")
    if kind != "topup":
        return
    mine = wallet.lock(work, work.session.get_one(TopUp, int(number)).wallet_id)
    key = f"dispute:{dispute}:0"
    if work.session.scalars(select(Payout.id).where(Payout.key == key)).first() is not None:
        return
    gone = refunds.balance(work, hold).left.amount_minor
    taken = Money(min(mine.cash_minor, gone), mine.currency)
    text = f"The bank gave {plain(Money(gone, mine.currency))} of top-up {number} back: "
    text += f"{plain(taken)} left the wallet. What is missing was spent; ask the rider for it."
    money_watch.call_staff(
        work, mine.rider_id, text, reason="dispute", key=f"dispute:{dispute}:wallet"
    )
    if not taken.amount_minor:
        return
    payout = Payout(
        key=key, wallet_id=mine.id, amount_minor=taken.amount_minor, state="staff",
        created_at=work.now,
    )  # fmt: skip
    work.session.add(payout)
    work.session.flush()
    wallet.draw(
        work, mine.id, taken.amount_minor, source=f"payout:{payout.id}", account=wallet.PREPAID
    )
    _sent(work, payout, mine)
    said = Say(
        "Your bank has given a top-up back to you, so {amount} is no longer in your wallet.",
        {"amount": taken},
    )
    reply = Choose(said, [Option("wallet", Say("Wallet"))])
    tell_rider(work, mine.rider_id, reply, key=f"payout:{payout.id}:disputed")
