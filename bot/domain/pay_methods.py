"""Which of Stripe's payment methods a page may offer: what the settings allow and the purpose can
use."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from bot.domain.payment import TAKEN_LATER

DEFAULT: Final = "*"  # currencies that have no list of their own
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{1,30}")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")

# Those that can hold money and take it later (a capture_method of their own in Stripe's API).
MANUAL: Final = frozenset(
    {"card", "link", "affirm", "afterpay_clearpay", "alma", "amazon_pay", "billie", "cashapp",
     "kakao_pay", "klarna", "kr_card", "mobilepay", "naver_pay", "payco", "paypal", "revolut_pay",
     "samsung_pay", "satispay", "scalapay", "sequra", "sunbit"}
)  # fmt: skip
# Those that can be kept and charged without the rider later.
KEPT: Final = frozenset({"card", "link"})


def read_methods(raw: str) -> Mapping[str, tuple[str, ...]]:
    """The lists of a setting such as "card,link;SGD:card,paynow" by currency. Raises ValueError."""
    lists: dict[str, tuple[str, ...]] = {}
    for part in filter(None, (each.strip() for each in raw.split(";"))):
        head, colon, tail = part.rpartition(":")
        currency = head.strip() if colon else DEFAULT
        names = tuple(name.strip() for name in tail.split(",") if name.strip())
        if currency != DEFAULT and not _CURRENCY.fullmatch(currency):
            raise ValueError(f"{currency!r} is no currency")
        wrong = [name for name in names if not _NAME.fullmatch(name)]
        if wrong or not names or currency in lists:
            raise ValueError(f"{part!r} is no list of payment methods")
        lists[currency] = names
    return lists


def offered(
    lists: Mapping[str, tuple[str, ...]], purpose: str, currency: str, wanted: Sequence[str] = ()
) -> tuple[str, ...]:
    """What a page offers, in the order of the settings; cards are always possible, so that no page
    is ever empty. `wanted` narrows it."""
    allowed = lists.get(currency) or lists.get(DEFAULT) or ("card",)
    if purpose in TAKEN_LATER:
        allowed = tuple(name for name in allowed if name in MANUAL)
    elif purpose != "sale":  # a debt and a kept card: paid now, and charged again without them
        allowed = tuple(name for name in allowed if name in KEPT)
    narrowed = tuple(name for name in allowed if not wanted or name in wanted)
    return narrowed or ("card",)
