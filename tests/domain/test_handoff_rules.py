"""Which words call a person by themselves, and which only look like it."""

from __future__ import annotations

import pytest

from bot.domain.handoff_rules import (
    Signals,
    call_person,
    is_angry,
    is_dispute,
    is_shouted,
    is_threat,
)


@pytest.mark.parametrize(
    "text",
    [
        "I will sue you", "my lawyer will call", "I am going to the press", "see you in court",
        "Voy a hablar con mi abogado", "vou reclamar no Procon", "我要起诉你们", "我找律师",
        "je vais porter plainte", "Mein Anwalt ruft an", "verbraucherzentrale!",
    ],
)  # fmt: skip
def test_threats(text: str) -> None:
    assert is_threat(text)


@pytest.mark.parametrize(
    "text",
    [
        "I don't want to sue you", "no need for a lawyer, I will not sue you", "press the button",
        "is it near the court house?", "我不会起诉", "Ich will nicht vor Gericht gehen",
        "the tennis court is nice",
    ],
)  # fmt: skip
def test_no_threats(text: str) -> None:
    assert not is_threat(text)


@pytest.mark.parametrize(
    "text",
    [
        "you charged me twice", "I was double charged", "I was overcharged yesterday",
        "charged me for nothing", "me han cobrado dos veces", "fui cobrado, cobraram duas vezes",
        "扣了两次钱", "j'ai été débité deux fois", "mir wurde doppelt abgebucht",
    ],
)  # fmt: skip
def test_disputes(text: str) -> None:
    assert is_dispute(text)


@pytest.mark.parametrize(
    "text",
    [
        "will I be charged twice?", "I hope I am not charged twice", "I was not overcharged",
        "can I be overcharged if I stay?", "没有多扣钱", "how much did I pay?",
    ],
)  # fmt: skip
def test_no_disputes(text: str) -> None:
    assert not is_dispute(text)


@pytest.mark.parametrize(
    "text",
    [
        "this is bullshit", "useless bot", "垃圾", "qué estafa", "so eine Frechheit",
        "c'est honteux", "WHY DOES THIS NEVER WORK",
    ],
)  # fmt: skip
def test_anger(text: str) -> None:
    assert is_angry(text)


@pytest.mark.parametrize(
    "text",
    [
        "app is on fire, love it", "STOP", "1023-27", "HOW", "CCS TYPE 2", "not useless at all",
        "IBAN FI12", "Sörnäinen",
    ],
)  # fmt: skip
def test_no_anger(text: str) -> None:
    assert not is_angry(text)


def test_shouting_is_a_sentence_in_capitals() -> None:
    assert is_shouted("IT DOES NOT WORK AT ALL")
    assert not is_shouted("OK")
    assert not is_shouted("这个充电桩坏了")


def test_anger_calls_somebody_the_second_time_or_where_money_is_meant() -> None:
    once = Signals("this is ridiculous", "unclear", typed=True)
    assert call_person(once) is None
    assert call_person(Signals("useless", "unclear", True, earlier=("ok", "ridiculous"))) == "angry"
    assert call_person(Signals("ridiculous bill", "unclear", True)) == "angry"
    asked = Signals("this is ridiculous", "unclear", True, intents=("invoice_or_receipt",))
    assert call_person(asked) == "angry"


def test_the_same_request_three_times() -> None:
    again = ("Where is pile 9?", "where is PILE 9?")
    assert call_person(Signals("where is pile 9?", "find_pile", True, earlier=again)) == "repeated"
    assert call_person(Signals("where is pile 9?", "find_pile", True, earlier=again[:1])) is None
    assert call_person(Signals("how is it going", "charge_status", True, earlier=again)) is None
    status = ("status", "status")
    assert call_person(Signals("status", "charge_status", True, earlier=status)) is None


def test_failed_commands_count_whatever_the_rider_says_next() -> None:
    assert call_person(Signals("", "find_pile", typed=False, failed=2)) == "command_failed"
    assert call_person(Signals("", "find_pile", typed=False, failed=1)) is None


def test_a_tapped_button_is_never_angry() -> None:
    assert call_person(Signals("USELESS SCAM MONEY", "help", typed=False)) is None
