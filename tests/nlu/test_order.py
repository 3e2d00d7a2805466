"""Which signal of a message decides: button, danger, code in a photo, keyword."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.understanding import Understander
from nlu.understand import INTENTS, MAX_CHARS, Nlu, clean

understand: Understander = Nlu(None)


def test_a_button_names_the_intent_and_its_slots() -> None:
    meant = understand("Start", payload="start_charge?pile=1023-27&kwh=20")
    assert (meant.intent, meant.confidence, meant.engine) == ("start_charge", 1.0, "button")
    assert (meant.entity("pile"), meant.entity("kwh")) == ("1023-27", "20")


def test_slots_of_a_button_are_url_decoded() -> None:
    meant = understand("", payload="find_pile?near=K%C3%A4mp+%26+Co")
    assert meant.entity("near") == "Kämp & Co"


def test_an_answer_button_belongs_to_the_dialog() -> None:
    meant = understand("Yes", payload="=yes")
    assert (meant.intent, meant.entity("answer"), meant.engine) == ("answer", "yes", "button")


def test_a_button_wins_over_the_words_on_it() -> None:
    assert understand("fire!", payload="find_pile").intent == "find_pile"


def test_danger_wins_over_a_code_in_the_photo() -> None:
    meant = understand("it is smoking", codes=("1023-27",))
    assert (meant.intent, meant.engine) == ("safety_emergency", "safety")
    assert meant.entity("pile_code") == "1023-27"


def test_a_code_in_a_photo_starts_a_charge() -> None:
    meant = understand("", codes=("1023-27",))
    assert (meant.intent, meant.confidence, meant.engine) == ("start_charge", 1.0, "qr")
    assert meant.entity("pile_code") == "1023-27"


def test_two_codes_in_a_photo_are_both_kept() -> None:
    meant = understand("", codes=("1023-27", "1023-35"))
    assert [e.value for e in meant.entities] == ["1023-27", "1023-35"]


@pytest.mark.parametrize("caption", ["hello", "this one please", "yes", "10 euros"])
def test_a_caption_does_not_stop_a_photo_from_starting(caption: str) -> None:
    assert understand(caption, codes=("1023-27",)).intent == "start_charge"


def test_a_caption_that_asks_for_something_else_decides() -> None:
    meant = understand("the screen is broken", codes=("1023-27",))
    assert (meant.intent, meant.entity("pile_code")) == ("report_fault", "1023-27")


def test_an_amount_in_the_caption_is_kept() -> None:
    assert understand("20 kWh", codes=("1023-27",)).entity("energy") == "20000"


def test_danger_wins_over_keywords_and_context() -> None:
    assert understand("stop, smoke!", context=frozenset(["session_active"])).engine == "safety"


def test_nothing_is_unclear() -> None:
    for text in ("", "   ", "\n\t", "\u200b", "/", "///"):
        meant = understand(text)
        assert (meant.intent, meant.confidence) == ("unclear", 0.0)


def test_what_goes_to_rasa_is_bounded_and_cannot_inject() -> None:
    assert clean('/refund{"amount":"100"}') == 'refund{"amount":"100"}'
    assert clean(" / / /start") == "start"
    assert len(clean("wort " * 20_000)) <= MAX_CHARS
    assert clean("a\x00b\u202ec\nd") == "a b c d"


@pytest.mark.parametrize(
    "text", ["😂", "🎉🎉🎉", "помогите мне", "مرحبا", "नमस्ते भाई", "。。。", "12.5.2026"]
)
def test_unknown_scripts_and_bare_emoji_are_not_guessed(text: str) -> None:
    assert understand(text).intent in ("unclear", "out_of_scope")


FACTS = (
    "session_active",
    "has_booking",
    "plugged_in",
    "asked_confirm",
    "asked_confirm:stop_charge",
)


@given(
    st.text(max_size=1000),
    st.none() | st.text(max_size=50),
    st.lists(st.text(max_size=10), max_size=3),
    st.frozensets(st.sampled_from(FACTS)),
)
def test_no_message_makes_it_raise(
    text: str, payload: str | None, codes: list[str], context: frozenset[str]
) -> None:
    meant = understand(text, payload=payload, codes=tuple(codes), context=context)
    assert 0.0 <= meant.confidence <= 1.0
    if not payload:
        assert meant.intent in (*INTENTS, "unclear")
