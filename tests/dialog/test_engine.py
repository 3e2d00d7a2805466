"""The dialog engine: filling a wish, digressions, changes of mind, stale buttons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bot.dialog.engine import Engine
from bot.dialog.intents import Handler, ask, collect, describe, intent, maybe, wish
from bot.dialog.kinds import AGREED, CHOICE
from bot.dialog.turn import Heard, Turn
from bot.errors import Refused
from bot.replies import Choose, Option, Replies, Reply, Say
from bot.settings import Settings
from bot.store.database import Store, make_engine
from bot.store.riders import Conversation, Rider
from bot.understanding import Entity, Understanding
from tests.databases import with_tables


class Number:
    """A slot kind for these tests: a whole number, at most 100."""

    def hear(self, turn: Turn, name: str, *, asked: bool) -> int | None:
        raw = turn.heard.understanding.entity("number") or (turn.heard.text if asked else "")
        if not raw.isdigit():
            return None
        if int(raw) > 100:
            raise Refused("{number} is too many.", {"number": raw})
        return int(raw)

    def dump(self, value: int) -> str:
        return str(value)

    def load(self, turn: Turn, raw: str) -> int | None:
        return int(raw)


def confirm(turn: Turn, slots: Mapping[str, Any]) -> Replies:
    if slots["cups"] == 13:
        raise Refused("Never thirteen.")
    return Choose(Say("{n} cups?", {"n": slots["cups"]}), [Option("=yes", Say("Yes"))])


@wish
class Order:
    cups: int = ask("How many cups?", Number())
    agreed: bool = ask(confirm, AGREED)


@intent("order")
def order(turn: Turn, want: Order) -> Replies:
    return Say("{n} cups are coming.", {"n": want.cups})


def which_table(turn: Turn, slots: Mapping[str, Any]) -> Replies:
    return Choose(
        Say("Which table?"),
        [Option(f"={n}", Say("{n}", {"n": n})) for n in range(slots["free"] or 2)],
    )


@wish
class Table:
    free: int = maybe(Number())
    table: str = ask(which_table, CHOICE)


@intent("pick")
def pick(turn: Turn, want: Table) -> Replies:
    return Say("Table {n}.", {"n": want.table})


@intent("hours", digression=True)
def hours(turn: Turn) -> Replies:
    return Say("Open all day.")


@intent("invoice_or_receipt")
def bill(turn: Turn) -> Replies:
    return Say("Here is your bill.")


@intent("leave")
def leave(turn: Turn) -> Replies:
    return Say("Bye.")


@intent("unclear")
def unclear(turn: Turn) -> Replies:
    return Say("What?")


@intent("unsupported", digression=True)
def unsupported(turn: Turn) -> Replies:
    return Say("Not here.")


@dataclass
class Cafe:
    """A rider at an engine with the handlers above."""

    store: Store
    now: datetime = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    count: int = 0

    def hears(
        self,
        intent_: str,
        text: str = "",
        *,
        payload: str | None = None,
        number: str | None = None,
        also: tuple[str, ...] = (),
        engine: str = "keywords",
    ) -> list[Reply]:
        handlers: list[Handler] = [order, pick, hours, leave, bill, unclear, unsupported]
        served = Engine(
            {
                name: describe(name, run, digression)
                for run in handlers
                for names, digression, *_ in [run.intent]  # type: ignore[attr-defined]  # the mark
                for name in names
            }
        )
        self.count += 1
        entities = (Entity("number", number),) if number else ()
        with self.store.begin() as work:
            rider = work.session.get_one(Rider, 1)
            heard = Heard(
                key=f"m{self.count}",
                understanding=Understanding(intent_, 1.0, entities, engine=engine, also=also),
                text=text,
                payload=payload,
            )
            turn = Turn(
                work,
                Settings.__new__(Settings),
                rider,
                work.session.get_one(Conversation, 1),
                heard,
            )
            return served.serve(turn)

    def says(self, *args: str, **kwargs: Any) -> list[str]:
        return [
            reply.text if isinstance(reply, Say) else reply.prompt.text
            for reply in self.hears(*args, **kwargs)
            if isinstance(reply, Say | Choose)
        ]

    def button(self, replies: list[Reply]) -> str:
        (choose,) = [reply for reply in replies if isinstance(reply, Choose)]
        return choose.options[0].payload


@pytest.fixture
def cafe(tmp_path: Path) -> Iterator[Cafe]:
    engine = with_tables(make_engine(f"sqlite:///{tmp_path}/cafe.db"))
    store = Store(engine)
    cafe = Cafe(store)
    store.clock = lambda: cafe.now
    with store.begin() as work:
        work.session.add(Rider(id=1, created_at=cafe.now))
        work.session.flush()
        work.session.add(Conversation(id=1, rider_id=1, created_at=cafe.now, dialog={}))
    yield cafe
    engine.dispose()


def test_asks_for_each_empty_slot_then_runs(cafe: Cafe) -> None:
    assert cafe.says("order") == ["How many cups?"]
    assert cafe.says("unclear", "3") == ["{n} cups?"]
    assert cafe.says("affirm", "yes") == ["{n} cups are coming."]
    assert cafe.says("unclear", "3") == ["What?"], "the dialog is over"


def test_takes_what_the_first_message_already_says(cafe: Cafe) -> None:
    assert cafe.says("order", number="2") == ["{n} cups?"]


def test_a_digression_is_answered_and_the_question_comes_again(cafe: Cafe) -> None:
    cafe.says("order", number="2")
    assert cafe.says("hours") == ["Open all day.", "{n} cups?"]
    assert cafe.says("affirm") == ["{n} cups are coming."]


def test_an_intent_nobody_serves_is_a_digression_too(cafe: Cafe) -> None:
    cafe.says("order", number="2")
    assert cafe.says("book_a_trip_to_mars") == ["Not here.", "{n} cups?"]


def test_another_request_replaces_the_dialog(cafe: Cafe) -> None:
    cafe.says("order", number="2")
    assert cafe.says("leave") == ["Bye."]
    assert cafe.says("affirm") == ["Not here."], "nothing waits for a yes any more"


def test_no_ends_the_dialog(cafe: Cafe) -> None:
    cafe.says("order", number="2")
    assert cafe.says("deny") == ["All right, I have dropped that. Nothing was changed."]
    assert cafe.says("affirm") == ["Not here."]


def test_a_corrected_slot_asks_for_agreement_anew(cafe: Cafe) -> None:
    first = cafe.button(cafe.hears("order", number="7"))
    second = cafe.hears("order", number="8")
    assert isinstance(second[0], Choose)
    assert second[0].prompt.values == {"n": 8}
    assert cafe.says("answer", payload=first) == ["{n} cups are coming."], "same dialog, same tag"


def test_a_button_of_an_older_question_does_nothing_and_says_so(cafe: Cafe) -> None:
    old = cafe.button(cafe.hears("order", number="2"))
    cafe.says("leave")
    cafe.hears("order", number="5")
    said = cafe.says("answer", payload=old)
    assert said == [
        "That button belongs to an earlier question, so nothing was done.",
        "{n} cups?",
    ]


def test_a_button_twice_serves_once(cafe: Cafe) -> None:
    yes = cafe.button(cafe.hears("order", number="2"))
    assert cafe.says("answer", payload=yes) == ["{n} cups are coming."]
    assert cafe.says("answer", payload=yes) == [
        "That button belongs to an earlier question, so nothing was done."
    ]


def test_a_refused_slot_value_says_why_and_keeps_asking(cafe: Cafe) -> None:
    cafe.says("order")
    assert cafe.says("unclear", "500") == ["{number} is too many."]
    assert cafe.says("unclear", "5") == ["{n} cups?"]


def test_a_question_that_cannot_be_asked_ends_the_dialog(cafe: Cafe) -> None:
    assert cafe.says("order", number="13") == ["Never thirteen."]
    assert cafe.says("affirm") == ["Not here."]


def test_the_same_request_again_is_a_yes_to_its_own_question(cafe: Cafe) -> None:
    cafe.says("order", number="2")
    assert cafe.says("order", "order it") == ["{n} cups are coming."]


def test_a_long_text_about_the_same_request_is_no_yes(cafe: Cafe) -> None:
    cafe.says("order", number="2")
    assert cafe.says("order", "blah blah order blah blah order blah") == [
        "Sorry, I did not understand that as an answer.",
        "{n} cups?",
    ]


@pytest.mark.parametrize("taken_for", ["deny", "unclear", "out_of_scope"])
def test_a_correction_may_sound_like_a_no(cafe: Cafe, taken_for: str) -> None:
    cafe.says("order", number="2")
    assert cafe.says(taken_for, "no, 3", number="3") == ["{n} cups?"]
    assert cafe.says("affirm") == ["{n} cups are coming."]


def test_an_answer_nobody_understands_is_asked_again_then_goes_to_unclear(cafe: Cafe) -> None:
    cafe.says("order")
    assert cafe.says("unclear", "hm") == [
        "Sorry, I did not understand that as an answer.",
        "How many cups?",
    ]
    assert cafe.says("unclear", "hmm") == ["What?"]


def test_a_yes_to_which_one_keeps_the_question_open(cafe: Cafe) -> None:
    """It was dropped once: the code that came next started a charge instead of a booking."""
    cafe.says("pick")
    assert cafe.says("affirm", "yes") == [
        "Sorry, I did not understand that as an answer.",
        "Which table?",
    ]
    assert cafe.says("answer", payload=cafe.button(cafe.hears("pick"))) == ["Table {n}."]


def test_a_yes_takes_the_only_answer_there_is(cafe: Cafe) -> None:
    cafe.hears("pick", number="1")
    assert cafe.says("affirm", "yes") == ["Table {n}."]


def test_a_dialog_goes_stale_after_an_hour(cafe: Cafe) -> None:
    cafe.says("order", number="2")
    cafe.now += timedelta(minutes=61)
    assert cafe.says("affirm") == ["Not here."]


def test_collect_refuses_two_handlers_of_one_intent(tmp_path: Path, monkeypatch: Any) -> None:
    package = tmp_path / "twice"
    package.mkdir()
    source = (
        "from bot.dialog.intents import intent\nfrom bot.dialog.turn import Turn\n"
        "@intent('x')\ndef run(turn: Turn) -> None: ...\n"
    )
    for name in ("__init__", "a", "b"):
        (package / f"{name}.py").write_text("" if name == "__init__" else source)
    monkeypatch.syspath_prepend(str(tmp_path))
    twice: ModuleType = __import__("twice")
    with pytest.raises(ValueError, match="two handlers for x"):
        collect(twice)


# -- several requests of one message ----------------------------------------------------------


def test_several_requests_are_served_and_the_one_that_asks_comes_last(cafe: Cafe) -> None:
    said = cafe.says("order", number="3", also=("invoice_or_receipt",))
    assert said == ["Here is your bill.", "{n} cups?"]
    assert cafe.says("affirm") == ["{n} cups are coming."]


def test_only_one_question_is_open(cafe: Cafe) -> None:
    assert cafe.says("order", number="3", also=("leave",)) == ["{n} cups?"]


def test_danger_is_served_alone(cafe: Cafe) -> None:
    assert cafe.says("leave", also=("order",), engine="safety") == ["Bye."]


def test_a_message_of_a_pattern_means_its_intent_whatever_its_case() -> None:
    engine = Engine({"case": describe("case", hours, True, ("case",), (r"case\s+#?\d{1,9}",))})

    assert engine.named("Case 4711") == "case"
    assert engine.named(" case #12! ") == "case"
    assert engine.named("case") == "case"
    assert engine.named("in any case 12") is None
    assert engine.named("case 12 " + "please " * 20) is None
