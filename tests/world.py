"""A whole Pilebot for transcripts: real webhooks, dialog, money and OCPP frames, one fast clock.

Real here: the web process on a port, the inbox, the dialog, services and outbox, the Twilio and
Stripe SDKs against the stand-ins over HTTP, the pile gateway's ingest and command machine. Not
here: Redis, MQTT and Rasa (the headless demo has them); frames go to the gateway directly.
"""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from flask import Flask
from PIL import Image
from sqlalchemy import select
from werkzeug.serving import make_server

import app
from bot.demo.photos import Style, sticker_photo
from bot.demo.stripe_standin import create_app as stripe_app
from bot.demo.twilio_standin.app import create_app as twilio_app
from bot.demo.twilio_standin.config import Config
from bot.domain import codes
from bot.gateways import photos
from bot.gateways.eyes import Eyes
from bot.gateways.stickers import Label
from bot.jobs.drain import drain
from bot.jobs.relay import relay
from bot.services.riders import rider_for
from bot.settings import Settings
from bot.store import inbox, outbox
from bot.store.charging import Hold
from bot.store.database import Store, make_engine
from bot.store.riders import Message as Line
from bot.store.riders import Rider
from bot.store.stations import Evse, Pile, Station, Tariff, TariffVersion
from devices.commands import Commands, Publishing
from devices.ingest import Ingest, Message
from devices.presence import Presence
from tests.databases import with_tables

ACCOUNT, TOKEN = "AC" + "a1" * 16, "7f" * 16
SENDER = "whatsapp:+14155238886"
WAIT_S = 15.0  # for what other threads do (callbacks, Stripe's webhooks)


@contextmanager
def served(flask: Flask, port: int = 0) -> Iterator[int]:
    """A Flask app on a real port."""
    server = make_server("127.0.0.1", port, flask, threaded=True)
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    )
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


@dataclass
class SimplePile:
    """A pile that speaks OCPP when told to; `inbox` is what we asked of it and got no answer."""

    world: World
    pile_id: str
    asked: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    transaction: str = ""
    start_id: int | None = None
    seq: int = 0
    evse: int = 2  # of the running transaction
    meter_wh: int = 10_000
    count: int = 0

    def says(self, action: str, **payload: Any) -> None:
        """A CALL of the pile."""
        self.count += 1
        frame = [2, f"{self.pile_id}-{self.count}", action, payload]
        self.world.pile_sends(self.pile_id, "call", frame)

    def goes(self, state: str) -> None:
        """Online or offline, as the broker's retained message tells."""
        body = {"state": state, "conn": "c1", "ts": self.world.now.isoformat()}
        self.world.pile_sends(self.pile_id, "conn", body)

    def status(self, evse: int, status: str, *, code: str = "") -> None:
        """A connector's state, with the maker's own code where there is one."""
        own = {"vendorId": "pilebot", "vendorErrorCode": code}
        self.says(
            "StatusNotification",
            timestamp=self.world.now.isoformat(),
            connectorStatus=status,
            evseId=evse,
            connectorId=1,
            **({"customData": own} if code else {}),
        )

    def next_request(self, action: str) -> tuple[str, dict[str, Any]]:
        """The oldest unanswered CALL of this action; waits for it."""

        def find() -> tuple[str, dict[str, Any]] | None:
            for each in self.asked:
                if each[1] == action:
                    self.asked.remove(each)
                    return each[0], each[2]
            return None

        found = self.world.until(find, f"{self.pile_id} was never asked for {action}")
        return found[0], found[1]

    def answers(self, action: str, **payload: Any) -> dict[str, Any]:
        """Answer the oldest CALL of this action; returns what was asked."""
        message_id, request = self.next_request(action)
        if action == "RequestStartTransaction":
            self.start_id = request["remoteStartId"]
        self.world.pile_sends(self.pile_id, "result", [3, message_id, payload])
        return request

    def transaction_event(self, evse: int, event: str, **info: Any) -> None:
        """A TransactionEvent with the meter as it stands."""
        if event == "Started":
            self.transaction, self.seq = f"tx-{self.pile_id}-{self.start_id}", 0
            self.evse = evse
        reading = {
            "timestamp": self.world.now.isoformat(),
            "sampledValue": [
                {
                    "value": self.meter_wh,
                    "measurand": "Energy.Active.Import.Register",
                    "unitOfMeasure": {"unit": "Wh"},
                }
            ],
        }
        more = {"remoteStartId": self.start_id} if event == "Started" else {}
        self.says(
            "TransactionEvent",
            eventType=event,
            timestamp=self.world.now.isoformat(),
            triggerReason="RemoteStart" if event == "Started" else "MeterValuePeriodic",
            seqNo=self.seq,
            transactionInfo={"transactionId": self.transaction, **more, **info},
            evse={"id": evse, "connectorId": 1},
            meterValue=[reading],
        )
        self.seq += 1


@dataclass
class World:
    """Drives the product from outside: what riders say, piles report and clocks tell."""

    store: Store
    settings: Settings
    routes: Mapping[str, Any]
    deliveries: Mapping[str, Any]
    twilio_url: str
    stripe_url: str
    ahead: timedelta = timedelta()
    piles: dict[str, SimplePile] = field(default_factory=dict)
    read: dict[str, int] = field(default_factory=dict)  # bot messages already seen, by rider

    def __post_init__(self) -> None:
        self.commands = Commands(self.settings)
        self.ingest = Ingest(self.settings, self.commands, Presence(self.settings))
        self.http = httpx.Client(timeout=20)

    @property
    def now(self) -> datetime:
        """The world's time."""
        return datetime.now(UTC) + self.ahead

    # -- riders -------------------------------------------------------------------------------

    def rider_says(self, phone: str, text: str) -> None:
        self._from_phone(phone, json={"text": text})

    def rider_shares(self, phone: str, lat: float, lng: float) -> None:
        self._from_phone(phone, json={"lat": lat, "lng": lng})

    def rider_sends_photo(
        self, phone: str, code: str, *, style: Style = "clean", words: str = ""
    ) -> None:
        """A photo of the sticker of an EVSE; style "two" shows the next EVSE's sticker too."""
        photo = sticker_photo(self.label(code), style, seed=7)
        self._from_phone(phone, files={"photo": ("p.jpg", photo)}, data={"text": words})

    def rider_sends_pictures(self, phone: str, *colours: str, words: str = "") -> None:
        """Photos without a code, each a message of its own; one colour each."""
        files = []
        for number, colour in enumerate(colours):
            drawn = io.BytesIO()
            Image.new("RGB", (64, 48), colour).save(drawn, "JPEG")
            files.append(("photo", (f"{number}.jpg", drawn.getvalue(), "image/jpeg")))
        self._from_phone(phone, files=files, data={"text": words})

    def label(self, code: str) -> Label:
        """The sticker of an EVSE."""
        number = int(code.split("-")[1][:-1]) if "-" in code else 1
        return Label(
            code, number, "Type 2, 22 kW", self.settings.public_url, self.settings.twilio_from
        )

    def rider_taps(self, phone: str, title: str) -> None:
        """Tap the newest button or row with this title, as soon as it is on the phone."""
        self._tap(phone, title, lambda shown: shown == title)

    def rider_taps_first(self, phone: str, words: str) -> None:
        """Tap the newest button or row that begins with these words."""
        self._tap(phone, words, lambda shown: shown.startswith(words))

    def _tap(self, phone: str, what: str, fits: Callable[[str], bool]) -> None:
        def find() -> Mapping[str, str] | None:
            for message in reversed(self.phone(phone)):
                for option in message.get("options", ()):
                    if fits(option["title"]):
                        return dict(option)
            return None

        self._all_shown()
        option = self.until(find, f"no button {what!r} on {phone}", phone)
        self._from_phone(phone, json={"payload": option["id"], "title": option["title"]})

    def _all_shown(self) -> None:
        """Wait until phones show what was sent: Twilio takes a message before it carries it."""
        on_its_way = select(Line.id).where(
            Line.author != "rider", Line.provider_id.is_not(None),
            Line.status.in_(("queued", "accepted", "sending")),
        )  # fmt: skip

        def arrived() -> bool:
            with self.store.read() as work:
                return work.session.scalars(on_its_way).first() is None

        self.until(arrived, "a message never came to a phone")

    def _from_phone(self, phone: str, **request: Any) -> None:
        url = f"{self.twilio_url}/demo/phones/{phone}/messages"
        before = self._inbound_count()
        self.http.post(url, **request).raise_for_status()
        self.until(lambda: self._inbound_count() > before, "the webhook never came")
        self.settle()

    def _inbound_count(self) -> int:
        from bot.store.queues import Inbox

        with self.store.read() as work:
            return len(
                work.session.scalars(select(Inbox.id).where(Inbox.kind == "whatsapp.message")).all()
            )

    def phone(self, phone: str) -> list[dict[str, Any]]:
        """Everything on a rider's phone, oldest first, as docs/chat-message.md."""
        answer = self.http.get(f"{self.twilio_url}/demo/phones/{phone}/messages").json()
        messages: list[dict[str, Any]] = answer["messages"]
        return messages

    def bot_said(self, phone: str) -> list[dict[str, Any]]:
        """What the bot said to a rider and no `bot_says` has consumed."""
        said = [each for each in self.phone(phone) if each["direction"] == "out"]
        return said[self.read.get(phone, 0) :]

    def bot_says(self, phone: str, *parts: str) -> dict[str, Any]:
        """The next message of the bot holds these parts; it counts as read with all before it."""

        def find() -> dict[str, Any] | None:
            for number, message in enumerate(self.bot_said(phone), start=1):
                if all(part.casefold() in _shown(message).casefold() for part in parts):
                    self.read[phone] = self.read.get(phone, 0) + number
                    return message
            return None

        said: dict[str, Any] = self.until(find, f"the bot never said {parts} to {phone}", phone)
        return said

    def bot_is_silent(self, phone: str) -> None:
        """Nothing unread is on the phone."""
        self._all_shown()
        unread = [_shown(message) for message in self.bot_said(phone)]
        assert not unread, f"the bot said {unread}"

    def transcript(self, phone: str) -> str:
        """The phone as text, for failure messages."""
        arrow = {"in": "rider", "out": "bot  "}
        return "\n".join(f"{arrow[m['direction']]} {_shown(m)}" for m in self.phone(phone))

    def give_card(self, phone: str) -> None:
        """The rider has a saved card at Stripe."""
        from bot.demo.seed import test_card
        from bot.gateways.stripe_client import client_for

        card = test_card(client_for(self.settings))(phone)
        with self.store.begin() as work:
            rider = work.session.get_one(Rider, rider_for(work, "whatsapp", phone).id)
            rider.stripe_customer, rider.stripe_payment_method = card.customer, card.payment_method
            rider.card_label = card.label

    def rider_pays(self, phone: str, card: str = "4242424242424242") -> None:
        """Pay the newest payment link."""
        links = [m["link"]["url"] for m in self.phone(phone) if "/pay/" in str(m.get("link"))]
        checkout = links[-1].rstrip("/").rsplit("/", 1)[1]
        answer = self.http.post(
            f"{self.stripe_url}/demo/checkout/{checkout}/pay", json={"card": card}
        )
        assert answer.status_code in (200, 402), answer.text  # 402: the card was declined
        self.settle()

    def bank_lets_go(self) -> None:
        """The newest hold lapses at Stripe, without our doing."""
        with self.store.read() as work:
            hold = work.session.scalars(select(Hold).order_by(Hold.id.desc())).first()
        assert hold is not None
        url = f"{self.stripe_url}/demo/payment_intents/{hold.payment_intent}/expire"
        self.http.post(url).raise_for_status()
        self.until(lambda: self._state_of_hold(hold.id) == "expired", "the hold still stands")

    def _state_of_hold(self, hold_id: int) -> str:
        with self.store.read() as work:
            return work.session.get_one(Hold, hold_id).state

    def saved_card_goes(self) -> None:
        """Every saved card is one that the bank declines from now on."""
        from bot.gateways.stripe_client import client_for

        stripe = client_for(self.settings)
        with self.store.begin() as work:
            for rider in work.session.scalars(select(Rider).where(Rider.card_label.is_not(None))):
                card = stripe.v1.payment_methods.attach(
                    "pm_card_chargeCustomerFail", {"customer": rider.stripe_customer or ""}
                )
                rider.stripe_payment_method = card.id

    # -- piles --------------------------------------------------------------------------------

    def pile(self, number: str) -> SimplePile:
        """The pile with this number."""
        pile_id = codes.pile_id(number)
        return self.piles.setdefault(pile_id, SimplePile(self, pile_id))

    def pile_sends(self, pile_id: str, kind: str, frame: Any) -> None:
        """One MQTT message of a pile goes through the gateway's ingest."""
        message = Message(
            f"evcs/v1/{pile_id}/up/{kind}", json.dumps(frame).encode(), False, self.now
        )
        with self.store.begin() as work:
            out = self.ingest.process(work, [message])
        self._deliver(out)
        self.settle()

    def _deliver(self, out: list[Publishing]) -> None:
        for each in out:
            _, _, pile_id, _, kind = each.topic.split("/")
            if kind == "call":
                _, message_id, action, payload = json.loads(each.payload)
                pile = self.pile(pile_id.lstrip("P").lstrip("0"))
                pile.asked.append((message_id, action, payload))

    # -- time and work ------------------------------------------------------------------------

    def clock_passes(self, seconds: float) -> None:
        """Time goes by, timers fire."""
        self.ahead += timedelta(seconds=seconds)
        self.settle()

    def settle(self) -> None:
        """Serve everything that is due, as workers, relay and gateway would."""
        for _ in range(200):
            with self.store.read() as work:
                streams = inbox.due_streams(work)
                lanes = outbox.due_lanes(work)
                busy = self.commands.is_due(work)
            done = sum(drain(self.store, self.routes, stream) for stream in streams)
            for lane in {"worker", "pages"} & set(lanes):
                done += relay(self.store, self.deliveries, lane)
            if busy:
                with self.store.begin() as work:
                    out = self.commands.tick(work, connected=True)
                self._deliver(out)
                done += len(out)
            if not done:
                return
        raise AssertionError("the world never comes to rest")

    def until(self, check: Callable[[], Any], why: str, phone: str | None = None) -> Any:
        """Poll until `check` gives something true."""
        deadline = time.monotonic() + WAIT_S
        while True:
            self.settle()
            if found := check():
                return found
            if time.monotonic() > deadline:
                raise AssertionError(why + ("\n" + self.transcript(phone) if phone else ""))
            time.sleep(0.02)


def _shown(message: Mapping[str, Any]) -> str:
    """A message as a rider reads it, options and links included."""
    shown = [message.get("text", "")]
    shown += [f"[{option['title']}]" for option in message.get("options", ())]
    if "link" in message:
        shown.append(f"[{message['link']['title']}]")
    if message["kind"] in ("image", "document", "location"):
        shown.append(f"({message['kind']})")
    return " ".join(shown)


KAMPPI = {"lat": 60.1690, "lng": 24.9310}  # where the one station stands


def add_station(
    store: Store,
    *,
    name: str = "Kamppi",
    pile: str = "1023",
    evses: int = 2,
    lat: float = KAMPPI["lat"],
    lng: float = KAMPPI["lng"],
    tariff: Mapping[str, Any] | None = None,
    power_w: int = 22_000,
    country: str = "FI",
    currency: str = "EUR",
) -> None:
    """A station with one pile; energy 0.30 EUR per kWh unless a tariff body is given."""
    body = tariff or {"elements": [{"kind": "energy", "price": "0.30", "per": "kwh"}]}
    with store.begin() as work:
        row = Tariff(name=f"Tariff of {name}", currency=currency)
        work.session.add(row)
        work.session.flush()
        work.session.add(
            TariffVersion(
                tariff_id=row.id, valid_from=datetime(2026, 1, 1, tzinfo=UTC), body=dict(body)
            )
        )
        station = Station(
            name=name, address=f"{name} 1, Helsinki", lat=lat, lng=lng, tz="Europe/Helsinki",
            country=country, currency=currency, tax_percent="25.5",
        )  # fmt: skip
        work.session.add(station)
        work.session.flush()
        work.session.add(
            Pile(id=codes.pile_id(pile), number=pile, station_id=station.id, kind="ac")
        )
        work.session.flush()
        for number in range(1, evses + 1):
            work.session.add(
                Evse(
                    pile_id=codes.pile_id(pile), number=number, tariff_id=row.id,
                    code=codes.evse_code(pile, number), connector_type="IEC_62196_T2",
                    max_power_w=power_w,
                )
            )  # fmt: skip


def add_pile(world: World, name: str, pile: str) -> None:
    """Another pile with two sockets at a station, online, like those that stand there."""
    with world.store.begin() as work:
        station = work.session.scalars(select(Station).where(Station.name == name)).one()
        like = station.piles[0].evses[0]
        row = Pile(id=codes.pile_id(pile), number=pile, station_id=station.id, kind="ac")
        work.session.add(row)
        work.session.flush()
        for number in (1, 2):
            work.session.add(
                Evse(
                    pile_id=row.id, number=number, code=codes.evse_code(pile, number),
                    tariff_id=like.tariff_id, connector_type=like.connector_type,
                    max_power_w=like.max_power_w,
                )
            )  # fmt: skip
    world.pile(pile).goes("online")
    for number in (1, 2):
        world.pile(pile).status(number, "Available")


@contextmanager
def open_world(tmp_path: Path, database_url: str | None = None, **changed: Any) -> Iterator[World]:
    """A world on a fresh database with one station, Kamppi: pile 1023 with two EVSEs, online.

    `changed`: settings that differ.
    """
    with ExitStack() as stack:
        engine = make_engine(database_url or f"sqlite:///{tmp_path / 'world.db'}")
        stack.callback(engine.dispose)
        store = Store(with_tables(engine))
        late = Flask("late")  # its real self needs its own address first
        port = stack.enter_context(served(late))
        public = f"http://127.0.0.1:{port}"
        twilio_port = stack.enter_context(served(twilio := Flask("twilio-late")))
        config = Config(
            base_url=f"http://127.0.0.1:{twilio_port}",
            data=tmp_path / "twilio.db",
            webhook=f"{public}/webhooks/whatsapp",
            status=f"{public}/webhooks/whatsapp/status",
            account_sid=ACCOUNT, auth_token=TOKEN, sender=SENDER, verify_sid="VA" + "b2" * 16,
            pace_s=0.05,
        )  # fmt: skip
        real_twilio, postman = twilio_app(config)
        stack.callback(postman.stop)
        twilio.wsgi_app = real_twilio.wsgi_app  # type: ignore[method-assign]  # see above
        stripe = stripe_app(f"{public}/webhooks/stripe", "whsec_world", "sk_test_world")
        stack.callback(stripe.extensions["stripe_standin"])
        stripe_port = stack.enter_context(served(stripe))
        settings = Settings(
            public_url=public, database_url=str(engine.url), redis_url="redis://127.0.0.1:9",
            mqtt_url="mqtt://127.0.0.1:9", secret_key="w" * 40, twilio_account_sid=ACCOUNT,
            twilio_auth_token=TOKEN, twilio_from=SENDER, twilio_verify_sid="VA" + "b2" * 16,
            twilio_api_url=config.base_url, stripe_secret_key="sk_test_world",
            stripe_webhook_secret="whsec_world", meter_pace=1_000, stripe_api_url=f"http://127.0.0.1:{stripe_port}",
        )  # fmt: skip
        settings = replace(settings, **changed)
        late.wsgi_app = app.make_web(settings, store).wsgi_app  # type: ignore[method-assign]
        eyes = stack.enter_context(Eyes(photos.own_hosts(settings), photos.own_numbers(settings)))
        serving = app.make_serving(settings, store, eyes)
        world = World(
            store=store,
            settings=settings,
            routes=app.make_routes(settings, store, serving),
            deliveries=app.make_deliveries(settings, store),
            twilio_url=config.base_url,
            stripe_url=f"http://127.0.0.1:{stripe_port}",
        )
        stack.callback(world.http.close)
        store.clock = lambda: world.now
        add_station(store)
        pile = world.pile("1023")
        pile.goes("online")
        for number in (1, 2):
            pile.status(number, "Available")
        yield world
