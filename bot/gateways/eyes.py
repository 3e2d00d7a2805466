"""Reads photos in a child process that may hang, crash or eat memory without harm to anybody.

The child serves one photo at a time over its standard input and output: four bytes of length and
the photo in, four bytes of length and JSON out. It ends when its input does, so it never outlives
its owner, and an alarm ends it when a decoder hangs.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO, Any, Final

import structlog

import bot
from bot.domain.codes import PileCode, read_payload
from bot.gateways.qr import MAX_BYTES, Reading, decode

TIME_LIMIT_S: Final = 10.0
START_LIMIT_S: Final = 60.0  # imports, on a machine that has other things to do
MEMORY_LIMIT_BYTES: Final = 1_500_000_000  # address space; the largest PNG needs about 0.4 GB
_LENGTH: Final = struct.Struct(">I")

log = structlog.get_logger()


class Eyes:
    """Photo in, pile codes out, thread-safe.

    The child starts with the first photo (or `start`) and again after a crash. After a fork each
    process gets a child of its own.
    """

    def __init__(
        self,
        own_hosts: Collection[str],
        own_numbers: Collection[str],
        *,
        time_limit_s: float = TIME_LIMIT_S,
    ) -> None:
        self._ours = json.dumps([list(own_hosts), list(own_numbers)])
        self._time_limit_s = time_limit_s
        self._forget()

    def start(self) -> None:
        """Start the child now, so that the first photo need not wait for it."""
        with self._mine():
            self._running()

    def close(self) -> None:
        """End the child. Photos after that start it again."""
        with self._mine():
            self._end()

    def __enter__(self) -> Eyes:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def decode_safely(self, data: bytes) -> Reading[PileCode]:
        """What a photo says; one that breaks the child is "unreadable". Never raises."""
        if len(data) > MAX_BYTES:
            return Reading(problem="too_large")
        began = time.monotonic()
        with self._mine():
            try:
                return _load(self._ask(data))
            except (OSError, EOFError) as error:  # broken pipe, no answer
                self._end()
                ms = round((time.monotonic() - began) * 1000)
                log.warning("photo_broke_the_reader", error=repr(error), bytes=len(data), ms=ms)
                return Reading(problem="unreadable", ms=ms)

    def _mine(self) -> threading.Lock:
        if os.getpid() != self._owner_pid:  # forked: the child and the lock are the parent's
            self._forget()
        return self._lock

    def _forget(self) -> None:
        self._owner_pid = os.getpid()
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._ready = False

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self._end()
            kept = ("PATH", "LANG", "LD_LIBRARY_PATH", "TMPDIR")  # no secrets in there
            env = {name: os.environ[name] for name in kept if name in os.environ}
            program = "from bot.gateways.eyes import serve; serve()"
            self._child = subprocess.Popen(  # noqa: S603 - our own program, nothing from outside
                [sys.executable, "-c", program, self._ours, str(self._time_limit_s)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # decoders chat there
                env={**env, "PYTHONPATH": str(Path(bot.__file__).parent.parent)},
                start_new_session=True,  # Ctrl-C is for the owner
            )
            self._ready = False
        return self._child

    def _ask(self, data: bytes) -> bytes:
        child = self._running()
        assert child.stdin is not None
        assert child.stdout is not None
        if not self._ready:
            with _ending(child, START_LIMIT_S):
                _receive(child.stdout)
            self._ready = True
        with _ending(child, self._time_limit_s):
            child.stdin.write(_LENGTH.pack(len(data)) + data)
            child.stdin.flush()
            return _receive(child.stdout)

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            assert pipe is not None
            with contextlib.suppress(OSError):  # what was left to write has no reader
                pipe.close()


@contextlib.contextmanager
def _ending(child: subprocess.Popen[bytes], limit_s: float) -> Iterator[None]:
    """Kill the child when the block takes longer; that ends waiting reads and writes alike."""
    watchdog = threading.Timer(limit_s, child.kill)
    watchdog.daemon = True
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()


def serve() -> None:
    """The child: say that it is ready (an empty frame), answer photos until the input ends."""
    hosts, numbers = json.loads(sys.argv[1])
    time_limit_s = float(sys.argv[2])
    photos, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a decoder that prints must not get between the answers
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # it has nothing to write
    answer = b""
    while True:
        answers.write(_LENGTH.pack(len(answer)) + answer)
        answers.flush()
        try:
            data = _receive(photos)
        except EOFError:
            return
        signal.setitimer(signal.ITIMER_REAL, time_limit_s)  # the default action ends the process
        answer = _dump(decode(data, lambda text: read_payload(text, hosts, numbers)))
        signal.setitimer(signal.ITIMER_REAL, 0)


def _receive(pipe: IO[bytes]) -> bytes:
    """One frame; raises EOFError at the end of the pipe."""
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(head)
    body = pipe.read(length)
    if len(body) < length:
        raise EOFError
    return body


def _dump(reading: Reading[PileCode]) -> bytes:
    plain: dict[str, Any] = {
        "codes": [(code.pile_number, code.evse_number) for code in reading.codes],
        "foreign": reading.foreign,
        "engine": reading.engine,
        "ms": reading.ms,
        "problem": reading.problem,
        "texts": reading.texts,
    }
    return json.dumps(plain).encode()


def _load(answer: bytes) -> Reading[PileCode]:
    plain = json.loads(answer)
    plain["codes"] = [PileCode(*code) for code in plain["codes"]]
    return Reading(**plain | {name: tuple(plain[name]) for name in ("codes", "foreign", "texts")})
