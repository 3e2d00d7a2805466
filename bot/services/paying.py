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


def ways(work: UnitOfWork, settings: Settings, rider: Rider, hold: Money) -> list[Way]:
    """How a hold can be paid, the one to propose first: the rider's own wallet, the family's, the
    card, which always can."""
    card = Say(
        "I hold {hold} on your card and take only what you use; the rest is released at once.",
        {"hold": hold},
    )
    found = [] if settings.wallet == "off" else _wallets(work, rider, hold)
    return [*found, Way(CARD, card)]


def _wallets(work: UnitOfWork, rider: Rider, hold: Money) -> list[Way]:
    payers = (wallet.own_payer(work, rider.id, hold), wallet.family_payer(work, rider.id, hold))
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


def still_pays(work: UnitOfWork, rider: Rider, hold: Money, by: str, evse_code: str) -> None:
    """Lock the wallet that was agreed to. Raises Refused when it does not cover the hold any more:
    somebody else of the family may have been faster."""
    if by == CARD or wallet.payer(work, rider.id, hold, by=by) is not None:
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
