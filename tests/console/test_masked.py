"""Numbers and addresses hidden also where they come in by the side: errors, places, searches."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from bot.services.riders import rider_for
from bot.store.desk import StaffAction
from bot.store.riders import Conversation, Message
from tests.console.desk import Desk
from tests.console.test_accounts_matrix import PHONE, add_rider

DIGITS = PHONE.removeprefix("+")


def test_what_comes_in_by_the_side_is_masked_too(desk: Desk) -> None:
    finance = desk.agent("finance")
    add_rider(desk.world, owner_id=finance.staff_id)
    with desk.world.store.begin() as work:
        chat = work.session.scalars(select(Conversation)).one()
        place = {"lat": 60.17, "lng": 24.94, "label": f"Cafe {PHONE}", "address": PHONE}
        refused = f"21211: The 'To' number whatsapp:{PHONE} is not a valid phone number."
        for author, status, body, error in (
            ("rider", "received", {"kind": "location", "location": place}, None),
            ("rider", "received", {"kind": "text", "payload": f"x?n=%2B{DIGITS}"}, None),
            ("agent", "failed", {"kind": "text"}, refused),
        ):
            work.session.add(
                Message(
                    conversation_id=chat.id, at=work.now, author=author, channel="whatsapp",
                    status=status, text="", body=body, error=error,
                )
            )  # fmt: skip
        work.session.add(
            StaffAction(
                key="k", kind="receipt", state="failed", conversation_id=chat.id,
                rider_id=chat.rider_id, reason=f"asked from {PHONE}", outcome=f"not to {PHONE}",
                asked_by=finance.staff_id, asked_at=work.now, body={},
            )
        )  # fmt: skip
    for path in ("/conversations/1", "/conversations/1/transcript", "/riders/1/panel"):
        page = finance.get(path)
        assert page.status_code == 200
        assert DIGITS not in page.text, path
    assert "is not a valid phone number" in finance.get("/conversations/1").text
    assert "not to" in finance.get("/riders/1/panel").text


@pytest.mark.parametrize("digits", ["35840", "84012", "4567", "call 35840", "aino@ex"])
def test_a_search_tells_no_hidden_digits(desk: Desk, digits: str) -> None:
    manager = desk.agent("manager")
    add_rider(desk.world, owner_id=manager.staff_id)
    with desk.world.store.begin() as work:
        rider = rider_for(work, "whatsapp", PHONE)
        rider.name = f"Kaisa {PHONE}"
        chat = work.session.scalars(select(Conversation)).one()
        text = f"call {DIGITS} or aino@example.com about charge 88123"
        work.session.add(
            Message(
                conversation_id=chat.id, at=work.now, author="rider", channel="whatsapp",
                text=text, body={"kind": "text", "text": text},
            )
        )  # fmt: skip

    def finds(asked: str) -> bool:
        return "/conversations/1" in manager.get("/search", params={"q": asked}).text

    assert finds("charge 88123")
    assert finds("88123")
    assert finds("aino@example.com"), "who types it whole knows it"
    assert finds("Kaisa")
    assert not finds(digits)
