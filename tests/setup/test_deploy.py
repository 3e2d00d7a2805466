"""The production files: what can be tried without a container engine is tried here."""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from bot.domain.pile_secret import hash_secret
from bot.settings import FIELDS, SettingsError, read

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "docs" / "deploy"
MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin")
NAMES = {each.name.upper() for each in FIELDS}
OURS = ("migrate", "web", "console", "worker", "piles", "clock")
URLS = {
    "database_url": "postgresql+psycopg://pilebot:p@db/pilebot",
    "redis_url": "redis://redis:6379/0",
    "mqtt_url": "mqtt://csms:p@mosquitto:1883",
}
SECRETS = {"csms": "gateway", "P000001": "one", "P000002": "two"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return loaded


def example_settings() -> dict[str, str]:
    lines = (DEPLOY / "pilebot.env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


# --- compose.yaml -------------------------------------------------------------------------------


@pytest.mark.parametrize("service", OURS)
def test_every_process_gets_all_it_needs(
    compose: dict[str, Any], service: str, tmp_path: Path
) -> None:
    given = compose["services"][service]
    assert given["env_file"] == ["pilebot.env"]
    environ = {**example_settings(), **given["environment"]}
    for name, value in environ.items():
        if name.endswith("_FILE"):
            secret = Path(value).name
            assert secret in given["secrets"], f"{name} is not mounted into {service}"
            assert secret in compose["secrets"]
            (tmp_path / secret).write_text(URLS.get(secret, "x" * 32) + "\n")
            environ[name] = str(tmp_path / secret)
    read(environ)
    required = dict(environ)
    del required["SECRET_KEY_FILE"]
    with pytest.raises(SettingsError, match="SECRET_KEY is missing"):
        read(required)


def test_only_known_settings_are_given(compose: dict[str, Any]) -> None:
    environment = compose["services"]["web"]["environment"]
    assert {name.removesuffix("_FILE") for name in environment} <= NAMES
    assert set(example_settings()) <= NAMES


def test_secrets_are_those_that_the_script_makes(compose: dict[str, Any]) -> None:
    made = set(re.findall(r"^(?:keep|ask) (\w+)", (DEPLOY / "make-secrets.sh").read_text(), re.M))
    assert set(compose["secrets"]) == made
    for name, secret in compose["secrets"].items():
        assert secret["file"] == f"./secrets/{name}"


def test_nothing_is_reached_from_outside_but_web_and_piles(compose: dict[str, Any]) -> None:
    published = {
        name: service["ports"]
        for name, service in compose["services"].items()
        if "ports" in service
    }
    assert published == {
        "web": ["127.0.0.1:8080:8080"],
        "console": ["127.0.0.1:8081:8001"],
        "mosquitto": ["8883:8883"],
    }
    assert compose["networks"]["inside"]["internal"] is True
    for name in ("db", "redis", "nlu"):
        assert compose["services"][name]["networks"] == ["inside"]


def test_ours_run_with_the_least_rights(compose: dict[str, Any]) -> None:
    for name in (*OURS, "nlu"):
        service = compose["services"][name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_dependencies_exist_and_can_be_waited_for(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for name, service in services.items():
        for other, how in service.get("depends_on", {}).items():
            assert other in services, f"{name} waits for {other}"
            if how["condition"] == "service_healthy":
                assert "healthcheck" in services[other]


def test_the_commands_that_are_named_exist(compose: dict[str, Any]) -> None:
    named = set(re.findall(r"app\.py ([a-z-]+)", (ROOT / "docs" / "runbook.md").read_text()))
    for name in OURS:
        command = compose["services"][name].get("command", [])
        named |= {command[2]} if command[:2] == ["python", "app.py"] else set()
    told = subprocess.run(
        [sys.executable, ROOT / "app.py", "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert {"migrate", "worker", "inventory"} <= named
    for each in named:
        assert re.search(rf"^    {each}\b", told, re.M), f"app.py has no command {each}"


# --- Dockerfile ---------------------------------------------------------------------------------


def stages() -> dict[str, list[str]]:
    """The instructions of each stage by its name."""
    text = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text())
    found: dict[str, list[str]] = {}
    for line in filter(None, (line.strip() for line in text.splitlines())):
        if match := re.match(r"FROM (\S+) AS (\S+)$", line):
            found[match[2]] = [line]
        elif not line.startswith("#"):
            found[next(reversed(found))].append(line)
    return found


def is_sent(path: str) -> bool:
    """Whether a file is part of the build context (.dockerignore: the last rule that fits wins)."""
    sent = True
    for rule in (ROOT / ".dockerignore").read_text().splitlines():
        if not rule or rule.startswith("#"):
            continue
        pattern = rule.removeprefix("!").removeprefix("**/")
        parts = path.split("/")
        prefixes = ["/".join(parts[: end + 1]) for end in range(len(parts))]
        candidates = [*prefixes, *parts] if "**/" in rule else prefixes
        if any(fnmatch.fnmatchcase(each, pattern) for each in candidates):
            sent = rule.startswith("!")
    return sent


def test_each_stage_builds_on_one_that_exists() -> None:
    known = {"python:3.11-slim-bookworm"}
    for name, lines in stages().items():
        assert lines[0].split()[1] in known
        known.add(name)
        for line in lines:
            if source := re.search(r"COPY --from=(\S+)", line):
                assert source[1] in known


@pytest.mark.parametrize("target", ["service", "nlu"])
def test_images_do_not_run_as_root(target: str) -> None:
    users = [line for line in stages()[target] if line.startswith("USER ")]
    assert users == ["USER pilebot"]


def test_what_the_images_copy_is_there_and_sent() -> None:
    for lines in stages().values():
        for line in lines:
            if line.startswith("COPY ") and "--from" not in line:
                for source in line.split()[1:-1]:
                    assert (ROOT / source).exists(), line
                    assert source == "." or is_sent(source), line


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("app.py", True),
        ("bot/services/charging.py", True),
        ("bot/demo/city.py", False),
        ("devices/gateway.py", True),
        ("nlu/requirements.txt", True),
        ("nlu/models/x.tar.gz", False),
        ("secrets/secret_key", False),
        (".git/config", False),
        ("bot/__pycache__/errors.pyc", False),
        ("var/demo/state/secrets.json", False),
    ],
)
def test_the_build_context_holds_the_product_only(path: str, sent: bool) -> None:
    assert is_sent(path) is sent


def test_the_product_runs_without_what_stays_outside(tmp_path: Path) -> None:
    for top in filter(lambda each: is_sent(each.name), ROOT.iterdir()):
        for path in [top, *top.rglob("*")]:
            name = path.relative_to(ROOT)
            if path.is_file() and is_sent(name.as_posix()):
                (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, tmp_path / name)
    assert not (tmp_path / "bot" / "demo").exists()
    modules = "app, devices.gateway, nlu.train, bot.gateways.broker_passwords"
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run(
        [sys.executable, "-c", f"import {modules}"], cwd=tmp_path, env=environ, check=True
    )


# --- the broker ---------------------------------------------------------------------------------

needs_mosquitto = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int, Path]]:
    """Mosquitto on the very configuration of production: the piles' port, the gateway's, a CA."""
    folder = tmp_path_factory.mktemp("mosquitto")
    piles, gateway = free_port(), free_port()
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-keyout", folder / "server.key", "-out", folder / "server.crt"],
        check=True, capture_output=True,
    )  # fmt: skip
    passwords = "".join(f"{name}:{hash_secret(secret)}\n" for name, secret in SECRETS.items())
    (folder / "passwords").write_text(passwords)
    shutil.copy(DEPLOY / "acl", folder / "acl")
    config = (DEPLOY / "mosquitto.conf").read_text()
    for ours, theirs in (
        ("listener 8883", f"listener {piles} 127.0.0.1"),
        ("listener 1883", f"listener {gateway} 127.0.0.1"),
        ("/mosquitto/secrets/", f"{folder}/"),
        ("/mosquitto/config/", f"{folder}/"),
        ("/mosquitto/data/", f"{folder}/"),
    ):
        assert ours in config
        config = config.replace(ours, theirs)
    (folder / "mosquitto.conf").write_text(f"{config}\nuser root\n")
    assert MOSQUITTO is not None
    process = subprocess.Popen([MOSQUITTO, "-c", folder / "mosquitto.conf"])
    try:
        deadline = time.monotonic() + 10
        while not _listens(gateway):
            assert process.poll() is None, "Mosquitto refuses the configuration"
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield piles, gateway, folder / "server.crt"
    finally:
        process.terminate()
        process.wait(timeout=10)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Client:
    """A paho client that notes what arrives."""

    def __init__(
        self, port: int, name: str, secret: str, *, ca: Path | None = None, client_id: str = ""
    ) -> None:
        self.got: list[str] = []
        self.answered = threading.Event()
        self.changed = threading.Condition()
        self.let_in = False
        self.mqtt = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id or name, protocol=mqtt.MQTTv311
        )
        self.mqtt.username_pw_set(name, secret)
        if ca is not None:
            self.mqtt.tls_set(str(ca), tls_version=ssl.PROTOCOL_TLS_CLIENT)
        self.mqtt.on_connect = self._on_connect
        self.mqtt.on_message = self._on_message
        self.mqtt.connect("localhost" if ca else "127.0.0.1", port)
        self.mqtt.loop_start()
        assert self.answered.wait(10), "no CONNACK"

    def _on_connect(self, _c: Any, _u: Any, _f: Any, reason: Any, _p: Any) -> None:
        self.let_in = not reason.is_failure
        self.answered.set()

    def _on_message(self, _c: Any, _u: Any, message: mqtt.MQTTMessage) -> None:
        with self.changed:
            self.got.append(message.topic)
            self.changed.notify_all()

    def subscribe(self, topic: str) -> None:
        done = threading.Event()
        self.mqtt.on_subscribe = lambda *_: done.set()
        self.mqtt.subscribe(topic, qos=1)
        assert done.wait(10)

    def publish(self, topic: str) -> None:
        self.mqtt.publish(topic, b"x", qos=1).wait_for_publish(10)

    def wait_for(self, topic: str) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: topic in self.got, timeout=10), self.got

    def close(self) -> None:
        self.mqtt.disconnect()
        self.mqtt.loop_stop()


@pytest.fixture
def gateway(broker: tuple[int, int, Path]) -> Iterator[Client]:
    client = Client(broker[1], "csms", SECRETS["csms"], client_id="pilebot-gateway")
    client.subscribe("evcs/v1/+/up/+")
    yield client
    client.close()


@needs_mosquitto
def test_a_pile_reaches_its_own_topics_only(broker: tuple[int, int, Path], gateway: Client) -> None:
    one = Client(broker[0], "P000001", "one", ca=broker[2])
    two = Client(broker[0], "P000002", "two", ca=broker[2])
    for pile in (one, two):
        pile.subscribe("evcs/v1/P000001/dn/+")
    one.publish("evcs/v1/P000002/up/call")
    one.publish("evcs/v1/P000001/dn/call")
    one.publish("evcs/v1/P000001/up/call")
    gateway.wait_for("evcs/v1/P000001/up/call")
    gateway.publish("evcs/v1/P000001/dn/result")
    one.wait_for("evcs/v1/P000001/dn/result")
    assert gateway.got == ["evcs/v1/P000001/up/call"]
    assert one.got == ["evcs/v1/P000001/dn/result"]
    assert two.got == []
    one.close()
    two.close()


@needs_mosquitto
def test_a_pile_cannot_take_anothers_place_by_its_client_id(
    broker: tuple[int, int, Path], gateway: Client
) -> None:
    one = Client(broker[0], "P000001", "one", ca=broker[2])
    thief = Client(broker[0], "P000002", "two", ca=broker[2], client_id="P000001")
    one.publish("evcs/v1/P000001/up/call")
    gateway.wait_for("evcs/v1/P000001/up/call")
    assert one.mqtt.is_connected()
    one.close()
    thief.close()


@needs_mosquitto
@pytest.mark.parametrize(("name", "secret"), [("P000001", "two"), ("P000009", "one"), ("", "")])
def test_who_is_not_known_stays_out(broker: tuple[int, int, Path], name: str, secret: str) -> None:
    client = Client(broker[0], name, secret, ca=broker[2], client_id=name or "nobody")
    assert not client.let_in
    client.close()
