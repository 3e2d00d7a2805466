"""What the pile tests share: a broker, a database with piles, a gateway, processes to kill."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import select

from bot.domain import pile_secret
from bot.services import piles
from bot.settings import Settings
from bot.store.database import Store, make_engine, utc_now
from bot.store.devices import Command
from bot.store.queues import Inbox
from bot.store.stations import Evse, Pile, Station, Tariff
from devices.broker import CSMS_USER, broker_command, wait_ready
from tests.databases import with_tables

ROOT = Path(__file__).parents[2]
SECRET = "a secret of piles"  # one for all: hashing 200 of them is not what we test
HASH = pile_secret.hash_secret(SECRET)

T = TypeVar("T")


def eventually(check: Callable[[], T], *, within_s: float = 30.0) -> T:
    """The first true value of `check`, asked again until the time is over."""
    deadline = time.monotonic() + within_s
    while True:
        value = check()
        if value or time.monotonic() > deadline:
            assert value, f"not within {within_s} s"
            return value
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@dataclass
class Process:
    """A child that can be killed and started again."""

    command: Sequence[str]
    env: dict[str, str] = field(default_factory=dict)
    child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        env = {**os.environ, "PYTHONPATH": str(ROOT), **self.env}
        self.child = subprocess.Popen(self.command, cwd=ROOT, env=env)

    def kill(self) -> None:
        """kill -9."""
        assert self.child is not None
        self.child.kill()
        self.child.wait()

    def stop(self) -> None:
        if self.child is not None and self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(5)
            except subprocess.TimeoutExpired:
                self.kill()


@dataclass
class BrokerWorld:
    """A broker in a process of its own."""

    port: int
    csms_port: int
    process: Process

    @property
    def pile_url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    @property
    def csms_url(self) -> str:
        return f"mqtt://{CSMS_USER}:{SECRET.replace(' ', '%20')}@127.0.0.1:{self.csms_port}"

    def start(self) -> None:
        self.process.start()
        assert wait_ready(self.csms_url, 60)

    def restart(self) -> None:
        self.process.kill()
        self.start()


@contextmanager
def broker_running(
    folder: Path, pile_ids: Sequence[str], *, mosquitto: bool
) -> Iterator[BrokerWorld]:
    port, csms_port = free_port(), free_port()
    credentials = dict.fromkeys([*pile_ids, CSMS_USER], HASH)
    command = broker_command(
        folder, port, credentials, csms_port=csms_port, use_mosquitto=mosquitto
    )
    world = BrokerWorld(port, csms_port, Process(command))
    world.start()
    try:
        yield world
    finally:
        world.process.stop()


def settings_for(mqtt_url: str, database_url: str, **changes: Any) -> Settings:
    values: dict[str, Any] = {
        "public_url": "http://127.0.0.1",
        "database_url": database_url,
        "redis_url": "redis://127.0.0.1:1/0",  # nobody there: the gateway must do without
        "mqtt_url": mqtt_url,
        "secret_key": "x" * 32,
        "twilio_account_sid": "AC1",
        "twilio_auth_token": "t",
        "twilio_from": "whatsapp:+1",
        "stripe_secret_key": "sk",
        "stripe_webhook_secret": "wh",
        "command_timeout_s": 1,
    }
    return Settings(**{**values, **changes})


def make_store(folder: Path, pile_ids: Sequence[str], *, evses: int = 2) -> Store:
    """A SQLite database with one station and these piles, none of them heard yet."""
    engine = with_tables(make_engine(f"sqlite:///{folder / 'test.db'}"))
    return furnish(Store(engine), pile_ids, evses=evses)


def furnish(store: Store, pile_ids: Sequence[str], *, evses: int = 2) -> Store:
    """Put one station and these piles into an empty database."""
    with store.begin() as work:
        station = Station(
            name="Kamppi", address="Urho Kekkosen katu 1", lat=60.169, lng=24.933,
            tz="Europe/Helsinki", country="FI", currency="EUR", tax_percent="25.5",
        )  # fmt: skip
        tariff = Tariff(name="Day", currency="EUR")
        work.session.add_all([station, tariff])
        work.session.flush()
        for pile_id in pile_ids:
            number = pile_id.lstrip("P0") or "0"
            work.session.add(
                Pile(id=pile_id, number=number, station_id=station.id, kind="ac",
                     secret_hash=HASH)
            )  # fmt: skip
            for evse in range(1, evses + 1):
                work.session.add(
                    Evse(pile_id=pile_id, number=evse, code=f"{number}-{evse}0",
                         connector_type="IEC_62196_T2", max_power_w=22_000, tariff_id=tariff.id)
                )  # fmt: skip
    return store


def put_online(store: Store, *pile_ids: str) -> None:
    """As if the piles had connected."""
    with store.begin() as work:
        for pile in work.session.scalars(select(Pile).where(Pile.id.in_(pile_ids))):
            pile.online, pile.seen_at = True, utc_now()


def ask(store: Store, kind: str, body: dict[str, Any], **named: Any) -> int:
    """Order something of P000001 as a service would; returns the command id."""
    with store.begin() as work:
        order = {"pile_id": "P000001", "evse_number": 1, "session_id": 7, "ttl_s": 60,
                 "key": f"test:{time.monotonic_ns()}", **named}  # fmt: skip
        return piles.command(work, kind=kind, body=body, **order).id


def start(store: Store, **named: Any) -> int:
    return ask(store, "start", {"id_token": "rider:7"}, **named)


def command(store: Store, command_id: int) -> Command:
    with store.read() as work:
        return work.session.get_one(Command, command_id)


def pile(store: Store, pile_id: str = "P000001") -> Pile:
    with store.read() as work:
        return work.session.get_one(Pile, pile_id)


def evse(store: Store, number: int = 1, pile_id: str = "P000001") -> Evse:
    with store.read() as work:
        query = select(Evse).where(Evse.pile_id == pile_id, Evse.number == number)
        return work.session.scalars(query).one()


def told(store: Store, kind: str) -> list[dict[str, Any]]:
    """Bodies of the inbox rows of a kind, in order."""
    with store.read() as work:
        rows = work.session.scalars(select(Inbox).where(Inbox.kind == kind).order_by(Inbox.id))
        return [row.body for row in rows]


def outcomes(store: Store, command_id: int) -> list[str]:
    """What the bot was told of a command, in order."""
    return [each["outcome"] for each in told(store, "command.result")
            if each["command_id"] == command_id]  # fmt: skip


def events(store: Store, kind: str | None = None, pile_id: str = "P000001") -> list[dict[str, Any]]:
    """Transaction facts of a pile that the bot was told, of one event type or all."""
    return [
        each
        for each in told(store, "pile.transaction")
        if each["pile_id"] == pile_id and kind in {None, each["event"]}
    ]


@contextmanager
def gateway_running(settings: Settings, folder: Path) -> Iterator[Process]:
    """The piles process as in production, except that its settings come as JSON."""
    config = folder / "gateway.json"
    config.write_text(json.dumps(asdict(settings)))
    process = Process([sys.executable, "-m", "tests.devices.gateway_process", str(config)])
    process.start()
    try:
        yield process
    finally:
        process.stop()


@dataclass
class City:
    """Simulated piles in a process of their own, driven over HTTP."""

    process: Process
    control_port: int

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.control_port}{path}",
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
        )
        with urllib.request.urlopen(request, timeout=5) as response:
            return json.load(response)

    def at(self, pile_id: str, number: int = 1) -> dict[str, Any]:
        """What the simulator says of one EVSE."""
        evses = self.call("GET", f"/piles/{pile_id}")["evses"]
        found: dict[str, Any] = next(each for each in evses if each["number"] == number)
        return found


@contextmanager
def city_running(
    broker: BrokerWorld, folder: Path, pile_ids: Sequence[str], **changes: Any
) -> Iterator[City]:
    port = free_port()
    config = {
        "mqtt_url": broker.pile_url, "secret": SECRET, "pile_ids": list(pile_ids),
        "control_port": port, "speed": 600.0, "state_dir": str(folder / "piles"),
        "meter_every_s": 0.5, "plug_in_timeout_s": 60.0, "heartbeat_s": 30.0,
        **changes,
    }  # fmt: skip
    path = folder / "city.json"
    path.write_text(json.dumps(config))
    process = Process([sys.executable, "-m", "tests.devices.city_process", str(path)])
    process.start()
    city = City(process, port)
    try:
        eventually(lambda: _answers(city), within_s=60)
        yield city
    finally:
        process.stop()


def _answers(city: City) -> bool:
    try:
        city.call("GET", "/piles")
    except OSError:
        return False
    return True


@dataclass
class Rider:
    """One pile with somebody in front of it: what they do, what the bot orders and hears."""

    store: Store
    city: City
    pile_id: str

    def does(self, what: str, **body: Any) -> None:
        """At EVSE 1: plug, unplug, stop, fault, clear."""
        self.city.call("POST", f"/piles/{self.pile_id}/evses/1/{what}", body)

    def pile(self, what: str, **body: Any) -> None:
        """To the pile: offline, online, power, misbehave."""
        self.city.call("POST", f"/piles/{self.pile_id}/{what}", body)

    @property
    def sees(self) -> dict[str, Any]:
        return self.city.at(self.pile_id)

    def orders(self, kind: str, body: dict[str, Any] | None = None, **named: Any) -> int:
        return ask(self.store, kind, body or {}, pile_id=self.pile_id, **named)

    def starts(self, **named: Any) -> int:
        return self.orders("start", {"id_token": "rider:7"}, **named)

    def charges(self) -> dict[str, Any]:
        """Plug in and start; returns the fact that it started."""
        self.does("plug")
        started = self.starts()
        self.hears_of(started, "confirmed")
        [begun] = self.events("Started")
        eventually(lambda: self.sees["power_w"] > 0)
        return begun

    def outcomes(self, command_id: int) -> list[str]:
        return outcomes(self.store, command_id)

    def ends_with(self, command_id: int, *wanted: str) -> None:
        """Wait until the bot has been told just this of a command.

        On a busy machine a try may run out of time: an "unknown" on the way is no surprise.
        """
        eventually(lambda: self.outcomes(command_id)[-1:] == [wanted[-1]])
        told = [each for each in self.outcomes(command_id) if each in wanted or each != "unknown"]
        assert told == list(wanted)

    def events(self, kind: str | None = None) -> list[dict[str, Any]]:
        return events(self.store, kind, self.pile_id)

    def hears_of(self, command_id: int, outcome: str, *, within_s: float = 30.0) -> None:
        """Wait until the bot has been told an outcome of a command, whatever before."""
        eventually(lambda: outcome in self.outcomes(command_id), within_s=within_s)

    def ended(self, *, within_s: float = 30.0) -> dict[str, Any]:
        """The fact that the only transaction of this pile ended."""
        [fact] = eventually(lambda: self.events("Ended"), within_s=within_s)
        return fact

    def status_is(self, status: str) -> None:
        eventually(lambda: evse(self.store, 1, self.pile_id).status == status)

    def online_is(self, online: bool) -> None:
        eventually(lambda: pile(self.store, self.pile_id).online is online)
