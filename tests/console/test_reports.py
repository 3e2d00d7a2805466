"""The monthly complaint report: counted from the rows, frozen when over, page, PDF and file."""

from __future__ import annotations

import shutil
import subprocess
from datetime import datetime

from sqlalchemy import select, update

from bot.domain.complaint_quarters import quarter_of
from bot.domain.complaints import after, before, month_of
from bot.services import case_intake, case_timers, case_work, clocks, compensation, complaints
from bot.services.audit import Actor
from bot.services.causes import add_action, give, save, start
from bot.store.cases import Case, Clock
from bot.store.charging import Hold, Refund
from bot.store.database import UnitOfWork
from bot.store.quality import MonthReport
from bot.store.staff import Audit
from tests.console.desk import Desk
from tests.offers import add_template
from tests.test_scenarios import play
from tests.world import World

RIDER = "+358401234567"
TZ = "Europe/Helsinki"


def complained(world: World, desk: Desk) -> str:
    """A case about a bill: late, made good with a coupon, refunded, closed with consent, with a
    root cause and an action against it; returns its month."""
    play(world, "rider says hello")
    add_template(world.store, "late", fixed_minor=500)
    mia = desk.agent("manager", "Mia")
    actor = Actor(mia.staff_id, "manager", "Mia")
    chat = desk.conversation(RIDER)
    with world.store.begin() as work:
        case = case_intake.by_staff(work, chat, code="bill_wrong", text="Too much", key="k")
        case.pile_id = "P001023"
        start(work, actor)
        cause = save(work, actor, None, title="Rounding", parent_id=None)
        give(work, actor, case, cause.id)
        add_action(
            work, actor, cause.id, text="Round once", owner_id=mia.staff_id,
            due_on=work.now.date(),
        )  # fmt: skip
        clock = clocks.of_subject(work, f"case:{case.id}")[0]
        late(work, clock)
        compensation.for_breach(work, clock, case)
        refund = refunded(work, chat.rider_id)
        case_work.tie(work, actor, case.id, "refund", str(refund))
        case_work.solve(work, world.settings, actor, case.id, cause="a", fix="b", result="c")
        case_timers.close(work, case_work.locked(work, case.id), "consent")
        return month_of(work.now, TZ)


def late(work: UnitOfWork, clock: Clock) -> None:
    clock.breached_at = work.now


def refunded(work: UnitOfWork, rider_id: int) -> int:
    hold = Hold(
        rider_id=rider_id, updated_at=work.now, subject="plan:1", purpose="sale", amount_minor=900,
        currency="EUR", state="captured", created_at=work.now,
    )  # fmt: skip
    work.session.add(hold)
    work.session.flush()
    refund = Refund(hold_id=hold.id, amount_minor=250, currency="EUR", reason="x",
                    created_at=work.now)  # fmt: skip
    work.session.add(refund)
    work.session.flush()
    return refund.id


def test_a_month_is_counted_shown_frozen_and_printed_again(world: World, desk: Desk) -> None:
    month = complained(world, desk)
    boss = desk.agent("finance")
    page = boss.get(f"/reports/{month}").text
    for words in ("So far", "Fee", "Bill is wrong", "1023, Kamppi", "1 of 1",
                  "100.0 %", "5.00 EUR", "2.50 EUR", "Rounding",
                  "Round once", "2.50 EUR in 1"):  # fmt: skip
        assert words in page, words
    with world.store.begin() as work:
        complaints.freeze(work, world.settings, month)
        complaints.freeze(work, world.settings, month)
        work.session.execute(update(Case).values(close_reason="silence"))
        row = work.session.scalars(select(MonthReport)).one()
        assert row.figures["total"]["consent"] == 1
    frozen = boss.get(f"/reports/{month}").text
    assert "Finished" in frozen and "100.0 %" in frozen
    first, second = (boss.get(f"/reports/{month}/pdf") for _ in range(2))
    assert first.headers["content-type"] == "application/pdf"
    assert first.content == second.content
    if shutil.which("pdftotext"):
        read = subprocess.run(
            ["pdftotext", "-layout", "-", "-"], input=first.content, capture_output=True,
            timeout=60, check=True,
        )  # fmt: skip
        text = read.stdout.decode()
        assert "Complaints" in text and "5.00 EUR" in text and "Rounding" in text
    file = boss.post(f"/reports/{month}/export")
    assert "By class" in file.text and "Fee,1," in file.text
    with world.store.read() as work:
        noted = select(Audit).where(Audit.action == "report_export")
        assert work.session.scalars(noted).one().object == f"report:{month}"
    assert boss.get(f"/reports/{before(month)}").status_code == 200
    assert desk.agent("agent").get(f"/reports/{month}").status_code == 403


def test_the_clock_freezes_what_is_over_and_compares_with_it(world: World, desk: Desk) -> None:
    month = complained(world, desk)
    complaints.keep(world.store, world.settings)
    with world.store.read() as work:
        assert work.session.scalars(select(MonthReport)).all() == []
    following = datetime.fromisoformat(f"{after(month)}-05T12:00:00+00:00")
    world.ahead += following - world.now
    complaints.keep(world.store, world.settings)
    complaints.keep(world.store, world.settings)
    with world.store.read() as work:
        (row,) = work.session.scalars(select(MonthReport))
        assert (row.month, row.figures["total"]["opened"]) == (month, 1)
        now = month_of(work.now, TZ)
        assert [each["month"] for each in complaints.compared(work, now)] == [month]
    assert "-100 %" in desk.agent("manager").get(f"/reports/{now}").text


def test_a_quarter_and_a_month_frozen_before_piles_were_counted(world: World, desk: Desk) -> None:
    month = complained(world, desk)
    span, boss = quarter_of(month), desk.agent("manager")
    with world.store.begin() as work:
        complaints.freeze(work, world.settings, month)
        row = work.session.scalars(select(MonthReport)).one()
        kept = {name: value for name, value in row.figures.items() if "pile" not in name}
        kept["total"] = {**kept["total"]}
        del kept["total"]["closings"], kept["by_code"]
        row.figures = kept
    assert "2.50 EUR" in boss.get(f"/reports/{month}").text
    page = boss.get(f"/reports/{span}").text
    assert "quarter of" in page and "2.50 EUR" in page and "So far" in page
    assert boss.get(f"/reports/{span}/pdf").headers["content-type"] == "application/pdf"
    assert span in boss.get(f"/reports/{month}").text  # to be chosen
    assert "By class" in boss.post(f"/reports/{span}/export").text


def test_months_that_are_none_are_no_pages(desk: Desk) -> None:
    boss = desk.agent("manager")
    for month in ("2026-13", "x", "2099-01", "2026-1", "2026-Q5", "2099-Q1"):
        assert boss.get(f"/reports/{month}").status_code == 404
    assert boss.get("/reports", follow_redirects=True).status_code == 200
