"""A technician's whole visit on a phone 360 px wide: every step by tapping."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from bot.store.jobs import Job
from tests.console.browsing import Open
from tests.console.desk import Desk
from tests.console.sent_out import faulted
from tests.world import KAMPPI, World

pytestmark = pytest.mark.browser


def test_a_visit_from_accepting_to_done(
    desk: Desk,
    world: World,
    browse: Open,
) -> None:
    faulted(world)
    page = browse("technician", "Otto Korhonen", size=(360, 740), scheme="dark")
    page.context.grant_permissions(["geolocation"])
    page.context.set_geolocation({"latitude": KAMPPI["lat"], "longitude": KAMPPI["lng"]})
    page.goto(f"{desk.url}/jobs/1")
    for step in ("Accept", "On my way", "I am there"):
        button = page.get_by_role("button", name=step)
        expect(button).to_be_in_viewport()  # the next step comes first
        box = button.bounding_box()
        assert box is not None
        assert box["height"] >= 56
        button.click()
    page.get_by_label("Part and number").fill("Fuse 10 A x2")
    page.get_by_role("button", name="Add part").click()
    expect(page.get_by_text("2 × Fuse 10 A").first).to_be_visible()
    photo: Any = {
        "name": "a.png",
        "mimeType": "image/png",
        "buffer": b"\x89PNG\r\n\x1a\n" + bytes(40),
    }
    page.get_by_label("Take or choose photos").set_input_files([photo])
    page.get_by_role("button", name="Before", exact=True).click()
    expect(page.get_by_role("button", name="It is after")).to_be_visible()
    wide = page.evaluate("document.documentElement.scrollWidth")
    page.get_by_label("What was it?").fill("Blown fuse")
    page.get_by_label("What did you do?").fill("New fuses")
    page.get_by_role("button", name="Done", exact=True).click()
    expect(page.get_by_role("status").filter(has_text="Job 1 is done")).to_be_visible()
    assert wide <= 360
    with world.store.read() as work:
        job = work.session.scalars(select(Job)).one()
    assert (job.state, job.arrived_m, job.parts) == ("done", 0, ["2 × Fuse 10 A"])
