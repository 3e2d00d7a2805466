"""Asking a process whether it serves, in its own protocol."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import redis

Ready = Callable[[int], bool]  # gets the process's pid


def http(url: str, *, timeout_s: float = 1.0) -> Ready:
    """Answers `url` with anything that is not a server error."""

    def ready(_pid: int) -> bool:
        try:
            with urlopen(url, timeout=timeout_s):  # noqa: S310 (our own http address)
                return True
        except HTTPError as error:
            return error.code < 500
        except (URLError, OSError):
            return False

    return ready


def redis_server(url: str) -> Ready:
    """Answers PING; while it loads its data it does not."""

    def ready(_pid: int) -> bool:
        try:
            with redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    return ready


def rq_worker(url: str) -> Ready:
    """Is registered in Redis as a worker of RQ."""

    def ready(pid: int) -> bool:
        try:
            with redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1) as client:
                return any(
                    client.hget(key, "pid") == str(pid).encode()
                    for key in client.sscan_iter("rq:workers")
                )
        except redis.RedisError:
            return False

    return ready


def mqtt_broker(host: str, port: int, username: str, password: str) -> Ready:
    """Accepts a real MQTT 3.1.1 CONNECT; a bare TCP probe would make brokers log an error."""
    client_id = b"pilebot-ready"
    fields = [client_id, username.encode(), password.encode()]
    payload = b"".join(struct.pack("!H", len(each)) + each for each in fields)
    # protocol "MQTT" level 4; user name, password, clean session; keep-alive 10 s
    body = b"\x00\x04MQTT\x04\xc2\x00\x0a" + payload
    assert len(body) < 128, "the packet's length is written in one byte"
    connect, disconnect = b"\x10" + bytes([len(body)]) + body, b"\xe0\x00"

    def ready(_pid: int) -> bool:
        try:
            with socket.create_connection((host, port), timeout=1) as connection:
                connection.sendall(connect)
                answer = connection.recv(4)
                connection.sendall(disconnect)
        except OSError:
            return False
        return answer[:1] == b"\x20" and answer[3:] == b"\x00"

    return ready
