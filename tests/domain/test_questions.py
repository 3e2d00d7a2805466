"""Questions are masked, grouped by what they ask, and matched with entries, in any language."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.chinese import simplified
from bot.domain.knowledge import ENOUGH, Version, best, live, may_answer
from bot.domain.questions import Asked, groups, masked, pieces

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("my plate is ABC-123, ok?", "my plate is •••, ok?"),
        ("abc-123 will not charge", "••• will not charge"),
        ("mail anna.b@example.com pls", "mail •••@••• pls"),
        ("call 040 123 4567 now", "call ••• now"),
        ("粤B12345 不能充电", "••• 不能充电"),
        ("M-AB 1234 steht da", "M-••• steht da"),
        ("car 1234 BCD", "car •••"),
        ("AB12 CDE is mine", "••• is mine"),
        ("order R-000123", "order •••"),
        ("pile 1023-27", "pile •••"),
        ("22kW type2 to 80 % in 2 h", "22kW type2 to 80 % in 2 h"),
        ("the 2nd floor", "the 2nd floor"),
    ],
)
def test_what_names_a_person_is_hidden(text: str, shown: str) -> None:
    assert masked(text) == shown


@given(st.text(alphabet="ab 0123456789-.@/", max_size=40))
def test_no_number_of_three_digits_is_left(text: str) -> None:
    assert re.search(r"\d{3}", masked(text)) is None


ASKED = [
    "can I charge in the rain", "is charging in rain ok??", "charging when it rains",
    "do you have student discounts", "student discount?", "any discount for students",
    "可以带狗吗", "能不能带狗去站点",
]  # fmt: skip


def test_questions_that_ask_the_same_are_one_group() -> None:
    made = groups([Asked(text, number) for number, text in enumerate([*ASKED, ASKED[0]])])
    assert [(each.text, each.count) for each in made[:2]] == [
        ("can I charge in the rain", 4), ("student discount?", 3),
    ]  # fmt: skip
    assert {each.count for each in made[2:]} == {2}
    assert made[2].text in ("可以带狗吗", "能不能带狗去站点")


def test_traditional_and_simplified_chinese_ask_the_same() -> None:
    for traditional, simple in (
        ("充電樁壞了怎麼辦", "充电桩坏了怎么办"), ("可以開發票嗎", "可以开发票吗"),
        ("電動車充電費用怎麼計算", "电动车充电费用怎么计算"),
        ("停車場關門後還能充電嗎", "停车场关门后还能充电吗"),
    ):  # fmt: skip
        assert simplified(traditional) == simple
        assert pieces(traditional) == pieces(simple)
    (one,) = groups([Asked("可以開發票嗎", 1), Asked("可以开发票吗", 2), Asked("可以开发票吗", 3)])
    assert (one.text, one.count, one.riders) == ("可以开发票吗", 3, 3)
    found = best("能帶寵物嗎", [(7, "能带宠物吗"), (8, "可以开发票吗")])
    assert found is not None and found[0] == 7
    assert simplified("abc ß 12 한 の") == "abc ß 12 한 の"


def test_one_rider_who_asks_often_is_one_rider() -> None:
    (one,) = groups([Asked("student discount?", 7), Asked("student discount?", 7)])
    assert (one.count, one.riders, one.examples) == (2, 1, (("student discount?", 2),))


@given(st.permutations(ASKED))
def test_the_order_of_the_questions_makes_no_difference(order: list[str]) -> None:
    number = {text: each for each, text in enumerate(ASKED)}
    assert groups([Asked(text, number[text]) for text in order]) == groups(
        [Asked(text, number[text]) for text in ASKED]
    )


@given(st.lists(st.text(max_size=30), max_size=20))
def test_every_question_with_words_is_counted_once(texts: list[str]) -> None:
    made = groups([Asked(text, 1) for text in texts])
    assert sum(each.count for each in made) <= len(texts)
    assert all(each.count >= each.riders >= 1 for each in made)


ENTRIES = (
    (1, "Can I charge in the rain?"), (1, "is it safe when it is wet"),
    (2, "Do you have student discounts?"), (3, "How long may my car stay after charging?"),
    (4, "Is there a toilet at the station?"), (5, "下雨天可以充电吗"), (6, "有学生优惠吗"),
    (7, "¿Puedo cargar con lluvia?"), (8, "Darf man Hunde mitbringen?"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("can i charge while it rains", 1), ("charging in rain, safe?", 1), ("toilets?", 4),
        ("are there student discounts pls", 2), ("下雨能充电吗", 5), ("学生优惠", 6),
        ("se puede cargar con la lluvia", 7), ("kann ich meinen hund mitbringen", 8),
        ("where can I charge", None), ("stop charging", None), ("charge", None),
        ("how do I stop", None), ("my car is stuck", None), ("is there wifi at the station", None),
        ("i want my money back", None), ("怎么停止充电", None), ("哪里可以充电", None),
        ("quiero cargar", None), ("Ladung starten", None), ("xqz plorf", None), ("", None),
    ],
)  # fmt: skip
def test_the_entry_that_answers_is_found_and_no_other(text: str, entry: int | None) -> None:
    found = best(text, ENTRIES)
    assert (found and found[0]) == entry
    assert found is None or found[1] >= ENOUGH


def test_nothing_is_found_where_nothing_is_known() -> None:
    assert best("can I charge in the rain", ()) is None


@pytest.mark.parametrize("intent", ["refund", "stop_charge", "start_charge", "book_pile",
                                    "top_up_or_payment", "safety_emergency", "human_handoff",
                                    "report_fault", "complaint", "cancel_booking"])  # fmt: skip
@pytest.mark.parametrize("confidence", [0.05, 0.3, 0.9])
def test_no_entry_takes_the_place_of_a_request(intent: str, confidence: float) -> None:
    assert not may_answer(intent, confidence, "rasa")


def test_an_entry_answers_what_is_asked_or_not_understood() -> None:
    assert may_answer("unclear", 0.2, "rasa")
    assert may_answer("faq_howto", 0.9, "keywords")
    assert may_answer("greet", 0.3, "rasa") and not may_answer("greet", 0.8, "rasa")
    assert not may_answer("faq_howto", 1.0, "keywords")  # the command "how"
    assert not may_answer("unclear", 0.1, "safety") and not may_answer("unclear", 0, "button")


def version(
    number: int, *, days: int = -1, approved: bool = True, gone: int | None = None
) -> Version:
    withdrawn = NOW + timedelta(days=gone) if gone is not None else None
    return Version(number, 1, "en", number, approved, NOW + timedelta(days=days), withdrawn)


def test_the_newest_that_has_begun_counts() -> None:
    old, now_, ahead = version(1, days=-5), version(2, days=-1), version(3, days=1)
    assert live([old, now_, ahead], NOW) == {(1, "en"): now_}
    assert live([old, now_, ahead], NOW + timedelta(days=2)) == {(1, "en"): ahead}


def test_a_withdrawn_one_leaves_nothing_in_its_place() -> None:
    gone = version(2, days=-1, approved=False, gone=0)
    assert live([version(1, days=-5), gone], NOW) == {}


def test_one_withdrawn_before_its_time_never_counted() -> None:
    old = version(1, days=-5)
    never = version(2, days=1, approved=False, gone=0)
    assert live([old, never], NOW + timedelta(days=3)) == {(1, "en"): old}
