"""Riders' questions of a week become answers that somebody else approves and the bot gives."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select

from bot.services import knowledge, questions
from bot.services.audit import Actor
from bot.services.knowledge import NotPossible
from bot.services.riders import rider_for
from bot.store.database import Store, UnitOfWork, make_engine
from bot.store.knowledge import AnswerGiven, ArticleVersion, Question
from bot.store.riders import Rider
from bot.store.staff import Staff
from tests.console.desk import Desk
from tests.databases import with_tables
from tests.world import World

AINO, WANG = "+358401234567", "+8613800001111"


@pytest.fixture
def store(sqlite_url: str) -> Iterator[Store]:
    engine = with_tables(make_engine(sqlite_url))
    yield Store(engine)
    engine.dispose()


def people(work: UnitOfWork) -> None:
    for number in (1, 2, 3):
        work.session.add(
            Staff(id=number, login=str(number), name="x", role="manager", created_at=work.now)
        )
    work.session.flush()


def asks(world: World, phone: str, *texts: str) -> None:
    for text in texts:
        world.rider_says(phone, text)


def week_passes(world: World) -> list[Question]:
    world.ahead += timedelta(days=7)
    questions.keep(world.store, world.settings)
    questions.keep(world.store, world.settings)  # once is enough
    with world.store.read() as work:
        return list(work.session.scalars(select(Question).order_by(Question.id)))


def test_a_question_of_the_week_becomes_an_answer(world: World, desk: Desk) -> None:
    asks(world, AINO, "hello", "may i bring my dog along, mail me at a@b.fi", "can I bring a dog",
         "receipt please")  # fmt: skip
    asks(world, WANG, "你好", "能带狗吗")
    first, second = week_passes(world)
    assert (first.lang, first.count, first.riders, second.lang) == ("en", 2, 1, "zh")
    assert "a@b.fi" not in str(first.examples)
    agent, manager = desk.agent("agent", "Anna"), desk.agent("manager", "Mia")
    page = agent.get("/questions").text
    assert "can I bring a dog" in page and "能带狗吗" in page and "receipt please" not in page
    form = agent.get(f"/questions/{first.id}").text
    assert "•••@•••" in form
    sent = agent.post(
        "/knowledge", asked=first.id, lang="en", question="Can I bring my dog?",
        phrasings="may i bring my dog along\n\n", answer="Dogs are welcome.",
    )  # fmt: skip
    one = sent.headers["location"]
    assert "Waits for approval" in manager.get(one).text
    assert "Answer waits for approval" in agent.get("/questions").text
    with world.store.read() as work:
        (version,) = work.session.scalars(select(ArticleVersion))
    assert agent.post(f"/knowledge/versions/{version.id}/approve").status_code == 403
    assert knowledge_of(world) == []
    assert manager.post(f"/knowledge/versions/{version.id}/approve").status_code == 303
    assert "Has an answer" in agent.get("/questions").text
    world.bot_says(AINO, "")
    asks(world, AINO, "could i bring dogs")
    world.bot_says(AINO, "Dogs are welcome", "Did this help?")
    world.rider_taps(AINO, "Yes")
    world.bot_says(AINO, "Good to hear")
    page = manager.get("/knowledge").text
    assert "100 %" in page
    gone = manager.post(f"/knowledge/versions/{version.id}/withdraw", why="New rules")
    assert gone.status_code == 303
    asks(world, AINO, "could i bring dogs")
    world.bot_says(AINO, "did not understand")
    assert "Withdrawn" in manager.get(one).text
    assert "Has an answer" not in agent.get("/questions").text
    assert "Propose an answer" in agent.get(f"/questions/{first.id}").text


def test_a_rejected_answer_opens_its_question_again(store: Store) -> None:
    with store.begin() as work:
        people(work)
        work.session.add(Question(week=work.now.date(), lang="en", text="Dogs?", count=2, riders=1))
        work.session.flush()
        asked = work.session.scalars(select(Question)).one().id

    def now() -> tuple[str, bool]:
        with store.read() as work:
            row = work.session.get_one(Question, asked)
            return row.state, row.article_id is not None

    def proposed(lang: str, article_id: int | None = None, **more: int) -> ArticleVersion:
        with store.begin() as work:
            return knowledge.propose(
                work, Actor(1, "manager"), lang=lang, question="Dogs?", phrasings=(), answer="Yes.",
                article_id=article_id, **more,
            )  # fmt: skip

    first = proposed("en", question_id=asked)
    assert now() == ("proposed", True)
    with pytest.raises(NotPossible, match="already"):
        proposed("en", question_id=asked)
    second = proposed("de", first.article_id)
    for row, then in ((first, ("proposed", True)), (second, ("open", False))):
        with store.begin() as work:
            knowledge.reject(work, Actor(2, "manager"), row.id, "Not like this")
        assert now() == then
    third = proposed("en", question_id=asked)
    with store.begin() as work:
        tomorrow = work.now + timedelta(days=1)
        knowledge.approve(work, Actor(2, "manager"), third.id, valid_from=tomorrow)
    assert now() == ("answered", True)


def test_the_list_of_the_most_asked_does_not_feed_itself(store: Store) -> None:
    with store.begin() as work:
        people(work)
        rider = rider_for(work, "whatsapp", AINO)
        rows = []
        for text in ("Dogs?", "Cats?"):
            row = knowledge.propose(
                work, Actor(1, "manager"), lang="en", question=text, phrasings=(), answer="Yes."
            )
            rows.append(knowledge.approve(work, Actor(2, "manager"), row.id).id)
        for number in range(3):  # taps on the first of the list, and one real question
            knowledge.given(work, rider.id, rows[0], key=f"tap{number}", score=None)
        knowledge.given(work, rider.id, rows[1], key="asked", score=700)
        assert [each.question for each in knowledge.top(work, "en")] == ["Cats?", "Dogs?"]


def knowledge_of(world: World) -> list[str]:
    with world.store.read() as work:
        return [each.question for each in knowledge.live(work).values()]


def approved(world: World, desk: Desk, question: str, answer: str, lang: str = "en") -> int:
    """An entry the bot gives."""
    writer, chief = desk.agent("agent"), desk.agent("manager")
    with world.store.begin() as work:
        row = knowledge.propose(
            work, Actor(writer.staff_id, "agent"), lang=lang, question=question, phrasings=(),
            answer=answer,
        )  # fmt: skip
        knowledge.approve(work, Actor(chief.staff_id, "manager"), row.id)
        return row.article_id


def test_what_an_answer_did_not_help_with_is_asked_again_next_week(
    world: World, desk: Desk
) -> None:
    approved(world, desk, "Can I bring my dog?", "Dogs are welcome.")
    asks(world, AINO, "hello", "can i bring my dog")
    world.rider_taps(AINO, "Talk to a person")
    with world.store.read() as work:
        (use,) = work.session.scalars(select(AnswerGiven))
    assert (use.outcome, use.score) == ("person", 1000)
    assert desk.conversation(AINO).owner == "queue"
    assert week_passes(world) == []  # the entry answers it: it is to be mended, not written


def test_the_answer_comes_in_the_riders_language(world: World, desk: Desk) -> None:
    article = approved(world, desk, "Can I bring my dog?", "Dogs are welcome.")
    writer, chief = desk.agent("agent"), desk.agent("manager")
    with world.store.begin() as work:
        row = knowledge.propose(
            work, Actor(writer.staff_id, "agent"), lang="zh", question="可以带狗吗",
            phrasings=(), answer="欢迎带狗。", article_id=article,
        )  # fmt: skip
        knowledge.approve(work, Actor(chief.staff_id, "manager"), row.id)
    asks(world, WANG, "你好")
    with world.store.begin() as work:
        rider = rider_for(work, "whatsapp", WANG)
        work.session.get_one(Rider, rider.id).lang_chosen = True
    asks(world, WANG, "can I bring my dog")  # asked in English by who reads Chinese
    world.bot_says(WANG, "欢迎带狗")


@pytest.mark.parametrize(
    "form", [{"question": "", "answer": "x"}, {"question": "x", "answer": "y" * 801},
             {"question": "x", "answer": "y", "lang": "xx"},
             {"question": "x", "answer": "y", "article": "77"}],
)  # fmt: skip
def test_what_cannot_be_proposed_is_told(world: World, desk: Desk, form: dict[str, str]) -> None:
    agent = desk.agent()
    assert agent.post("/knowledge", **{"lang": "en", **form}).status_code == 303
    assert "flash-bad" in agent.get("/knowledge").text
    with world.store.read() as work:
        assert work.session.scalars(select(ArticleVersion)).all() == []


def test_nobody_approves_their_own_words_and_one_of_two_decides(engine: Engine) -> None:
    store = Store(engine)
    with store.begin() as work:
        people(work)
        row = knowledge.propose(
            work, Actor(1, "manager"), lang="en", question="Dogs?", phrasings=(), answer="Yes."
        ).id

    def decide(who: int) -> str:
        try:
            with store.begin() as work:
                if who == 2:
                    return knowledge.approve(work, Actor(who, "manager"), row).state
                return knowledge.reject(work, Actor(who, "manager"), row, "no").state
        except NotPossible:
            return "told"

    with store.begin() as work, pytest.raises(NotPossible, match="Somebody else"):
        knowledge.approve(work, Actor(1, "manager"), row)
    with ThreadPoolExecutor(2) as pool:
        outcomes = sorted(pool.map(decide, (2, 3)))
    assert outcomes in (["approved", "told"], ["rejected", "told"])
