"""What the classifier sees of a message: levelled words, marks for numbers, concepts, pieces."""

from __future__ import annotations

import pytest

from nlu.components import features
from nlu.components.concepts import Concepts, load, words_of
from nlu.components.requests import pieces
from nlu.normalise import plain


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("Start 1023-27 NOW pls!", "start xcode now please !"),
        ("até 80%, às 18:30", "ate xpercent as xtime"),
        ("coupe dans 20 min", "coupe dans xduration"),
        ("充到80% 3号桩", "充 到 xpercent xpile 桩"),
        ("充電樁壞了", "充 电 桩 坏 了"),
        ("refund my 12,50 € plz", "refund my xamount please"),
        ("20 kWh sur B7 stp", "xenergy sur xpile s il te plait"),
        ("pile 4431 🔥🔥", "pile 0000 🔥 🔥"),
    ],
)
def test_the_levelled_text(text: str, seen: str) -> None:
    assert features.level(text) == seen


@pytest.mark.parametrize(
    "text",
    ["i want a refund", "quiero un reembolso", "quero estorno", "je veux un remboursement",
     "ich will eine Erstattung", "我要退款", "我要退錢"],
)  # fmt: skip
def test_a_concept_is_found_in_every_language(text: str) -> None:
    assert "refund" in load().find(plain(text))


def test_phrases_and_stems_are_found_in_the_order_of_the_words() -> None:
    found = Concepts("# a comment\nback: money_back\nmoney: money\nsmell: smell*\nhot: 烫")
    assert found.find("smelly money back 很烫") == ["smell", "money", "back", "hot"]
    assert found.find("moneyed") == []


def test_elisions_are_words_of_their_own() -> None:
    assert words_of("l'argent qu'on m'a pris, don't") == [
        "l", "argent", "qu", "on", "m", "a", "pris", "dont",
    ]  # fmt: skip


def test_the_order_of_concepts_is_a_feature() -> None:
    stop_then_bill = features.concepts("stop it and send the receipt")
    bill_then_stop = features.concepts("send the receipt and stop it")
    assert "stop>receipt" in stop_then_bill
    assert "receipt>stop" in bill_then_stop


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("finish up and mail me the bill", ["finish up", "mail me the bill"]),
        ("ciérralo y mándame la factura", ["ciérralo", "mándame la factura"]),
        ("停了吧,顺便把发票发我", ["停了吧", "把发票发我"]),
        ("stop", []),
        ("please stop the charge now", []),
        ("a b, " * 50, []),
    ],
)
def test_a_message_is_cut_where_requests_meet(text: str, cut: list[str]) -> None:
    assert pieces(text) == cut
