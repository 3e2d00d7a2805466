"""What the hold's own life does to a session: placed, failed, gone, captured."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from bot.domain import session_events as on
from bot.domain.session import DELIVERING
from bot.domain.session_step import Step

MAX_CAPTURES: Final = 3
CHECK_S: Final = 30  # between looks at a hold that waits for the rider
CAPTURE_MARGIN: Final = timedelta(hours=12)  # before a hold expires by itself


def yes(step: Step, _event: on.Yes) -> None:
    if step.now.state == "holding" and step.now.hold == "none":
        step.set(hold="placing")
        step.do(on.PlaceHold(step.now.terms.hold_minor, by=step.now.terms.pays))
        step.timer("hold", step.now.terms.limits.pay_timeout_s)


def hold_adopted(step: Step, event: on.HoldAdopted) -> None:
    if step.now.state == "holding" and step.now.hold == "none":
        step.set(hold="placing")
        hold_placed(step, on.HoldPlaced(event.at, event.capture_before))


def collect(step: Step, event: on.Collect) -> None:
    """What is owed is asked for again: of the hold that still stands, else by a payment. A page
    that is open is taken back first when the rider wants to pay otherwise."""
    if step.now.state != "debt":
        return
    step.set(debt_by=event.by)
    if step.now.hold in {"placing", "waiting"} and event.by != "card":
        step.set(collecting=True)
        step.void()
    elif step.now.hold == "held":
        step.set(collecting=True)
        _take_debt(step)
    elif step.now.hold == "voiding":
        step.set(collecting=True)
    elif step.now.hold in {"void", "failed", "expired"}:
        step.ask_payment()


def _take_debt(step: Step) -> None:
    step.set(state="billing", hold="held")
    step.capture()


def hold_placed(step: Step, event: on.HoldPlaced) -> None:
    if step.now.state == "debt":
        if step.now.hold in {"placing", "waiting", "failed", "expired"}:
            _take_debt(step)
        return
    if step.now.hold in {"void", "failed", "expired"}:  # paid after all: nobody wants it any more
        if step.now.state in {"void", "failed", "releasing"}:
            step.void()
        return
    if step.now.hold not in {"placing", "waiting"}:
        return
    step.set(hold="held")
    if step.now.state != "holding":
        step.release()
        return
    step.cancel("hold", "check")
    if event.capture_before is not None:
        step.timer("expiry", 0, max(event.capture_before - CAPTURE_MARGIN, step.at))
    step.set(state="starting")
    step.tell_once("held")
    step.send_start()


def hold_needs_rider(step: Step, event: on.HoldNeedsRider) -> None:
    if step.now.state == "debt" and step.now.hold == "placing":
        step.set(hold="waiting")
        if "debt" not in step.now.told:
            step.set(told=(*step.now.told, "debt"))
        step.tell("pay_debt", url=event.url)
    if step.now.state == "holding" and step.now.hold in {"placing", "waiting"}:
        if step.now.hold == "placing":
            step.timer("hold", step.now.terms.limits.pay_timeout_s)
            step.timer("check", CHECK_S)
        step.set(hold="waiting")
        step.tell_once("pay", url=event.url)


def hold_failed(step: Step, event: on.HoldFailed) -> None:
    if step.now.hold not in {"placing", "waiting", "voiding"}:
        return
    step.set(hold="failed")
    if step.now.state == "holding":
        step.cancel_all()
        step.set(state="failed", ended_at=step.at)
        step.tell_once("hold_failed", reason=event.reason)
    elif step.now.state == "releasing":
        step.release()
    elif step.now.state == "debt":
        _debt_stands(step)


def _debt_stands(step: Step) -> None:
    """The payment of a debt came to nothing; what an earlier hold stood in the way of is next."""
    if step.now.collecting:
        step.ask_payment()
    elif "debt" not in step.now.told:
        step.tell_once("debt")
    else:
        step.tell("debt_unpaid")


def _hold_gone(step: Step, state_of_hold: str) -> None:
    """The provider no longer holds anything, without our asking."""
    stood = step.now.hold in {"held", "capturing"}
    step.set(hold=state_of_hold)
    match step.now.state:
        case "holding":
            step.cancel_all()
            step.set(state="failed", ended_at=step.at)
            step.tell_once("hold_expired")
        case "starting":
            step.fail_start("hold_expired", suspect=False)
        case "charging" | "suspended":
            step.stop("hold_expired")
        case "billing":
            step.recover()
        case "releasing":
            step.release()
        case "debt" if step.now.collecting:
            step.ask_payment()
        case "debt" if stood and not step.now.recovered:
            step.recover()
        case _:
            pass


def hold_expired(step: Step, _event: on.HoldExpired) -> None:
    if step.now.hold in {"placing", "waiting", "held", "capturing", "voiding"}:
        _hold_gone(step, "expired")


def hold_runs_out(step: Step, _event: on.HoldRunsOut) -> None:
    if step.now.state in DELIVERING:
        step.stop("hold_expired")
    elif step.now.state == "debt" and step.now.hold == "held":  # the last chance to take it
        _take_debt(step)


def voided(step: Step, _event: on.Voided) -> None:
    if step.now.hold == "capturing" and step.now.state == "settled":  # another payment paid it
        step.set(hold="void")
    elif step.now.hold == "capturing":  # too little for the provider to take: waived
        step.cancel("capture")
        step.set(state="void", hold="void")
        step.tell_once("waived")
    elif step.now.hold in {"placing", "waiting", "held", "voiding"}:
        _hold_gone(step, "void")


def captured(step: Step, event: on.Captured) -> None:
    if step.now.hold == "captured" and not event.by_other:
        return
    if step.now.state == "releasing" and not event.by_other:  # paid while it was given up
        step.cancel_all()
        step.set(state="settled", hold="captured")
    if step.now.state not in {"billing", "debt"}:
        return
    owed = step.now.state == "debt" or "debt" in step.now.told
    step.cancel_all()
    step.cancel("capture")
    step.set(state="settled", collecting=False)
    if not event.by_other:
        step.set(hold="captured")
    elif step.now.hold in {"placing", "waiting", "held"}:
        step.void()  # nobody pays twice
    if owed:
        step.tell_once("debt_paid")
    if not event.by_other:
        step.give_back()


def corrected(step: Step, event: on.Corrected) -> None:
    """What was credited already is not credited once more when the meter says the same."""
    if step.now.bill_minor is not None and 0 < event.amount_minor <= step.now.due_minor:
        step.set(refund_minor=step.now.refund_minor + event.amount_minor)


def capture_failed(step: Step, _event: on.CaptureFailed) -> None:
    if step.now.state != "billing" or step.now.hold != "capturing":
        return
    step.set(hold="held")
    if step.now.due_minor < step.now.terms.smallest_minor:
        step.forgive()
    elif step.now.captures < MAX_CAPTURES:
        step.timer("capture", 60 * 5 ** (step.now.captures - 1))
    else:
        step.owe()
        if step.now.collecting:  # asked for again, and no again: let it go and ask for a payment
            step.void()
