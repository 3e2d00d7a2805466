"""Which form an invoice needs, how its taxes add up, and how a part of it is credited."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final, Literal

from bot.domain.pricing import TaxSum
from bot.domain.tax_numbers import EU

# "voucher": a receipt for prepaid credit, which is no supply and bears no tax yet.
Form = Literal["simplified", "full", "voucher"]

# Up to these gross amounts the law lets an invoice do without the buyer, by country and currency.
# United Kingdom: SI 1995/2518, regulation 16A. European Union: article 238 of directive
# 2006/112/EC as a rule; states that allow more are set at the legal entity.
_GB: Final = ("GBP", 250_00)
_EU: Final = ("EUR", 100_00)


@dataclass(frozen=True, slots=True)
class Party:
    """Who sells or buys, as printed; `contact` is where to ask, for sellers."""

    name: str
    address: str = ""
    country: str = ""
    tax_id: str = ""
    contact: str = ""
    business: bool = True


@dataclass(frozen=True, slots=True)
class Entry:
    """One order on an invoice. `what` is a kind of words ("charge", "plan", "topup");
    `taxes` are what its lines add up to, less what was given back before."""

    subject: str
    what: str
    at: str  # ISO, aware: the date of supply
    tz: str
    place: str = ""
    code: str = ""
    bill: str = ""  # number of the receipt
    energy_wh: int = 0
    seconds: int = 0
    taxes: tuple[TaxSum, ...] = ()
    refunds: tuple[int, ...] = ()  # ids of refunds that `taxes` are already less of

    @property
    def gross_minor(self) -> int:
        """What it comes to."""
        return sum(each.gross_minor for each in self.taxes)


@dataclass(frozen=True, slots=True)
class Paper:
    """Everything an invoice or a credit note says; kept whole, so it never changes."""

    kind: Literal["invoice", "credit_note"]
    form: Form
    seller: Party
    buyer: Party
    currency: str
    entries: tuple[Entry, ...]
    taxes: tuple[TaxSum, ...]
    tz: str
    paid_by: str = ""
    refers_to: str = ""  # number of the invoice that is credited
    refers_at: str = ""
    reason: str = ""  # a key of words: "refund", "correction"
    references: tuple[str, ...] = field(default_factory=tuple)

    @property
    def net_minor(self) -> int:
        """Before tax."""
        return sum(each.net_minor for each in self.taxes)

    @property
    def tax_minor(self) -> int:
        """The tax."""
        return sum(each.tax_minor for each in self.taxes)

    @property
    def gross_minor(self) -> int:
        """With tax."""
        return sum(each.gross_minor for each in self.taxes)


def simplified_limit(country: str, currency: str, own_minor: int | None = None) -> int | None:
    """Up to which gross amount an invoice may be a simplified one; None: it may never be.

    `own_minor` is what the legal entity was set to and stands above the rule of thumb.
    """
    if own_minor is not None:
        return own_minor
    known = _GB if country == "GB" else _EU if country in EU else None
    return known[1] if known is not None and known[0] == currency else None


def form_of(
    country: str,
    currency: str,
    gross_minor: int,
    *,
    business: bool,
    own_limit_minor: int | None = None,
) -> Form:
    """The form an invoice needs: full for businesses and above the limit."""
    limit = simplified_limit(country, currency, own_limit_minor)
    return "simplified" if not business and limit is not None and gross_minor <= limit else "full"


def receipt_is_invoice(
    seller: Party, currency: str, gross_minor: int, own_limit_minor: int | None = None
) -> bool:
    """Whether a receipt, which names no buyer, is a simplified invoice by itself."""
    limit = simplified_limit(seller.country, currency, own_limit_minor)
    return bool(seller.tax_id) and limit is not None and gross_minor <= limit


def add_up(parts: Iterable[Sequence[TaxSum]]) -> tuple[TaxSum, ...]:
    """The taxes of several orders together, by rate; rates that come to nothing fall out.

    Sums of what was printed on each receipt, so an invoice never differs from what was paid.
    """
    sums: dict[str, tuple[int, int]] = {}
    for part in parts:
        for each in part:
            net, tax = sums.get(each.percent, (0, 0))
            sums[each.percent] = (net + each.net_minor, tax + each.tax_minor)
    found = [(rate, *sums[rate]) for rate in sorted(sums, key=Decimal)]
    return tuple(TaxSum(rate, net, tax, net + tax) for rate, net, tax in found if net or tax)


def minus(taxes: Sequence[TaxSum], less: Sequence[TaxSum]) -> tuple[TaxSum, ...]:
    """What is left of some taxes."""
    back = [TaxSum(t.percent, -t.net_minor, -t.tax_minor, -t.gross_minor) for t in less]
    return add_up([taxes, back])


def part_of(taxes: Sequence[TaxSum], gross_minor: int) -> tuple[TaxSum, ...]:
    """A gross amount given back of some taxes, shared among their rates.

    In proportion, what rounding leaves going to the largest remainders; never more of any rate
    than there is, and all of it when all is given back.
    """
    whole = sum(each.gross_minor for each in taxes)
    wanted = max(0, min(gross_minor, whole))
    if whole <= 0 or not wanted:
        return ()
    shares = [each.gross_minor * wanted // whole for each in taxes]
    by_remainder = sorted(
        range(len(taxes)), key=lambda at: (-(taxes[at].gross_minor * wanted % whole), at)
    )
    for at in by_remainder[: wanted - sum(shares)]:
        shares[at] += 1
    return tuple(_share(each, share) for each, share in zip(taxes, shares, strict=True) if share)


def _share(of: TaxSum, gross_minor: int) -> TaxSum:
    """`gross_minor` of one rate: tax rounded half up, within what there is of net and tax."""
    rate = Decimal(of.percent)
    tax = int((gross_minor * rate / (100 + rate)).quantize(Decimal(1), ROUND_HALF_UP))
    tax = min(of.tax_minor, max(tax, gross_minor - of.net_minor))
    return TaxSum(of.percent, gross_minor - tax, tax, gross_minor)


def dump_paper(paper: Paper) -> dict[str, Any]:
    """The JSON form kept in the invoice table."""
    return asdict(paper)


def load_paper(body: dict[str, Any]) -> Paper:
    """The paper that `dump_paper` wrote."""

    def taxes(raw: Sequence[dict[str, Any]]) -> tuple[TaxSum, ...]:
        return tuple(TaxSum(**each) for each in raw)

    entries = tuple(
        Entry(**{**each, "taxes": taxes(each["taxes"]), "refunds": tuple(each["refunds"])})
        for each in body["entries"]
    )
    return Paper(
        **{
            **body,
            "seller": Party(**body["seller"]),
            "buyer": Party(**body["buyer"]),
            "entries": entries,
            "taxes": taxes(body["taxes"]),
            "references": tuple(body["references"]),
        }
    )
