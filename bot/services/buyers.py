"""How a rider's invoices are made out: asked once, kept, changed and erased by the rider."""

from __future__ import annotations

from bot.domain.invoices import Party
from bot.domain.tax_numbers import TaxNumber
from bot.store.database import UnitOfWork
from bot.store.invoices import Buyer


def kept(work: UnitOfWork, rider_id: int) -> Buyer | None:
    """The rider's details, None where none are kept."""
    return work.session.get(Buyer, rider_id)


def party(buyer: Buyer) -> Party:
    """A buyer as documents print it."""
    return Party(
        buyer.name, buyer.address, buyer.tax_country or "", buyer.tax_id, business=buyer.business
    )


def keep(
    work: UnitOfWork,
    rider_id: int,
    *,
    business: bool,
    name: str,
    address: str,
    number: TaxNumber | None,
) -> Buyer:
    """Write the details; a later answer replaces an earlier one."""
    buyer = work.session.get(Buyer, rider_id)
    if buyer is None:
        buyer = Buyer(rider_id=rider_id, business=business, name=name, updated_at=work.now)
        work.session.add(buyer)
    buyer.business, buyer.name, buyer.address = business, name[:120], address[:240]
    buyer.tax_id = number.text[:24] if number else ""
    buyer.tax_country = number.country if number else None
    buyer.updated_at = work.now
    work.session.flush()
    return buyer


def forget(work: UnitOfWork, rider_id: int) -> bool:
    """Erase the details; what was issued stays, as the law wants. False when there were none."""
    buyer = work.session.get(Buyer, rider_id)
    if buyer is None:
        return False
    work.session.delete(buyer)
    work.session.flush()
    return True
