"""What nobody types: refused or ignored, never an error of ours, and no way out of the house."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from bot.console.addresses import inside
from bot.services import books, meter_checks
from bot.store.charging import ChargingSession
from tests.console.desk import Agent, Desk, open_desk
from tests.console.journey import OTHER, charge, taken_over
from tests.console.test_accounts_matrix import add_rider
from tests.console.test_offers import FORM as COUPON
from tests.world import open_world

HUGE: Final = "9" * 30


@pytest.fixture
def desk(tmp_path: Path, database_url: str) -> Iterator[Desk]:
    """On SQLite and on PostgreSQL: each has its own idea of what it cannot hold."""
    with open_world(tmp_path, database_url) as world, open_desk(world) as desk:
        yield desk


@pytest.mark.parametrize(
    ("target", "kept"),
    [
        ("/piles?tab=map", "/piles?tab=map"),
        ("http://desk.example/piles", "/piles"),
        ("//evil.example/piles", ""),
        ("/\\evil.example", ""),
        ("/\t/evil.example", ""),
        ("http://evil.example/piles", ""),
        ("http://desk.example//evil.example", ""),
        ("javascript:alert(1)", ""),
        ("http://[", ""),
        ("piles", ""),
        ("", ""),
    ],
)
def test_forms_lead_back_into_the_console_only(target: str, kept: str) -> None:
    assert inside(target, "desk.example") == kept


def test_what_no_database_holds_is_a_bad_request(desk: Desk) -> None:
    manager = desk.agent("manager")
    add_rider(desk.world, owner_id=manager.staff_id)
    for path in (
        f"/conversations/{HUGE}",
        f"/conversations/1?before={HUGE}",
        f"/incidents/{HUGE}",
        f"/incidents?before={HUGE}",
        f"/?tab=all&before=2026-01-01T00:00:00%2B00:00~{HUGE}",
        "/?tab=all&before=0001-01-01T00:00:00%2B14:00~1",
        "/?label=%00",
        f"/actions/refund?session={HUGE}",
        "/actions/refund?session=1&next=http://[",
        "/login?next=http://[",
        "/piles/%00",
        "/search?q=%00",
    ):
        assert manager.get(path).status_code < 500, path
    for path, fields in (
        ("/inbox/bulk", {"what": "label", "label": "x", "id": HUGE}),
        ("/inbox/bulk", {"what": "assign", "to": HUGE, "id": "1"}),
        ("/inbox/bulk", {"what": "resolve", "id": "9" * 5000}),
        ("/conversations/1/note", {"text": "a\0b", "key": "k1"}),
        ("/conversations/1/labels", {"label": "\0"}),
        ("/conversations/1/transfer", {"to": HUGE, "epoch": "1"}),
        ("/conversations/1/hand-back", {"epoch": HUGE}),
        ("/views", {"name": "\0", "query": "\0"}),
        ("/presence", {"presence": "busy", "back": "http://["}),
        ("/riders/1/phone", {"reason": "\0"}),
    ):
        answer = manager.post(path, **fields)
        assert answer.status_code < 500, (path, fields)
    data, odd = {"csrf": manager.csrf()}, {"Origin": "http://["}
    assert manager.http.post("/views", data=data, headers=odd).status_code == 403
    _money_forms(desk, manager)


AMOUNTS: Final = ("-5", "9999999", HUGE, "NaN")
PLAN: Final = {"name": "Month", "market": "FI EUR", "unit": "wh", "size": "50", "days": "30",
               "price": "12,75", "tax": "25.5", "active": "yes"}  # fmt: skip


def _money_forms(desk: Desk, manager: Agent) -> None:
    """Whatever is typed for money gets an answer."""
    session = charge(desk.world, OTHER)
    chat = taken_over(desk.world, OTHER, manager.staff_id)
    with desk.world.store.begin() as work:
        check = meter_checks.ask(work, work.session.get_one(ChargingSession, session)).id
    reason, asked = {"reason": "Odd"}, {"conversation": str(chat)}
    forms: list[tuple[str, dict[str, str], tuple[str, ...]]] = [
        ("/coupons/save", COUPON, ("fixed", "percent", "most", "least", "budget", "monthly",
                                   "valid_days", "per_rider")),
        ("/plans/save", PLAN, ("size", "price", "tax", "days")),
        ("/actions/refund", reason | asked | {"session": str(session)}, ("amount",)),
        ("/actions/credit", reason | asked | {"template": "1"}, ("amount", "template")),
        (f"/meters/{check}/record", {"note": "x", "true": "1000", "shown": "1000"},
         ("true", "shown")),
        (f"/meters/{check}/recheck", reason, ("total",)),
    ]  # fmt: skip
    told = []
    for path, fields, odd in forms:
        for name in odd:
            for number, typed in enumerate(AMOUNTS):
                sent = {**fields, "key": f"{name}-{number}", name: typed}
                answer = manager.post(path, **sent)
                if answer.status_code >= 500:
                    told.append((path, name, typed))
    assert told == []
    with desk.world.store.read() as work:
        assert books.audit(work) == []
