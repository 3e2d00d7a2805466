"""Composition root: the only file that knows every part; `python app.py COMMAND` runs one."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot import logs
from bot import settings as settings_module
from bot.commands import money, network, people, setup  # each marks its commands
from bot.commands.registry import COMMANDS, argument, command, open_store, say, settings_for
from bot.jobs import wake
from bot.settings import Settings
from bot.store.database import Store, make_engine
from nlu import commands as understanding

if TYPE_CHECKING:
    from flask import Flask

    from bot.demo.city import Edges
    from bot.gateways.eyes import Eyes
    from bot.jobs.drain import Route
    from bot.jobs.messages import Serving
    from bot.jobs.relay import Deliver

# Parts are imported where they are put together: a process loads only what it runs, which is most
# of the time that eight of them take to start.

ROOT = Path(__file__).resolve().parent
BODY_MAX_BYTES = 20_000_000  # a photo from the web chat; webhooks set tighter limits themselves


# --- composition -------------------------------------------------------------------------------


def web(environ: Mapping[str, str] = os.environ) -> Flask:
    """The public web process, for gunicorn: webhooks, pile pages, web chat, health."""
    settings = settings_module.read(environ)
    logs.set_up(settings.log_level, process="web")
    return make_web(settings, open_store(settings))


def make_web(settings: Settings, store: Store) -> Flask:
    """The web process on a given store."""
    from flask import Flask
    from werkzeug.middleware.proxy_fix import ProxyFix

    from bot.web import (
        health,
        mail_webhook,
        media,
        partner_api,
        pile_files,
        site,
        stripe_webhook,
        whatsapp_webhook,
    )
    from bot.web.drained import Drained
    from bot.web.headers import add_headers
    from devices.broker import wait_ready
    from nlu.language import guess_language
    from nlu.safety import is_danger
    from nlu.server import is_ready

    flask = Flask("pilebot")
    flask.secret_key = settings.secret_key
    flask.config["MAX_CONTENT_LENGTH"] = BODY_MAX_BYTES
    inner = ProxyFix(flask.wsgi_app)
    flask.wsgi_app = Drained(inner)  # type: ignore[method-assign]  # Flask's own advice
    redis = wake.connect(settings.redis_url)
    probes: dict[str, health.Probe] = {
        "redis": redis.ping,
        "broker": partial(_ask_other, partial(wait_ready, settings.mqtt_url, 2.0), "no login"),
    }
    if settings.nlu_url:
        served = partial(is_ready, settings.nlu_url, settings.nlu_token)
        probes["nlu"] = partial(_ask_other, served, "no model is being served")
    for blueprint in (
        whatsapp_webhook.blueprint(store, settings),
        stripe_webhook.blueprint(store, settings),
        mail_webhook.blueprint(store, settings, guess_language, is_danger),
        partner_api.blueprint(store, settings, is_danger),
        site.blueprint(store, settings),
        media.blueprint(store),
        pile_files.blueprint(store, settings),
        health.blueprint(store, needed={"database": partial(_ask, store)}, optional=probes),
    ):
        flask.register_blueprint(blueprint)
    add_headers(flask, settings)
    return flask


def console(environ: Mapping[str, str] = os.environ) -> Flask:
    """The staff console's process, for gunicorn."""
    settings = settings_module.read(environ)
    logs.set_up(settings.log_level, process="console")
    return make_console(settings, open_store(settings))


def make_console(settings: Settings, store: Store) -> Flask:
    """The console on a given store; `flask.extensions["rights"]` is the right of each route."""
    from flask import Flask
    from werkzeug.middleware.proxy_fix import ProxyFix

    from bot.console import site
    from bot.web.headers import add_headers

    flask = Flask("pilebot-console", static_folder=None)
    flask.secret_key = settings.secret_key
    flask.config["MAX_CONTENT_LENGTH"] = BODY_MAX_BYTES
    flask.wsgi_app = ProxyFix(flask.wsgi_app)  # type: ignore[method-assign]  # Flask's own advice
    flask.config.update(  # of the one-time messages ("Saved."), not of the login
        SESSION_COOKIE_NAME="pilebot-notes",
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.console_url.startswith("https:"),
    )
    desk, routes = site.blueprint(store, settings)
    flask.register_blueprint(desk)
    flask.extensions["rights"] = routes.rights
    add_headers(flask, settings, address=settings.console_url)
    return flask


def _ask(store: Store) -> None:
    with store.read() as work:
        work.session.connection().exec_driver_sql("SELECT 1")


def _ask_other(is_ready: Callable[[], bool], otherwise: str) -> None:
    if not is_ready():
        raise ConnectionError(otherwise)


def make_routes(settings: Settings, store: Store, serving: Serving) -> dict[str, Route]:
    """Which function serves which kind of inbox row."""
    from bot.gateways import stripe_events
    from bot.jobs import evidence
    from bot.jobs.drain import Route
    from bot.services import (
        auto_top_ups,
        booking_news,
        booking_trouble,
        case_jobs,
        case_letters,
        case_timers,
        cases,
        certificates,
        charging_facts,
        clock_breach,
        credit_notes,
        dispute_cases,
        disputes,
        faults,
        feedback,
        jobs,
        later,
        outages,
        paging,
        payment_results,
        pile_results,
        plans,
        policies,
        rollouts,
        site,
        site_news,
        socket_tests,
        stale,
        visits,
        waiting,
        wear_news,
    )

    def fact(serve_: Callable[[Any, Settings, Any], None]) -> Route:
        def apply(work: Any, row: Any, _: Any) -> None:
            serve_(work, settings, row.body)

        return Route(apply)

    def transaction(work: Any, row: Any, _: Any) -> None:
        """With the time of its arrival: a bill's 30 seconds count from there."""
        heard_at = row.created_at.isoformat()
        charging_facts.on_transaction(work, settings, {**row.body, "heard_at": heard_at})

    return {
        **serving.routes(),
        "stripe.event": fact(stripe_events.on_stripe_event),
        "payment.result": fact(payment_results.on_payment_result),
        "payment.timer": fact(payment_results.on_timer),
        auto_top_ups.KIND: fact(auto_top_ups.on_settled),
        "command.result": fact(wear_news.on_command_result),
        "pile.transaction": Route(transaction),
        "pile.status": fact(faults.on_pile_status),
        "pile.presence": fact(wear_news.on_presence),
        "pile.alarm": fact(faults.on_alarm),
        "session.timer": fact(charging_facts.on_timer),
        "dispute.timer": fact(disputes.on_timer),
        dispute_cases.MOVED: fact(dispute_cases.on_moved),
        "plan.timer": fact(plans.on_timer),
        "action.timer": fact(pile_results.on_timer),
        "pile.log": fact(pile_results.on_log),
        "pile.firmware": fact(pile_results.on_firmware),
        "rollout.timer": fact(rollouts.on_timer),
        "policy.timer": fact(policies.on_timer),
        "fault.timer": fact(faults.on_timer),
        "job.timer": fact(jobs.on_timer),
        "job.wanted": fact(case_jobs.on_wanted),
        stale.KNOWN_AGAIN: fact(case_jobs.on_known_again),
        visits.TIMER: fact(visits.on_timer),
        "visit.done": fact(visits.on_done),
        certificates.TIMER: fact(certificates.on_timer),
        socket_tests.TIMER: fact(socket_tests.on_timer),
        "incident.timer": fact(paging.on_timer),
        "outage.timer": fact(outages.on_timer),
        "case.email": fact(case_letters.on_email),
        cases.JOB_AGAIN: fact(case_jobs.on_taken_up),
        "case.timer": fact(case_timers.on_timer),
        "clock.timer": fact(clock_breach.on_timer),
        site_news.KIND: fact(site.on_look),
        waiting.TIMER: fact(waiting.on_timer),
        "invoice.refunded": fact(credit_notes.on_refunded),
        later.TIMER: fact(later.on_timer),
        "feedback.timer": fact(feedback.on_timer),
        evidence.KIND: evidence.route(serving.hearing.fetch),
        "booking.timer": fact(booking_news.on_timer),
        "session.over": fact(booking_trouble.on_session_over),
        "pile.reservation": fact(booking_news.on_reservation),
    }


def make_deliveries(settings: Settings, store: Store) -> dict[str, Deliver]:
    """Which function delivers which kind of outbox row."""
    from bot.gateways import payments
    from bot.gateways.delivery import Delivery
    from bot.gateways.invoices import Invoices
    from bot.gateways.mailer import Mailer
    from bot.gateways.maps import draw
    from bot.gateways.pager import Pager
    from bot.gateways.receipts import Receipts

    def pay_(kind: str, key: str, body: Mapping[str, Any]) -> str:
        payments.deliver_payment(store, settings, kind, dict(body))
        return "done"

    receipts = Receipts(store, settings)
    return {
        "message": Delivery(store, settings, draw, receipts, Invoices(store, settings.brand)),
        "page": Pager(store, settings),
        "mail": Mailer(settings),
        **{kind: partial(pay_, kind) for kind in payments.KINDS},
    }


def make_serving(settings: Settings, store: Store, eyes: Eyes) -> Serving:
    """What serves riders' messages; with Rasa where one is set."""
    import httpx

    import handlers
    from bot.dialog.engine import Engine
    from bot.dialog.intents import collect
    from bot.gateways import photos, whatsapp
    from bot.gateways.transcriber import HttpTranscriber
    from bot.jobs.hearing import Hearing
    from bot.jobs.messages import Serving
    from nlu.rasa import Rasa
    from nlu.understand import Nlu, literal

    url, token, timeout_s = settings.nlu_url, settings.nlu_token, settings.nlu_timeout_s
    http = httpx.Client()
    engine = Engine(collect(handlers))
    hearing = Hearing(
        store=store,
        engine=engine,
        understand=Nlu(Rasa(url, token, timeout_s) if url else None),
        look=eyes.decode_safely,
        fetch=lambda media_url: photos.fetch(media_url, settings, http),
        typing=partial(whatsapp.typing, settings),
        literal=literal,
        transcribe=HttpTranscriber(settings, http) if settings.transcriber_url else None,
    )
    return Serving(settings, engine, hearing)


# --- commands: the processes; others are in bot/commands/ and nlu/commands.py --------------------

MARKED = (money, network, people, setup, understanding)  # read for their commands


@command("web", argument("--bind", default="127.0.0.1:8000", help="address to listen on"))
def run_web(options: argparse.Namespace) -> int:
    """Webhooks, pile pages and the web chat, on gunicorn."""
    settings_for("web")
    program = [sys.executable, "-m", "gunicorn", "app:web()", "--bind", options.bind]
    os.execv(  # noqa: S606 - gunicorn takes this process over
        sys.executable,
        [*program, "--worker-class", "gthread", "--workers", "2", "--threads", "8"],
    )


@command("console", argument("--bind", default="127.0.0.1:8001", help="address to listen on"))
def run_console(options: argparse.Namespace) -> int:
    """The staff console, on gunicorn: each open page holds a thread for its events."""
    settings_for("console")
    program = [sys.executable, "-m", "gunicorn", "app:console()", "--bind", options.bind]
    os.execv(  # noqa: S606 - gunicorn takes this process over
        sys.executable,
        [
            *program,
            "--worker-class",
            "gthread",
            "--workers",
            "1",
            "--threads",
            "128",
            "--graceful-timeout",
            "3",
        ],  # open streams never end by themselves
    )


@command("worker")
def run_worker(_: argparse.Namespace) -> int:
    """Drains the inbox and relays the outbox."""
    from bot.gateways import photos
    from bot.gateways.eyes import Eyes
    from bot.jobs.worker import Duties, serve

    settings = settings_for("worker")
    store = open_store(settings)
    with Eyes(photos.own_hosts(settings), photos.own_numbers(settings)) as eyes:
        routes = make_routes(settings, store, make_serving(settings, store, eyes))
        redis = wake.connect(settings.redis_url, patient=True)
        duties = Duties(store, redis, routes, make_deliveries(settings, store))
        serve(duties, wake.connect(settings.redis_url))
    return 0


@command("piles")
def run_piles(_: argparse.Namespace) -> int:
    """The MQTT gateway: events in, commands out."""
    from devices import gateway

    settings = settings_for("piles")
    gateway.run(settings, open_store(settings))
    return 0


@command("clock")
def run_clock(_: argparse.Namespace) -> int:
    """Wakes due work, looks after payments, throws away what is past its time."""
    from bot.gateways import inbound, stripe_events
    from bot.jobs import clock
    from bot.services import (
        complaints,
        desk,
        desk_figures,
        hours,
        housekeeping,
        prediction,
        questions,
        reviews,
        stale,
        station_figures,
        usual,
        visit_plans,
    )

    settings = settings_for("clock")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    store = open_store(settings)
    chores = [
        clock.Chore("payments", timedelta(minutes=1), lambda: stripe_events.poll_unsettled(store)),
        clock.Chore("catch up", timedelta(minutes=2), lambda: inbound.catch_up(store, settings)),
        clock.Chore("desk", timedelta(seconds=2), lambda: desk.tick(store, settings)),
        clock.Chore("hours", timedelta(minutes=10), lambda: hours.keep_books(store)),
        clock.Chore("usual", timedelta(minutes=5), lambda: usual.warn_all(store, settings)),
        clock.Chore("figures", timedelta(minutes=5), lambda: station_figures.keep(store)),
        clock.Chore("questions", timedelta(minutes=10), lambda: questions.keep(store, settings)),
        clock.Chore("reviews", timedelta(minutes=10), lambda: reviews.keep(store, settings)),
        clock.Chore("complaints", timedelta(hours=1), lambda: complaints.keep(store, settings)),
        clock.Chore("presence", desk_figures.EVERY, lambda: desk_figures.note_presence(store)),
        clock.Chore("prediction", prediction.EVERY, lambda: prediction.run(store, settings)),
        clock.Chore("stale", stale.EVERY, lambda: stale.keep(store, settings)),
        clock.Chore("visits", visit_plans.EVERY, lambda: visit_plans.keep(store, settings)),
        clock.Chore("tidy", timedelta(minutes=10), lambda: housekeeping.tidy(store)),
    ]
    clock.run(store, wake.Waker(wake.connect(settings.redis_url)), chores, stop)
    return 0


@command("migrate")
def run_migrate(_: argparse.Namespace) -> int:
    """Brings the database to this version of the code."""
    import migrations

    migrations.upgrade(make_engine(settings_for("migrate").database_url))
    return 0


@command("seed")
def run_seed(_: argparse.Namespace) -> int:
    """Fills the database with the demo city."""
    from bot.demo import seed, seed_past
    from bot.gateways.stripe_client import client_for

    settings = settings_for("seed")
    save_card = seed.test_card(client_for(settings))
    store = Store(make_engine(settings.database_url))
    seed.seed(store, secret_key=settings.secret_key, save_card=save_card)
    seed_past.add_past(store, settings)
    return 0


@command(
    "simulate",
    argument("--mqtt-url", required=True),
    argument("--control-port", type=int, required=True),
    argument("--data", type=Path, required=True),
    argument("--speed", type=float, default=1.0, help="how much faster than in life"),
)
def run_simulate(options: argparse.Namespace) -> int:
    """Simulates every pile of the database (the demo's)."""
    from bot.demo import seed
    from devices import simulator

    settings = settings_for("simulator")
    with Store(make_engine(settings.database_url)).read() as work:
        piles = simulator.specs_of(
            work, lambda pile_id: seed.pile_secret(settings.secret_key, pile_id)
        )
    simulator.run(options.mqtt_url, piles, options.control_port, options.speed, options.data)
    return 0


def run_demo(argv: Sequence[str]) -> int:
    """The whole service with a small city."""
    from bot.demo import city

    return city.main(argv, _edges())


def run_evening(argv: Sequence[str]) -> int:
    """An evening of charges and faults on the real service, and the proof of how it went."""
    from bot.demo.evening import stage

    return stage.main(argv, _edges())


def _edges() -> Edges:
    """How what is in devices/ and nlu/ is started: the demo does not know it."""
    from bot.demo import city
    from devices.broker import broker_command
    from nlu import server, train

    def model() -> Path:
        return train.current_model() or train.train(say)

    def simulate(folder: Path, port: int, mqtt_port: int, speed: float) -> Sequence[str]:
        url = f"mqtt://{city.HOST}:{mqtt_port}"
        where = ["--mqtt-url", url, "--control-port", str(port), "--data", str(folder)]
        return [sys.executable, "app.py", "simulate", *where, "--speed", str(speed)]

    return city.Edges(
        broker=lambda folder, port, credentials, csms_port: broker_command(
            folder, port, credentials, csms_port=csms_port
        ),
        simulator=simulate,
        nlu=lambda port, token: server.command(model(), port, token),
        nlu_environment=server.environment,
        nlu_ready=server.is_ready,
    )


def main(argv: Sequence[str]) -> int:
    """Run one command; the exit code is the process's."""
    if argv[:1] == ["demo"]:  # their options are their own
        return run_demo(argv[1:])
    if argv[:1] == ["evening"]:
        return run_evening(argv[1:])
    parser = argparse.ArgumentParser(prog="./run")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (run, arguments) in COMMANDS.items():
        one = commands.add_parser(name, help=run.__doc__, description=run.__doc__)
        for names, options in arguments:
            one.add_argument(*names, **options)
    chosen = parser.parse_args(argv)
    return COMMANDS[chosen.command][0](chosen)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
