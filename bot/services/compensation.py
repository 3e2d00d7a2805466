"""What a rider gets when we did not keep a promise: a coupon, or the doubt decided for them."""

from __future__ import annotations

from typing import Final

from bot.domain.money import Money, exponent
from bot.replies import Say
from bot.services import cases, refunds
from bot.services.outbound import tell_rider
from bot.settings import Settings
from bot.store.cases import Case, Clock
from bot.store.database import UnitOfWork

LATE_TEMPLATE: Final = "late"
PHOTO_TEMPLATE: Final = "fault_photo"


def for_breach(work: UnitOfWork, clock: Clock, case: Case | None) -> None:
    """One coupon for one missed promise."""
    if case is not None:
        cases.entry(
            work, case, "money", "A coupon is due for the missed promise",
            key=f"clock:{clock.id}:coupon",
        )  # fmt: skip


def decide_for_rider(work: UnitOfWork, settings: Settings, case: Case) -> None:
    """Give back what was taken for the charge in doubt, as far as a machine may decide alone."""
    hold = refunds.hold_with_money(work, case.session_id or 0)
    left = refunds.balance(work, hold).left.amount_minor if hold else 0
    if hold is None or left == 0:
        return
    if left > settings.dispute_refund_max * 10 ** exponent(hold.currency):
        text = "Too much to be decided without a person"
        cases.entry(work, case, "money", text, key=f"case:{case.id}:decide")
        return
    refund = refunds.give_back(
        work, hold.id, left, reason=f"case {case.id} undecided", at_most=True
    )
    if refund is None:
        return
    cases.link(work, case, "refund", str(refund.id), quiet=True)
    cases.entry(work, case, "money", "Undecided in time: decided for the rider, all given back")
    if case.rider_id is not None:
        amount = Money(refund.amount_minor, refund.currency)
        tell_rider(
            work, case.rider_id,
            Say(
                "We did not decide about your bill within the time we promised, so it is decided "
                "for you: {amount} goes back to your card. Your bank may take 5 to 10 days. This "
                "is case {case}.",
                {"amount": amount, "case": case.id},
            ),
            key=f"case:{case.id}:decided",
        )  # fmt: skip
