"""python -m bot.demo.evening.seed SIZE: stations, riders with cards, staff and coupons."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import partial
from typing import Final

from sqlalchemy import select

from bot.demo import seed as city
from bot.demo.evening import plan
from bot.demo.evening.plan import SIZES
from bot.demo.seed_offers import add_offers
from bot.gateways.stripe_client import client_for
from bot.services import staff_accounts
from bot.services.inventory import take_in
from bot.services.riders import rider_for
from bot.settings import Settings, read
from bot.store.database import Store, make_engine
from bot.store.staff import Staff

# Login, role, where jobs and pages reach them.
STAFF: Final = (
    ("anna", "agent", ""),
    ("tomi", "technician", plan.TECHNICIAN.format(1)),
    ("tuula", "technician", plan.TECHNICIAN.format(2)),
    ("timo", "technician", plan.TECHNICIAN.format(3)),
    ("mia", "manager", plan.MANAGER_PHONE),
)


def main(argv: Sequence[str]) -> int:
    """Fill an empty database; what is there already stays."""
    settings, size = read(os.environ), SIZES[argv[0]]
    store = Store(make_engine(settings.database_url))
    _seed(store, settings, size)
    return 0


def _seed(store: Store, settings: Settings, size: plan.Size) -> None:
    save_card = city.test_card(client_for(settings))
    riders = [plan.RIDER.format(number) for number in range(size.riders)]
    with store.begin() as work:
        secret = partial(city.pile_secret, settings.secret_key)
        take_in(work, size.inventory(), make_secret=secret)
        for phone in riders:
            rider_for(work, "whatsapp", phone)
        add_offers(work)
        known = set(work.session.scalars(select(Staff.login)))
        for login, role, address in STAFF:
            if login not in known:
                staff = staff_accounts.create(
                    work, None, login=login, name=login.title(), role=role
                )
                staff.page_address = f"whatsapp:{address}" if address else ""
    for phone in riders:
        city.give_card(store, phone, save_card)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
