"""Bookings in the console: the day, moving with the conflict decided by the server, fees back."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select

from bot.store.bookings import Booking, BookingChange
from bot.store.staff import Audit
from tests.console.desk import Agent, Desk
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
