"""The demo as a whole: its processes, their settings, and what the person in front is told."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from bot.demo import ports as free_ports
from bot.demo import ready, redis_server
from bot.demo.data_dir import AlreadyRunning, DataDir
from bot.demo.screen import Guide, LiveScreen, PlainScreen
from bot.demo.seed import STAFF, demo_riders, staff_password
from bot.demo.supervisor import Service, State, Status, Supervisor
from bot.services.inventory import broker_passwords
from bot.settings import read
from bot.store.database import Store, make_engine
from bot.store.pile_setup import PileSetup
from bot.store.stations import Evse, Pile

ROOT: Final = Path(__file__).resolve().parents[2]
HOST: Final = free_ports.HOST
# In this order from --port on.
PORTS: Final = (
    "web", "phone", "twilio", "stripe", "mqtt", "mqtt-csms", "simulator", "nlu", "console",
)  # fmt: skip
ACCOUNT_SID: Final = "AC" + "d" * 32
VERIFY_SID: Final = "VA" + "d" * 32
SENDER: Final = "whatsapp:+14155238886"  # the number of Twilio's own sandbox
CSMS_USER: Final = "csms"

Command = Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edges:
    """How the processes of devices/ and nlu/ are started: app.py knows them, the demo does not.

    `broker(folder, port, credentials, csms_port)`: credentials are hashes by user name; asked
    when the city is seeded. `simulator(folder, port, mqtt_port, speed)`: its HTTP control is on
    `port`; vehicles take energy `speed` times faster than in life.
    `nlu(port, token)`, asked when the model is trained, `nlu_environment()` and
    `nlu_ready(url, token)`: Rasa.
    """

    broker: Callable[[Path, int, Mapping[str, str], int], Command]
    simulator: Callable[[Path, int, int, float], Command]
    nlu: Callable[[int, str], Command]
    nlu_environment: Callable[[], Mapping[str, str]]
    nlu_ready: Callable[[str, str], bool]


@dataclass(frozen=True, slots=True)
class Plan:
    """Where this demo is and what it knows: everything the processes are told."""

    data: DataDir
    ports: Mapping[str, int]
    secrets: Mapping[str, str]
    environ: Mapping[str, str]  # ours: DATABASE_URL and REDIS_URL there replace our own
    speed: float = 1.0
    changes: Mapping[str, str] = field(default_factory=dict)  # settings that differ from the demo's

    def url(self, name: str) -> str:
        """The address of one of PORTS."""
        return f"http://{HOST}:{self.ports[name]}"

    @property
    def webhook(self) -> str:
        """Where Twilio sends what riders say."""
        return f"{self.url('web')}/webhooks/whatsapp"

    @property
    def redis_folder(self) -> Path:
        """The data of our own Redis."""
        return self.data.folder("redis")

    def settings(self) -> dict[str, str]:
        """The settings of every process, under their names in the environment."""
        password = quote(self.secrets["mqtt_password"])
        return {
            "PUBLIC_URL": self.url("web"),
            "CONSOLE_URL": self.url("console"),
            "SECOND_FACTOR": "off",  # nobody trying the demo has its codes on their phone
            "DATABASE_URL": self.environ.get("DATABASE_URL")
            or f"sqlite:///{self.data.state / 'pilebot.db'}",
            "REDIS_URL": self.environ.get("REDIS_URL") or redis_server.url(self.redis_folder),
            "MQTT_URL": f"mqtt://{CSMS_USER}:{password}@{HOST}:{self.ports['mqtt-csms']}",
            "MQTT_PILES_URL": f"mqtt://{HOST}:{self.ports['mqtt']}",
            "MQTT_PASSWORDS_FILE": str(self.data.folder("broker") / "passwords"),
            "SECRET_KEY": self.secrets["secret_key"],
            "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
            "TWILIO_AUTH_TOKEN": self.secrets["twilio_auth_token"],
            "TWILIO_API_KEY": "",
            "TWILIO_API_SECRET": "",
            "TWILIO_FROM": SENDER,
            "TWILIO_VERIFY_SID": VERIFY_SID,
            "TWILIO_API_URL": self.url("twilio"),
            "WHATSAPP_LINK_URL": f"{self.url('phone')}/wa",
            "STRIPE_SECRET_KEY": self.secrets["stripe_secret_key"],
            "STRIPE_WEBHOOK_SECRET": self.secrets["stripe_webhook_secret"],
            "STRIPE_API_URL": self.url("stripe"),
            "NLU_URL": self.url("nlu"),
            "NLU_TOKEN": self.secrets["nlu_token"],
            "METER_PACE": str(int(2 * self.speed) + 2),  # vehicles take energy faster than in life
            **self.changes,
        }


SECRETS: Final[Mapping[str, Callable[[], str]]] = {
    "secret_key": partial(secrets.token_urlsafe, 32),
    "mqtt_password": partial(secrets.token_urlsafe, 16),
    "twilio_auth_token": partial(secrets.token_hex, 16),
    "stripe_secret_key": lambda: f"sk_test_{secrets.token_hex(16)}",
    "stripe_webhook_secret": lambda: f"whsec_{secrets.token_hex(16)}",
    "nlu_token": partial(secrets.token_hex, 16),
}


def main(argv: Sequence[str], edges: Edges) -> int:
    """`./run demo`: run the city until stopped; returns the exit code."""
    options = _options(argv)
    data = DataDir(options.data)
    try:
        data.claim(fresh=options.fresh)
    except AlreadyRunning as error:
        print(f"Pilebot: {error}", file=sys.stderr)
        return 1
    notes: list[str] = []
    ports = free_ports.take(PORTS, options.port, notes.append)
    plan = Plan(data, ports, data.secrets(SECRETS), os.environ, options.speed)
    data.keep_settings(plan.settings())
    settings = read(plan.settings())
    store = Store(make_engine(settings.database_url))
    guide = _guide(plan, notes)
    interactive = sys.stdout.isatty() and not options.headless
    out = sys.stderr if options.headless else sys.stdout
    screen = LiveScreen(guide) if interactive else PlainScreen(out)
    for note in notes:
        screen.event("pilebot", note)

    def on_ready() -> None:
        screen.ready(guide)
        if options.headless:
            print(json.dumps(summary(plan, store)), flush=True)

    supervisor = Supervisor(
        services(plan, edges, store, wait_for_nlu=options.wait_for_nlu),
        log_dir=data.logs,
        screen=screen,
        lock_fd=data.lock_fd,
        on_ready=on_ready,
    )
    try:
        return supervisor.run()
    finally:
        screen.close()


def services(
    plan: Plan, edges: Edges, store: Store, *, wait_for_nlu: bool = False
) -> list[Service]:
    """The processes in the order they start."""
    settings = plan.settings()
    service = partial(Service, env=settings, cwd=ROOT)
    python = partial(_python, sys.executable)
    twilio, stripe, web = plan.url("twilio"), plan.url("stripe"), plan.url("web")
    nlu_url, token = settings["NLU_URL"], settings["NLU_TOKEN"]
    found = [
        service(name="migrate", command=python("app.py", "migrate"), task=True),
        service(
            name="twilio",
            command=python(
                *("-m", "bot.demo.twilio_standin", "--port", str(plan.ports["twilio"])),
                *("--data", str(plan.data.folder("twilio")), "--webhook", plan.webhook),
                *("--status", f"{plan.webhook}/status"),
            ),
            ready=ready.http(f"{twilio}/healthz"),
        ),
        service(
            name="stripe",
            command=python(
                *("-m", "bot.demo.stripe_standin", "--port", str(plan.ports["stripe"])),
                *("--data", str(plan.data.folder("stripe") / "stripe.sqlite")),
                *("--webhook-url", f"{web}/webhooks/stripe"),
            ),
            ready=ready.http(f"{stripe}/healthz"),
        ),
        service(
            name="seed",
            command=python("app.py", "seed"),
            after=("migrate", "stripe"),
            task=True,
        ),
        service(
            name="broker",
            command=lambda: edges.broker(
                plan.data.folder("broker"),
                plan.ports["mqtt"],
                _credentials(store, settings["MQTT_URL"]),
                plan.ports["mqtt-csms"],
            ),
            after=("seed",),
            ready=ready.mqtt_broker(
                HOST, plan.ports["mqtt-csms"], CSMS_USER, plan.secrets["mqtt_password"]
            ),
        ),
        service(
            name="web",
            command=python(
                *("-m", "gunicorn", "app:web()", "--bind", f"{HOST}:{plan.ports['web']}"),
                *("--worker-class", "gthread", "--workers", "2", "--threads", "8"),
                *("--preload", "--graceful-timeout", "1", "--no-control-socket"),
            ),
            after=("migrate",),
            ready=ready.http(f"{web}/healthz"),
        ),
        service(
            name="console",
            command=python(
                *("-m", "gunicorn", "app:console()", "--bind", f"{HOST}:{plan.ports['console']}"),
                *("--worker-class", "gthread", "--workers", "1", "--threads", "64"),
                *("--graceful-timeout", "1", "--no-control-socket"),
            ),
            after=("seed",),
            ready=ready.http(f"{plan.url('console')}/healthz"),
        ),
        *(
            service(
                name=f"worker-{number}",
                command=python("app.py", "worker"),
                after=("migrate", "redis"),
                ready=ready.rq_worker(settings["REDIS_URL"]),
            )
            for number in (1, 2)
        ),
        service(name="clock", command=python("app.py", "clock"), after=("migrate", "redis")),
        service(name="piles", command=python("app.py", "piles"), after=("broker", "redis")),
        service(
            name="simulator",
            command=edges.simulator(
                plan.data.folder("simulator"),
                plan.ports["simulator"],
                plan.ports["mqtt"],
                plan.speed,
            ),
            after=("piles",),
            ready=partial(all_piles_online, store),
        ),
        service(
            name="phone",
            command=lambda: python(
                *("-m", "bot.demo.phone", "--port", str(plan.ports["phone"])),
                *("--config", str(_phone_config(plan, store))),
            ),
            after=("web", "twilio", "simulator"),
            ready=ready.http(f"{plan.url('phone')}/healthz"),
        ),
        service(
            name="nlu-setup",
            command=_gently(["bash", str(ROOT / "run"), "train"]),
            after=("phone",),
            task=True,
            optional=not wait_for_nlu,
        ),
        service(
            name="nlu",
            command=lambda: edges.nlu(plan.ports["nlu"], token),
            env=edges.nlu_environment(),
            inherit=False,
            after=("nlu-setup",),
            ready=lambda _pid: edges.nlu_ready(nlu_url, token),
            optional=not wait_for_nlu,
            ready_timeout_s=240,
            stop_signal=signal.SIGKILL,  # it keeps nothing, and takes its time to go
        ),
    ]
    if "REDIS_URL" in plan.environ:
        return [_without(each, "redis") for each in found]
    redis = service(
        name="redis",
        command=redis_server.command(plan.redis_folder),
        ready=ready.redis_server(settings["REDIS_URL"]),
        kill_grace_s=1.0,
    )
    return [redis, *found]


def summary(plan: Plan, store: Store) -> dict[str, Any]:
    """What --headless prints when ready, for programs that drive the demo."""
    password = staff_password(plan.secrets["secret_key"])
    with store.read() as work:
        riders = [
            {"address": f"whatsapp:{address}", "has_card": card}
            for address, card in demo_riders(work)
        ]
        evses = work.session.scalars(
            select(Evse)
            .join(Evse.pile)
            .options(joinedload(Evse.pile).joinedload(Pile.station))
            .order_by(Evse.id)
        ).all()
        piles = [
            {
                "code": evse.code,
                "pile_id": evse.pile_id,
                "evse_id": evse.number,
                "station": evse.pile.station.name,
                "lat": evse.pile.station.lat,
                "lng": evse.pile.station.lng,
            }
            for evse in evses
        ]
    return {
        "web": plan.url("web"),
        "console": plan.url("console"),
        "webhook": plan.webhook,
        "twilio": {
            "api": plan.url("twilio"),
            "account_sid": ACCOUNT_SID,
            "auth_token": plan.secrets["twilio_auth_token"],
            "from": SENDER,
        },
        "stripe": {"api": plan.url("stripe")},
        "mqtt": {
            "host": HOST,
            "port": plan.ports["mqtt-csms"],
            "username": CSMS_USER,
            "password": plan.secrets["mqtt_password"],
        },
        "demo": plan.url("phone"),
        "logins": [
            {"login": each.login, "password": password, "role": each.role, "name": each.name}
            for each in STAFF
        ],
        "riders": riders,
        "piles": piles,
    }


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./run demo", description="Run the whole service with a small simulated city."
    )
    parser.add_argument(
        "--port", type=int, default=8080, help="first of nine ports on this machine (8080)"
    )
    parser.add_argument(
        "--data", type=Path, default=ROOT / "var" / "demo", help="where it keeps its data"
    )
    parser.add_argument(
        "--speed", type=float, default=30, help="vehicles charge this much faster than in life (30)"
    )
    parser.add_argument("--fresh", action="store_true", help="begin with an empty city")
    parser.add_argument(
        "--headless", action="store_true", help="print one JSON line on stdout when ready"
    )
    parser.add_argument(
        "--wait-for-nlu",
        action="store_true",
        help="count as ready only when free text is understood too",
    )
    return parser.parse_args(argv)


def _guide(plan: Plan, notes: Sequence[str]) -> Guide:
    database = plan.environ.get("DATABASE_URL")
    more = [("Database", f"{urlsplit(database).scheme} (DATABASE_URL)")] if database else []
    return Guide(
        addresses=[
            ("Open this", f"{plan.url('phone')}   a rider's phone and a wall of piles"),
            ("For staff", f"{plan.url('console')}   the console; logins below"),
            ("For riders", f"{plan.url('web')}   web chat and short addresses of piles"),
            ("Health", f"{plan.url('web')}/readyz"),
            ("Logs", str(plan.data.logs)),
            *more,
        ],
        logins=[
            ("Staff logins", ", ".join(f"{each.login} ({each.role})" for each in STAFF)),
            ("Their password", staff_password(plan.secrets["secret_key"])),
        ],
        hints=[
            "Plug a car into a pile on the wall, send its sticker's photo, say yes.",
            'Ask "where can I charge near me", share a place on the map.',
            'Ask "how far along", then "stop": the receipt follows within 30 seconds.',
            'Write "I want a person", log in at the console as anna and take over.',
            "Break a pile or take it offline in the middle, or kill -9 any process below.",
        ],
        notes=[understanding, *(lambda _statuses, text=text: text for text in notes)],
    )


def understanding(statuses: Sequence[Status]) -> str:
    """How far the understanding of free text is, in one line."""
    by_name = {each.service.name: each for each in statuses}
    setup, server = by_name["nlu-setup"], by_name["nlu"]
    if server.state is State.READY:
        return "Understanding: ready"
    if setup.state is State.FAILED or server.state is State.FAILED:
        doing = f"not available, see {setup.detail or server.detail}"
    elif setup.state is State.DONE:
        doing = "starting"
    elif setup.state is State.RESTARTING:
        doing = "trying again"
    else:
        doing = setup.detail.removeprefix("Understanding: ") or "waiting"
    return f"Understanding: {doing} (buttons, codes and keywords work meanwhile)"


def _phone_config(plan: Plan, store: Store) -> Path:
    """Write bot/demo/phone/config.py's file."""
    path = plan.data.folder("phone") / "config.json"
    with store.read() as work:
        riders = demo_riders(work)
    config = {
        "twilio_url": plan.url("twilio"),
        "piles_url": plan.url("simulator"),
        "stripe_url": plan.url("stripe"),
        "public_url": plan.url("web"),
        "riders": [{"address": address, "has_card": card} for address, card in riders],
    }
    path.write_text(json.dumps(config), encoding="utf-8")
    return path


def _credentials(store: Store, mqtt_url: str) -> dict[str, str]:
    with store.read() as work:
        return broker_passwords(work, mqtt_url)


def all_piles_online(store: Store, _pid: int) -> bool:
    """Whether the service has heard of every pile and socket that the city began with."""
    with store.read() as work:
        added = select(PileSetup.pile_id)
        offline = select(func.count()).where(Pile.online.is_(False), Pile.id.not_in(added))
        unheard = select(func.count()).where(Evse.status == "", Evse.pile_id.not_in(added))
        return not work.session.scalar(offline) and not work.session.scalar(unheard)


def _python(interpreter: str, *arguments: str) -> list[str]:
    return [interpreter, *arguments]


def _gently(command: list[str]) -> list[str]:
    """Leave the processors to the riders meanwhile."""
    return ["nice", "-n", "10", *command] if shutil.which("nice") else command


def _without(service: Service, name: str) -> Service:
    return replace(service, after=tuple(each for each in service.after if each != name))
