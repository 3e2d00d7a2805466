"""The audit log: what gets in, who reads what, that nothing can be changed unnoticed."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text, update
from sqlalchemy.exc import DatabaseError

from bot.domain.staff_actions import KINDS
from bot.services import audit, audit_log
from bot.services.audit import Actor
from bot.store.database import Store, UnitOfWork
from bot.store.staff import Audit
from tests.console.desk import Agent, Desk
from tests.world import World

MONEY_RIGHTS = ("refund.request", "payment.link", "receipt.resend")
OLLI = Actor(1, "agent", "Olli", 1, "10.0.0.7")


def write(store: Store, *rows: dict[str, Any]) -> None:
    """Rows as services record them."""
    with store.begin() as work:
        for row in rows:
            audit.record(work, OLLI, row.pop("action", "test"), **row)


def rows_of(answer: httpx.Response) -> list[dict[str, str]]:
    """A CSV answer."""
    assert answer.headers["content-type"].startswith("text/csv"), answer.text
    return list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))


def test_finance_reads_money_only(world: World, desk: Desk) -> None:
    write(
        world.store,
        {"action": "refund", "object_": "session:12", "after": {"amount_minor": 450}},
        {"action": "refund.approved", "object_": "action:3"},
        {"action": "refundable", "object_": "session:99"},
        {"action": "phone.reveal", "object_": "rider:7"},
    )
    finance, admin = desk.agent("finance"), desk.agent("admin")
    page = finance.get("/audit").text
    assert "session:12" in page and "action:3" in page
    assert "rider:7" not in page and "session:99" not in page
    assert "rider:7" not in finance.get("/audit?action=phone.reveal").text
    assert "rider:7" in admin.get("/audit").text
    taken = rows_of(finance.post("/audit/export", action="phone.reveal"))
    assert taken == []
    assert {row["action"] for row in rows_of(finance.post("/audit/export"))} >= {"refund"}
    assert not {r["action"] for r in rows_of(finance.post("/audit/export"))} & {"phone.reveal"}


def test_no_action_of_money_is_kept_from_finance(world: World, desk: Desk) -> None:
    written = [f"action.{kind.name}" for kind in KINDS.values() if kind.right in MONEY_RIGHTS]
    assert "action.refund" in written
    write(world.store, *({"action": action} for action in written))
    with world.store.read() as work:
        lines, _ = audit_log.page(work, audit_log.Filter(money_only=True))
    assert sorted(line.row.action for line in lines) == sorted(written)


def test_filters_and_pages_show_every_row_once(world: World, desk: Desk) -> None:
    admin = desk.agent("admin")
    write(world.store, *({"object_": f"pile:{number}"} for number in range(120)))
    seen: list[str] = []
    path: str | None = "/audit?action=test"
    while path:
        page = admin.get(path).text
        seen += [part.split('"')[0] for part in page.split("/audit?object=pile:")[1:]]
        path = _next(page)
    assert sorted(seen, key=int) == [str(number) for number in range(120)]
    assert "pile:77" in admin.get("/audit?object=pile:77").text
    today = f"{world.now:%Y-%m-%d}"
    assert "pile:119" in admin.get(f"/audit?from={today}&to={today}").text
    assert "Nothing fits" in admin.get("/audit?to=2020-01-01").text
    for odd in ("who=abc", "before=-1", "from=yesterday", "who=99999999999999999999"):
        assert admin.get(f"/audit?{odd}").status_code == 200


def _next(page: str) -> str | None:
    for part in page.split('href="')[1:]:
        url, _, rest = part.partition('"')
        if rest.startswith(' rel="next"'):
            return url.replace("&amp;", "&")
    return None


def test_phone_numbers_are_masked_and_formulas_are_text(world: World, desk: Desk) -> None:
    write(
        world.store,
        {"reason": "call +358401234567", "after": {"note": "0401234567"}},
        {"reason": "=HYPERLINK(1)"},
        {"reason": "<b>bold</b>"},
    )
    admin = desk.agent("admin")
    page = admin.get("/audit").text
    file = admin.post("/audit/export")
    for answer in (page, file.text):
        assert "358401234567" not in answer and "0401234567" not in answer
    assert "<b>bold</b>" not in page
    reasons = {row["reason"] for row in rows_of(file)}
    assert "'=HYPERLINK(1)" in reasons


def test_taking_the_log_is_in_the_log_and_needs_a_fresh_factor(world: World, desk: Desk) -> None:
    admin = desk.agent("admin")
    rows_of(admin.post("/audit/export"))
    assert "audit.export" in admin.get("/audit").text
    world.clock_passes(6 * 60)
    refused = admin.post("/audit/export", action="audit.export")
    assert refused.headers["location"] == "/audit?action=audit.export"


def test_a_denied_try_is_in_the_log(world: World, desk: Desk) -> None:
    agent, admin = desk.agent("agent", "Olli Virtanen"), desk.agent("admin")
    assert agent.get("/audit").status_code == 403
    page = admin.get("/audit?action=denied").text
    assert "Olli Virtanen" in page and "audit.read" in page


def test_the_chain_is_checked(world: World, desk: Desk) -> None:
    admin = desk.agent("admin")
    write(world.store, {}, {}, {})
    assert "The chain is whole: 3 rows" in _flashed(admin, admin.post("/audit/check"))
    with world.store.begin() as work:
        work.session.execute(text("DROP TRIGGER audit_no_update"))
        work.session.execute(update(Audit).where(Audit.id == 2).values(reason="as it suits me"))
    assert "Row 2 does not fit" in _flashed(admin, admin.post("/audit/check"))


def _flashed(agent: Agent, answer: httpx.Response) -> str:
    return agent.get(answer.headers["location"]).text


@pytest.mark.parametrize("change", ["UPDATE audit SET reason = 'x'", "DELETE FROM audit"])
def test_the_database_itself_refuses_changes(engine: Engine, change: str) -> None:
    store = Store(engine)
    write(store, {})
    with pytest.raises(DatabaseError, match="cannot be changed"), store.begin() as work:
        work.session.execute(text(change))
    with store.read() as work:
        assert audit.length(work) == 1


def test_the_filter_works_on_both_databases(engine: Engine) -> None:
    store = Store(engine, clock=lambda: datetime(2026, 11, 20, 23, 30, tzinfo=UTC))
    write(store, {"action": "refund"}, {"action": "team.hours"})

    def found(**asked: Any) -> list[str]:
        with store.read() as work:
            return [line.row.action for line in page(work, audit_log.Filter(**asked))]

    def page(work: UnitOfWork, wanted: audit_log.Filter) -> list[audit_log.Line]:
        return audit_log.page(work, wanted)[0]

    assert found() == ["team.hours", "refund"]
    assert found(action="team") == ["team.hours"]
    assert found(money_only=True) == ["refund"]
    day = datetime(2026, 11, 20, tzinfo=UTC).date()
    assert len(found(first=day, last=day)) == 2
    with store.read() as work:
        assert audit.first_broken(work) is None
