"""Bookings in the console: the day, moving with the conflict decided by the server, fees back."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import select

from bot.store.bookings import Booking, BookingChange, BookingRules
from bot.store.staff import Audit
from bot.store.stations import Evse
from tests.console.desk import Agent, Desk
from tests.console.test_every_page import wrong_with
from tests.console.test_safety_screens import page_of
from tests.world import World

RIDER, OTHER = "+358401234567", "+358407654321"
ZONE = ZoneInfo("Europe/Helsinki")


def booked(world: World, phone: str, code: str, words: str) -> Booking:
    world.give_card(phone)
    world.rider_says(phone, f"book {code} {words}")
    world.bot_says(phone, "Shall I book it?")
    world.rider_taps(phone, "Yes, book")
    world.bot_says(phone, "Booked:")
    with world.store.read() as work:
        return work.session.scalars(select(Booking).order_by(Booking.id)).all()[-1]


def the_form(agent: Agent, row: Booking, **changes: str) -> dict[str, str]:
    """The form as the page has it, with a key of its own."""
    page = agent.get(f"/bookings/{row.id}").text
    key = re.search(r'name="key" value="(\w+)"', page)
    assert key is not None
    start = row.starts_at.astimezone(ZONE)
    return {
        "key": key[1], "evse": str(row.evse_id), "day": f"{start:%Y-%m-%d}",
        "start": f"{start:%H:%M}", "minutes": "60", "reason": "the rider asked", **changes,
    }  # fmt: skip


def local(at: datetime) -> dict[str, str]:
    here = at.astimezone(ZONE)
    return {"day": f"{here:%Y-%m-%d}", "start": f"{here:%H:%M}"}


def test_a_day_a_move_a_conflict_and_who_may(world: World, desk: Desk) -> None:
    maria, tim = desk.agent("agent", "Maria"), desk.agent("technician", "Tim")
    first = booked(world, RIDER, "1023-27", "in 2 hours")
    second = booked(world, OTHER, "1023-16", "in 2 hours")
    day = local(first.starts_at)["day"]
    page = maria.get(f"/bookings?day={day}").text
    assert "1023-27" in page and "1023-16" in page and f"/bookings/{first.id}" in page
    assert "+358" not in page and RIDER[-6:] not in page
    assert (
        "/bookings/"
        in maria.get(
            f"/bookings?day={day}&part=1",
        ).text
    )
    # moved, told, written down; the same form again is nothing more
    later = first.starts_at + timedelta(hours=3)
    form = the_form(maria, first, **local(later))
    assert maria.post(f"/bookings/{first.id}/move", **form).status_code == 303
    assert maria.post(f"/bookings/{first.id}/move", **form).status_code in (303, 422)
    world.settle()
    world.bot_says(RIDER, "Our staff changed your booking", "It costs you nothing")
    with world.store.read() as work:
        row = work.session.get_one(Booking, first.id)
        assert row.starts_at == later
        changes = work.session.scalars(
            select(BookingChange).where(BookingChange.what == "moved")
        ).all()
        assert [each.reason for each in changes] == ["the rider asked"]
        audits = work.session.scalars(select(Audit).where(Audit.action == "booking.move")).all()
        assert len(audits) == 1 and audits[0].reason == "the rider asked"
    # onto the other's time: refused by the server, with what is free instead
    clash = the_form(maria, row, evse=str(second.evse_id), **local(second.starts_at))
    answer = maria.post(f"/bookings/{first.id}/move", **clash)
    assert answer.status_code == 422 and "is not free" in answer.text and "instead" in answer.text
    with world.store.read() as work:
        assert work.session.get_one(Booking, first.id).starts_at == later
    nothing = the_form(maria, row, reason=" ", **local(later + timedelta(hours=1)))
    assert "Please say why" in maria.post(f"/bookings/{first.id}/move", **nothing).text
    assert tim.get(f"/bookings/{first.id}").status_code == 200
    assert tim.post(f"/bookings/{first.id}/move", **form).status_code == 403
    # the rider's panel shows it
    chat = desk.conversation(RIDER)
    assert f"/bookings/{first.id}" in maria.get(f"/riders/{chat.rider_id}/panel").text
    # and the end of it costs the rider nothing
    maria.post(f"/bookings/{first.id}/cancel", key="k9", reason="station closes")
    world.settle()
    world.bot_says(RIDER, "is cancelled. You pay nothing")


def test_a_fee_is_given_back_and_the_list_of_those_who_did_not_come(
    world: World, desk: Desk
) -> None:
    row = booked(world, RIDER, "1023-27", "in 15 minutes")
    for _ in range(31):
        world.ahead += timedelta(minutes=1)
        world.pile("1023").says("Heartbeat")
    world.bot_says(RIDER, "Nobody came to 1023-27")
    fia = desk.agent("finance", "Fia")
    page = fia.get("/bookings/no-shows").text
    assert "1023-27" in page and "fee 5.00 EUR" in page and "1 in 90 days" in page
    world.rider_taps(RIDER, "This is not right")
    world.until(lambda: "Contested" in fia.get("/bookings/no-shows").text, "never contested")
    assert "Give the fee back" in fia.get(f"/bookings/{row.id}").text
    assert fia.post(f"/bookings/{row.id}/forgive", key="a", reason="bay blocked").status_code == 303
    again = fia.post(f"/bookings/{row.id}/forgive", key="b", reason="once more")
    assert again.status_code == 422 and "no fee to give back" in again.text
    world.settle()
    world.bot_says(RIDER, "you get €5.00 back")
    assert "Given back" in fia.get("/bookings/no-shows").text
    ticket = fia.get("/tickets/1").text
    assert f"Contests the fee of booking {row.id}" in ticket and f"/bookings/{row.id}" in ticket
    assert ticket.count(f"The fee of booking {row.id} is given back. Reason: bay blocked") == 1


RULES = {
    "where": "1", "ahead": "60", "shortest": "15", "longest": "120", "late": "12", "early": "5",
    "cancel": "30", "fee": "2,50", "strikes": "2", "pause": "14", "reason": "a busy street",
}  # fmt: skip


def test_rules_of_a_station_and_of_a_market(world: World, desk: Desk) -> None:
    mia, maria = desk.agent("manager", "Mia"), desk.agent("agent", "Maria")
    page = mia.get("/booking-rules").text
    assert "Kamppi" in page and "The market" in page and 'value="20160"' in page
    assert "Save" not in maria.get("/booking-rules").text
    for wrong, why in (
        ({"late": "x"}, "Grace"), ({"longest": "10"}, "cannot be shorter"), ({"fee": "-1"}, "Fee"),
        ({"reason": " "}, "Please say why"), ({"where": "99"}, "Choose a station"),
        ({"shortest": "7"}, "five minutes"),
    ):  # fmt: skip
        answer = mia.post("/booking-rules/save", **(RULES | wrong))
        assert answer.status_code == 422 and why in answer.text
    assert mia.post("/booking-rules/save", **(RULES | {"where": "country:FI"})).status_code == 303
    page = mia.get("/booking-rules").text
    assert "15 to 120 min" in page and "2.5 EUR" in page and "The station" in page
    # what riders are told and held to follows
    world.give_card(RIDER)
    world.rider_says(RIDER, "book 1023-27 in 2 hours")
    world.bot_says(RIDER, "at most 1 h ahead")
    world.rider_says(RIDER, "book 1023-27 in 45 minutes")
    world.bot_says(RIDER, "kept for 12 minutes", "€2.50 is taken", "Shall I book it?")
    assert mia.post("/booking-rules/reset", **RULES).status_code == 303
    assert "The market" in mia.get("/booking-rules").text
    with world.store.read() as work:
        assert work.session.get(BookingRules, 1) is None
        kept = work.session.scalars(select(Audit).where(Audit.action.like("booking_rules.%")))
        assert [each.reason for each in kept] == ["a busy street"] * 2


@pytest.mark.browser
def test_a_booking_is_dragged_to_another_socket(world: World, desk: Desk, browser: Browser) -> None:
    row = booked(world, RIDER, "1023-27", "in 2 hours")
    page = page_of(browser, desk.agent("manager", "Mia"))
    page.goto(f"{desk.url}/bookings?day={local(row.starts_at)['day']}")
    with world.store.read() as work:
        other = work.session.scalars(select(Evse.id).where(Evse.code == "1023-16")).one()
    slot = page.locator(".slot[draggable]").first
    slot.scroll_into_view_if_needed()
    box, lane = slot.bounding_box(), page.locator(f'tr[data-evse="{other}"]').bounding_box()
    assert box is not None and lane is not None
    x = box["x"] + box["width"] / 2
    page.mouse.move(x, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(x + 2, lane["y"] + lane["height"] / 2, steps=6)
    page.mouse.up()
    page.wait_for_url(re.compile(rf"/bookings/{row.id}\?evse={other}"))
    expect(page.get_by_label("Minutes")).to_have_value("60")
    assert not wrong_with(page)
    page.locator("#f-reason").fill("the other is broken")
    page.get_by_role("button", name="Move the booking").click()
    page.get_by_text("Moved. The rider is told.").wait_for()
    with world.store.read() as work:
        moved = work.session.get_one(Booking, row.id)
        assert moved.evse_id == other
        assert abs(moved.starts_at - row.starts_at) <= timedelta(minutes=45)
