"""The embedded broker: Mosquitto where it is installed, else amqtt with the same rules.

Both get the same two listeners (piles; the gateway on loopback), the same password hashes and the
same access rule: a pile writes `evcs/v1/<its name>/up/#` and reads `evcs/v1/<its name>/dn/#`.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from devices.broker_logins import PID_FILE

CSMS_USER: Final = (
    "csms"  # the gateway's name at the broker; may read and write every pile's topics
)

_SBIN: Final = ("/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto")  # often not on a user's PATH

_ACL: Final = f"""\
user {CSMS_USER}
topic readwrite evcs/v1/#
pattern write evcs/v1/%u/up/#
pattern read evcs/v1/%u/dn/#
"""


def mosquitto_path() -> str | None:
    """Where Mosquitto is installed, if it is."""
    found = shutil.which("mosquitto")
    return found or next((path for path in _SBIN if Path(path).exists()), None)


def passwords_file(data_dir: Path) -> Path:
    """Where the logins of the broker in this folder are; what changes there counts soon after."""
    return data_dir / "passwords"


def broker_command(
    data_dir: Path,
    port: int,
    credentials: Mapping[str, str],
    *,
    csms_port: int,
    host: str = "127.0.0.1",
    use_mosquitto: bool | None = None,
) -> list[str]:
    """Write the broker's files below `data_dir`; returns the command that starts it.

    Piles connect to `host:port` with client id = user name, the gateway as CSMS_USER to
    `127.0.0.1:csms_port`. `credentials` maps user names (CSMS_USER among them) to hashes made by
    bot.domain.pile_secret. The command must run in the project's folder. `use_mosquitto` forces
    the choice; None takes Mosquitto where installed.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    lines = [f"{name}:{hashed}\n" for name, hashed in credentials.items()]
    _write_private(passwords_file(data_dir), "".join(lines))
    mosquitto = mosquitto_path() if use_mosquitto is not False else None
    if use_mosquitto and mosquitto is None:
        raise FileNotFoundError("mosquitto is not installed")
    if mosquitto is None:
        config = data_dir / "amqtt.json"
        listeners = [{"host": host, "port": port}, {"host": "127.0.0.1", "port": csms_port}]
        passwords = str(passwords_file(data_dir))
        _write_private(config, json.dumps({"listeners": listeners, "passwords": passwords}))
        return [sys.executable, "-m", "devices.amqtt_broker", str(config)]
    _write_private(data_dir / "acl", _ACL)
    _write_private(data_dir / "mosquitto.conf", _config(data_dir, host, port, csms_port))
    return [mosquitto, "-c", str(data_dir / "mosquitto.conf")]


def wait_ready(mqtt_url: str, timeout_s: float) -> bool:
    """Whether the broker lets us in before the time is over (a real login: a bare connect to
    amqtt would only fill its log)."""
    parts = urlsplit(mqtt_url)
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2,
        client_id=f"pilebot-probe-{os.getpid()}-{threading.get_ident()}",
    )
    client.username_pw_set(unquote(parts.username or ""), unquote(parts.password or ""))
    let_in = threading.Event()

    def on_connect(
        _client: mqtt.Client, _data: Any, _flags: Any, reason: ReasonCode, *_: Any
    ) -> None:
        if not reason.is_failure:
            let_in.set()

    client.on_connect = on_connect
    client.reconnect_delay_set(min_delay=1, max_delay=1)
    if parts.scheme == "mqtts":
        client.tls_set()
    port = parts.port or (8883 if parts.scheme == "mqtts" else 1883)
    client.connect_async(parts.hostname or "127.0.0.1", port)
    client.loop_start()
    try:
        return let_in.wait(timeout_s)
    finally:
        client.disconnect()
        client.loop_stop()


def _config(data_dir: Path, host: str, port: int, csms_port: int) -> str:
    return f"""\
listener {port} {host}
use_username_as_clientid true
listener {csms_port} 127.0.0.1
allow_anonymous false
password_file {passwords_file(data_dir)}
pid_file {data_dir / PID_FILE}
acl_file {data_dir / "acl"}
set_tcp_nodelay true
max_packet_size 65536
max_keepalive 300
max_inflight_messages 500
max_queued_messages 100000
max_queued_bytes 268435456
persistence true
persistence_location {data_dir}/
autosave_interval 30
persistent_client_expiration 1d
log_dest stderr
log_type error
log_type warning
{_run_as()}"""


def _run_as() -> str:
    # Started by root, Mosquitto would become "mosquitto", who may not write into our folder.
    return f"user {pwd.getpwuid(0).pw_name}\n" if os.geteuid() == 0 else ""


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
