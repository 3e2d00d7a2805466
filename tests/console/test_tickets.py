"""Tickets in the console: the board, one ticket's life, who sees which, photos, the file."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import timedelta

from PIL import Image
from sqlalchemy import func, select

from bot.console import case_export
from bot.domain.masking import mask_text
from bot.gateways.media import new_file, store_file
from bot.services import case_intake, cases, clocks, incidents, jobs
from bot.store.cases import Case, CaseEntry, Clock
from bot.store.devices import Command
from bot.store.jobs import JobEntry
from bot.store.offers import Coupon
from bot.store.riders import Conversation, Media, Message
from bot.store.staff import Audit, StaffSession
from bot.store.stations import Pile
from tests.console.desk import Agent, Desk
from tests.console.journey import PHONE as JOURNEY
from tests.console.journey import charge
from tests.console.test_offers import request_of
from tests.offers import add_template
from tests.world import World

PHONE, OTHER = "+358401234567", "+358407654321"


def case(world: World, number: int = 1) -> Case:
    with world.store.read() as work:
        return work.session.get_one(Case, number)


def fresh(desk: Desk, agent: Agent) -> None:
    """The second factor was given this minute."""
    with desk.world.store.begin() as work:
        for each in work.session.scalars(
            select(StaffSession).where(StaffSession.staff_id == agent.staff_id)
        ):
            each.totp_at = work.now


def test_from_the_report_to_done(world: World, desk: Desk) -> None:
    world.rider_says(PHONE, "the cable of 1023-27 is broken, my mail is aino@example.com")
    anna, teo = desk.agent("agent", "Anna"), desk.agent("technician", "Teo")
    board = anna.get("/tickets").text
    assert "Pile or cable broken" in board
    assert "30 min left" in board or "29 min left" in board
    assert "aino@example.com" not in board + anna.get("/tickets/1").text
    chat = desk.conversation(PHONE).id
    assert "#1 Pile or cable broken" in anna.get(f"/conversations/{chat}").text
    assert "#1" in anna.get(f"/riders/{desk.conversation(PHONE).rider_id}/panel").text

    assert teo.post("/tickets/1/take").status_code == 303
    assert case(world).owner_id == teo.staff_id
    teo.post("/tickets/1/status", status="waiting_site", why="A part is ordered")
    teo.post("/tickets/1/classify", code="wont_charge", priority="2")
    teo.post("/tickets/1/contact", text="Called, all well")
    teo.post("/tickets/1/solve", cause="Rust", fix="", result="")
    assert "Say the fix, the result first." in teo.get("/tickets/1").text
    assert teo.post("/tickets/1/solve", cause="Rust", fix="New", result="OK").status_code == 303
    now = case(world)
    assert (now.status, now.code, now.priority) == ("done", "wont_charge", 2)
    world.settle()
    world.bot_says(PHONE, "Cause: Rust. Done: New. OK.", "[Yes, solved]")
    with world.store.read() as work:
        outcomes = {
            each.name: each.outcome
            for each in work.session.scalars(select(Clock).where(Clock.case_id == 1))
        }
        actions = set(work.session.scalars(select(Audit.action)))
    assert outcomes["fault_response"] == outcomes["first_reply"] == "met"
    assert outcomes["p4_first"] == "dropped"
    assert {"case_assign", "case_status", "case_classify", "case_contact", "case_solve"} <= actions
    assert "Kept: accepted by Teo" in teo.get("/tickets/1").text
    assert "Solved by the front line" not in teo.get("/tickets/1").text  # by the technical team
    assert "Case 1: Does not charge" in teo.get("/tickets/1/print").text


def test_a_corrected_class_is_another_kind_of_case(world: World, desk: Desk) -> None:
    """What is promised, who may end it and what is paid by itself follow the class."""
    anna, chef = desk.agent("agent", "Anna"), desk.agent("manager", "Chef")
    table = (
        ("something is odd with the service at this place", "broken", "fault",
         {"fault_response", "first_reply"}),
        ("the cable of 1023-27 is broken", "hazard", "incident", {"urgent"}),
        ("complaint about my bill", "other", "complaint", {"first_reply"}),
        ("the screen of 1023 is broken", "bill_wrong", "billing", {"dispute", "first_reply"}),
    )  # fmt: skip
    for number, (words, code, kind, promised) in enumerate(table, start=1):
        world.rider_says(f"+35840000000{number}", "complaint" if number == 1 else words)
        if number == 1:
            world.rider_says("+358400000001", words)
        assert anna.post(f"/tickets/{number}/classify", code=code).status_code == 303
        world.settle()
        assert (case(world, number).code, case(world, number).kind) == (code, kind)
        with world.store.read() as work:
            running = set(
                work.session.scalars(
                    select(Clock.name).where(
                        Clock.subject == f"case:{number}", Clock.state == "running"
                    )
                )
            )
        assert {name for name in running if name[0] != "p"} == promised
    said = {"cause": "Smoke", "fix": "Locked", "result": "Safe"}
    anna.post("/tickets/2/solve", **said)
    assert "A manager ends a case of danger." in anna.get("/tickets/2").text
    assert case(world, 2).status != "done"
    assert "ticket 2" not in chef.get("/tickets/urgent").text.casefold()
    chef.post("/tickets/2/solve", **said)
    assert case(world, 2).status == "done"


def test_who_sees_which(world: World, desk: Desk) -> None:
    world.rider_says(PHONE, "the cable of 1023-27 is broken")
    world.rider_says(OTHER, "hello")
    with world.store.begin() as work:
        chat = work.session.get_one(Conversation, desk.conversation(OTHER).id)
        case_intake.by_staff(work, chat, code="refund_missing", text="Nothing came", key="k")
    world.settle()
    technician, finance, admin = (desk.agent(role) for role in ("technician", "finance", "admin"))
    assert [each.get("/tickets/1").status_code for each in (technician, finance, admin)] == [
        200, 404, 200,
    ]  # fmt: skip
    assert [each.get("/tickets/2").status_code for each in (technician, finance, admin)] == [
        404, 200, 200,
    ]  # fmt: skip
    assert "Refund not received" not in technician.get("/tickets").text
    other = desk.conversation(OTHER).id
    assert technician.get(f"/conversations/{other}").status_code == 404
    assert finance.get(f"/conversations/{other}").status_code == 200
    assert admin.post("/tickets/1/take").status_code == 403


def test_filters_and_many_at_once(world: World, desk: Desk) -> None:
    world.rider_says(PHONE, "the cable of 1023-27 is broken")
    world.rider_says(OTHER, "the screen of 1023 is broken")
    anna = desk.agent("agent", "Anna")
    assert "#2" in anna.get("/tickets?owner=none&team=technical&class=technical&station=1").text
    assert "No tickets here" in anna.get("/tickets?owner=me").text
    anna.post("/tickets/bulk", id=["1", "2"], to=str(anna.staff_id))
    assert {case(world, number).owner_id for number in (1, 2)} == {anna.staff_id}
    assert "#1" in anna.get("/tickets?owner=me&priority=4&closed=").text
    assert anna.get("/tickets?owner=99999999999999999999&station=x&priority=9").status_code == 200


def test_a_third_contact_over_chat_is_a_supervisors(world: World, desk: Desk) -> None:
    world.rider_says(PHONE, "complaint")
    world.rider_says(PHONE, "the music at the site is far too loud")
    world.rider_says(OTHER, "the cable of 1023-27 is broken")
    anna, chef = desk.agent("agent", "Anna"), desk.agent("manager", "Chef")
    chat = desk.conversation(PHONE).id
    with world.store.begin() as work:  # a person's answer: no promise is missed meanwhile
        clocks.human_contact(work, chat, by="Anna")
    for words, wait, contacts in (
        ("and louder", 3_601, 1), ("hello?", 60, 2), ("louder still", 3_601, 2),
    ):  # fmt: skip
        world.rider_says(PHONE, words)
        assert (case(world).contacts, case(world).level) == (contacts, 0)
        world.clock_passes(wait)
    assert anna.get("/tickets/count?level=1").text == "1"  # the other's technician is late
    world.rider_says(PHONE, "nobody does anything")
    world.settle()
    assert case(world).level_reason == "The rider wrote about it 3 times."
    assert anna.get("/tickets/count?level=1").text == "2"
    raised = anna.get("/tickets?level=1&owner=none&team=support").text
    assert "#1" in raised and "#2" not in raised
    assert "No tickets here" in anna.get("/tickets?level=1&owner=me").text
    assert "Case 1 needs a supervisor. The rider wrote about it 3 times." in (
        chef.get("/mentions").text
    )
    assert "needs a supervisor" not in anna.get("/mentions").text


def test_what_is_likely_the_same_is_shown_and_merged_by_one_button(
    world: World, desk: Desk
) -> None:
    world.rider_says(PHONE, "the cable of 1023-27 is broken, mail me at aino@example.com")
    world.rider_says(OTHER, "the screen of 1023 is broken")
    with world.store.begin() as work:
        for number, contact in enumerate(("aino@example.com", "eve@example.com"), start=1):
            cases.open_case(
                work, kind="complaint", rider_id=None, text="It is loud here", source="email",
                key=f"m{number}", contact=contact, contact_name="A",
            )  # fmt: skip
        cases.open_case(
            work, kind="complaint", rider_id=None, text=f"Call me: {PHONE[:4]} {PHONE[4:]}",
            source="email", key="m3", contact="work@example.com", contact_name="A",
        )  # fmt: skip
    world.settle()
    anna, finance = desk.agent("agent", "Anna"), desk.agent("finance", "Fia")
    shown = anna.get("/tickets/1").text
    assert shown.count("Merge into #") == 3
    for number, why in ((2, "The same pile"), (3, "The same person"), (5, "The same person")):
        part = shown[shown.index(f"#{number}</b>") :]
        assert why in part[:900]
    assert "aino@example.com" not in shown
    assert "Perhaps the same" not in anna.get("/tickets/4").text
    assert finance.get("/tickets/1").status_code == 404
    anna.post("/tickets/3/merge", into="1")
    assert case(world, 3).merged_into == 1
    with world.store.begin() as work:  # what is older than a week is another matter
        work.session.get_one(Case, 2).created_at = work.now - timedelta(days=8)
    assert "#2</b>" not in anna.get("/tickets/1").text


def test_opened_by_staff_linked_merged(world: World, desk: Desk) -> None:
    world.rider_says(PHONE, "hello")
    anna, chat = desk.agent("agent", "Anna"), desk.conversation(PHONE).id
    told = anna.post(f"/conversations/{chat}/ticket", code="staff", text="Rude on the phone")
    assert told.headers["location"].endswith("/tickets/1")
    anna.post(f"/conversations/{chat}/ticket", code="broken", text="The screen is black")
    world.settle()
    assert "pile or place" in anna.get("/tickets/2").text
    anna.post("/tickets/2/facts", pile="1023")
    assert case(world, 2).team == "technical"
    anna.post("/tickets/2/link", kind="refund", ref="#7")
    assert "Refund 7" in anna.get("/tickets/2").text
    anna.post("/tickets/2/unlink", kind="refund", ref="7")
    assert "Refund 7</span>" not in anna.get("/tickets/2").text
    anna.post("/tickets/1/merge", into="2")
    assert case(world, 1).merged_into == 2
    anna.post("/tickets/2/note", text="@Teo look")
    assert "@Teo look" in anna.get("/tickets/2").text


def test_a_photo_of_a_fault_flips_the_pile_and_pays_once(world: World, desk: Desk) -> None:
    add_template(world.store, "fault_photo", fixed_minor=300)
    for phone in (PHONE, OTHER):
        world.rider_sends_photo(phone, "1023-27", words="the cable is broken")
    with world.store.read() as work:
        photos = work.session.scalars(select(CaseEntry).where(CaseEntry.kind == "photo")).all()
        assert [each.case_id for each in photos] == [1, 2]
        media = work.session.get_one(Media, photos[0].media_id)
        assert media.expires_at > work.now + timedelta(days=365)
    assert case(world).pile_id == "P001023"
    anna = desk.agent("agent", "Anna")
    assert "Shows a fault" in anna.get("/tickets/1").text
    assert anna.get(f"/tickets/1/photos/{photos[0].id}").headers["content-type"] == "image/jpeg"
    for number, photo in enumerate(photos, start=1):
        anna.post(f"/tickets/{number}/photos/{photo.id}", fault="yes")
    anna.post(f"/tickets/1/photos/{photos[0].id}", fault="yes")  # a second click
    with world.store.read() as work:
        assert not work.session.get_one(Pile, "P001023").in_service
        assert [each.worth_minor for each in work.session.scalars(select(Coupon))] == [300]
        told = select(func.count()).where(Command.kind == "change_availability")
        assert work.session.scalar(told) == 1
    world.bot_says(PHONE, "Your photo helped")
    assert "out of service already" in anna.get("/tickets/2").text


def test_the_whole_file(world: World, desk: Desk) -> None:
    world.rider_says(PHONE, "the cable of 1023-27 is broken")
    picture = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112], exif[0x013B] = 6, "Aino the photographer"
    Image.new("RGB", (40, 30), "red").save(picture, "JPEG", exif=exif)
    teo = desk.agent("technician", "Teo")
    teo.post(
        "/tickets/1/note", text="Look", files={"photo": ("a.jpg", picture.getvalue(), "image/jpeg")}
    )
    fresh(desk, teo)
    answer = teo.post("/tickets/1/export")
    assert answer.headers["content-type"] == "application/zip"
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    told = json.loads(archive.read("case.json"))
    assert told["contact"] == mask_text(PHONE)
    assert {each["clock"] for each in told["clocks"]} >= {"Fault response", "First reply"}
    assert any("cable" in each["text"] for each in told["messages"])
    (name,) = (each for each in archive.namelist() if each.startswith("photos/"))
    kept = archive.read(name)
    assert b"photographer" not in kept
    with Image.open(io.BytesIO(kept)) as opened:
        assert opened.getexif()[0x0112] == 6  # which way up
        assert opened.size == (40, 30)
    with world.store.read() as work:
        assert "case_export" in set(work.session.scalars(select(Audit.action)))


def test_power_lost_stands_above_the_inbox_until_a_person_writes(world: World, desk: Desk) -> None:
    world.give_card(PHONE)
    pile = world.pile("1023")
    world.rider_says(PHONE, "1023-27")
    world.rider_says(PHONE, "yes")
    pile.answers("RequestStartTransaction", status="Accepted")
    pile.status(2, "Occupied")
    pile.transaction_event(2, "Started", chargingState="Charging")
    world.clock_passes(60)
    pile.meter_wh += 3_000
    pile.transaction_event(2, "Updated", chargingState="Charging")
    pile.transaction_event(2, "Ended", stoppedReason="PowerLoss")
    world.bot_says(PHONE, "A person contacts you within 1 min")
    anna, chat = desk.agent("agent", "Anna"), desk.conversation(PHONE).id
    assert "Call back now" in anna.get("/").text
    assert anna.get("/events/bell").json()["urgent"] == 1
    assert desk.conversation(PHONE).owner == "bot"  # who can help themselves still can
    anna.post(f"/conversations/{chat}/claim")
    assert "Call back now" in anna.get("/").text
    anna.post(f"/conversations/{chat}/send", text="I am here", mode="reply", key="k",
              epoch=str(desk.conversation(PHONE).epoch))  # fmt: skip
    assert "Call back now" not in anna.get("/").text
    with world.store.read() as work:
        clock = work.session.scalars(select(Clock).where(Clock.name == "urgent")).one()
        bill = work.session.scalars(select(Clock).where(Clock.name == "bill")).one()
    assert (bill.outcome, bill.stop_event) == ("met", "receipt taken by the channel")
    assert (clock.outcome, clock.stop_event) == ("met", "answered by Anna")


def test_promises_show_what_was_kept_and_change_with_a_reason(world: World, desk: Desk) -> None:
    world.rider_says(PHONE, "the cable of 1023-27 is broken")
    world.rider_says(OTHER, "the screen of 1023-27 is broken")
    teo, chef = desk.agent("technician", "Teo"), desk.agent("manager", "Chef")
    teo.post("/tickets/1/take")
    world.clock_passes(31 * 60)
    shown = chef.get("/promises?name=fault_response").text
    assert "1 of 2 kept" in shown
    assert "Ticket 2" in shown
    assert "Ticket 1" not in chef.get("/promises?name=fault_response&outcome=missed").text
    asked = "/promises/fault_response?number=20&unit=min"
    assert "Of 1 clocks that ended within 30 days, 1 would have been kept" in chef.get(asked).text
    for agent in (teo, chef):
        agent.post("/promises/fault_response", number="20", unit="min", counting="calendar",
                   key="k", reason="Faster crew")  # fmt: skip
    chef.post("/policies/1/approve")
    assert "Somebody else has to approve" in chef.get("/policies").text
    world.rider_says(PHONE, "promise")
    world.bot_says(
        PHONE, "A technician takes a fault on: within 30 min. Kept 1 of 2",
        "A person answers a complaint: within 1 h, at most 2 h. Nothing to count yet",
    )  # fmt: skip
    desk.agent("finance", "Fia").post("/policies/1/approve")
    assert "Faster crew" in teo.get("/promises/fault_response").text
    world.rider_says(PHONE, "promise")
    world.bot_says(PHONE, "A technician takes a fault on: within 20 min. Kept 1 of 2")
    form = {"number": "90", "unit": "min", "counting": "calendar", "reason": "Faster desk"}
    chef.post("/promises/first_reply", **form, key="a", target="90")
    page = chef.get("/promises/first_reply").text
    assert "A target is at least 10 seconds and less than the limit" in page
    chef.post("/promises/first_reply", **form, key="b", target="30")
    page = chef.get("/policies").text
    assert "90 min, target 30 min, around the clock" in page
    desk.agent("finance", "Finn").post("/policies/2/approve")
    shown = chef.get("/promises/first_reply").text
    assert "1 h 30 min, target 30 min" in shown and 'value="30"' in shown
    world.rider_says(PHONE, "promise")
    world.bot_says(PHONE, "within 30 min, at most 1 h 30 min")
    fresh(desk, chef)
    rows = chef.post("/promises/export", name="fault_response").text.splitlines()
    assert [line.split(",")[3] for line in rows] == ["outcome", "missed", "met"]
    assert chef.get("/promises?from=x&to=9999-99-99&team=y&outcome=z").status_code == 200


def test_tickets_go_where_the_rows_say(world: World, desk: Desk) -> None:
    chef, teo = desk.agent("manager", "Chef"), desk.agent("technician", "Teo")
    chef.post("/ticket-routes", **{"class": "technical", "station": "1", "team": "site",
                                   "owner": str(teo.staff_id)})  # fmt: skip
    chef.post("/ticket-routes", team="nowhere")
    chef.post("/ticket-routes", team="site", station="99")
    assert "Teo" in chef.get("/ticket-routes").text
    world.rider_says(PHONE, "the cable of 1023-27 is broken")
    now = case(world)
    assert (now.team, now.owner_id, now.status) == ("site", teo.staff_id, "assigned")
    chef.post("/ticket-routes/1/delete")
    world.rider_says(OTHER, "the screen of 1023-27 is broken")
    assert (case(world, 2).team, case(world, 2).owner_id) == ("technical", None)


def test_the_export_tells_each_link_in_full(world: World, desk: Desk) -> None:
    session = charge(world)  # 3.00 EUR
    row = request_of(world, session)
    fia, mia = desk.agent("finance", "Fia"), desk.agent("manager", "Mia")
    number = str(row_case(world))
    fia.post(f"/disputes/{row.id}/grant", key="k", amount="1,00", explanation="Wrong price")
    world.settle()
    with world.store.begin() as work:
        pile = work.session.get_one(Pile, "P001023")
        job = jobs.open_job(work, kind="repair", pile=pile, text=f"Call {PHONE}", key="x")
        kept = store_file(work, new_file(b"\x89PNG", "image/png", "p.png"), kept_for=timedelta(1))
        work.session.flush()
        work.session.add(JobEntry(job_id=job.id, at=work.now, kind="photo", media_id=kept.id))
        danger = incidents.open_incident(
            work, world.settings, key="d", source="rider", text="Smoke", pile=pile
        )
        chat = work.session.get_one(Conversation, desk.conversation(JOURNEY).id)
        url = f"{world.settings.public_url}/media/{kept.token}/v.ogg"
        work.session.add(
            Message(conversation_id=chat.id, at=work.now, author="rider", channel="whatsapp",
                    text="", body={"kind": "text", "media": {"url": url, "type": "audio/ogg"}})
        )  # fmt: skip
        links = {"job": job.id, "incident": danger.id}
    for kind, ref in links.items():
        mia.post(f"/tickets/{number}/link", kind=kind, ref=str(ref))
    fresh(desk, mia)
    answer = mia.post(f"/tickets/{number}/export")
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    told = json.loads(archive.read("case.json"))
    by_kind = {each["kind"]: each for each in told["links"]}
    assert by_kind["session"]["bill"]["total"] == {"minor": 300, "currency": "EUR"}
    assert by_kind["session"]["meter_end_wh"] > by_kind["session"]["meter_start_wh"]
    assert by_kind["refund"]["amount"] == {"minor": 100, "currency": "EUR"}
    assert by_kind["job"]["text"] == f"Call {mask_text(PHONE)}"
    photo = next(each["photo"] for each in by_kind["job"]["file"] if each["kind"] == "photo")
    assert archive.read(photo) == b"\x89PNG"
    assert by_kind["incident"]["log"][0]["kind"] == "opened"
    voice = [each["file"] for each in told["messages"] if "file" in each]
    assert [archive.read(each) for each in voice] == [b"\x89PNG"]
    dispute = next(each for each in told["clocks"] if each["clock"] == "Bill dispute")
    assert (dispute["limit_s"], dispute["events"][0]["kind"]) == (86_400, "started")
    assert "case.json" in archive.read("README.txt").decode()
    assert PHONE not in str(told) and JOURNEY not in str(told)
    with world.store.read() as work:
        case_ = work.session.get_one(Case, int(number))
        closed = case_export.packed(work, case_, lambda chat_id: False)
    other = zipfile.ZipFile(io.BytesIO(closed))
    assert json.loads(other.read("case.json"))["messages"] == []
    assert "left out" in other.read("README.txt").decode()


def row_case(world: World) -> int:
    with world.store.read() as work:
        return work.session.scalars(select(Case.id).order_by(Case.id.desc())).first() or 0
