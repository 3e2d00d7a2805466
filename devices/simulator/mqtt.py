"""A small MQTT 3.1.1 client for simulated piles: thousands fit into one process, and a cable can
be cut as in life, without a good-bye, so that the broker sends the last will."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlsplit

_CONNECT: Final = 0x10
_CONNACK: Final = 0x20
_PUBLISH: Final = 0x30
_PUBACK: Final = 0x40
_SUBSCRIBE: Final = 0x82
_SUBACK: Final = 0x90
_PINGREQ: Final = 0xC0
_DISCONNECT: Final = 0xE0
_TIMEOUT_S: Final = 10


class RefusedByBrokerError(ConnectionError):
    """The broker does not let this pile in, or not subscribe."""


@dataclass(frozen=True, slots=True)
class Login:
    """Who a pile is to the broker, and what the broker says when the pile vanishes."""

    name: str
    secret: str
    will_topic: str
    will: bytes


class Connection:
    """One connection; QoS 1 both ways. Lost publishes are the caller's to repeat."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, keepalive_s: int
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._keepalive_s = keepalive_s
        self._packet_id = 0
        self._pinging: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, url: str, login: Login, *, keepalive_s: int = 30) -> Self:
        """Connect and log in. Raises OSError or TimeoutError; RefusedByBrokerError for a no."""
        parts = urlsplit(url)
        secure = parts.scheme == "mqtts"
        async with asyncio.timeout(_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(
                parts.hostname,
                parts.port or (8883 if secure else 1883),
                ssl=ssl.create_default_context() if secure else None,
            )
            self = cls(reader, writer, keepalive_s)
            try:
                await self._log_in(login)
            except BaseException:
                self.cut()
                raise
        self._pinging = asyncio.create_task(self._ping())
        return self

    async def subscribe(self, topic: str) -> None:
        """Subscribe at QoS 1; call before `messages`."""
        packet_id = self._next_id()
        self._write(_SUBSCRIBE, packet_id + _text(topic) + b"\x01")
        async with asyncio.timeout(_TIMEOUT_S):
            kind, body = await self._read()
        if kind != _SUBACK or body[2] == 0x80:
            raise RefusedByBrokerError(f"may not subscribe to {topic}")

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Send at QoS 1. Raises ConnectionError when the connection is gone."""
        if self._writer.is_closing():
            raise ConnectionResetError("connection is closed")
        flags = 0x02 | (0x01 if retain else 0)
        self._write(_PUBLISH | flags, _text(topic) + self._next_id() + payload)

    async def messages(self) -> AsyncIterator[tuple[str, bytes]]:
        """What is published to us, until the connection ends."""
        while True:
            try:
                async with asyncio.timeout(self._keepalive_s * 1.5):
                    kind, body = await self._read()
            except (OSError, asyncio.IncompleteReadError, TimeoutError):
                return
            if kind & 0xF0 != _PUBLISH:
                continue
            length = struct.unpack_from("!H", body)[0]
            topic, rest = body[2 : 2 + length].decode(), body[2 + length :]
            if kind & 0x06:  # QoS 1
                self._write(_PUBACK, rest[:2])
                rest = rest[2:]
            yield topic, rest

    async def close(self) -> None:
        """Say good-bye: the broker sends no will."""
        with contextlib.suppress(OSError):
            self._write(_DISCONNECT, b"")
            await self._writer.drain()
        self.cut()

    def cut(self) -> None:
        """Vanish without a word: the broker sends the will."""
        if self._pinging is not None:
            self._pinging.cancel()
        self._writer.transport.abort()

    async def _log_in(self, login: Login) -> None:
        flags = 0x80 | 0x40 | 0x20 | 0x08 | 0x04 | 0x02  # name, password, will (retained, QoS 1)
        header = _text("MQTT") + bytes([4, flags]) + struct.pack("!H", self._keepalive_s)
        will = struct.pack("!H", len(login.will)) + login.will
        texts = _text(login.name), _text(login.will_topic), _text(login.name), _text(login.secret)
        self._write(_CONNECT, header + texts[0] + texts[1] + will + texts[2] + texts[3])
        kind, body = await self._read()
        if kind != _CONNACK or body[1] != 0:
            raise RefusedByBrokerError(f"{login.name} is not let in")

    async def _ping(self) -> None:
        while True:
            await asyncio.sleep(self._keepalive_s / 2)
            self._write(_PINGREQ, b"")

    def _next_id(self) -> bytes:
        self._packet_id = self._packet_id % 0xFFFF + 1
        return struct.pack("!H", self._packet_id)

    def _write(self, kind: int, body: bytes) -> None:
        length, encoded = len(body), bytearray()
        while True:
            length, digit = divmod(length, 128)
            encoded.append(digit | (0x80 if length else 0))
            if not length:
                break
        self._writer.write(bytes([kind]) + bytes(encoded) + body)

    async def _read(self) -> tuple[int, bytes]:
        kind = (await self._reader.readexactly(1))[0]
        length, shift = 0, 0
        while True:
            digit = (await self._reader.readexactly(1))[0]
            length |= (digit & 0x7F) << shift
            shift += 7
            if not digit & 0x80:
                break
        return kind, await self._reader.readexactly(length)


def _text(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("!H", len(raw)) + raw
