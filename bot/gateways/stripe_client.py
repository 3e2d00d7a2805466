"""Stripe's SDK set up for this product: client, amounts, keys, and errors in our own terms."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Final, TypeVar

import stripe

from bot.domain.money import exponent
from bot.errors import GiveUp, TryAgain
from bot.settings import Settings
from bot.store.charging import Hold, Refund

T = TypeVar("T")

# Connect + read, per try.
TIMEOUT_S: Final = 15.0

LARGEST: Final = 99_999_999  # eight digits

# Where Stripe's exponent differs from ISO 4217 (docs.stripe.com/currencies, special cases).
_STRIPE_EXPONENT: Final = {"ISK": 2, "UGX": 2, "MGA": 0}


@lru_cache(maxsize=8)
def client_for(settings: Settings, timeout_s: float = TIMEOUT_S) -> stripe.StripeClient:
    """The client of an installation; thread-safe, keeps its connections.

    Without `max_network_retries` a StripeClient never retries; it does not retry 429 at all.
    """
    base = settings.stripe_api_url.rstrip("/")
    return stripe.StripeClient(
        settings.stripe_secret_key,
        max_network_retries=2,
        http_client=stripe.RequestsClient(timeout=timeout_s),
        base_addresses={"api": base} if base else None,
    )


def to_stripe(amount_minor: int, currency: str) -> int:
    """Our minor units (ISO 4217) as Stripe's. Raises GiveUp when Stripe cannot express it."""
    digits = _STRIPE_EXPONENT.get(currency, exponent(currency)) - exponent(currency)
    amount, lost = divmod(amount_minor * _power(digits), _power(-digits))
    impossible = lost or (exponent(currency) == 3 and amount % 10)
    if impossible or not 0 <= amount <= LARGEST:
        raise GiveUp(f"Stripe cannot take {amount_minor} minor units of {currency}")
    return amount


def from_stripe(amount: int, currency: str) -> int:
    """Stripe's amount in our minor units. Raises GiveUp when it is not whole in ours."""
    digits = exponent(currency) - _STRIPE_EXPONENT.get(currency, exponent(currency))
    amount_minor, lost = divmod(amount * _power(digits), _power(-digits))
    if lost:
        raise GiveUp(f"Stripe's amount {amount} is not whole in minor units of {currency}")
    return amount_minor


def _power(digits: int) -> int:
    return int(10 ** max(digits, 0))


def hold_ref(hold: Hold) -> str:
    """What marks this hold's objects at Stripe.

    The row's creation moment is part of it, so that a database begun anew on the same Stripe
    account neither replays nor adopts the payments of the old one.
    """
    return f"{hold.id}-{int(hold.created_at.timestamp())}"


def hold_key(hold: Hold, step: str = "") -> str:
    """Idempotency key of placing a hold; a new attempt is a new intent."""
    return f"hold:{hold_ref(hold)}:{hold.attempt}{step}"


def capture_key(hold: Hold, attempt: int = 1) -> str:
    """Idempotency key of the one capture of a hold; a new attempt follows a definite no."""
    return f"capture:{hold_ref(hold)}" + (f":{attempt}" if attempt > 1 else "")


def void_key(hold: Hold, step: str = "") -> str:
    """Idempotency key of giving a hold back."""
    return f"void:{hold_ref(hold)}{step}"


def refund_key(refund: Refund) -> str:
    """Idempotency key of a refund."""
    return f"refund:{refund.id}-{int(refund.created_at.timestamp())}"


def was_replayed(error: stripe.StripeError) -> bool:
    """True when Stripe answered from its idempotency store: the same call fails for ever."""
    return (error.headers or {}).get("idempotent-replayed") == "true"


def again_if_stored(call: Callable[[str], T], key: str) -> T:
    """`call` with an idempotency key, and with a second one when a 5xx is stored under the first.

    Only for calls that repeating cannot double: capture, cancel, a page nobody has seen.
    """
    try:
        return call(key)
    except stripe.APIError as error:
        if not was_replayed(error):
            raise
        return call(f"{key}:again")


@contextmanager
def stripe_errors() -> Iterator[None]:
    """Turns what a retry may cure into TryAgain and the rest into GiveUp.

    CardError is the caller's business and must be caught inside.
    """
    try:
        yield
    except stripe.RateLimitError as error:
        after_s = random.uniform(2, 10)  # noqa: S311 - spreads retries, guards nothing
        raise TryAgain(f"Stripe is busy: {error}", after_s=after_s) from error
    except stripe.APIConnectionError as error:
        raise TryAgain(f"Stripe is away: {error}") from error
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        # A wrong or rolled key is cured by staff, not by losing money that is owed.
        raise TryAgain(f"Stripe refuses our key: {error}", after_s=300) from error
    except stripe.StripeError as error:
        status = error.http_status
        if status is None or status >= 500 or status in (409, 424):
            raise TryAgain(f"Stripe failed ({status}): {error}") from error
        raise GiveUp(f"Stripe refused ({status} {error.code}): {error}") from error
