"""How fast the console is with a large history, and what open consoles cost the webhooks.

    .venv/bin/python -m tests.bench.console [--conversations 100000] [--messages 2000000]

Starts a PostgreSQL of its own, fills it, and asks the real processes over HTTP. Figures are for
comparing within one run: machines differ.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

import httpx
from sqlalchemy import text
from twilio.request_validator import RequestValidator

import migrations
from bot.services import staff_sessions
from bot.store.database import Store, make_engine
from bot.store.staff import Staff
from tests.databases import PostgresServer
from tests.world import add_station

ROOT: Final = Path(__file__).resolve().parents[2]
TOKEN: Final = "7f" * 16
RIDERS: Final = """
INSERT INTO rider (id, created_at, name, lang, lang_chosen)
  SELECT n, now() - interval '90 days', 'Rider ' || n, (ARRAY['en','es','zh','fr','de'])[1 + n % 5],
         false FROM generate_series(1, :n) n;
INSERT INTO rider_address (id, rider_id, kind, value, created_at)
  SELECT n, n, 'whatsapp', '+3584' || lpad(n::text, 8, '0'), now() FROM generate_series(1, :n) n;
INSERT INTO conversation (id, rider_id, created_at, owner, epoch, status, priority, queued_at,
    waiting_since, last_at, last_whatsapp_at, dialog, fallbacks, last_channel, declined_by)
  SELECT n, n, now() - interval '90 days',
    CASE WHEN n % 500 = 0 THEN 'queue' ELSE 'bot' END, 1,
    CASE WHEN n % 10 < 4 THEN 'resolved' ELSE 'open' END, n % 4,
    CASE WHEN n % 500 = 0 THEN now() - (n % 50) * interval '1 minute' END,
    CASE WHEN n % 500 = 0 THEN now() - (n % 50) * interval '1 minute' END,
    now() - n * interval '1 minute', now() - n * interval '1 minute', '{}', 0, 'whatsapp', '[]'
  FROM generate_series(1, :n) n;
"""
MESSAGES: Final = """
INSERT INTO message (conversation_id, at, author, channel, text, body, status)
  SELECT 1 + (n % :c), now() - (:m - n) * interval '1 second',
    CASE WHEN n % 2 = 0 THEN 'rider' ELSE 'bot' END, 'whatsapp',
    (ARRAY['where is a free pile near the station', '充电桩在哪里', 'stop charging please',
           'your charge has ended, 12.4 kWh', 'how much is it per kWh'])[1 + n % 5] || ' ' || n,
    json_build_object('kind', 'text', 'text', 'x'), 'read'
  FROM generate_series(1, :m) n
"""


def main() -> None:
    """Fill, measure, print."""
    options = argparse.ArgumentParser()
    options.add_argument("--conversations", type=int, default=100_000)
    options.add_argument("--messages", type=int, default=2_000_000)
    chosen = options.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench")))
        folder.chmod(0o755)
        server = PostgresServer(folder / _made(folder / "pg"))
        stack.callback(server.close)
        store = Store(make_engine(server.url("postgres")))
        migrations.upgrade(store.engine)
        _fill(store, chosen.conversations, chosen.messages)
        tokens = _staff(store, 51)
        store.engine.dispose()
        environment = _environment(server.url("postgres"))
        console = stack.enter_context(_process("console", 18_471, environment))
        web = stack.enter_context(_process("web", 18_472, environment))
        _pages(console, tokens[0])
        _webhooks(web, console, tokens[1:])


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _fill(store: Store, conversations: int, messages: int) -> None:
    began = time.monotonic()
    add_station(store)
    with store.engine.begin() as connection:
        for statement in RIDERS.strip().rstrip(";").split(";"):
            connection.execute(text(statement), {"n": conversations})
        connection.execute(text(MESSAGES), {"c": conversations, "m": messages})
        for table in ("rider", "rider_address", "conversation"):
            connection.execute(
                text(
                    f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}"
                )
            )
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    took = time.monotonic() - began
    print(f"{conversations} conversations, {messages} messages, filled in {took:.0f} s")


def _staff(store: Store, count: int) -> list[str]:
    tokens = []
    with store.begin() as work:
        for number in range(count):
            role = "manager" if number == 0 else "agent"
            staff = Staff(
                login=f"s{number}@example.com", name=f"S {number}", role=role, created_at=work.now
            )
            work.session.add(staff)
            work.session.flush()
            tokens.append(staff_sessions.open_session(work, staff, second_factor=True))
    return tokens


def _environment(database_url: str) -> dict[str, str]:
    return {
        **os.environ,
        "PUBLIC_URL": "http://127.0.0.1:18472", "CONSOLE_URL": "http://127.0.0.1:18471",
        "DATABASE_URL": database_url, "REDIS_URL": "redis://127.0.0.1:9",
        "MQTT_URL": "mqtt://127.0.0.1:9", "SECRET_KEY": "b" * 40,
        "TWILIO_ACCOUNT_SID": "AC" + "a1" * 16, "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_FROM": "whatsapp:+14155238886", "STRIPE_SECRET_KEY": "sk_test_bench",
        "STRIPE_WEBHOOK_SECRET": "whsec_bench", "LOG_LEVEL": "ERROR",
    }  # fmt: skip


@contextmanager
def _process(name: str, port: int, environment: dict[str, str]) -> Iterator[str]:
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "app.py", name, "--bind", f"127.0.0.1:{port}"]
    child = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(300):
            try:
                if httpx.get(f"{url}/healthz", timeout=2).status_code == 200:
                    break
            except httpx.HTTPError:
                time.sleep(0.1)
        yield url
    finally:
        child.kill()
        child.wait(20)


def _measure(what: str, ask: Callable[[], httpx.Response], times: int = 30) -> float:
    took = []
    for _ in range(times):
        began = time.perf_counter()
        answer = ask()
        took.append((time.perf_counter() - began) * 1000)
        assert answer.status_code in (200, 204), (what, answer.status_code, answer.text[:300])
    took.sort()
    p95 = took[int(0.95 * (len(took) - 1))]
    print(f"{what:40} p50 {statistics.median(took):7.1f} ms   p95 {p95:7.1f} ms")
    return statistics.median(took)


def _pages(console: str, token: str) -> None:
    with httpx.Client(base_url=console, cookies={"pilebot-staff": token}, timeout=60) as http:
        http.get("/")
        for what, path in (
            ("inbox, queue", "/"),
            ("inbox, bot", "/?tab=bot"),
            ("inbox, resolved", "/?tab=resolved"),
            ("inbox, all", "/?tab=all"),
            ("conversation", "/conversations/500"),
            ("search, a common word", "/search?q=free+pile"),
            ("search, Chinese", "/search?q=%E5%85%85%E7%94%B5%E6%A1%A9"),
            ("search, a rider", "/search?q=Rider+99999"),
            ("search, a phone's end", "/search?q=00099999"),
            ("bell", "/events/bell"),
        ):
            _measure(what, lambda path=path: http.get(path))  # type: ignore[misc]  # bound at once
        _measure("search, a word that is nowhere", lambda: http.get("/search?q=zzzqqq"), 3)


def _webhooks(web: str, console: str, tokens: list[str]) -> None:
    count = iter(range(10**9))

    def message() -> httpx.Response:
        sid = f"SM{next(count):032x}"
        body = {
            "MessageSid": sid, "AccountSid": "AC" + "a1" * 16, "Body": "hello", "NumMedia": "0",
            "From": "whatsapp:+358400000500", "To": "whatsapp:+14155238886", "WaId": "358400000500",
        }  # fmt: skip
        url = "http://127.0.0.1:18472/webhooks/whatsapp"
        signature = RequestValidator(TOKEN).compute_signature(url, body)
        return http.post(url, data=body, headers={"X-Twilio-Signature": signature})

    with httpx.Client(timeout=60) as http:
        for _ in range(20):
            message()
        alone = _measure("webhook, no console open", message, 200)
        stop = threading.Event()
        streams = [
            threading.Thread(target=_follow, args=(console, token, stop), daemon=True)
            for token in tokens
        ]
        for one in streams:
            one.start()
        time.sleep(3)
        beside = _measure(f"webhook, {len(tokens)} consoles open", message, 200)
        stop.set()
    print(json.dumps({"webhook_ratio": round(beside / alone, 2)}))


def _follow(console: str, token: str, stop: threading.Event) -> None:
    with (
        suppress(httpx.HTTPError),  # the console ends first
        httpx.Client(base_url=console, cookies={"pilebot-staff": token}, timeout=60) as http,
        http.stream("GET", "/events") as answer,
    ):
        for _ in answer.iter_lines():
            if stop.is_set():
                return


if __name__ == "__main__":
    main()
