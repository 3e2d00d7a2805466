"""Who may say what at the broker, on both brokers."""

from __future__ import annotations

import asyncio

import pytest

from bot.domain import pile_secret
from bot.store.database import Store
from devices import topics
from devices.simulator.mqtt import Connection, Login, RefusedByBrokerError
from tests.coroutines import run
from tests.devices import world
from tests.devices.world import BrokerWorld, City, Rider

VICTIM, THIEF = "P000001", "P000002"
OFFLINE = b'{"state":"offline","conn":"x"}'


def login(name: str, *, secret: str = world.SECRET, will_of: str | None = None) -> Login:
    return Login(name, secret, topics.up(will_of or name, topics.CONN), OFFLINE)


async def hears(connection: Connection, wanted: str) -> bool:
    """Whether a message on a topic comes within a moment."""

    async def listen() -> bool:
        async for topic, _payload in connection.messages():
            if topic == wanted:
                return True
        return False

    try:
        return await asyncio.wait_for(listen(), 1.0)
    except TimeoutError:
        return False


@pytest.mark.parametrize(
    ("name", "secret"), [(THIEF, "wrong"), ("nobody", world.SECRET), (THIEF, "")]
)
def test_without_the_secret_nobody_gets_in(broker: BrokerWorld, name: str, secret: str) -> None:
    async def connect() -> None:
        await Connection.open(broker.pile_url, login(name, secret=secret))

    with pytest.raises((RefusedByBrokerError, asyncio.IncompleteReadError, OSError)):
        run(connect())


def test_a_pile_cannot_speak_as_another(broker: BrokerWorld) -> None:
    async def try_it() -> tuple[bool, bool]:
        csms = await Connection.open(
            broker.csms_url, Login("csms", world.SECRET, "evcs/v1/csms/up/conn", b"x")
        )
        await csms.subscribe("evcs/v1/+/up/+")
        thief = await Connection.open(broker.pile_url, login(THIEF))
        thief.publish(topics.up(VICTIM, topics.CALL), b'[2,"1","Heartbeat",{}]')
        stolen = await hears(csms, topics.up(VICTIM, topics.CALL))
        thief = await Connection.open(broker.pile_url, login(THIEF))
        thief.publish(topics.up(THIEF, topics.CALL), b'[2,"1","Heartbeat",{}]')
        own = await hears(csms, topics.up(THIEF, topics.CALL))
        thief.cut()
        csms.cut()
        return stolen, own

    assert run(try_it()) == (False, True)


def test_a_pile_cannot_listen_to_another(broker: BrokerWorld) -> None:
    async def try_it() -> bool:
        thief = await Connection.open(broker.pile_url, login(THIEF))
        try:
            await thief.subscribe("evcs/v1/+/dn/+")
        except RefusedByBrokerError:
            return False
        csms = await Connection.open(
            broker.csms_url, Login("csms", world.SECRET, "evcs/v1/csms/up/conn", b"x")
        )
        csms.publish(topics.down(VICTIM, topics.CALL), b'[2,"1","Reset",{}]')
        heard = await hears(thief, topics.down(VICTIM, topics.CALL))
        csms.cut()
        thief.cut()
        return heard

    assert not run(try_it())


def test_a_pile_cannot_declare_another_dead(broker: BrokerWorld) -> None:
    async def try_it() -> bool:
        csms = await Connection.open(
            broker.csms_url, Login("csms", world.SECRET, "evcs/v1/csms/up/conn", b"x")
        )
        await csms.subscribe("evcs/v1/+/up/+")
        try:
            thief = await Connection.open(broker.pile_url, login(THIEF, will_of=VICTIM))
            thief.cut()
        except (RefusedByBrokerError, asyncio.IncompleteReadError):
            pass
        heard = await hears(csms, topics.up(VICTIM, topics.CONN))
        csms.cut()
        return heard

    assert not run(try_it())


def test_garbage_on_a_piles_own_topics_harms_nobody(
    broker: BrokerWorld, city: City, store: Store
) -> None:
    async def rubbish() -> None:
        thief = await Connection.open(broker.pile_url, login("P000029"))
        for channel in (topics.CALL, topics.RESULT, topics.SEND, topics.CONN):
            for raw in (b"", b"\x00\xff", b"[", b'[2,"1","Nope",{}]', b"[3]", b"x" * 50_000):
                thief.publish(topics.up("P000029", channel), raw)
        await asyncio.sleep(0.2)
        await thief.close()

    neighbour = Rider(store, city, "P000028")
    neighbour.online_is(True)
    run(rubbish())
    neighbour.ends_with(neighbour.starts(evse_number=9), "rejected")


# Made by mosquitto_passwd 2.0.11.
MOSQUITTO_HASH = (
    "$7$101$gk6TG/MSo8rVeNon$cvBxgltmkzglS9lbY++m+Ga2V8px/AB3vq/S"
    "4f3X2VDaNP/EfztB3CXlGXUm23w87aS/ScKD4V6hKnY46ILX7g=="
)


def test_the_hash_is_mosquittos_own() -> None:
    assert pile_secret.matches("secret", MOSQUITTO_HASH)
    hashed = pile_secret.hash_secret("s3cret")
    assert pile_secret.matches("s3cret", hashed)
    assert not pile_secret.matches("S3cret", hashed)
    assert hashed != pile_secret.hash_secret("s3cret")


@pytest.mark.parametrize("hashed", ["", "x", "$7$a$b$c", "$6$101$AA==$AA==", "$7$101$%%$"])
def test_what_is_no_hash_matches_nothing(hashed: str) -> None:
    assert not pile_secret.matches("", hashed)
