"""Taking over: one winner, a silent bot, nothing lost, nothing said twice."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from bot.domain.rights import Role
from bot.jobs.drain import Route
from bot.services import handoff, threads
from bot.services.audit import Actor
from bot.services.riders import rider_for
from bot.store.database import Store
from bot.store.desk import ConversationMark
from bot.store.riders import Conversation, Message
from bot.store.staff import Audit, Staff
from tests.console.desk import Agent, Desk
from tests.world import World

PHONE = "+358401234567"


def at(desk: Desk, doing: str = "") -> str:
    chat = f"/conversations/{desk.conversation(PHONE).id}"
    return f"{chat}/{doing}" if doing else chat


def key_of(page: str) -> str:
    """The composer's idempotency key."""
    found = re.search(r'id="compose".*?name="key" value="([^"]+)"', page, re.S)
    assert found, page
    return found[1]


def write(agent: Agent, text: str, **more: Any) -> Any:
    page = agent.get(at(agent.desk)).text
    fields = {"mode": "reply", "key": key_of(page), "text": text} | more
    return agent.post(at(agent.desk, "send"), **fields)


def take(agent: Agent) -> None:
    assert agent.post(at(agent.desk, "claim")).status_code == 303


def give(agent: Agent, doing: str, **fields: Any) -> Any:
    return agent.post(at(agent.desk, doing), epoch=agent.desk.conversation(PHONE).epoch, **fields)


def marks(world: World, kind: str) -> list[ConversationMark]:
    with world.store.read() as work:
        found = select(ConversationMark).where(ConversationMark.kind == kind)
        return list(work.session.scalars(found.order_by(ConversationMark.id)))


def by(world: World, author: str) -> list[Message]:
    with world.store.read() as work:
        return list(
            work.session.scalars(
                select(Message).where(Message.author == author).order_by(Message.id)
            )
        )


@pytest.fixture
def waiting(world: World) -> World:
    """A rider who asked for a person."""
    world.rider_says(PHONE, "hello")
    world.rider_says(PHONE, "agent")
    world.bot_says(PHONE, "person")
    return world


# --- claiming ------------------------------------------------------------------------------------


def test_of_twenty_claims_at_once_one_wins(engine: Engine) -> None:
    store = Store(engine)
    with store.begin() as work:
        rider = rider_for(work, "whatsapp", PHONE)
        people = [
            Staff(login=f"a{n}@example.com", name=f"Agent {n}", role="agent", created_at=work.now)
            for n in range(20)
        ]
        work.session.add_all(people)
        work.session.flush()
        actors = [Actor(each.id, "agent", each.name) for each in people]
        chat = work.session.scalars(
            select(Conversation).where(Conversation.rider_id == rider.id)
        ).one()
    together = threading.Barrier(20)

    def claim(actor: Actor) -> str:
        together.wait(20)
        try:
            with store.begin() as work:
                handoff.claim(work, actor, chat.id)
        except handoff.Beaten as beaten:
            return beaten.owner_name
        return ""

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(claim, actors))
    (winner,) = [actor for actor, lost_to in zip(actors, answers, strict=True) if not lost_to]
    assert answers.count(winner.name) == 19
    with store.read() as work:
        claimed = select(ConversationMark).where(ConversationMark.kind == "claimed")
        assert [each.staff_id for each in work.session.scalars(claimed)] == [winner.staff_id]
        assert work.session.get_one(Conversation, chat.id).epoch == 1
        claims = select(Audit).where(Audit.action == "claim")
        assert len(work.session.scalars(claims).all()) == 1


def test_who_is_late_reads_who_was_faster(waiting: World, desk: Desk) -> None:
    anna, bert = desk.agent(name="Anna Aho"), desk.agent(name="Bert Berg")
    take(anna)
    late = bert.post(at(desk, "claim"))
    assert late.status_code == 404  # an agent sees only own work and the queue
    boss = desk.agent("manager", "Chief")
    late = boss.post(at(desk, "claim"))
    assert late.status_code == 409
    assert "Somebody else was faster. Anna Aho has this conversation." in late.text


def test_the_rider_is_told_once_who_answers_now(waiting: World, desk: Desk) -> None:
    take(desk.agent(name="Anna Aho"))
    waiting.settle()
    waiting.bot_says(PHONE, "Anna from our team is with you now")
    waiting.bot_is_silent(PHONE)


def test_an_agent_does_not_see_what_others_have(waiting: World, desk: Desk) -> None:
    anna, bert = desk.agent(name="Anna"), desk.agent(name="Bert")
    assert bert.get(at(desk)).status_code == 200  # in the queue
    take(anna)
    assert bert.get(at(desk)).status_code == 404
    assert bert.get(at(desk, "transcript")).status_code == 404


# --- the fence -----------------------------------------------------------------------------------


def test_a_claim_while_a_turn_is_in_flight_leaves_the_bot_silent(world: World, desk: Desk) -> None:
    """The claim comes after the network phase (photos, Rasa) and before the turn's commit."""
    world.rider_says(PHONE, "hello")
    said = len(by(world, "bot"))
    anna = desk.agent(name="Anna")
    route = world.routes["whatsapp.message"]

    def claimed_meanwhile(row: Any) -> Any:
        prepared = route.prepare(row)
        take(anna)
        return prepared

    with pytest.MonkeyPatch.context() as patch:
        slow = Route(route.apply, claimed_meanwhile, route.lost)
        patch.setitem(world.routes, "whatsapp.message", slow)
        world.rider_says(PHONE, "where can I charge?")
    world.settle()
    assert len(by(world, "bot")) == said
    assert (by(world, "rider")[-1].understood or {})["intent"] == "find_pile"
    assert desk.conversation(PHONE).waiting_since is not None


def test_what_the_bot_wrote_before_a_claim_and_has_not_sent_is_dropped(
    world: World, desk: Desk
) -> None:
    world.rider_says(PHONE, "hello")
    said = len(by(world, "bot"))
    heard = len([m for m in world.phone(PHONE) if m["direction"] == "out"])
    anna = desk.agent(name="Anna")
    relay, world.deliveries = world.deliveries, {}  # the worker is busy elsewhere
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("tests.world.relay", lambda *_: 0)
            world.rider_says(PHONE, "where can I charge?")
        take(anna)
    finally:
        world.deliveries = relay
    world.settle()
    assert len(by(world, "bot")) == said
    out = [m["text"] for m in world.phone(PHONE) if m["direction"] == "out"][heard:]
    assert out == ["Anna from our team is with you now and answers here."]


def test_a_claim_between_rendering_and_sending_is_seen(world: World, desk: Desk) -> None:
    """Making a list at Twilio takes time: the fence is asked once more before the send."""
    from bot.gateways import contents

    world.rider_says(PHONE, "hello")
    world.bot_says(PHONE, "Hello! Send me a photo")
    anna = desk.agent(name="Anna")
    real = contents.sid_of
    claimed: list[bool] = []

    def claimed_meanwhile(*arguments: Any) -> str:
        sid = real(*arguments)
        if not claimed:
            claimed.append(True)
            take(anna)
        return sid

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contents, "sid_of", claimed_meanwhile)
        world.rider_says(PHONE, "help")
    world.settle()
    assert claimed
    assert [m["text"] for m in world.bot_said(PHONE)] == [
        "Anna from our team is with you now and answers here."
    ]
    assert by(world, "bot")[-1].error == "Not sent: a person has taken over."


def test_the_bot_is_silent_while_a_person_owns_and_safety_still_works(
    world: World, desk: Desk
) -> None:
    world.rider_says(PHONE, "hello")
    take(desk.agent(name="Anna"))
    world.bot_says(PHONE, "Anna from our team is with you now")
    world.rider_says(PHONE, "where can I charge?")
    world.bot_is_silent(PHONE)
    world.rider_says(PHONE, "there is smoke coming out of pile 1023")
    world.bot_says(PHONE, "Move away now")
    assert desk.conversation(PHONE).owner == "human"
    assert desk.conversation(PHONE).priority == 0


# --- writing -------------------------------------------------------------------------------------


def test_a_reply_reaches_the_phone_under_the_agents_name(waiting: World, desk: Desk) -> None:
    anna = desk.agent(name="Anna")
    take(anna)
    assert write(anna, "Your *hold* is gone by Monday {no brace}").status_code == 303
    waiting.settle()
    said = waiting.bot_says(PHONE, "Your *hold* is gone by Monday {no brace}")
    assert said["text"] == "Your *hold* is gone by Monday {no brace}"  # as written, not escaped
    (line,) = by(waiting, "agent")
    assert line.staff_id == anna.staff_id
    chat = desk.conversation(PHONE)
    assert (chat.status, chat.waiting_since) == ("waiting_rider", None)
    waiting.rider_says(PHONE, "thank you")
    assert desk.conversation(PHONE).status == "open"
    assert desk.conversation(PHONE).waiting_since is not None


def test_sending_the_same_form_twice_sends_once(waiting: World, desk: Desk) -> None:
    anna = desk.agent(name="Anna")
    take(anna)
    key = key_of(anna.get(at(desk)).text)
    for _ in range(2):
        answer = anna.post(at(desk, "send"), mode="reply", key=key, text="Once only")
        assert answer.status_code == 303
    waiting.settle()
    assert [line.text for line in by(waiting, "agent")] == ["Once only"]


def test_only_the_owner_writes_and_the_draft_is_kept(waiting: World, desk: Desk) -> None:
    anna, boss = desk.agent(name="Anna Aho"), desk.agent("manager", "Chief")
    page = boss.get(at(desk)).text
    take(anna)
    refused = boss.post(at(desk, "send"), mode="reply", key=key_of(page), text="My long answer")
    assert refused.status_code == 409
    assert "Nothing was sent. Anna Aho has this conversation." in refused.text
    assert ">My long answer</textarea>" in refused.text
    waiting.settle()
    assert by(waiting, "agent") == []


def test_the_window_closes_while_typing(waiting: World, desk: Desk) -> None:
    """Nothing is sent, the draft is kept, and the template picker is there."""
    anna = desk.agent(name="Anna")
    take(anna)
    waiting.settle()
    with waiting.store.begin() as work:
        long_ago = waiting.now - timedelta(hours=25)
        work.session.execute(update(Conversation).values(last_whatsapp_at=long_ago))
    refused = write(anna, "Are you still there?")
    assert refused.status_code == 409
    assert "The 24-hour window is closed" in refused.text
    assert ">Are you still there?</textarea>" in refused.text
    waiting.settle()
    assert by(waiting, "agent") == []


def test_a_window_that_closes_on_the_way_turns_words_into_nothing_else(
    waiting: World, desk: Desk
) -> None:
    """Taken by the server, closed before the worker sends: failed and shown, no other words."""
    anna = desk.agent(name="Anna")
    take(anna)
    waiting.settle()
    deliveries, waiting.deliveries = waiting.deliveries, {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.world.relay", lambda *_: 0)
        assert write(anna, "Just in time").status_code == 303
    waiting.deliveries = deliveries
    with waiting.store.begin() as work:
        long_ago = waiting.now - timedelta(hours=25)
        work.session.execute(update(Conversation).values(last_whatsapp_at=long_ago))
    waiting.settle()
    (line,) = by(waiting, "agent")
    assert line.status == "failed"
    assert "window" in str(line.error)
    shown = anna.get(at(desk)).text
    assert "Retry" in shown
    assert "The 24-hour window is closed and no approved template is set." in shown


def test_buttons_come_back_as_the_riders_words(waiting: World, desk: Desk) -> None:
    anna = desk.agent(name="Anna")
    take(anna)
    sent = write(
        anna, "Shall I send it by e-mail?", option_title=["Yes please", "No"],
        option_detail=["", ""], option_action=["", ""],
    )  # fmt: skip
    assert sent.status_code == 303, sent.text
    waiting.settle()
    waiting.bot_says(PHONE, "Shall I send it by e-mail?", "[Yes please]", "[No]")
    waiting.rider_taps(PHONE, "Yes please")
    waiting.bot_is_silent(PHONE)
    assert "staff_answer?n=1" in anna.get(at(desk)).text


@pytest.mark.parametrize(
    ("titles", "why"),
    [
        (["This title is far too long"], "at most 20"),
        (["Yes", "yes"], "the same"),
        (["A"] * 11, "at most 10"),
    ],
)
def test_what_whatsapp_would_refuse_is_refused_here(
    waiting: World, desk: Desk, titles: list[str], why: str
) -> None:
    anna = desk.agent(name="Anna")
    take(anna)
    blank = [""] * len(titles)
    refused = write(anna, "Well?", option_title=titles, option_detail=blank, option_action=blank)
    assert refused.status_code == 409
    assert why in refused.text
    assert ">Well?</textarea>" in refused.text


def test_a_note_stays_with_staff_and_calls_somebody(waiting: World, desk: Desk) -> None:
    olli = desk.agent("technician", "Olli Virta")
    anna = desk.agent(name="Anna")
    before = len(waiting.phone(PHONE))
    page = anna.get(at(desk)).text
    note = anna.post(at(desk, "note"), key=key_of(page), text="<b>Odd</b> meter, @olli look")
    assert note.status_code == 303
    waiting.settle()
    assert len(waiting.phone(PHONE)) == before
    (kept,) = marks(waiting, "note")
    assert kept.body["mentions"] == [olli.staff_id]
    assert "&lt;b&gt;Odd&lt;/b&gt; meter" in anna.get(at(desk)).text


def test_a_picture_goes_out_without_its_metadata(waiting: World, desk: Desk) -> None:
    import io

    from PIL import Image

    anna = desk.agent(name="Anna")
    take(anna)
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "a secret place"
    Image.new("RGB", (40, 30), "green").save(out, "JPEG", exif=exif)
    page = anna.get(at(desk)).text
    sent = anna.post(
        at(desk, "send"), files={"file": ("../where.php.jpg", out.getvalue())}, mode="reply",
        key=key_of(page), text="The map",
    )  # fmt: skip
    assert sent.status_code == 303, sent.text
    waiting.settle()
    (line,) = by(waiting, "agent")
    assert line.body["kind"] == "image"
    shown = anna.get(at(desk, f"media/{line.id}"))
    assert shown.headers["Content-Type"] == "image/jpeg"
    assert b"secret" not in shown.content
    other = desk.agent(name="Bert").get(at(desk, f"media/{line.id}"))
    assert other.status_code == 404


def test_a_file_that_is_none_is_refused(waiting: World, desk: Desk) -> None:
    anna = desk.agent(name="Anna")
    take(anna)
    page = anna.get(at(desk)).text
    refused = anna.post(
        at(desk, "send"), files={"file": ("x.jpg", b"<script>alert(1)</script>")}, mode="reply",
        key=key_of(page), text="Look",
    )  # fmt: skip
    assert refused.status_code == 409
    assert "Only pictures" in refused.text


# --- passing on, giving back, closing ------------------------------------------------------------


def test_passing_on_needs_the_state_that_was_seen(waiting: World, desk: Desk) -> None:
    anna, bert = desk.agent(name="Anna Aho"), desk.agent(name="Bert Berg")
    take(anna)
    epoch = desk.conversation(PHONE).epoch
    passed = anna.post(at(desk, "transfer"), epoch=epoch, to=bert.staff_id, note="knows Stripe")
    assert passed.status_code == 303
    assert desk.conversation(PHONE).owner_id == bert.staff_id
    again = give(anna, "transfer", to=bert.staff_id)
    assert again.status_code == 404  # not hers any more
    assert "knows Stripe" in bert.get(at(desk)).text


def test_a_manager_may_force_with_a_reason(waiting: World, desk: Desk) -> None:
    anna, bert = desk.agent(name="Anna"), desk.agent(name="Bert")
    boss = desk.agent("manager", "Chief")
    take(anna)
    assert anna.post(at(desk, "force"), to=bert.staff_id, reason="x").status_code == 403
    assert boss.post(at(desk, "force"), to=bert.staff_id, reason=" ").status_code == 409
    assert boss.post(at(desk, "force"), to=bert.staff_id, reason="Anna left").status_code == 303
    assert desk.conversation(PHONE).owner_id == bert.staff_id
    with waiting.store.read() as work:
        row = work.session.scalars(select(Audit).where(Audit.action == "assign")).one()
    assert row.reason == "Anna left"


def test_only_who_may_work_on_chats_can_be_given_one(waiting: World, desk: Desk) -> None:
    anna, tech = desk.agent(name="Anna"), desk.agent("technician", "Tim")
    take(anna)
    assert give(anna, "transfer", to=tech.staff_id).status_code == 409


def test_handing_back_leaves_the_facts_and_a_quiet_bot(waiting: World, desk: Desk) -> None:
    anna = desk.agent(name="Anna")
    take(anna)
    waiting.bot_says(PHONE, "Anna from our team is with you now")
    done = give(anna, "hand-back", settled=["Money given back"], note="by Stripe")
    assert done.status_code == 303
    chat = desk.conversation(PHONE)
    assert (chat.owner, chat.dialog, chat.fallbacks) == ("bot", {}, 0)
    waiting.bot_is_silent(PHONE)
    (mark,) = marks(waiting, "handed_back")
    assert mark.body == {"settled": ["Money given back"], "note": "by Stripe"}
    waiting.rider_says(PHONE, "help")
    waiting.bot_says(PHONE, "")
    waiting.rider_says(PHONE, "agent")  # the next person reads what was settled
    assert marks(waiting, "queued")[-1].body["settled_before"] == ["Money given back"]


@pytest.mark.parametrize("there", [True, False])
def test_who_writes_within_a_day_of_resolving_comes_back(
    waiting: World, desk: Desk, there: bool
) -> None:
    anna = desk.agent(name="Anna")
    take(anna)
    assert give(anna, "resolve", note="all good").status_code == 303
    assert desk.conversation(PHONE).status == "resolved"
    with waiting.store.begin() as work:
        staff = work.session.get_one(Staff, anna.staff_id)
        staff.presence = "online" if there else "away"
        staff.seen_at = work.now
    waiting.rider_says(PHONE, "it is still on my card")
    chat = desk.conversation(PHONE)
    assert chat.status == "open"
    assert (chat.owner, chat.owner_id) == (("human", anna.staff_id) if there else ("queue", None))
    assert chat.waiting_since is not None


def test_a_button_or_thanks_after_resolving_is_the_bots(waiting: World, desk: Desk) -> None:
    anna = desk.agent(name="Anna")
    take(anna)
    give(anna, "resolve")
    waiting.settle()
    waiting.rider_says(PHONE, "thanks")
    assert desk.conversation(PHONE).owner == "bot"
    assert desk.conversation(PHONE).status == "resolved"
    waiting.rider_sends_photo(PHONE, "1023-27")
    waiting.bot_says(PHONE, "1023")


def test_later_than_a_day_it_is_a_new_conversation_with_the_bot(waiting: World, desk: Desk) -> None:
    anna = desk.agent(name="Anna")
    take(anna)
    give(anna, "resolve")
    with waiting.store.begin() as work:
        work.session.execute(
            update(Conversation).values(resolved_at=waiting.now - timedelta(hours=25))
        )
    waiting.rider_says(PHONE, "where can I charge?")
    chat = desk.conversation(PHONE)
    assert (chat.owner, chat.status) == ("bot", "open")


def test_snoozing_ends_with_the_riders_next_line(waiting: World, desk: Desk) -> None:
    anna = desk.agent(name="Anna")
    take(anna)
    assert give(anna, "snooze", until="3h").status_code == 303
    assert desk.conversation(PHONE).status == "snoozed"
    waiting.rider_says(PHONE, "hello?")
    assert desk.conversation(PHONE).status == "open"


def test_back_into_the_queue_keeps_the_riders_place(waiting: World, desk: Desk) -> None:
    since = desk.conversation(PHONE).waiting_since
    anna = desk.agent(name="Anna")
    take(anna)
    assert give(anna, "requeue").status_code == 303
    chat = desk.conversation(PHONE)
    assert (chat.owner, chat.last_owner_id) == ("queue", anna.staff_id)
    assert chat.queued_at == since


def test_labels_come_and_go(waiting: World, desk: Desk) -> None:
    anna = desk.agent(name="Anna")
    anna.post(at(desk, "labels"), label="  VIP  Rider ")
    with waiting.store.read() as work:
        assert threads.labels_of(work, desk.conversation(PHONE).id) == ["vip rider"]
    anna.post(at(desk, "labels"), remove="vip rider")
    with waiting.store.read() as work:
        assert threads.labels_of(work, desk.conversation(PHONE).id) == []


# --- what is shown -------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["agent", "manager", "admin", "technician", "finance"])
def test_a_phone_number_is_nowhere_on_the_page(world: World, desk: Desk, role: Role) -> None:
    world.rider_says(PHONE, "I was charged twice, call me on +358 40 999 8877 or a@b.example")
    someone = desk.agent(role, "Someone", skills=["finance"])
    with world.store.begin() as work:
        work.session.execute(update(Conversation).values(skill="technical"))
        if role == "finance":
            work.session.execute(update(Conversation).values(skill="finance"))
    for part in ("", "transcript", "head", "viewers", "window", "canned"):
        page = someone.get(at(desk, part))
        assert page.status_code == 200, (part, page.text)
        for number in ("401234567", "40 1234567", "999 8877", "9998877", "a@b.example"):
            assert number not in page.text, part


def test_riders_words_are_never_markup(world: World, desk: Desk) -> None:
    world.rider_says(PHONE, "<script>alert(1)</script> agent <img src=x onerror=y>")
    page = desk.agent("manager").get(at(desk)).text
    assert "<script>alert(1)" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_the_transcript_tells_code_place_and_what_was_understood(world: World, desk: Desk) -> None:
    world.rider_shares(PHONE, 60.1695, 24.9354)
    world.rider_sends_photo(PHONE, "1023-27")
    page = desk.agent("manager").get(at(desk)).text
    assert "from Kamppi (pile 1023)" in page
    assert re.search(r"QR code <b[^>]*>1023-27</b>", page)
    assert "find pile" in page


def test_the_packet_says_why_and_what(world: World, desk: Desk) -> None:
    world.rider_says(PHONE, "you charged me twice!")
    world.bot_says(PHONE, "I am passing this to a person")
    chat = desk.conversation(PHONE)
    assert (chat.owner, chat.handoff_reason, chat.priority, chat.skill) == (
        "queue", "dispute", 2, "finance",
    )  # fmt: skip
    (mark,) = marks(world, "queued")
    assert mark.body["said"] == "you charged me twice!"
    page = desk.agent("manager").get(at(desk)).text
    assert "Disputes a charge" in page


def test_a_long_conversation_is_paged(world: World, desk: Desk) -> None:
    world.rider_says(PHONE, "hello")
    chat = desk.conversation(PHONE)
    with world.store.begin() as work:
        work.session.add_all(
            Message(
                conversation_id=chat.id, at=work.now, author="rider", channel="whatsapp",
                text=f"line {n:03}", body={"kind": "text"}, status="read",
            )
            for n in range(150)
        )  # fmt: skip
    boss = desk.agent("manager")
    page = boss.get(at(desk)).text
    assert "line 149" in page
    assert "line 050" not in page
    found = re.search(r'href="([^"]*\?before=\d+)"', page)
    assert found
    older = boss.get(found[1]).text
    assert "line 050" in older
    assert "line 149" not in older


def test_others_see_who_types(waiting: World, desk: Desk) -> None:
    anna, boss = desk.agent(name="Anna Aho"), desk.agent("manager", "Chief")
    anna.post(at(desk, "viewing"), state="typing")
    assert "Anna Aho is typing" in boss.get(at(desk, "viewers")).text
    anna.post(at(desk, "viewing"), state="left")
    assert "Anna Aho" not in boss.get(at(desk, "viewers")).text


def test_who_is_called_reads_the_conversation_and_finds_the_note(
    waiting: World, desk: Desk
) -> None:
    anna, tim = desk.agent(name="Anna"), desk.agent("technician", "Tim Tuomi")
    take(anna)
    assert tim.get(at(desk)).status_code == 404
    page = anna.get(at(desk)).text
    anna.post(at(desk, "note"), key=key_of(page), text="@timtuomi call me on +358 40 555 1234")
    assert tim.get("/mentions/count").text == "1"
    listed = tim.get("/mentions").text
    assert "@timtuomi call me on" in listed
    assert "555 1234" not in listed
    assert tim.get(at(desk)).status_code == 200
    shown = anna.get(at(desk, "transcript")).text
    assert shown.count("@timtuomi call me") == 1  # not its copy
    assert tim.post("/mentions/read").status_code == 303
    assert tim.get("/mentions/count").text == ""


@pytest.mark.parametrize("doing", ["resolve", "hand-back", "snooze"])
def test_danger_is_not_put_aside_by_an_agent(world: World, desk: Desk, doing: str) -> None:
    world.rider_says(PHONE, "there is smoke coming out of pile 1023")
    anna = desk.agent(name="Anna")
    take(anna)
    refused = give(anna, doing, until="3h")
    assert refused.status_code == 409
    assert desk.conversation(PHONE).owner_id == anna.staff_id
    assert desk.conversation(PHONE).status == "open"


def test_a_voice_note_is_kept_for_the_person_who_has_the_chat(waiting: World, desk: Desk) -> None:
    anna = desk.agent(name="Anna")
    take(anna)
    waiting.settle()
    voice = b"OggS" + bytes(200)
    form = {"file": ("v.ogg", voice, "audio/ogg")}
    url = f"{waiting.twilio_url}/demo/phones/{PHONE}/messages"
    before = len(by(waiting, "rider"))
    waiting.http.post(url, files=form).raise_for_status()
    waiting.until(lambda: len(by(waiting, "rider")) > before, "no voice note")
    line = by(waiting, "rider")[-1]
    heard = anna.get(at(desk, f"media/{line.id}"))
    assert heard.headers["Content-Type"] == "audio/ogg"
    assert heard.content == voice
    assert "<audio" in anna.get(at(desk)).text


def test_two_charges_that_do_not_start_call_a_person(world: World, desk: Desk) -> None:
    world.give_card(PHONE)
    pile = world.pile("1023")
    for code, evse in (("1023-27", 2), ("1023-16", 1)):
        world.rider_says(PHONE, f"start {code}")
        world.rider_taps(PHONE, "Yes, start")
        pile.status(evse, "Occupied")
        pile.answers("RequestStartTransaction", status="Rejected")
        world.clock_passes(6)  # it is tried once more by itself
        pile.answers("RequestStartTransaction", status="Rejected")
        world.settle()
        assert desk.conversation(PHONE).owner == "bot"
    world.rider_says(PHONE, "and now?")
    chat = desk.conversation(PHONE)
    assert (chat.owner, chat.handoff_reason, chat.priority) == ("queue", "command_failed", 1)
    world.bot_says(PHONE, "I am passing this to a person")
    (mark,) = marks(world, "queued")
    assert mark.body["tried"] == ["start rejected", "start rejected"]
