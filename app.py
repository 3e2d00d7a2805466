"""Composition root: the only file that knows every part; `python app.py COMMAND` runs one."""

from __future__ import annotations

import argparse
import hashlib
import json
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
from bot.errors import PilebotError
from bot.jobs import wake
from bot.settings import Settings, SettingsError
from bot.store.database import Store, make_engine

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
        mail_webhook.blueprint(store, settings, guess_language),
        partner_api.blueprint(store, settings),
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
        bookings,
        case_mail,
        case_timers,
        charging,
        clock_breach,
        credit_notes,
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
        charging.on_transaction(work, settings, {**row.body, "heard_at": heard_at})

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
        "session.timer": fact(charging.on_timer),
        "dispute.timer": fact(disputes.on_timer),
        "plan.timer": fact(plans.on_timer),
        "action.timer": fact(pile_results.on_timer),
        "pile.log": fact(pile_results.on_log),
        "pile.firmware": fact(pile_results.on_firmware),
        "rollout.timer": fact(rollouts.on_timer),
        "policy.timer": fact(policies.on_timer),
        "fault.timer": fact(faults.on_timer),
        "job.timer": fact(jobs.on_timer),
        visits.TIMER: fact(visits.on_timer),
        "visit.done": fact(visits.on_done),
        "incident.timer": fact(paging.on_timer),
        "outage.timer": fact(outages.on_timer),
        "case.email": fact(case_mail.on_email),
        "case.timer": fact(case_timers.on_timer),
        "clock.timer": fact(clock_breach.on_timer),
        site_news.KIND: fact(site.on_look),
        waiting.TIMER: fact(waiting.on_timer),
        "invoice.refunded": fact(credit_notes.on_refunded),
        later.TIMER: fact(later.on_timer),
        "feedback.timer": fact(feedback.on_timer),
        evidence.KIND: evidence.route(serving.fetch),
        "booking.timer": fact(booking_news.on_timer),
        "session.over": fact(bookings.on_session_over),
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
    from bot.jobs.messages import Serving
    from nlu.rasa import Rasa
    from nlu.understand import Nlu, literal

    url, token, timeout_s = settings.nlu_url, settings.nlu_token, settings.nlu_timeout_s
    http = httpx.Client()
    return Serving(
        store=store,
        settings=settings,
        engine=Engine(collect(handlers)),
        understand=Nlu(Rasa(url, token, timeout_s) if url else None),
        look=eyes.decode_safely,
        fetch=lambda media_url: photos.fetch(media_url, settings, http),
        typing=partial(whatsapp.typing, settings),
        literal=literal,
        transcribe=HttpTranscriber(settings, http) if settings.transcriber_url else None,
    )


# --- commands ----------------------------------------------------------------------------------

Command = Callable[[argparse.Namespace], int]
COMMANDS: dict[str, tuple[Command, Sequence[tuple[Sequence[str], dict[str, Any]]]]] = {}


def argument(*names: str, **options: Any) -> tuple[Sequence[str], dict[str, Any]]:
    """An argument of a command, as argparse takes it."""
    return names, options


def command(
    name: str, *arguments: tuple[Sequence[str], dict[str, Any]]
) -> Callable[[Command], Command]:
    """Mark a function as `./run NAME`."""

    def mark(run: Command) -> Command:
        COMMANDS[name] = run, arguments
        return run

    return mark


def _settings(process: str) -> Settings:
    """The settings of the environment, or the end with every problem named."""
    try:
        settings = settings_module.read(os.environ)
    except SettingsError as error:
        sys.exit(f"Settings, described in docs/settings.md:\n{error}")
    logs.set_up(settings.log_level, process=process)
    return settings


def _settings_or_demos(process: str, folder: Path | None) -> Settings:
    """The settings of the environment; those of a demo beside it when it has none."""
    if not any(name.startswith("DATABASE_URL") for name in os.environ):
        from bot.demo.data_dir import settings_in

        if demo := settings_in(folder or ROOT / "var" / "demo"):
            return settings_module.read(demo)
    return _settings(process)


@command("web", argument("--bind", default="127.0.0.1:8000", help="address to listen on"))
def run_web(options: argparse.Namespace) -> int:
    """Webhooks, pile pages and the web chat, on gunicorn."""
    _settings("web")
    program = [sys.executable, "-m", "gunicorn", "app:web()", "--bind", options.bind]
    os.execv(  # noqa: S606 - gunicorn takes this process over
        sys.executable,
        [*program, "--worker-class", "gthread", "--workers", "2", "--threads", "8"],
    )


@command("console", argument("--bind", default="127.0.0.1:8001", help="address to listen on"))
def run_console(options: argparse.Namespace) -> int:
    """The staff console, on gunicorn: each open page holds a thread for its events."""
    _settings("console")
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

    settings = _settings("worker")
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

    settings = _settings("piles")
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

    settings = _settings("clock")
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

    migrations.upgrade(make_engine(_settings("migrate").database_url))
    return 0


@command("books")
def run_books(_: argparse.Namespace) -> int:
    """Proves that the ledger balances and agrees with the payment provider's records; names what
    does not, exit code 1."""
    from bot.errors import PilebotError
    from bot.gateways.stripe_books import check_books

    settings = _settings("books")
    try:
        compared, faults = check_books(Store(make_engine(settings.database_url)), settings)
    except PilebotError as error:
        _say(f"Pilebot: the payment provider cannot be asked, so nothing is proven: {error}")
        return 1
    for fault in faults:
        print(fault)
    print(f"{compared} payments compared, {len(faults)} faults")
    return 1 if faults else 0


@command("check-settings")
def run_check_settings(_: argparse.Namespace) -> int:
    """Reports every setting that is missing or wrong, else shows those in force."""
    settings = _settings("check-settings")
    for each in settings_module.FIELDS:
        value = getattr(settings, each.name)
        hidden = each.metadata["secret"] and value
        print(f"{each.name.upper()}={f'({len(value)} characters)' if hidden else value}")
    return 0


@command("inventory", argument("file", type=Path, help="JSON: bot/services/inventory.py"))
def run_inventory(options: argparse.Namespace) -> int:
    """Takes in stations, piles and tariffs; prints the MQTT password of each new pile."""
    from bot.services import inventory

    settings = _settings("inventory")
    try:
        document = json.loads(options.file.read_text(encoding="utf-8"))
        with Store(make_engine(settings.database_url)).begin() as work:
            added = inventory.take_in(work, document)
    except (OSError, ValueError, inventory.InventoryError) as error:
        sys.exit(f"{options.file}: {error}. Nothing was changed.")
    for new in added:
        print(f"{new.pile_id} {new.secret}")
    return 0


@command(
    "tariff-export",
    argument("tariff", help="its name"),
    argument("--version", type=int, help="none: the one that counts now"),
    argument("--demo", type=Path, help="a demo's folder, when the environment has no settings"),
)
def run_tariff_export(options: argparse.Namespace) -> int:
    """Prints a tariff as an OCPI 2.3 Tariff object."""
    from bot.services import tariff_exchange
    from bot.services.tariff_changes import NotPossible

    settings = _settings_or_demos("tariff-export", options.demo)
    with open_store(settings).read() as work:
        try:
            tariff = tariff_exchange.named(work, options.tariff)
            print(tariff_exchange.document(work, settings, tariff, options.version), end="")
        except NotPossible as error:
            sys.exit(str(error))
    return 0


@command(
    "tariff-import",
    argument("file", type=Path, help="an OCPI 2.3 Tariff object as JSON"),
    argument("--tariff", required=True, help="the name of the tariff that it is for"),
    argument("--staff", help="login of who proposes it; none: only check the file"),
    argument("--reason", default="", help="for the second person, who approves it"),
    argument("--without-unknown", action="store_true", help="leave out fields that nobody knows"),
    argument("--demo", type=Path, help="a demo's folder, when the environment has no settings"),
)
def run_tariff_import(options: argparse.Namespace) -> int:
    """Checks an OCPI tariff and proposes its prices; they count when somebody approves them."""
    from bot.domain.ocpi_tariffs import OcpiError
    from bot.services import tariff_exchange
    from bot.services.tariff_changes import NotPossible

    settings = _settings_or_demos("tariff-import", options.demo)
    try:
        text = options.file.read_text(encoding="utf-8")
        with open_store(settings).begin() as work:
            tariff = tariff_exchange.named(work, options.tariff)
            found = tariff_exchange.understood(work, tariff, text)
            for path in found.without_effect:
                print(f"{path}: kept, but without effect here")
            for path in found.unknown:
                print(f"{path}: unknown")
            if not options.staff:
                print(f"{len(found.body['elements'])} prices can be read. Nothing was changed.")
                return 1 if found.unknown and not options.without_unknown else 0
            row = tariff_exchange.propose(
                work, tariff_exchange.actor_of(work, options.staff), tariff, found,
                reason=options.reason, key=f"file:{hashlib.sha256(text.encode()).hexdigest()}",
                without=options.without_unknown,
            )  # fmt: skip
            print(f"Proposal {row.id} waits for approval.")
    except OcpiError as error:
        for path, what in error.problems:
            print(f"{path}: {what}")
        sys.exit(f"{options.file}: nothing was changed.")
    except (OSError, UnicodeDecodeError, NotPossible) as error:
        sys.exit(f"{options.file}: {error} Nothing was changed.")
    return 0


@command(
    "fit-predictions",
    argument("--use", action="store_true", help="score by the new weights from now on"),
    argument("--demo", type=Path, help="a demo's folder, when the environment has no settings"),
)
def run_fit_predictions(options: argparse.Namespace) -> int:
    """Fits the weights of failure predictions to recorded outcomes, and prints them."""
    from bot.services import prediction, risk_fitting

    settings = _settings_or_demos("fit-predictions", options.demo)
    try:
        with open_store(settings).begin() as work:
            before, found = prediction.weights(work), risk_fitting.fit_now(work, settings)
            if options.use:
                risk_fitting.use(work, found)
    except risk_fitting.TooFew as why:
        sys.exit(f"{why} Nothing was changed.")
    for name, value in found.weights.items():
        print(f"{name:14} {before[name]:8.3f} -> {value:8.3f}")
    print(
        f"{found.examples} examples, {found.failures} failures; surprise "
        f"{found.loss_before:.4f} -> {found.loss_after:.4f}. "
        + ("In use from now on." if options.use else "Nothing was changed; --use puts it in use.")
    )
    return 0


@command("put-back", argument("pile", help="number of a pile, as 1023"))
def run_put_back(options: argparse.Namespace) -> int:
    """Puts a pile that a danger report took out of service back into it."""
    from sqlalchemy import select

    from bot.services import safety
    from bot.store.stations import Pile

    with open_store(_settings("put-back")).begin() as work:
        pile = work.session.scalars(select(Pile).where(Pile.number == options.pile)).first()
        if pile is None:
            sys.exit(f"There is no pile {options.pile}.")
        safety.put_back(work, pile)
    print(f"{pile.id} is in service.")
    return 0


@command(
    "labels",
    argument("codes", nargs="*", help="codes of EVSEs; none: all"),
    argument("--out", type=Path, default=Path("labels.pdf")),
    argument("--demo", type=Path, help="a demo's folder, when the environment has no settings"),
)
def run_labels(options: argparse.Namespace) -> int:
    """Writes pile stickers as a PDF to print; of the demo's piles when nothing else is set."""
    from bot.gateways.labels import labels_of, labels_pdf

    settings = _settings_or_demos("labels", options.demo)
    with Store(make_engine(settings.database_url)).read() as work:
        labels = labels_of(work, settings, options.codes)
    options.out.write_bytes(labels_pdf(labels, settings.brand))
    print(f"{len(labels)} stickers in {options.out}")
    return 0


@command(
    "staff",
    argument("do", choices=["add", "reset", "list"], help="reset: new password, new second factor"),
    argument("login", nargs="?", help="an e-mail address, or one word"),
    argument("--role", default="admin", help="agent, technician, finance, manager or admin"),
    argument("--name", help="none: as the login"),
    argument("--ask", action="store_true", help="ask for the password here instead of a link"),
    argument("--demo", type=Path, help="a demo's folder, when the environment has no settings"),
)
def run_staff(options: argparse.Namespace) -> int:
    """Makes the first admin's account, lets somebody in again, lists the accounts."""
    from bot.services import staff_command

    settings = _settings_or_demos("staff", options.demo)
    store = Store(make_engine(settings.database_url))
    if options.do == "list":
        print(staff_command.listed(store))
        return 0
    if not options.login:
        sys.exit("Whose account? Name the login.")
    try:
        password = staff_command.ask_password(options.login) if options.ask else None
        if options.do == "add":
            name = options.name or options.login
            link = staff_command.add(store, settings, options.login, name, options.role, password)
        else:
            link = staff_command.reset(store, settings, options.login, password)
    except PilebotError as error:
        sys.exit(f"{error} Nothing was changed.")
    print(link or f"{options.login} can log in at {settings.console_url}")
    return 0


@command(
    "partner",
    argument("do", choices=["add", "list", "revoke"]),
    argument("what", nargs="?", help="add: the partner's name; revoke: the key's number"),
    argument("--scopes", default="cases:write,cases:read"),
    argument("--demo", type=Path, help="a demo's folder, when the environment has no settings"),
)
def run_partner(options: argparse.Namespace) -> int:
    """Makes, lists and revokes the keys of partners for the case API."""
    from bot.services import partners

    store = open_store(_settings_or_demos("partner", options.demo))
    if options.do != "list" and not options.what:
        sys.exit("Whose key? Name the partner, or the number of the key.")
    try:
        with store.begin() as work:
            if options.do == "add":
                scopes = options.scopes.split(",")
                print(partners.make(work, None, options.what, scopes=scopes)[1])
            elif options.do == "revoke":
                partners.revoke(work, None, int(options.what) if options.what.isdigit() else 0)
            else:
                for key in partners.listed(work):
                    state = "revoked" if key.revoked_at else ", ".join(key.scopes)
                    print(f"{key.id}  {key.hint}…  {key.name}  {state}")
    except PilebotError as error:
        sys.exit(f"{error} Nothing was changed.")
    return 0


@command("decode", argument("files", nargs="+", help="photos"))
def run_decode(options: argparse.Namespace) -> int:
    """Prints what is read from photos: a JSON line an image. Works without settings."""
    from bot.gateways import decode_cli, photos

    try:
        settings = settings_module.read(os.environ)
    except SettingsError:
        from bot.demo import city

        return decode_cli.main(options.files, ["127.0.0.1", "localhost"], [city.SENDER])
    hosts, numbers = photos.own_hosts(settings), photos.own_numbers(settings)
    return decode_cli.main(options.files, hosts, numbers)


@command("parse", argument("file", type=Path, help="JSON lines: id, text, lang?, context?"))
def run_parse(options: argparse.Namespace) -> int:
    """Prints how messages are understood, as the bot would act. Works without settings."""
    from nlu import parse

    url, token = os.environ.get("NLU_URL", ""), os.environ.get("NLU_TOKEN", "")
    with parse.understander(url, token, 10.0, _say) as understand:
        parse.parse_file(options.file, understand, sys.stdout)
    return 0


@command("train", argument("--if-needed", action="store_true", help="the default"))
def run_train(_: argparse.Namespace) -> int:
    """Trains the language model if its data changed."""
    from nlu import train

    _say(f"Model: {train.train(_say)}")
    return 0


@command("nlu-report")
def run_nlu_report(_: argparse.Namespace) -> int:
    """Balance, near-duplicates and label conflicts of the training messages."""
    from nlu import corpus

    corpus.main(["report"], print)
    return 0


@command(
    "nlu-review",
    argument("--export", type=Path, help="write them as JSON lines to this file, to be labelled"),
    argument("--add", type=Path, help="add labelled lines (lang, intent, text, id?) to nlu/data"),
)
def run_nlu_review(options: argparse.Namespace) -> int:
    """Lists or exports messages that were understood with doubt or wrongly; adds labelled ones."""
    from bot.services import understood
    from nlu import review

    store = Store(make_engine(_settings("nlu-review").database_url))
    if options.add is not None:
        try:
            ids = review.add(options.add, print)
        except PilebotError as error:
            sys.exit(f"{error}\nNothing was added.")
        with store.begin() as work:
            understood.labelled(work, ids)
        return 0
    with store.read() as work:
        rows = [
            {"id": each.id, "text": each.text, "lang": each.lang,
             "intent": each.hint or each.intent, "guess": each.intent,
             "confidence": each.confidence, "why": each.why}
            for each in understood.review(work)
        ]  # fmt: skip
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    if options.export is not None:
        options.export.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        print(f"{len(lines)} messages written to {options.export}. Correct intent and lang, then:")
        print(f"./run nlu-review --add {options.export}")
    else:
        print("\n".join(lines) or "Nothing waits for a label.")
    return 0


@command("templates")
def run_templates(_: argparse.Namespace) -> int:
    """Registers the WhatsApp templates at Twilio; prints the value for TWILIO_TEMPLATES."""
    from bot.gateways import templates

    print(templates.register(_settings("templates")))
    return 0


@command("texts")
def run_texts(_: argparse.Namespace) -> int:
    """Brings the translation catalogues in step with the code."""
    from bot.gateways import catalogues

    for locale, lacking in catalogues.update().items():
        print(f"{locale}: {lacking} sentences to translate")
    return 0


@command("seed")
def run_seed(_: argparse.Namespace) -> int:
    """Fills the database with the demo city."""
    from bot.demo import seed
    from bot.gateways.stripe_client import client_for

    settings = _settings("seed")
    save_card = seed.test_card(client_for(settings))
    store = Store(make_engine(settings.database_url))
    seed.seed(store, secret_key=settings.secret_key, save_card=save_card)
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

    settings = _settings("simulator")
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
        return train.current_model() or train.train(_say)

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


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


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
