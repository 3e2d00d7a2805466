"""Actions of staff: once, within limits, by whom they may, never called done before they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from bot.services import audit
from bot.store.charging import LedgerEntry, Refund
from bot.store.desk import ConversationMark, StaffAction
from bot.store.staff import Audit
from bot.store.stations import Pile
from tests.console.desk import Agent, Desk, open_desk
from tests.console.journey import (
    OTHER,
    PHONE,
    charge,
    charging,
    ends,
    hold_of,
    newest,
    run,
    taken_over,
    world_code,
)
from tests.test_scenarios import play
from tests.world import World, open_world

PILE = "P001023"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_world(tmp_path) as world:
        world.settings = replace(world.settings, refund_limits="agent:2,finance:2,manager:2")
        yield world


@pytest.fixture
def both(tmp_path: Path, database_url: str) -> Iterator[tuple[World, Desk]]:
    """A world and desk on either database: money is decided under locks that differ."""
    with open_world(tmp_path, database_url) as world:
        world.settings = replace(world.settings, refund_limits="agent:2,finance:2,manager:2")
        with open_desk(world) as desk:
            yield world, desk


def order(who: Agent, kind: str, key: str = "k1", **fields: Any) -> httpx.Response:
    """Send the form of an action."""
    return who.post(f"/actions/{kind}", **{"reason": "The rider asked", "key": key, **fields})


def action(world: World) -> StaffAction:
    """The newest action."""
    with world.store.read() as work:
        found = work.session.scalars(select(StaffAction).order_by(StaffAction.id.desc())).first()
        assert found is not None
        return found


def given_back(world: World) -> int:
    """What went back to cards, or is on its way."""
    with world.store.read() as work:
        given = select(func.sum(Refund.amount_minor)).where(Refund.state != "failed")
        return int(work.session.scalar(given) or 0)


def together(calls: list[Any]) -> list[httpx.Response]:
    """Calls at the same moment."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(lambda call: call(), calls))


# --- refunds


def test_a_refund_within_the_limit_goes_out_and_the_rider_is_told(world: World, desk: Desk) -> None:
    session_id = charge(world)
    anna = desk.agent("agent", "Anna")
    chat = taken_over(world, PHONE, anna.staff_id)
    preview = anna.get(f"/actions/refund?conversation={chat}&session={session_id}").text
    assert "3.00 EUR" in preview
    assert "the bank may take 5 to 10 days" in preview
    answer = order(anna, "refund", conversation=chat, session=session_id, amount="1,50")
    assert answer.status_code == 303
    world.bot_says(PHONE, "€1.50 of your charge at 1023-27 goes back to")
    done = action(world)
    assert (done.state, done.amount_minor) == ("done", 150)
    with world.store.read() as work:
        lines = select(ConversationMark.text).where(ConversationMark.kind == "action")
        texts = work.session.scalars(lines).all()
        assert "Refund of 1.50 EUR" in texts[0]
        assert "The rider asked" in texts[0]
        assert "on its way" in texts[-1]
        assert work.session.scalars(select(Audit.action)).all() == ["action.refund"]
        assert audit.first_broken(work) is None
        posted = select(LedgerEntry.amount_minor).where(LedgerEntry.account == "refunds")
        assert work.session.scalars(posted).all() == [150]


def test_a_double_click_is_one_refund(both: tuple[World, Desk]) -> None:
    world, desk = both
    session_id = charge(world)
    maria = desk.agent("manager")
    maria.csrf()
    form = {"session": session_id, "amount": "1.00", "csrf": maria.csrf(), "key": "same"}
    form["reason"] = "Twice"
    answers = together([lambda: maria.http.post("/actions/refund", data=form)] * 6)
    assert {answer.status_code for answer in answers} == {303}
    world.settle()
    assert given_back(world) == 100


def test_many_refunds_at_once_never_pass_what_was_captured(both: tuple[World, Desk]) -> None:
    world, desk = both
    session_id = charge(world)  # 3.00 EUR
    people = [desk.agent("manager") for _ in range(5)]
    forms = [
        {"session": session_id, "amount": "0.90", "csrf": one.csrf(), "key": "k", "reason": "x"}
        for one in people
    ]
    calls = [
        lambda one=one, form=form: one.http.post("/actions/refund", data=form)
        for one, form in zip(people, forms, strict=True)
    ]
    codes = sorted(answer.status_code for answer in together(calls))
    assert codes == [303, 303, 303, 409, 409]
    world.settle()
    assert given_back(world) == 270
    assert hold_of(world, session_id).captured_minor == 300


def test_above_the_limit_a_second_person_decides(both: tuple[World, Desk]) -> None:
    world, desk = both
    session_id = charge(world)
    anna = desk.agent("agent", "Anna")
    chat = taken_over(world, PHONE, anna.staff_id)
    order(anna, "refund", conversation=chat, session=session_id, amount="2.50")
    asked = action(world)
    assert (asked.state, given_back(world)) == ("waiting", 0)
    # What waits cannot be promised a second time.
    again = order(anna, "refund", "k2", conversation=chat, session=session_id, amount="1.00")
    assert again.status_code == 409
    assert "At most 0.50 EUR" in again.text
    assert anna.get("/approvals").status_code == 403
    assert anna.post(f"/approvals/{asked.id}/approve").status_code == 403
    two = [desk.agent("manager", "Mia"), desk.agent("finance", "Fia")]
    assert "2.50 EUR" in two[0].get("/approvals").text
    tokens = [one.csrf() for one in two]
    answers = together(
        [
            lambda one=one, token=token: one.http.post(
                f"/approvals/{asked.id}/approve", data={"csrf": token}
            )
            for one, token in zip(two, tokens, strict=True)
        ]
    )
    assert [answer.status_code for answer in answers] == [303, 303]
    world.until(lambda: action(world).state == "done", "never done")
    assert given_back(world) == 250
    page = two[0].get("/approvals").text + two[1].get("/approvals").text
    assert "was faster: this is decided already" in page


def test_nobody_approves_what_they_asked_for(world: World, desk: Desk) -> None:
    session_id = charge(world)
    maria = desk.agent("manager", "Maria")
    order(maria, "refund", session=session_id, amount="3.00")
    asked = action(world)
    maria.post(f"/approvals/{asked.id}/approve")
    assert "Somebody else has to approve" in maria.get("/approvals").text
    assert action(world).state == "waiting"
    maria.post(f"/approvals/{asked.id}/withdraw", reason="Typed wrong")
    assert action(world).state == "refused"
    fia = desk.agent("finance")
    fia.post(f"/approvals/{asked.id}/approve")
    world.settle()
    assert given_back(world) == 0


def test_a_refund_is_rejected_with_a_reason(world: World, desk: Desk) -> None:
    session_id = charge(world)
    order(desk.agent("manager"), "refund", session=session_id, amount="3.00")
    fia = desk.agent("finance", "Fia")
    asked = action(world)
    fia.post(f"/approvals/{asked.id}/reject", reason=" ")
    assert action(world).state == "waiting"
    fia.post(f"/approvals/{asked.id}/reject", reason="It charged well")
    rejected = action(world)
    assert (rejected.state, rejected.outcome) == ("refused", "It charged well")


@pytest.mark.parametrize("amount", ["", "0", "-1", "1.005", "3.01", "abc", "NaN", "1e9"])
def test_no_odd_amount_is_given_back(world: World, desk: Desk, amount: str) -> None:
    session_id = charge(world)
    refused = order(desk.agent("manager"), "refund", session=session_id, amount=amount)
    assert refused.status_code == 409
    assert "The rider asked" in refused.text, "what was typed stays"
    assert given_back(world) == 0


def test_a_refund_the_provider_refuses_is_failed_and_free_again(world: World, desk: Desk) -> None:
    session_id = charge(world)
    maria = desk.agent("manager")
    with world.store.begin() as work:
        from bot.store.charging import Hold

        work.session.get_one(Hold, hold_of(world, session_id).id).payment_intent = "pi_unknown"
    order(maria, "refund", session=session_id, amount="1.00")
    world.until(lambda: action(world).state == "failed", "never failed")
    assert "refused" in action(world).outcome
    assert given_back(world) == 0


# --- who may


def test_an_agent_acts_only_where_they_have_taken_over(world: World, desk: Desk) -> None:
    session_id = charge(world)
    anna, ben = desk.agent("agent", "Anna"), desk.agent("agent", "Ben")
    chat = taken_over(world, PHONE, ben.staff_id)
    assert order(anna, "receipt", conversation=chat, session=session_id).status_code == 404
    with world.store.begin() as work:
        from bot.store.riders import Conversation

        work.session.get_one(Conversation, chat).owner = "queue"
    refused = order(anna, "receipt", conversation=chat, session=session_id)
    assert refused.status_code == 409
    assert "Take the conversation over first" in refused.text


def test_a_charge_of_somebody_else_is_out_of_reach(world: World, desk: Desk) -> None:
    session_id = charge(world, OTHER)
    world.rider_says(PHONE, "hello")
    anna = desk.agent("agent")
    chat = taken_over(world, PHONE, anna.staff_id)
    refused = order(anna, "refund", conversation=chat, session=session_id, amount="1")
    assert refused.status_code == 409
    assert "not this rider&#39;s" in refused.text
    assert given_back(world) == 0


@pytest.mark.parametrize(
    ("role", "kinds"),
    [
        ("agent", "refund waive-idle coupon credit stop start payment-link receipt soft-restart "
                  "out-of-service"),
        ("technician", "stop unlock soft-restart hard-restart out-of-service in-service"),
        ("finance", "refund waive-idle coupon credit payout-sent payment-link receipt"),
        ("manager", "refund waive-idle coupon credit stop start payment-link receipt unlock "
                    "soft-restart payout-sent hard-restart out-of-service in-service"),
        ("admin", ""),
    ],
)  # fmt: skip
def test_what_each_role_may_order(desk: Desk, role: str, kinds: str) -> None:
    every = (
        "refund waive-idle coupon credit stop start payment-link receipt unlock soft-restart "
        "hard-restart out-of-service in-service payout-sent"
    )
    who = desk.agent(role)
    allowed = {kind for kind in every.split() if who.get(f"/actions/{kind}").status_code != 403}
    ordered = {
        kind for kind in every.split() if who.post(f"/actions/{kind}", key="x").status_code != 403
    }
    assert allowed == ordered == set(kinds.split())


# --- charging


def test_a_remote_stop_is_done_when_the_pile_has_stopped(world: World, desk: Desk) -> None:
    session_id = charging(world)
    anna = desk.agent("agent")
    chat = taken_over(world, PHONE, anna.staff_id)
    panel = f"/riders/{newest(world, PHONE).rider_id}/panel"
    order(anna, "stop", conversation=chat, session=session_id)
    world.settle()
    assert action(world).state == "running"
    assert 'aria-current="step">Pending' in anna.get(panel).text
    world.bot_says(PHONE, "Stopping")
    world.pile("1023").answers("RequestStopTransaction", status="Accepted")
    assert action(world).state == "running"
    assert 'aria-current="step">Accepted' in anna.get(panel).text
    ends(world, "Remote")
    assert action(world).state == "done"
    again = order(anna, "stop", "k2", conversation=chat, session=session_id)
    assert again.status_code == 409


def test_a_stop_that_fails_says_so(world: World, desk: Desk) -> None:
    session_id = charging(world)
    order(desk.agent("technician"), "stop", session=session_id)
    for _ in range(8):
        world.pile("1023").answers("RequestStopTransaction", status="Rejected")
        world.clock_passes(301)
    failed = action(world)
    assert failed.state == "failed"
    assert "does not stop" in failed.outcome
    # It obeys late, when it has been away.
    world.pile("1023").goes("offline")
    world.pile("1023").goes("online")
    world.pile("1023").answers("RequestStopTransaction", status="Accepted")
    ends(world, "Remote")
    assert action(world).state == "done"


def test_a_charge_starts_for_the_rider_after_their_yes(world: World, desk: Desk) -> None:
    world.give_card(PHONE)
    world.rider_says(PHONE, "agent please")
    anna = desk.agent("agent")
    chat = taken_over(world, PHONE, anna.staff_id)
    code = world_code(world, 2)
    assert order(anna, "start", conversation=chat, code="nonsense").status_code == 409
    assert order(anna, "start", "k2", conversation=chat, code=code).status_code == 303
    world.bot_says(PHONE, "Start charging?", "Yes, start")
    assert action(world).state == "running"
    assert not world.pile("1023").asked, "nothing starts before the yes"
    world.rider_taps(PHONE, "Yes, start")
    run(world, 2, 500)
    assert action(world).state == "done"
    world.bot_says(PHONE, "Charging has started")
    world.rider_taps(PHONE, "Yes, start")  # an old button
    assert newest(world, PHONE).id == action(world).session_id


def test_an_offer_that_is_too_old_is_not_taken(world: World, desk: Desk) -> None:
    world.give_card(PHONE)
    world.rider_says(PHONE, "agent please")
    anna = desk.agent("agent")
    chat = taken_over(world, PHONE, anna.staff_id)
    order(anna, "start", conversation=chat, code=world_code(world, 2))
    world.bot_says(PHONE, "Start charging?")
    world.clock_passes(3700)
    world.rider_taps(PHONE, "Yes, start")
    world.bot_says(PHONE, "price was shown a while ago")
    assert action(world).state == "failed"


def test_a_debt_is_paid_by_a_link(world: World, desk: Desk) -> None:
    session_id = charging(world)
    with world.store.begin() as work:  # the card is gone, and so is the hold
        from bot.services import payment_results as service

        body = {"hold_id": hold_of(world, session_id).id, "outcome": "expired"}
        service.on_payment_result(work, world.settings, body)
        from bot.store.riders import Rider

        rider = work.session.get_one(Rider, newest(world, PHONE).rider_id)
        rider.stripe_payment_method = None
    world.pile("1023").answers("RequestStopTransaction", status="Accepted")
    ends(world, "Remote")
    assert newest(world, PHONE).state == "debt"
    world.bot_says(PHONE, "Please pay €1.20")  # by itself
    fia = desk.agent("finance")
    order(fia, "payment-link", session=session_id)
    world.bot_says(PHONE, "Please pay €1.20")
    assert "sent again" in action(world).outcome
    order(fia, "payment-link", "k2", session=session_id)
    world.bot_says(PHONE, "Please pay €1.20")
    world.rider_pays(PHONE)
    world.bot_says(PHONE, "€1.20", "is paid")
    assert newest(world, PHONE).state == "settled"
    with world.store.read() as work:
        states = work.session.scalars(select(StaffAction.state)).all()
    assert states == ["done", "done"]


def test_the_receipt_is_sent_again(world: World, desk: Desk) -> None:
    session_id = charge(world)
    world.bot_says(PHONE, "R-000001")
    order(desk.agent("finance"), "receipt", session=session_id)
    world.bot_says(PHONE, "R-000001")
    assert action(world).state == "done"


# --- piles


def test_a_pile_is_not_restarted_while_somebody_else_charges(world: World, desk: Desk) -> None:
    charging(world, OTHER, evse=1)
    world.rider_says(PHONE, "hello")
    anna = desk.agent("agent")
    chat = taken_over(world, PHONE, anna.staff_id)
    refused = order(anna, "soft-restart", conversation=chat, pile=PILE)
    assert refused.status_code == 409
    assert "Somebody else is charging" in refused.text
    assert (
        "Somebody else is charging"
        in order(desk.agent("technician"), "hard-restart", pile=PILE).text
    )


def test_a_restart_is_done_when_the_pile_has_booted(world: World, desk: Desk) -> None:
    tom = desk.agent("technician")
    order(tom, "hard-restart", pile=PILE)
    twice = order(tom, "hard-restart", "k2", pile=PILE)
    assert "asked for this at" in twice.text
    request = world.pile("1023").answers("Reset", status="Accepted")
    assert request["type"] == "Immediate"
    assert (action(world).state, action(world).outcome) == ("running", "Accepted")
    world.pile("1023").says(
        "BootNotification", reason="RemoteReset",
        chargingStation={"model": "M", "vendorName": "V"},
    )  # fmt: skip
    assert action(world).state == "done"


def test_a_restart_that_is_never_seen_fails(world: World, desk: Desk) -> None:
    order(desk.agent("agent"), "soft-restart", pile=PILE)
    world.pile("1023").answers("Reset", status="Accepted")
    world.clock_passes(700)
    assert action(world).state == "failed"
    assert "no sign" in action(world).outcome


def test_a_silent_pile_fails_the_order_and_a_late_yes_mends_it(world: World, desk: Desk) -> None:
    order(desk.agent("technician"), "unlock", evse=2)
    world.until(lambda: world.pile("1023").asked, "never asked")
    for _ in range(3):
        world.clock_passes(61)
    assert action(world).state == "failed"
    assert action(world).outcome == "The pile did not answer."
    world.pile("1023").answers("UnlockConnector", status="Unlocked")
    assert action(world).state == "done"


def test_out_of_service_and_back(world: World, desk: Desk) -> None:
    tom = desk.agent("technician")
    order(tom, "out-of-service", pile=PILE)
    with world.store.read() as work:
        assert not work.session.get_one(Pile, PILE).in_service
    world.pile("1023").answers("ChangeAvailability", status="Accepted")
    assert action(world).state == "running"
    for number in (1, 2):
        world.pile("1023").status(number, "Unavailable")
    assert action(world).state == "done"
    play(world, "pile raises DOOR_OPEN")
    order(tom, "in-service", "k2", pile=PILE)
    with world.store.read() as work:
        pile = work.session.get_one(Pile, PILE)
        assert not pile.in_service, "not before the pile said yes"
        assert {each.fault_code for each in pile.evses} == {"DOOR_OPEN"}
    world.pile("1023").answers("ChangeAvailability", status="Accepted")
    assert action(world).state == "running"
    with world.store.read() as work:  # somebody has looked at it: the alarm is over
        assert {e.fault_code for e in work.session.get_one(Pile, PILE).evses} == {None}
    for number in (1, 2):
        world.pile("1023").status(number, "Available")
    assert action(world).state == "done"
    with world.store.read() as work:
        assert work.session.get_one(Pile, PILE).in_service


def test_a_pile_that_is_away_goes_out_of_service_when_it_is_back(world: World, desk: Desk) -> None:
    world.pile("1023").goes("offline")
    agent = desk.agent("agent")
    order(agent, "out-of-service", pile=PILE)
    world.settle()
    assert action(world).state == "running"
    assert "told when it is back" in action(world).outcome
    back = {"state": "online", "conn": "c2", "ts": world.now.isoformat()}
    world.pile_sends(PILE, "conn", back)
    world.pile("1023").answers("ChangeAvailability", status="Accepted")
    for number in (1, 2):
        world.pile("1023").status(number, "Unavailable")
    assert action(world).state == "done"
    world.pile_sends(PILE, "conn", {**back, "state": "offline"})
    refused = order(desk.agent("technician"), "in-service", "k2", pile=PILE)
    assert "out of contact" in refused.text


def test_an_open_incident_keeps_a_pile_out_of_service(world: World, desk: Desk) -> None:
    from bot.store.desk import Incident

    with world.store.begin() as work:
        work.session.get_one(Pile, PILE).in_service = False
        work.session.add(Incident(key="i", at=work.now, source="rider", pile_id=PILE))
    refused = order(desk.agent("manager"), "in-service", pile=PILE)
    assert refused.status_code == 409
    assert "is not closed yet" in refused.text


# --- the panel


def test_the_panel_shows_the_charge_and_hides_the_number(world: World, desk: Desk) -> None:
    charging(world, wh=2500)
    rider_id = newest(world, PHONE).rider_id
    for role in ("agent", "manager", "admin", "finance"):
        text = desk.agent(role).get(f"/riders/{rider_id}/panel").text
        assert "2.50 kWh" in text
        assert "0.75 EUR" in text
        assert "Held" in text
        assert PHONE not in text
        assert PHONE[1:] not in text
    fragment = (
        desk.agent("manager").get(f"/riders/{rider_id}/panel", headers={"HX-Request": "true"}).text
    )
    assert fragment.lstrip().startswith('<div id="rider-panel"')
    live = re.search(r'data-live="([^"]+)"', fragment)
    assert live is not None
    assert live[1].split() == [f"rider:{rider_id}", f"pile:{PILE}"]


def test_the_panel_offers_what_the_role_may_do(world: World, desk: Desk) -> None:
    charge(world)
    rider_id = newest(world, PHONE).rider_id
    agent = desk.agent("agent")
    assert "/actions/" not in agent.get(f"/riders/{rider_id}/panel").text, "the bot has it"
    taken_over(world, PHONE, agent.staff_id)
    text = agent.get(f"/riders/{rider_id}/panel").text
    assert set(re.findall(r"/actions/([a-z-]+)\?", text)) == {
        "refund", "receipt", "soft-restart", "out-of-service", "start", "coupon", "credit"
    }  # fmt: skip
    text = desk.agent("finance").get(f"/riders/{rider_id}/panel").text
    money = {"refund", "receipt", "coupon", "credit"}
    assert set(re.findall(r"/actions/([a-z-]+)\?", text)) == money
    assert "/actions/" not in desk.agent("admin").get(f"/riders/{rider_id}/panel").text
    assert desk.agent("technician").get(f"/riders/{rider_id}/panel").status_code == 404


def test_riders_cannot_write_markup_into_the_panel(world: World, desk: Desk) -> None:
    charge(world)
    with world.store.begin() as work:
        from bot.store.riders import Rider

        rider = work.session.get_one(Rider, newest(world, PHONE).rider_id)
        rider.name = "<script>alert(1)</script> +358401112233"
    text = desk.agent("manager").get(f"/riders/{rider.id}/panel").text
    assert "<script>alert" not in text
    assert "358401112233" not in text


def test_small_refunds_add_up_to_a_second_person(world: World, desk: Desk) -> None:
    session_id = charge(world)
    maria = desk.agent("manager")
    order(maria, "refund", "k1", session=session_id, amount="1.50")
    world.until(lambda: action(world).state == "done", "never done")
    order(maria, "refund", "k2", session=session_id, amount="0.60")
    assert action(world).state == "waiting"
    order(maria, "refund", "k3", session=session_id, amount="0.50")
    assert action(world).state != "waiting"


def test_an_order_is_not_given_twice_while_it_is_on_its_way(both: tuple[World, Desk]) -> None:
    world, desk = both
    people = [desk.agent("technician") for _ in range(4)]
    forms = [
        {"evse": 2, "csrf": one.csrf(), "key": "k", "reason": "Cable is stuck"} for one in people
    ]
    calls = [
        lambda one=one, form=form: one.http.post("/actions/unlock", data=form)
        for one, form in zip(people, forms, strict=True)
    ]
    codes = sorted(answer.status_code for answer in together(calls))
    assert codes == [303, 409, 409, 409]
    world.settle()
    assert len(world.pile("1023").asked) == 1


def test_a_number_is_shown_for_a_reason_and_noted(world: World, desk: Desk) -> None:
    world.rider_says(PHONE, "hello")
    with world.store.read() as work:
        from bot.services.riders import rider_for

        rider_id = rider_for(work, "whatsapp", PHONE).id
    anna = desk.agent("agent")
    path = f"/riders/{rider_id}/phone"
    assert PHONE not in anna.get(path).text
    assert PHONE not in anna.post(path, reason=" ").text
    answer = anna.post(path, reason="Called from the pile")
    assert PHONE in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    with world.store.read() as work:
        noted = work.session.scalars(select(Audit)).all()
        assert [(each.action, each.reason) for each in noted] == [
            ("reveal_phone", "Called from the pile")
        ]
    assert desk.agent("technician").get(path).status_code == 403


def test_a_pile_s_page_offers_to_stop_what_runs_there(world: World, desk: Desk) -> None:
    session_id = charging(world)
    tom = desk.agent("technician")
    page = tom.get(f"/piles/{PILE}/actions").text
    assert f"/actions/stop?session={session_id}" in page
    assert tom.get(f"/actions/stop?session={session_id}").status_code == 200
    order(tom, "stop", session=session_id)
    world.bot_says(PHONE, "Stopping")
    with world.store.read() as work:
        marked = work.session.scalars(select(ConversationMark.text)).all()
    assert any("Stop charging" in text for text in marked), "the rider's chat tells of it"
    assert desk.agent("finance").get(f"/piles/{PILE}/actions").text.count("/actions/") == 0
