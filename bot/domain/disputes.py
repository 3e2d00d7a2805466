"""What is contested about a charge, and what a rule can decide about it at once.

Also the test of a meter: how far it was off, and what that gives back.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal

Reason = Literal["overcharged", "not_refunded", "coupon", "twice", "failed", "not_me"]
REASONS: Final[tuple[Reason, ...]] = (
    "overcharged", "not_refunded", "coupon", "twice", "failed", "not_me",
)  # fmt: skip

_WORDS: Final[tuple[tuple[Reason, str], ...]] = (
    ("twice", r"\btwice\b|\bdouble|duplicate|\b2x\b|zweimal|doppelt|dos veces|doble|"
              r"duas vezes|duplicad|deux fois|doubl|两次|重复"),
    ("coupon", r"coupon|voucher|promo|gutschein|cup[oó]n|cupom|优惠|代金"),
    ("not_refunded", r"not (?:been )?refunded|where.{0,9}refund|no refund|refund.{0,20}"
                     r"(?:not|never|yet)|noch nicht erstattet|erstattung fehlt|"
                     r"no me (?:han )?(?:devuelto|reembols)|não (?:foi )?reembols|"
                     r"pas (?:été )?rembours|没.{0,3}退款|未退款|退款.{0,3}没|"
                     r"refund status|status of .{0,9}refund|estado .{0,9}reembolso|"
                     r"status d.{0,6}reembolso|statut d.{0,9}remboursement|"
                     r"stand .{0,9}erstattung|退款(?:状态|进度)"),
    ("failed", r"payment.{0,12}(?:fail|declin)|zahlung.{0,20}(?:fehl|abgelehnt)|"
               r"pago.{0,12}(?:fall|rechaz)|pagamento.{0,12}(?:falh|recus)|"
               r"paiement.{0,12}(?:échou|refus)|(?:支付|付款)失败"),
    ("overcharged", r"overcharg|too (?:much|expensive|high)|wrong (?:amount|price|bill)|"
                    r"zu (?:viel|teuer|hoch)|falsch abgerechnet|demasiado|de más|"
                    r"caro demais|a mais|trop (?:cher|payé)|多收|收多|太贵"),
)  # fmt: skip
_FOUND: Final = [(reason, re.compile(words, re.IGNORECASE)) for reason, words in _WORDS]


def reason_in(text: str) -> Reason | None:
    """The reason that a rider's words name, if they name one."""
    return next((reason for reason, words in _FOUND if words.search(text)), None)


@dataclass(frozen=True, slots=True)
class ChargeMoney:
    """How the money of a billed charge stands, in minor units.

    `due` is the bill less what was credited, `right` what the bill comes to when it is computed
    again, `kept` what was taken less what went back or is on its way.
    """

    due: int
    right: int
    kept: int
    going_back: int = 0  # asked of the provider, not confirmed
    given_back: int = 0  # confirmed
    coupon_saves: int = 0  # what a coupon that fits would have taken off


Verdict = Literal["refund", "status", "explain"]


@dataclass(frozen=True, slots=True)
class Decision:
    """ "refund": `amount_minor` goes back now; "status": how a refund stands; "explain": nothing
    is wrong by the rules, a person may look."""

    verdict: Verdict
    amount_minor: int = 0


def decide(reason: Reason, money: ChargeMoney) -> Decision:
    """What a rule can say at once."""
    over = max(0, money.kept - money.due)
    match reason:
        case "twice" | "failed":
            back = over
        case "overcharged":
            back = max(0, money.kept - min(money.due, money.right))
        case "coupon":
            back = min(money.kept, money.coupon_saves)
        case _:
            back = 0
    if back > 0:
        return Decision("refund", back)
    if reason == "not_refunded" and money.going_back + money.given_back > 0:
        return Decision("status")
    return Decision("explain")


def request_code(number: int) -> str:
    """What riders and staff call a request by."""
    return f"D-{number:06d}"


def for_the_rider(asked_minor: int, left_minor: int, cap_minor: int) -> int:
    """What goes back when nobody has decided in time."""
    return max(0, min(asked_minor, left_minor, cap_minor))


# --- meters

ALLOWED: Final = Fraction(1, 100)  # the promise to riders
TIMES: Final = 10  # of the difference goes back above it


def meter_error(shown_wh: int, true_wh: int) -> Fraction:
    """How far a meter is off: above 0 it shows too much. `true_wh` is the reference's."""
    return Fraction(shown_wh - true_wh, true_wh)


def meter_is_fair(error: Fraction) -> bool:
    """Whether a meter keeps the promise: one that shows too little breaks it as well."""
    return abs(error) <= ALLOWED


def meter_owes(energy_minor: int, error: Fraction, cap_minor: int) -> int:
    """What goes back for a charge whose energy cost `energy_minor`: ten times what was billed too
    much, no more than the cap; nothing within the allowed error."""
    if error <= ALLOWED:
        return 0
    too_much = energy_minor * error / (1 + error)
    return min(cap_minor, int(too_much * TIMES + Fraction(1, 2)))
