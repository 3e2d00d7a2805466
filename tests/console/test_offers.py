"""Coupons, disputes and meters in the console: who may, within which limits, and who is told."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select

from bot.services import alarms, books, disputes, meter_checks
from bot.store.charging import ChargingSession, Refund
from bot.store.desk import StaffAction
from bot.store.offers import Coupon, CouponTemplate, MeterCheck, PlanOffer, RefundRequest
from bot.store.staff import Audit
from bot.store.stations import Pile
from tests.console.desk import Agent, Desk, open_desk
from tests.console.journey import OTHER, PHONE, charge, taken_over
from tests.offers import add_template
from tests.world import World

FORM = {
    "name": "Rain", "market": "FI EUR", "code": "RAIN5", "fixed": "1,50", "budget": "30",
    "valid_days": "30", "per_rider": "2", "start": "22:00", "end": "06:00",
}  # fmt: skip


def test_a_template_counts_when_finance_has_approved_it(world: World, desk: Desk) -> None:
    maria, fia = desk.agent("manager", "Maria"), desk.agent("finance", "Fia")
    assert "No coupons yet" in maria.get("/coupons").text
    assert maria.post("/coupons/save", **FORM).status_code == 303
    with world.store.read() as work:
        row = work.session.scalars(select(CouponTemplate)).one()
    assert (row.state, row.plain_code, row.budget_minor) == ("draft", "RA1N5", 3_000)
    assert maria.post(f"/coupons/{row.id}/approve").status_code == 403
    assert "1.50" in fia.get("/coupons").text
    fia.post(f"/coupons/{row.id}/approve")
    with world.store.read() as work:
        assert work.session.scalars(select(CouponTemplate.state)).one() == "active"
    shown = maria.get(f"/coupons/{row.id}").text
    assert 'value="22:00"' in shown
    assert "End it" in shown
    for wrong, why in (
        ({"fixed": "", "percent": "10"}, "most it may take off"),
        ({"code": "RAIN"}, "at least one digit"),
        ({"budget": "1"}, "does not pay for one"),
        ({"fixed": "abc"}, "give an amount"),
        ({"code": "RA1NS", "name": "Other"}, None),
    ):
        answer = maria.post("/coupons/save", **{**FORM, "id": str(row.id), **wrong})
        assert (answer.status_code == 303) if why is None else (why in answer.text)


def test_an_agent_issues_a_coupon_within_the_budget(world: World, desk: Desk) -> None:
    world.rider_says(PHONE, "hello")
    world.bot_says(PHONE, "Welcome")
    template = add_template(world.store, "sorry", budget_minor=250, per_rider=2)
    anna = desk.agent("agent", "Anna")
    chat = taken_over(world, PHONE, anna.staff_id)
    form = {"conversation": str(chat), "template": str(template), "reason": "Waited long"}
    assert "2.50 EUR left" in anna.get(f"/actions/coupon?conversation={chat}").text
    for _ in range(2):  # the same form twice is one coupon
        assert anna.post("/actions/coupon", key="k1", **form).status_code == 303
    world.bot_says(PHONE, ["You got a coupon:", "€1.00 off"][0], "€1.00 off")
    assert anna.post("/actions/coupon", key="k2", **form).status_code == 303
    refused = anna.post("/actions/coupon", key="k3", **form)
    assert (refused.status_code, "used up" in refused.text) == (409, True)
    with world.store.read() as work:
        assert len(work.session.scalars(select(Coupon)).all()) == 2
        rider = work.session.scalars(select(Coupon.rider_id)).first()
    assert "€1.00 off" in anna.get(f"/riders/{rider}/panel").text


def request_of(world: World, session_id: int) -> RefundRequest:
    with world.store.begin() as work:
        found = disputes.look(work, work.session.get_one(ChargingSession, session_id))
        assert found is not None
        return disputes.open_request(work, world.settings, found, "overcharged", text="Too dear")


def state(world: World) -> str:
    with world.store.read() as work:
        return work.session.scalars(select(RefundRequest.state)).one()


def test_a_dispute_is_decided_with_an_explanation(world: World, desk: Desk) -> None:
    session = charge(world)  # 3.00 EUR
    row = request_of(world, session)
    fia = desk.agent("finance", "Fia")
    assert "Cost too much" in fia.get("/disputes").text
    page = fia.get(f"/disputes/{row.id}").text
    assert "Too dear" in page
    assert "3.00 EUR" in page
    grant = f"/disputes/{row.id}/grant"
    assert fia.post(grant, key="k", amount="1", explanation=" ").status_code == 409
    assert fia.post(grant, key="k", amount="9", explanation="x").status_code == 409
    assert fia.post(grant, key="k", amount="1,00", explanation="Wrong price").status_code == 303
    world.bot_says(PHONE, "€1.00 of your charge at", "is granted: “Wrong price”", "Reference RF-")
    assert state(world) == "part"
    assert fia.post(grant, key="k2", amount="1", explanation="Again").status_code == 409


def test_above_the_limit_a_dispute_waits_and_comes_back(world: World, desk: Desk) -> None:
    row = request_of(world, charge(world, wh=10_000))
    world.settings = replace(world.settings, refund_limits="finance:1,manager:1")
    with open_desk(world) as other:
        fia, maria = other.agent("finance", "Fia"), other.agent("manager", "Maria")
        fia.post(f"/disputes/{row.id}/grant", key="k", amount="3", explanation="All of it")
        assert state(world) == "waiting"
        with world.store.read() as work:
            action = work.session.scalars(select(StaffAction)).one()
        maria.post(f"/approvals/{action.id}/reject", reason="The meter is right")
        assert state(world) == "open"
        maria.post(f"/disputes/{row.id}/decline", explanation="The meter is right")
        assert state(world) == "declined"
    world.bot_says(PHONE, "nothing is given back", "The meter is right")


def test_a_plan_is_offered(world: World, desk: Desk) -> None:
    fia = desk.agent("finance")
    assert "No plans yet" in fia.get("/plans").text
    form = {"name": "Month 50 kWh", "market": "FI EUR", "unit": "wh", "size": "50", "days": "30",
            "price": "12,75", "tax": "25.5", "active": "yes",
            "name_de": " Monat 50 kWh "}  # fmt: skip
    assert fia.post("/plans/save", **form).status_code == 303
    assert "12.75 EUR" in fia.get("/plans").text
    for wrong in ({"size": "x"}, {"price": "0"}, {"tax": "-1"}, {"market": "XX"}, {"name": ""}):
        assert fia.post("/plans/save", **{**form, **wrong}).status_code == 422
    with world.store.read() as work:
        row = work.session.scalars(select(PlanOffer)).one()
    assert (row.size, row.price_minor, row.active) == (50_000, 1_275, True)
    assert row.names == {"de": "Monat 50 kWh"}
    assert 'value="Monat 50 kWh"' in fia.get(f"/plans/{row.id}").text
    assert fia.post("/plans/save", **{**form, "name_fr": "x" * 61}).status_code == 422
    fia.post("/plans/save", **{**form, "id": str(row.id), "active": ""})
    assert "Not sold" in fia.get("/plans").text


def test_a_meter_that_shows_too_much_pays_with_a_second_yes(world: World, desk: Desk) -> None:
    session = charge(world)  # 10 kWh for 3.00 EUR
    with world.store.begin() as work:
        check = meter_checks.ask(work, work.session.get_one(ChargingSession, session))
        again = meter_checks.ask(work, work.session.get_one(ChargingSession, session))
        assert again.id == check.id
    tess, maria = desk.agent("technician"), desk.agent("manager")
    assert "M-000001" in tess.get("/meters").text
    record = f"/meters/{check.id}/record"
    tess.post(record, shown="1000", true="100", note="Too short")
    tess.post(record, shown="10200", true="10000", note="Reference meter 7")
    assert "2.00 %" in tess.get("/meters").text
    assert tess.post(f"/meters/{check.id}/approve").status_code == 403
    for _ in range(2):
        maria.post(f"/meters/{check.id}/approve")
    # 2 % too much is 5.88 cents of 3.00; ten times that goes back, once.
    world.bot_says(PHONE, "€0.59 of your charge at", "shows 2 % too much", "Reference RF-000001")
    with world.store.read() as work:
        assert work.session.get_one(MeterCheck, check.id).state == "paid"
        assert len(work.session.scalars(select(Refund)).all()) == 1


def meter_tested(world: World, session: int, tester: Agent, shown: int) -> int:
    """A charge's meter is doubted and tested against 10 kWh; the check's number."""
    with world.store.begin() as work:
        number = meter_checks.ask(work, work.session.get_one(ChargingSession, session)).id
    tester.post(f"/meters/{number}/record", shown=str(shown), true="10000", note="Reference 7")
    return number


def test_a_failed_meter_repays_every_charge_since_its_last_good_test(world: World) -> None:
    world.settings = replace(world.settings, refund_limits="finance:1,manager:1")
    with open_desk(world) as desk:
        _recheck(world, desk)


def later(world: World) -> None:
    """Long enough for the next charge to be one of its own; the pile is heard meanwhile."""
    world.clock_passes(1200)
    world.pile("1023").goes("online")
    world.pile("1023").says("Heartbeat")


def _recheck(world: World, desk: Desk) -> None:
    meter_tested(
        world, charge(world), desk.agent("technician"), 10_000
    )  # right: what was before it stands
    later(world)
    before = charge(world, OTHER)
    later(world)
    last = charge(world)
    tess, maria, fia = desk.agent("technician"), desk.agent("manager"), desk.agent("finance")
    failed = meter_tested(world, last, tess, 10_300)
    page, form = f"/meters/{failed}/recheck", {"total": "87", "reason": "Test of May"}
    assert maria.get(page).status_code == 303  # nobody has confirmed the test
    maria.post(f"/meters/{failed}/approve")
    world.bot_says(PHONE, "€0.87 of your charge", "shows 3 % too much")
    assert tess.get(page).status_code == 403
    shown = fia.get(page).text
    assert f"<td>{before}</td>" in shown
    assert "1 charges" in shown
    assert "Give back 0.87 EUR" in shown
    for wrong, why in (({"reason": " "}, "give a reason"), ({"total": "86"}, "look again"),
                       ({"total": "x"}, "look again")):  # fmt: skip
        answer = fia.post(page, **form | wrong)
        assert (answer.status_code, why in answer.text) == (409, True)
    for _ in range(2):  # the same form twice
        fia.post(page, **form)
    world.bot_says(OTHER, "€0.87 of your charge", "your charge of", "Reference RF-000002")
    assert "1 charges, 0.87 EUR paid back" in fia.get("/meters").text
    assert "no charge left" in fia.get(page).text

    later(world)
    world.rider_says(OTHER, "1023-27")
    world.bot_says(OTHER, "1023-27 is under repair")  # nobody pays by a meter known to be wrong
    maria.post("/jobs/1/cancel", why="It is tested and put right")
    with world.store.begin() as work:  # somebody has seen to it
        pile = work.session.get_one(Pile, "P001023")
        alarms.looked_at(work, pile)
    charge(world, OTHER)  # one more: with what finance gave already it is above the limit
    assert "Ask for approval" in fia.get(page).text
    assert "Give back 0.87 EUR" in maria.get(page).text  # within the manager's own
    fia.post(page, **form)
    fia.post(f"{page}/approve")
    assert "Waits for approval" in fia.get(page).text
    maria.post(f"{page}/refuse")
    fia.post(page, **form)
    maria.post(f"{page}/approve")
    maria.post(f"{page}/approve")
    world.bot_says(OTHER, "€0.87 of your charge", "Reference RF-000003")
    with world.store.read() as work:
        given = work.session.scalars(select(Refund.amount_minor).order_by(Refund.id)).all()
        assert given == [87, 87, 87]
        kinds = work.session.scalars(select(Audit.action).where(Audit.action == "meter.rechecked"))
        assert len(kinds.all()) == 3
        assert books.audit(work) == []
