"""A rider who types to the bot in the world of the booking tests, understood by rules alone."""

from __future__ import annotations

from sqlalchemy import select

import handlers
from bot.dialog.engine import Engine
from bot.dialog.intents import collect
from bot.domain import codes
from bot.jobs.hearing import Hearing
from bot.jobs.messages import Serving
from bot.replies import Choose, Reply, load
from bot.store import inbox
from bot.store.queues import Inbox, Outbox
from bot.store.riders import Rider
from bot.store.stations import Evse
from nlu.understand import Nlu, literal
from tests.bookings.world import SETTINGS, World
from tests.charging.world import _words as words

ENGINE = Engine(collect(handlers))
CODES = {number: codes.evse_code("1023", number) for number in (1, 2, 3)}


class Chat:
    """One rider's chat. What the bot says is in its English words, buttons by their titles."""

    def __init__(self, world: World, rider_id: int = 1) -> None:
        self.world, self.rider_id, self.sent = world, rider_id, 0
        self.buttons: dict[str, str] = {}
        hearing = Hearing(
            store=world.store, engine=ENGINE, understand=Nlu(None),
            look=lambda picture: (_ for _ in ()).throw(AssertionError("no photos here")),
            fetch=lambda url: b"", typing=lambda sid: None, literal=literal,
        )  # fmt: skip
        self.serving = Serving(SETTINGS, ENGINE, hearing)
        world.rider(rider_id)
        with world.work() as work:
            rider = work.session.get_one(Rider, rider_id)
            rider.welcomed_at, rider.stripe_payment_method = world.now, "pm_1"
            rider.stripe_customer, rider.card_label = "cus_1", "Visa 4242"
            for evse in work.session.scalars(select(Evse)):
                evse.code = CODES[evse.number]

    def says(self, text: str) -> str:
        """What the bot answers, all in one."""
        return self._send({"text": text})

    def taps(self, title: str) -> str:
        """Tap a button of the last answer."""
        return self._send({"text": title, "payload": self.buttons[title]})

    def _send(self, body: dict[str, str]) -> str:
        self.sent += 1
        key = f"chat-{self.rider_id}-{self.sent}"
        with self.world.work() as work:
            last = work.session.scalars(select(Outbox.id).order_by(Outbox.id.desc())).first() or 0
            inbox.put(
                work, source="web", source_id=key, stream=f"rider:{self.rider_id}",
                kind="web.message", body=body,
            )  # fmt: skip
        with self.world.work() as work:
            row = work.session.scalars(select(Inbox).where(Inbox.source_id == key)).one()
            row.state = "done"
            work.session.flush()
            work.session.expunge(row)
        route = self.serving.routes()["web.message"]
        assert route.prepare is not None
        prepared = route.prepare(row)
        with self.world.work() as work:
            route.apply(work, row, prepared)
        with self.world.work() as work:
            rows = work.session.scalars(
                select(Outbox).where(Outbox.id > last, Outbox.kind == "message").order_by(Outbox.id)
            )
            said = [load(each.body["reply"]) for each in rows]
        self.buttons = {
            words(option.title): option.payload
            for each in said
            if isinstance(each, Choose)
            for option in each.options
        }
        return "\n".join(shown(each) for each in said)


def shown(reply: Reply) -> str:
    """A reply with its buttons."""
    buttons = [f"[{words(each.title)}]" for each in getattr(reply, "options", ())]
    return " ".join([words(reply), *buttons])
