"""Shifts in the console, and what riders hear while nobody is on one."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select

from bot.services import desk as desk_service
from bot.services import shifts
from bot.services.audit import Actor
from bot.store.staff import Audit
from tests.console.desk import Desk
from tests.world import World

PHONE = "+358401234567"


def local(world: World, day: int, hour: int) -> None:
    """It is this hour of a coming weekday at the desk."""
    zone = ZoneInfo(world.settings.desk_tz)
    now = world.now.astimezone(zone)
    ahead = (day - now.weekday()) % 7 or 7
    then = datetime.combine(now.date() + timedelta(days=ahead), datetime.min.time(), zone)
    world.ahead += then + timedelta(hours=hour) - world.now


def test_who_is_on_shift_is_shown_and_riders_hear_when_somebody_is_back(
    world: World, desk: Desk
) -> None:
    local(world, 2, 12)  # a Wednesday, before daylight saving can come between
    mia, anna = desk.agent("manager", "Mia"), desk.agent("agent", "Anna", presence="away")
    teo = desk.agent("technician", "Teo")
    assert "No shifts are set" in mia.get("/team").text
    with world.store.read() as work:
        assert shifts.back_at(work, world.settings) is None  # nothing is promised
    week = {"on-2": "on", "begins-2": "08:00", "ends-2": "16:00",
            "on-3": "on", "begins-3": "22:00", "ends-3": "06:00"}  # fmt: skip
    assert mia.post(f"/team/{anna.staff_id}/shifts", **week).status_code == 303
    mia.post(f"/team/{teo.staff_id}/shifts", **{"on-2": "on", "begins-2": "00:00",
                                                "ends-2": "23:00"})  # fmt: skip
    page = mia.get("/team").text
    assert "until 16:00" in page and "Anna" in page and "not at the desk" in page
    assert 'value="22:00"' in mia.get(f"/team/{anna.staff_id}").text
    wrong = mia.post(f"/team/{anna.staff_id}/shifts", **{"on-2": "on", "begins-2": "x"})
    assert "Give each shift" in mia.get(wrong.headers["location"]).text
    assert anna.post(f"/team/{anna.staff_id}/shifts").status_code == 403
    local(world, 2, 18)  # Teo repairs piles, nobody answers riders
    mia = desk.agent("manager", "Mia", presence="away")
    world.rider_says(PHONE, "agent")
    world.bot_says(PHONE, "Our people are back on", "22:00")
    assert "Anna" in mia.get("/team").text  # comes next
    online = desk.agent("agent", "Ulla")
    with world.store.read() as work:
        chat = desk.conversation(PHONE)
        said = desk_service.waiting_text(work, world.settings, chat)
        assert "number" in str(said.text)  # who is there answers, shift or not
        assert "team.shifts" in set(work.session.scalars(select(Audit.action)))
    assert online.staff_id


def test_danger_knows_no_shifts(world: World, desk: Desk) -> None:
    mia, anna = desk.agent("manager", "Mia"), desk.agent("agent", "Anna", presence="away")
    local(world, 2, 12)
    with world.store.begin() as work:
        actor = Actor(mia.staff_id, "manager", "Mia")
        shifts.change(work, actor, anna.staff_id, {4: (8 * 60, 9 * 60)})
    world.rider_says(PHONE, "fire at pile 1023")
    said = " ".join(str(each) for each in world.bot_said(PHONE))
    assert "112" in said
    assert "are back on" not in said
