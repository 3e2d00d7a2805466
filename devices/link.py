"""The gateway's connection to the broker: paho in its own thread, which only queues and counts.

Every choice here has a measured reason (docs/protocol.md, "For the operator"): MQTT 3.1.1 so that
every broker works, TCP_NODELAY because Nagle costs 88 ms a command, manual acknowledgement because
a PUBACK must mean "committed", and no exception may leave a callback because paho's thread would
die of it without a word.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import structlog
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from bot.store.database import Clock
from devices import topics
from devices.ingest import Message

log = structlog.get_logger()

CLIENT_ID: Final = "pilebot-gateway"  # a second gateway takes the first one's place
KEEPALIVE_S: Final = 30


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message with what its acknowledgement needs; packet ids start anew with a connection."""

    message: Message
    generation: int
    mid: int
    qos: int


class Link:
    """`deliver` is called in paho's thread and must neither block nor raise."""

    def __init__(self, url: str, deliver: Callable[[Delivery], None], clock: Clock) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or "127.0.0.1"
        self._port = parts.port or (8883 if parts.scheme == "mqtts" else 1883)
        self._deliver = deliver
        self._clock = clock
        self._generation = 0
        self._ready = threading.Event()
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=CLIENT_ID,
            clean_session=True,
            protocol=mqtt.MQTTv311,
            manual_ack=True,
        )
        client.suppress_exceptions = True
        client.max_inflight_messages_set(1000)
        client.reconnect_delay_set(min_delay=1, max_delay=5)
        if parts.scheme == "mqtts":
            client.tls_set()
        if parts.username:
            client.username_pw_set(unquote(parts.username), unquote(parts.password or ""))
        client.on_socket_open = _no_delay
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        self._client = client

    @property
    def ready(self) -> bool:
        """Connected and subscribed: what piles say now is heard, what we say now is sent."""
        return self._ready.is_set() and self._client.is_connected()

    def start(self) -> None:
        """Connect, and connect again whenever the broker was away."""
        self._client.connect_async(self._host, self._port, keepalive=KEEPALIVE_S)
        self._client.loop_start()

    def stop(self) -> None:
        """Disconnect and end paho's thread."""
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic: str, payload: bytes) -> bool:
        """Send at QoS 1, never retained; False when there is no connection to send on.

        paho would keep a publish made while disconnected and deliver it whenever: never do that.
        """
        if not self.ready:
            return False
        return self._client.publish(topic, payload, qos=1).rc == mqtt.MQTT_ERR_SUCCESS

    def ack(self, delivery: Delivery) -> None:
        """Acknowledge a delivery, unless its connection is gone (it is then sent again)."""
        if delivery.qos and delivery.generation == self._generation:
            self._client.ack(delivery.mid, delivery.qos)

    def _on_connect(
        self, client: mqtt.Client, _data: Any, _flags: mqtt.ConnectFlags, reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:  # fmt: skip
        self._generation += 1
        if reason.is_failure:
            log.error("broker_refuses_gateway", reason=str(reason))
            return
        client.subscribe(topics.FROM_ALL_PILES, qos=1)

    def _on_subscribe(
        self, client: mqtt.Client, _data: Any, _mid: int, reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:  # fmt: skip
        if any(reason.is_failure for reason in reasons):
            log.error("broker_refuses_subscription", reasons=[str(each) for each in reasons])
            client.disconnect()
            return
        self._ready.set()
        log.info("broker_connected", host=self._host, port=self._port)

    def _on_disconnect(
        self, _client: mqtt.Client, _data: Any, _flags: mqtt.DisconnectFlags, reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:  # fmt: skip
        if self._ready.is_set():
            log.warning("broker_away", reason=str(reason))
        self._ready.clear()

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        try:
            raw = bytes(message.payload)
            received = Message(message.topic, raw, message.retain, self._clock())
            self._deliver(Delivery(received, self._generation, message.mid, message.qos))
        except Exception:  # paho's thread must live on, whatever came
            log.exception("message_lost_before_queue")


def _no_delay(_client: mqtt.Client, _data: Any, sock: Any) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
