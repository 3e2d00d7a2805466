"""Composition root and command line: the only file that knows every part."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
from bot.gateways.receipts import Receipts
from flask import Flask
from nlu.understand import Nlu
from werkzeug.middleware.proxy_fix import ProxyFix

import handlers
import migrations
from bot import logs
from bot import settings as settings_module
from bot.dialog.engine import Engine
from bot.dialog.intents import collect
from bot.gateways import payments, photos, statuses, stripe_events, whatsapp
from bot.gateways.delivery import Delivery
from bot.gateways.eyes import Eyes
from bot.gateways.maps import draw
from bot.jobs import clock as clock_jobs
from bot.jobs import wake
from bot.jobs.drain import Route
from bot.jobs.messages import Serving
from bot.jobs.relay import Deliver
from bot.jobs.worker import Duties, serve
from bot.services import charging, housekeeping
from bot.settings import Settings, SettingsError
from bot.store.database import Store, UnitOfWork, make_engine
from bot.store.queues import Inbox
from bot.web import health, media, pay, site, stripe_webhook, whatsapp_webhook
from bot.web.headers import add_headers

BODY_MAX_BYTES = 20_000_000  # a photo from the web chat; webhooks set tighter limits themselves


# --- composition -------------------------------------------------------------------------------


def open_store(settings: Settings) -> Store:
    """The database, waking workers through Redis after each commit."""
    waker = wake.Waker(wake.connect(settings.redis_url))
    return Store(make_engine(settings.database_url), on_commit=waker.after_commit)


def web(environ: Mapping[str, str] = os.environ) -> Flask:
    """The public web process, for gunicorn: webhooks, pile pages, web chat, health."""
    settings = settings_module.read(environ)
    logs.set_up(settings.log_level, process="web")
    return make_web(settings, open_store(settings))


def make_web(settings: Settings, store: Store) -> Flask:
    """The web process on a given store."""
    flask = Flask("pilebot")
    flask.secret_key = settings.secret_key
    flask.config["MAX_CONTENT_LENGTH"] = BODY_MAX_BYTES
    flask.wsgi_app = ProxyFix(flask.wsgi_app)  # type: ignore[method-assign]  # Flask's own advice
    redis = wake.connect(settings.redis_url)
    probes: dict[str, health.Probe] = {"redis": redis.ping}
    if settings.nlu_url:
        probes["nlu"] = lambda: httpx.get(settings.nlu_url, timeout=2).raise_for_status()
    for blueprint in (
        whatsapp_webhook.blueprint(store, settings),
        stripe_webhook.blueprint(store, settings),
        site.blueprint(store, settings),
        pay.blueprint(store, settings),
        media.blueprint(store),
        health.blueprint(store, needed={"database": partial(_ask, store)}, optional=probes),
    ):
        flask.register_blueprint(blueprint)
    add_headers(flask, settings)
    return flask


def _ask(store: Store) -> None:
    with store.read() as work:
        work.session.connection().exec_driver_sql("SELECT 1")


def make_routes(settings: Settings, store: Store, serving: Serving) -> dict[str, Route]:
    """Which function serves which kind of inbox row."""

    def fact(serve_: Callable[[UnitOfWork, Settings, Any], None]) -> Route:
        def apply(work: UnitOfWork, row: Inbox, _: Any) -> None:
            serve_(work, settings, row.body)

        return Route(apply)

    return {
        **serving.routes(),
        "whatsapp.status": fact(statuses.on_whatsapp_status),
        "stripe.event": fact(stripe_events.on_stripe_event),
        "payment.result": fact(charging.on_payment_result),
        "command.result": fact(charging.on_command_result),
        "pile.transaction": fact(charging.on_transaction),
        "pile.status": fact(charging.on_pile_status),
        "pile.presence": fact(charging.on_pile_presence),
        "pile.alarm": fact(charging.on_alarm),
        "session.timer": fact(charging.on_timer),
    }


def make_deliveries(settings: Settings, store: Store) -> dict[str, Deliver]:
    """Which function delivers which kind of outbox row."""

    def pay_(kind: str, key: str, body: Mapping[str, Any]) -> str:
        payments.deliver_payment(store, settings, kind, dict(body))
        return "done"

    receipts = Receipts(store, settings)
    return {
        "message": Delivery(store, settings, draw, receipts),
        **{kind: partial(pay_, kind) for kind in payments.KINDS},
    }


def make_serving(settings: Settings, store: Store, eyes: Eyes) -> Serving:
    """What serves riders' messages."""
    http = httpx.Client()
    return Serving(
        store=store,
        settings=settings,
        engine=Engine(collect(handlers)),
        understand=Nlu(settings),
        look=eyes.decode_safely,
        fetch=lambda url: photos.fetch(url, settings, http),
        typing=partial(whatsapp.typing, settings),
    )


# --- processes ---------------------------------------------------------------------------------


def run_worker(settings: Settings, _: argparse.Namespace) -> int:
    """Drains the inbox and relays the outbox."""
    store = open_store(settings)
    with Eyes(photos.own_hosts(settings), photos.own_numbers(settings)) as eyes:
        routes = make_routes(settings, store, make_serving(settings, store, eyes))
        duties = Duties(store, routes, make_deliveries(settings, store))
        serve(duties, wake.connect(settings.redis_url, patient=True))
    return 0


def run_piles(settings: Settings, _: argparse.Namespace) -> int:
    """The MQTT gateway."""
    from devices import gateway

    gateway.run(settings, open_store(settings))
    return 0


def run_clock(settings: Settings, _: argparse.Namespace) -> int:
    """Wakes due work, polls payments, tidies up."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    store = open_store(settings)
    chores = [
        clock_jobs.Chore(
            "payments", timedelta(minutes=1), lambda: stripe_events.poll_unsettled(store)
        ),
        clock_jobs.Chore("tidy", timedelta(minutes=10), lambda: housekeeping.tidy(store)),
    ]
    clock_jobs.run(store, wake.Waker(wake.connect(settings.redis_url)), chores, stop)
    return 0


def run_migrate(settings: Settings, _: argparse.Namespace) -> int:
    """Brings the database to this version."""
    migrations.upgrade(make_engine(settings.database_url))
    return 0


def run_check_settings(settings: Settings, _: argparse.Namespace) -> int:
    """Names every setting in force; secrets only by their length."""
    for each in settings_module.FIELDS:
        value = getattr(settings, each.name)
        shown = f"({len(value)} characters)" if each.metadata["secret"] and value else value
        print(f"{each.name.upper()}={shown}")
    return 0


# --- command line ------------------------------------------------------------------------------

Command = Callable[[Settings, argparse.Namespace], int]

PROCESSES: dict[str, Command] = {
    "worker": run_worker,
    "piles": run_piles,
    "clock": run_clock,
    "migrate": run_migrate,
    "check-settings": run_check_settings,
}


def main(argv: Sequence[str]) -> int:
    """`app.py COMMAND …`; commands that need no settings live in tools_.py of their part."""
    parser = argparse.ArgumentParser(prog="./run", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, run in PROCESSES.items():
        commands.add_parser(name, help=run.__doc__)
    options = parser.parse_args(argv)
    try:
        settings = settings_module.read(os.environ)
    except SettingsError as error:
        print(f"Settings:\n{error}", file=sys.stderr)
        return 2
    logs.set_up(settings.log_level, process=options.command)
    return PROCESSES[options.command](settings, options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
