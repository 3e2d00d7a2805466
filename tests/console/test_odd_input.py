"""What nobody types: refused or ignored, never an error of ours, and no way out of the house."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from bot.console.addresses import inside
from tests.console.desk import Desk, open_desk
from tests.console.test_accounts_matrix import add_rider
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
