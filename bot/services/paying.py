"""What can pay for a charge, and what is said of it in the offer."""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain.money import Money
from bot.errors import Refused
from bot.replies import Option, Say, Value
from bot.services import family, wallet
from bot.settings import Settings
from bot.store.database import UnitOfWork
from bot.store.riders import Rider

CARD = "card"


@dataclass(frozen=True, slots=True)
class Way:
    """One way to pay; `text` says what becomes of the hold."""

    by: str
    text: Say


def ways(
    work: UnitOfWork, settings: Settings, rider: Rider, hold: Money, *, freed: Money | None = None
) -> list[Way]:
    """How a hold can be paid, the one to propose first: the rider's own wallet, the family's, the
    card, which always can. `freed` is a deposit in the own wallet that is free by then."""
    card = Say(
        "I hold {hold} on your card and take only what you use; the rest is released at once.",
        {"hold": hold},
    )
    found = [] if settings.wallet == "off" else _wallets(work, rider, hold, freed)
    return [*found, Way(CARD, card)]


def for_deposit(work: UnitOfWork, settings: Settings, rider: Rider, deposit: Money) -> Way | None:
    """The rider's own wallet where it covers a booking's deposit; None: the card. A family's pays
    for charges only: its owner did not agree to pay for staying away."""
    if settings.wallet == "off":
        return None
    payer = wallet.own_payer(work, rider.id, deposit)
    if payer is None:
        return None
    text = Say(
        "The deposit is reserved in your wallet, where {available} is free.",
        {"available": payer.available},
    )
    return Way(payer.by, text)


def by_deposit(method: str, deposit: Money) -> Way:
    """A deposit that is held already pays for the charge, from where it is."""
    return Way(
        method,
        Say(
            "Your deposit of {hold} is used: I take only what you use; the rest is released at "
            "once.",
            {"hold": deposit},
        ),
    )


def still_covers(work: UnitOfWork, rider: Rider, deposit: Money, by: str) -> None:
    """Lock the wallet that a deposit was agreed to be held on. Raises Refused when it does not
    cover it any more."""
    if by == CARD or wallet.payer(work, rider.id, deposit, by=by) is not None:
        return
    raise Refused(
        "Your wallet does not cover {deposit} any more, so nothing is booked. Book once more to "
        "have it held on your card, or top up.",
        {"deposit": deposit},
        [Option("book_pile", Say("Book")), Option("top_up", Say("Top up"))],
    )


def _wallets(work: UnitOfWork, rider: Rider, hold: Money, freed: Money | None) -> list[Way]:
    own = hold if freed is None else Money(hold.amount_minor - freed.amount_minor, hold.currency)
    payers = (wallet.own_payer(work, rider.id, own), wallet.family_payer(work, rider.id, hold))
    return [_way(work, each, hold) for each in payers if each is not None]


def _way(work: UnitOfWork, payer: wallet.Payer, hold: Money) -> Way:
    values: dict[str, Value] = {"hold": hold, "available": payer.available}
    if payer.by == wallet.OWN:
        text = Say(
            "I reserve {hold} of the {available} in your wallet and take only what you use; the "
            "rest is free again at once.",
            values,
        )
        return Way(payer.by, text)
    values["name"] = family.name_of(work.session.get_one(Rider, payer.owner_id))
    text = Say(
        "I reserve {hold} in the wallet of {name} and take only what you use; the rest is free "
        "again at once. They are told of it.",
        values,
    )
    return Way(payer.by, text)


def still_pays(
    work: UnitOfWork, rider: Rider, hold: Money, by: str, evse_code: str,
    *, freed: Money | None = None,
) -> None:  # fmt: skip
    """Lock the wallet that was agreed to. Raises Refused when it does not cover the hold any more:
    somebody else of the family may have been faster. `freed` as in `ways`."""
    needed = hold
    if freed is not None and by == wallet.OWN:
        needed = Money(hold.amount_minor - freed.amount_minor, hold.currency)
    if by == CARD or wallet.payer(work, rider.id, needed, by=by) is not None:
        return
    raise Refused(
        "The wallet does not cover {hold} any more, so I have not started {evse}. You can pay by "
        "card instead.",
        {"hold": hold, "evse": evse_code},
        [
            Option(f"start_charge?pile={evse_code}", Say("Show the price")),
            Option("top_up", Say("Top up")),
        ],
    )
