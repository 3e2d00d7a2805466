"""Stripe's test cards (docs.stripe.com/testing) and how each behaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class TestCard:
    """`decline` is (code, decline code) of every charge; `challenge` says when the bank asks."""

    number: str
    decline: tuple[str, str] | None = None
    challenge: str = "never"  # "never" | "unless_set_up" | "always"
    refund_fails: bool = False
    disputed: bool = False


_CARDS: Final = (
    TestCard("4242424242424242"),
    TestCard("5555555555554444"),
    TestCard("378282246310005"),
    TestCard("4000002500003155", challenge="unless_set_up"),
    TestCard("4000002760003184", challenge="always"),
    TestCard("4000000000003220", challenge="always"),
    TestCard("4000000000000002", decline=("card_declined", "generic_decline")),
    TestCard("4000000000000341", decline=("card_declined", "generic_decline")),
    TestCard("4000000000009995", decline=("card_declined", "insufficient_funds")),
    TestCard("4000000000009987", decline=("card_declined", "lost_card")),
    TestCard("4000000000000069", decline=("expired_card", "expired_card")),
    TestCard("4000000000000127", decline=("incorrect_cvc", "incorrect_cvc")),
    TestCard("4000000000000119", decline=("processing_error", "processing_error")),
    TestCard("4000000000005126", refund_fails=True),
    TestCard("4000000000000259", disputed=True),
)
_BY_NUMBER: Final = {card.number: card for card in _CARDS}

# Ready-made payment methods, as in Stripe's test mode.
READY_MADE: Final = {
    "pm_card_visa": "4242424242424242",
    "pm_card_mastercard": "5555555555554444",
    "pm_card_amex": "378282246310005",
    "pm_card_chargeCustomerFail": "4000000000000341",
    "pm_card_authenticationRequired": "4000002760003184",
    "pm_card_threeDSecureOptional": "4000002500003155",
    "pm_card_refundFail": "4000000000005126",
    "pm_card_createDispute": "4000000000000259",
}


def clean(number: str) -> str | None:
    """The digits of a card number, or None when it cannot be one."""
    digits = number.replace(" ", "").replace("-", "")
    if not digits.isascii() or not digits.isdigit() or not 12 <= len(digits) <= 19:
        return None
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return digits if total % 10 == 0 else None


def behaviour(digits: str) -> TestCard:
    """How a card behaves; numbers not on Stripe's list are good."""
    return _BY_NUMBER.get(digits, TestCard(digits))


def brand(digits: str) -> str:
    """The card's brand by its first digits."""
    if digits.startswith(("34", "37")):
        return "amex"
    return {"4": "visa", "5": "mastercard", "6": "discover"}.get(digits[0], "unknown")
