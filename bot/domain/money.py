"""Money as integers in minor units with ISO 4217 exponents."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

# ISO 4217 currencies whose exponent is not 2 (table A.1).
_ZERO = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"
EXPONENTS: dict[str, int] = dict.fromkeys(_ZERO.split(), 0) | dict.fromkeys(_THREE.split(), 3)


def exponent(currency: str) -> int:
    """How many digits stand behind the point for an ISO 4217 currency code."""
    return EXPONENTS.get(currency, 2)


def payable_unit(currency: str) -> int:
    """What amounts that a card can pay are multiples of, in minor units: cards know two decimals
    where a currency has three, and none of the ariary."""
    if currency == "MGA":
        return 100
    return 10 if exponent(currency) == 3 else 1


def payable(amount_minor: int, currency: str) -> int:
    """The largest amount not above this one that a card can pay, or be given back."""
    return amount_minor - amount_minor % payable_unit(currency)


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """An amount in minor units of one currency."""

    amount_minor: int
    currency: str

    def major(self) -> Decimal:
        """The amount in major units, exact (for display only)."""
        return Decimal(self.amount_minor).scaleb(-exponent(self.currency))
