"""The fallback broker for demos without Mosquitto: amqtt with our login, access rule and repairs.

Not for production: it forgets unacknowledged messages when it dies and checks no packet size.
Run as `python -m devices.amqtt_broker CONFIG.json` (written by devices.broker).
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from amqtt.broker import Broker
from amqtt.contexts import Action
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from amqtt.session import Session

from bot.domain import pile_secret
from devices.broker import CSMS_USER
from devices.topics import ROOT

# amqtt disconnects at exactly the keep-alive a client announced; clients ping at about that time.
_KEEPALIVE_GRACE_S: Final = 30


class Login(BaseAuthPlugin):  # type: ignore[misc]  # amqtt ships no types
    """Name and secret must match; a pile's client id is its name and its will is its own."""

    @dataclass
    class Config:
        """`passwords`: a file in Mosquitto's form, read again when it has changed."""

        passwords: str = ""

    async def authenticate(self, *, session: Session) -> bool:
        name, secret = session.username or "", session.password or ""
        hashed = _logins(self.config.passwords).get(name)
        if hashed is None or not pile_secret.matches(secret, hashed):
            return False
        if name == CSMS_USER:
            return True
        will = session.will_topic or ""  # amqtt asks no access rule about wills
        return session.client_id == name and (not will or may_write(name, will))


def _logins(path: str) -> dict[str, str]:
    return _read(path, Path(path).stat().st_mtime_ns)


@lru_cache(maxsize=1)
def _read(path: str, _changed_at: int) -> dict[str, str]:
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    pairs = (line.partition(":") for line in lines)  # it may be read while it is written
    return {name: hashed for name, _, hashed in pairs if hashed}


class OwnTopics(BaseTopicPlugin):  # type: ignore[misc]  # amqtt ships no types
    """A pile writes its own up topics and reads its own down topics; the gateway all of them."""

    @dataclass
    class Config:
        """Nothing to configure."""

    async def topic_filtering(
        self, *, session: Session | None = None, topic: str | None = None,
        action: Action | None = None,
    ) -> bool:  # fmt: skip
        name, topic = (session.username or "") if session else "", topic or ""
        if name == CSMS_USER:
            return topic.startswith(f"{ROOT}/")
        return may_write(name, topic) if action == Action.PUBLISH else may_read(name, topic)


def may_write(name: str, topic: str) -> bool:
    """Whether a pile may publish on a topic."""
    return topic.startswith(f"{ROOT}/{name}/up/")


def may_read(name: str, topic: str) -> bool:
    """Whether a pile may subscribe to a filter, or get a message on a topic."""
    return topic.startswith(f"{ROOT}/{name}/dn/")


class _Subscriptions(dict[str, Any]):
    """amqtt walks over its subscriptions while others are added: let it walk over a copy."""

    def items(self) -> Any:
        return list(super().items())

    def __iter__(self) -> Iterator[str]:
        return iter(list(super().keys()))


class PileBroker(Broker):  # type: ignore[misc]  # amqtt ships no types
    """amqtt without the leak of retained messages to clients that never subscribed to them."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self._subscriptions = _Subscriptions()

    async def _publish_retained_messages_for_subscription(
        self, subscription: tuple[str, int], session: Session
    ) -> None:
        # amqtt calls this for every subscription there is when a client connects.
        subscribers = self._subscriptions.get(subscription[0], [])
        if any(each.client_id == session.client_id for each, _qos in subscribers):
            await super()._publish_retained_messages_for_subscription(subscription, session)


def _enforce_keepalive() -> None:
    """A client that is silent past its keep-alive is gone: amqtt only notes it."""

    def handle_read_timeout(handler: BrokerProtocolHandler) -> None:
        handler.closing = asyncio.ensure_future(handler.handle_connection_closed())

    BrokerProtocolHandler.handle_read_timeout = handle_read_timeout


async def serve(listeners: list[dict[str, Any]], passwords: str) -> None:
    """Serve until SIGTERM or SIGINT."""
    _enforce_keepalive()
    bound = {
        ("default" if index == 0 else f"listener{index}"): {
            "type": "tcp",
            "bind": f"{each['host']}:{each['port']}",
        }
        for index, each in enumerate(listeners)
    }
    broker = PileBroker(
        {
            "listeners": bound,
            "timeout_disconnect_delay": _KEEPALIVE_GRACE_S,
            "plugins": {
                f"{__name__}.Login": {"passwords": passwords},
                f"{__name__}.OwnTopics": {},
            },
        }
    )
    await broker.start()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await stopping.wait()
    await broker.shutdown()


def main(config_path: str) -> None:
    """Serve with the configuration in a file."""
    config = json.loads(Path(config_path).read_text(encoding="utf-8"))
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    asyncio.run(serve(config["listeners"], config["passwords"]))


if __name__ == "__main__":
    # Under its importable name, so that amqtt's plug-in loader finds the very same classes.
    from devices import amqtt_broker

    amqtt_broker.main(sys.argv[1])
