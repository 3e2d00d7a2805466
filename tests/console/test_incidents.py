"""Danger: everything off at once, people paged until one of them is on it, closed with a cause."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.domain.paging import WrongAddress, is_dangerous, read_address
from bot.gateways import templates
from bot.gateways.pager import Pager
from bot.services import incidents
from bot.services.audit import Actor
from bot.store.desk import ConsoleEvent, Incident, IncidentEntry
from bot.store.riders import Media
from bot.store.stations import Pile
from tests.console.desk import Desk, open_desk
from tests.console.journey import charging, ends
from tests.world import World, open_world

ANNA, CHEF = "+358401110001", "+358401110002"


@contextmanager
def paging_world(tmp_path: Path, **settings: Any) -> Iterator[World]:
    """A world that pages by these settings; Anna and the chef have written to us today."""
    with open_world(tmp_path, **settings) as world:
        for phone in (ANNA, CHEF):
            world.rider_says(phone, "hello")
        yield world


@pytest.fixture
def night(tmp_path: Path) -> Iterator[World]:
    """Anna is on call, the chef is the manager behind her."""
    on_call = {"page_on_call": f"whatsapp:{ANNA}", "page_managers": f"whatsapp:{CHEF}"}
    with paging_world(tmp_path, **on_call) as world:
        yield world


def one(world: World) -> Incident:
    with world.store.read() as work:
        return work.session.scalars(select(Incident)).one()


def log(world: World, *kinds: str) -> list[str]:
    """Lines of the log, oldest first; of these kinds only when some are named."""
    with world.store.read() as work:
        rows = work.session.scalars(select(IncidentEntry).order_by(IncidentEntry.id)).all()
    return [each.text for each in rows if not kinds or each.kind in kinds]


def pages_on(world: World, phone: str, count: int = 1) -> list[str]:
    """The pages on a phone, when that many have come: they take a moment."""

    def found() -> list[str]:
        return [each["text"] for each in world.phone(phone) if "DANGER" in each["text"]]

    world.until(lambda: len(found()) >= count, f"{phone} was not paged {count} times")
    return found()


# --- addresses and alarms ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "channel", "to"),
    [
        ("whatsapp:+358 40 111 0001", "whatsapp", "+358401110001"),
        ("sms:+358401110001", "sms", "+358401110001"),
        ("+358 (40) 111-0001", "whatsapp", "+358401110001"),
        ("mailto:on@call.fi", "email", "on@call.fi"),
        ("on@call.fi", "email", "on@call.fi"),
        ("https://alerts.example.com/x/1", "webhook", "https://alerts.example.com/x/1"),
    ],
)
def test_addresses_in_every_form(text: str, channel: str, to: str) -> None:
    found = read_address(text)
    assert (found.channel, found.to) == (channel, to)
    assert "358401110001" not in found.shown
    assert "/x/1" not in found.shown


@pytest.mark.parametrize("text", ["", "0401110001", "Anna", "ftp://x.fi/a", "+35", "a@b"])
def test_what_reaches_nobody_is_said(text: str) -> None:
    with pytest.raises(WrongAddress):
        read_address(text)


def test_what_can_hurt_people_is_danger_a_broken_screen_is_not() -> None:
    assert all(map(is_dangerous, ("OVER_TEMP", "GroundFailure", "smoke")))
    assert not any(map(is_dangerous, ("ReaderFailure", "DisplayFault", "EVCommunicationError", "")))


# --- with nobody logged in -----------------------------------------------------------------------


def test_smoke_at_night_pages_until_somebody_is_on_it(night: World) -> None:
    world = night
    world.rider_says("+358409990001", "smoke is coming out of pile 1023! call +358 40 765 4321")
    (text,) = pages_on(world, ANNA)
    assert "pile 1023" in text
    assert "smoke is coming out" in text
    assert "765" not in text
    assert f"{world.settings.console_url}/incidents/{one(world).id}" in text
    with world.store.read() as work:
        assert not work.session.get_one(Pile, "P001023").in_service

    for _ in range(2):
        world.clock_passes(61)
    assert len(pages_on(world, ANNA, 3)) == 3
    assert not pages_on(world, CHEF, 0)
    world.clock_passes(61)
    assert len(pages_on(world, CHEF, 1)) == 1
    assert log(world, "escalated") == ["Nobody has acknowledged: managers are paged too."]

    with open_desk(world) as desk:
        anna = desk.agent("technician", "Anna")
        assert anna.post(f"/incidents/{one(world).id}/acknowledge").status_code == 303
    world.clock_passes(200)
    assert len(pages_on(world, ANNA, 4)) == 4
    assert one(world).acknowledged_by == anna.staff_id


def test_staff_with_an_address_are_paged_managers_at_once_when_they_are_alone(
    world: World, desk: Desk
) -> None:
    desk.agent("manager", "Chef", page_address=CHEF)
    world.rider_says(CHEF, "hello")
    world.rider_says("+358409990001", "fire at pile 1023")
    assert len(pages_on(world, CHEF, 1)) == 1


def test_nobody_to_page_is_told_where_it_is_seen(world: World, desk: Desk) -> None:
    anna = desk.agent("admin", "Anna")
    assert "Nobody can be paged" in anna.get("/incidents").text
    world.rider_says("+358409990001", "fire at pile 1023")
    assert "Nobody is set to be paged" in log(world, "page_failed")[0]


def test_an_acknowledged_page_that_still_waits_is_dropped(night: World) -> None:
    world = night
    world.rider_says("+358409990001", "fire at pile 1023")
    with open_desk(world) as desk:
        desk.agent("agent").post(f"/incidents/{one(world).id}/acknowledge")
    body = {"incident_id": one(world).id, "channel": "whatsapp", "to": ANNA}
    assert world.deliveries["page"]("late", body) == "dropped"
    assert len(pages_on(world, ANNA, 1)) == 1


# --- channels ------------------------------------------------------------------------------------


@contextmanager
def mail_server() -> Iterator[tuple[int, list[str]]]:
    """A small SMTP server that keeps what it is given."""
    kept: list[str] = []

    class Session(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 test\r\n")
            while line := self.rfile.readline():
                verb = line.split()[0].upper() if line.split() else b""
                if verb == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    lines = iter(self.rfile.readline, b".\r\n")
                    kept.append(b"".join(lines).decode())
                    self.wfile.write(b"250 kept\r\n")
                elif verb == b"QUIT":
                    self.wfile.write(b"221 bye\r\n")
                    return
                else:
                    self.wfile.write(b"250 ok\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server.server_address[1], kept
        server.shutdown()


@contextmanager
def web_hook(status: int = 200) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A web server that keeps the JSON it is sent."""
    kept: list[dict[str, Any]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            kept.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/secret-hook", kept
        server.shutdown()


def test_pages_go_by_mail_and_webhook_too(tmp_path: Path) -> None:
    with mail_server() as (port, mails), web_hook() as (url, calls):
        smtp = f"smtp://127.0.0.1:{port}"
        on_call = f"mailto:on@call.fi,{url}"
        with paging_world(tmp_path, page_on_call=on_call, smtp_url=smtp) as world:
            world.rider_says("+358409990001", "fire at pile 1023")
            assert calls[0]["incident"] == one(world).id
            assert not any("secret-hook" in line for line in log(world))
            assert len(log(world, "page_sent")) == 2
    assert "To: on@call.fi" in mails[0]
    assert "Subject: DANGER" in mails[0]
    assert "/incidents/" in mails[0]
    assert calls[0]["text"].startswith("DANGER at pile 1023")


def test_one_channel_that_fails_holds_up_no_other_and_is_told(tmp_path: Path) -> None:
    with web_hook(500) as (url, _):
        on_call = f"{url},mailto:on@call.fi,sms:{CHEF},nonsense,whatsapp:{ANNA}"
        with paging_world(tmp_path, page_on_call=on_call) as world:
            world.rider_says("+358409990001", "fire at pile 1023")
            assert len(pages_on(world, ANNA, 1)) == 1
            failed = " ".join(log(world, "page_failed"))
            for part in (
                "HTTP 500",
                "SMTP_URL is not set",
                "SMS_FROM is not set",
                "cannot be used",
            ):
                assert part in failed
            world.clock_passes(61)
            assert len(pages_on(world, ANNA, 2)) == 2  # the next round comes all the same


def test_pages_go_by_sms_to_who_never_wrote_to_us_cut_to_three_parts(tmp_path: Path) -> None:
    with open_world(tmp_path, page_on_call=f"sms:{CHEF}", sms_from="+15005550006") as world:
        world.rider_says("+358409990001", "fire at pile 1023 " + "everywhere " * 60)

        def delivered() -> str:
            (sms,) = [each for each in world.phone(CHEF) if each["direction"] == "out"]
            return str(sms["text"]) if sms["status"] == "delivered" else ""

        text = world.until(delivered, "the SMS was not delivered")
        assert text.startswith("DANGER at pile 1023")
        assert len(text) <= 459
        assert f"/incidents/{one(world).id}" in text
        assert len(log(world, "page_sent")) == 1


def test_a_page_that_whatsapp_did_not_deliver_is_told_with_the_next(tmp_path: Path) -> None:
    with open_world(tmp_path, page_on_call=f"whatsapp:{ANNA}") as world:  # she never wrote to us
        world.rider_says("+358409990001", "fire at pile 1023")

        def told() -> bool:
            world.clock_passes(61)
            return any("Twilio error 63016" in line for line in log(world, "page_failed"))

        world.until(told, "nobody was told")


def test_an_approved_template_pages_who_has_not_written_to_us_today(tmp_path: Path) -> None:
    with open_world(tmp_path, page_on_call=f"whatsapp:{ANNA}") as world:
        world.rider_says("+358409990001", "fire at pile 1023")
        mapping = templates.register(world.settings)
        pager = Pager(world.store, replace(world.settings, twilio_templates=mapping))
        body = {"incident_id": one(world).id, "channel": "whatsapp", "to": ANNA}
        assert pager("again", body) == "done"
        (text,) = pages_on(world, ANNA)
        assert text.startswith("Safety alarm: DANGER at pile 1023")


# --- one incident, not many ----------------------------------------------------------------------


def test_what_is_said_again_in_the_chat_is_a_line_not_an_incident(world: World) -> None:
    world.rider_says("+358409990001", "there is fire!")
    assert one(world).pile_id is None
    world.rider_says("+358409990001", "help, it burns at 1023")
    assert one(world).pile_id == "P001023"
    assert any("It is pile 1023." in line for line in log(world, "again"))


def test_an_overheating_pile_stops_is_locked_and_pages(night: World) -> None:
    world = night
    alarm(world, "OVER_TEMP", "96.5")
    incident = one(world)
    assert (incident.source, incident.pile_id) == ("pile", "P001023")
    assert "OVER_TEMP at socket 1, reading 96.5" in pages_on(world, ANNA)[0]
    with world.store.read() as work:
        assert not work.session.get_one(Pile, "P001023").in_service
    world.pile("1023").answers("ChangeAvailability", status="Accepted")
    assert log(world, "order_done") == ["Out of service: the pile obeys."]

    alarm(world, "OVER_TEMP", "99.0")  # the same danger
    world.rider_says("+358409990001", "pile 1023 smells of burning")  # a rider sees it too
    assert one(world).conversation_id is not None
    assert "99.0" in " ".join(log(world, "again"))


def test_a_plain_fault_of_a_pile_is_no_incident(world: World) -> None:
    alarm(world, "DISPLAY_FAULT", "1")
    with world.store.read() as work:
        assert work.session.scalars(select(Incident)).all() == []
        assert work.session.get_one(Pile, "P001023").in_service


def test_a_pile_that_does_not_obey_is_said_in_every_page(night: World) -> None:
    world = night
    with world.store.begin() as work:
        pile = work.session.get_one(Pile, "P001023")
        pile.station.emergency_note = "Isolator: grey box, left wall. Janitor: see the board."
    world.pile("1023").goes("offline")
    world.rider_says("+358409990001", "fire at pile 1023")
    assert "out of contact" in log(world, "order_failed")[0]
    world.clock_passes(61)
    assert "NOT SWITCHED OFF" in pages_on(world, ANNA, 2)[-1]
    assert "Isolator: grey box" in pages_on(world, ANNA, 2)[-1]
    with open_desk(world) as desk:
        agent = desk.agent("agent")
        assert "Isolator: grey box" in agent.get(f"/incidents/{one(world).id}").text


def alarm(world: World, code: str, value: str) -> None:
    now = world.now.isoformat()
    world.pile("1023").says(
        "NotifyEvent",
        generatedAt=now,
        seqNo=0,
        eventData=[
            {
                "eventId": 1, "timestamp": now, "trigger": "Alerting", "actualValue": value,
                "eventNotificationType": "HardWiredMonitor", "techCode": code,
                "component": {"name": "Connector", "evse": {"id": 1, "connectorId": 1}},
                "variable": {"name": "Temperature"},
            }
        ],
    )  # fmt: skip


# --- photos of danger ----------------------------------------------------------------------------


def photos(world: World) -> list[int]:
    with world.store.read() as work:
        found = select(IncidentEntry).where(IncidentEntry.kind == "photo")
        return [each.id for each in work.session.scalars(found)]


def test_a_photo_with_words_of_danger_holds_nothing_up_and_is_kept(
    world: World, desk: Desk
) -> None:
    phone = "+358409990001"
    world.rider_sends_photo(phone, "1023-16", words="this pile is on fire!!")
    world.bot_says(phone, "Move away now")
    world.until(lambda: photos(world), "the photo was not kept")
    agent = desk.agent("agent")
    path = f"/incidents/{one(world).id}"
    assert f"{path}/photos/{photos(world)[0]}" in agent.get(path).text
    answer = agent.get(f"{path}/photos/{photos(world)[0]}")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.content.startswith(b"\xff\xd8")
    assert agent.get(f"/incidents/99/photos/{photos(world)[0]}").status_code == 404
    with world.store.read() as work:
        (kept,) = work.session.scalars(select(Media)).all()
        assert kept.expires_at - world.now > timedelta(days=1000)


def test_a_photo_sent_after_the_report_is_evidence_too_one_of_a_closed_incident_is_not(
    world: World, desk: Desk
) -> None:
    phone = "+358409990001"
    world.rider_says(phone, "there is smoke at pile 1023")
    world.rider_sends_photo(phone, "1023-16")
    assert len(photos(world)) == 1
    manager = desk.agent("manager")
    manager.post(f"/incidents/{one(world).id}/close", cause="Cigarette", fix="None needed")
    world.rider_sends_photo(phone, "1023-16")
    assert len(photos(world)) == 1


# --- in the console ------------------------------------------------------------------------------


def test_the_bar_is_on_every_page_until_somebody_is_on_it(world: World, desk: Desk) -> None:
    agent, finance = desk.agent("agent", "Anna"), desk.agent("finance", "Filip")
    world.rider_says("+358409990001", "<b>fire</b> at pile 1023")
    incident = one(world)
    for path in ("/", "/more", "/incidents"):
        bar = agent.get(path).text
        assert 'class="incident-bar"' in bar
        assert "<b>fire</b>" not in bar
    assert f"/incidents/{incident.id}/acknowledge" in agent.get("/").text
    assert f"/incidents/{incident.id}/acknowledge" not in finance.get("/").text
    assert finance.post(f"/incidents/{incident.id}/acknowledge").status_code == 403
    agent.post(f"/incidents/{incident.id}/acknowledge")
    assert 'class="incident-bar"' not in finance.get("/").text
    assert agent.get("/incidents/bar").text.strip() == ""


def test_of_many_who_acknowledge_one_wins_and_the_others_learn_who(
    tmp_path: Path, database_url: str
) -> None:
    with open_world(tmp_path, database_url) as world, open_desk(world) as desk:
        world.rider_says("+358409990001", "fire at pile 1023")
        path = f"/incidents/{one(world).id}/acknowledge"
        people = [desk.agent("agent", f"Agent {number}") for number in range(6)]
        tokens = [each.csrf() for each in people]

        def press(number: int) -> int:
            headers = {"HX-Request": "true", "X-CSRF-Token": tokens[number]}
            return people[number].http.post(path, headers=headers).status_code

        with ThreadPoolExecutor(6) as pool:
            answers = sorted(pool.map(press, range(6)))
        assert answers == [303, 409, 409, 409, 409, 409]
        winner = next(p for p in people if p.staff_id == one(world).acknowledged_by)
        loser = next(p for p in people if p is not winner)
        told = loser.http.post(path, data={"csrf": loser.csrf()})
        assert told.status_code == 303
        shown = loser.get(told.headers["location"]).text
        assert "has acknowledged it already" in shown
        world.clock_passes(61)
        assert one(world).rounds == 1


def test_a_pile_and_its_rider_at_one_moment_are_one_incident(
    tmp_path: Path, database_url: str
) -> None:
    with open_world(tmp_path, database_url) as world:
        alarm(world, "OVER_TEMP", "96")
        world.rider_says("+358409990001", "fire at pile 1023")
        assert one(world).conversation_id is not None


def test_only_a_manager_closes_and_only_with_cause_and_cure(world: World, desk: Desk) -> None:
    agent, manager = desk.agent("agent"), desk.agent("manager", "Mia")
    world.rider_says("+358409990001", "fire at pile 1023")
    path = f"/incidents/{one(world).id}/close"
    assert agent.post(path, cause="x", fix="y").status_code == 403
    manager.post(path, cause="Loose clamp", fix=" ")
    assert one(world).state == "open"
    manager.post(path, cause="Loose clamp", fix="Clamp replaced, measured")
    closed = one(world)
    assert (closed.state, closed.closed_by) == ("closed", manager.staff_id)
    world.clock_passes(61)
    assert one(world).rounds == 1
    text = manager.get("/incidents").text
    assert "Loose clamp" in text
    again = manager.post(path, cause="Other", fix="Other")
    assert "Mia has closed it already." in manager.get(again.headers["location"]).text
    assert one(world).cause == "Loose clamp"


def test_the_log_takes_notes_of_everybody(world: World, desk: Desk) -> None:
    world.rider_says("+358409990001", "fire at pile 1023")
    finance = desk.agent("finance", "Filip")
    path = f"/incidents/{one(world).id}"
    finance.post(f"{path}/note", text="Fire brigade is there, call <u>+358 40 765 4321</i>")
    shown = finance.get(path).text
    assert "Filip:" in shown
    assert "<u>" not in shown
    assert "765" not in shown
    assert finance.get("/incidents/999").status_code == 404
    assert finance.post("/incidents/999/note", text="x").status_code == 404


def test_the_log_is_told_live(world: World) -> None:
    world.rider_says("+358409990001", "fire at pile 1023")
    with world.store.read() as work:
        refs = set(work.session.scalars(select(ConsoleEvent.ref)))
    assert f"incident:{one(world).id}" in refs


def test_a_code_typed_after_the_danger_was_closed_is_a_wish_to_charge(
    world: World, desk: Desk
) -> None:
    phone = "+358409990001"
    world.rider_says(phone, "there are sparks!!")
    world.bot_says(phone, "which pile is it?")
    manager = Actor(desk.agent("manager").staff_id, "manager", "Mia")
    with world.store.begin() as work:
        incidents.close(work, manager, one(world).id, cause="A lamp", fix="Nothing was wrong")
    world.rider_says(phone, "1023-16")
    world.settle()
    with world.store.read() as work:
        assert work.session.scalars(select(Pile.in_service)).all() == [True]
        assert len(work.session.scalars(select(Incident)).all()) == 1


def test_a_cable_is_let_go_when_the_pile_says_that_the_charge_is_over(world: World) -> None:
    charging(world, "+358401234567")
    world.rider_says("+358409990001", "there is smoke at pile 1023")
    pile = world.pile("1023")
    pile.answers("RequestStopTransaction", status="Accepted")
    pile.answers("ChangeAvailability", status="Accepted")
    world.clock_passes(300)
    assert "UnlockConnector" not in [each[1] for each in pile.asked]  # it may carry current
    ends(world, "Remote")
    assert pile.answers("UnlockConnector", status="Unlocked")["evseId"] == 2
    assert "Unlocking socket 2: the pile obeys." in log(world, "order_done")


def test_a_charge_that_ends_by_itself_is_not_unlocked(world: World) -> None:
    charging(world, "+358401234567")
    ends(world)
    assert "UnlockConnector" not in [each[1] for each in world.pile("1023").asked]
