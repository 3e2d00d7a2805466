"""Card numbers in a chat: found however they are spaced, and nothing else is taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.cards import hide_cards
from bot.gateways.inbound import record
from bot.store.queues import Inbox
from tests.payments.conftest import World

# Test numbers the card schemes' processors publish.
NUMBERS = [
    "4242424242424242", "4000056655665556", "5555555555554444", "2223003122003222",
    "378282246310005", "6011111111111117", "3056930009020004", "36227206271667",
    "3566002020360505", "6200000000000005", "6205500000000000004", "4222222222222",
]  # fmt: skip
GAPS = ["", " ", "-", ".", "  ", " - ", "\n", "\u00a0", "\u200b", "/"]


@pytest.mark.parametrize("number", NUMBERS)
@given(gaps=st.lists(st.sampled_from(GAPS), min_size=18, max_size=18))
def test_a_card_number_is_hidden_in_any_spacing(number: str, gaps: list[str]) -> None:
    typed = number[0] + "".join(map(str.__add__, gaps, number[1:]))
    hidden, found = hide_cards(f"my card is {typed}.")
    assert (hidden, found) == (f"my card is •••• {number[-4:]}.", True)


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("4242 4242 4242 4242 12/29 123", "•••• 4242 12/29 123"),
        ("4242424242424242, CVC: 123", "•••• 4242, CVC: •••"),
        ("1023-27 4242 4242 4242 4242", "1023-27 •••• 4242"),
        ("4242424242424242 and 5555 5555 5555 4444", "•••• 4242 and •••• 4444"),
        ("٤٢٤٢ ٤٢٤٢ ٤٢٤٢ ٤٢٤٢", "•••• 4242"),
        ("4242４２４２42424242", "•••• 4242"),
        ("卡号4242424242424242谢谢", "卡号•••• 4242谢谢"),
    ],
)
def test_what_stands_around_it_stays(text: str, hidden: str) -> None:
    assert hide_cards(text) == (hidden, True)


@pytest.mark.parametrize(
    "text",
    ["1023-27", "4242 4242 4242 4243", "+44 7911 123456", "0000 0000 0000 0000", "", "cvc 123",
     "call +4242424242424242", "receipt R-000001 of 2026-11-20 14:02", "60.169012, 24.931045"],
)  # fmt: skip
def test_other_numbers_stay(text: str) -> None:
    assert hide_cards(text) == (text, False)


@given(st.text(max_size=200))
def test_any_text_is_survived_and_hiding_twice_changes_nothing(text: str) -> None:
    hidden, found = hide_cards(text)
    assert found or hidden == text
    assert hide_cards(hidden)[0] == hidden


def test_the_webhook_keeps_no_digits(world: World) -> None:
    with world.store.begin() as work:
        record(work, {
            "MessageSid": "SM" + "a" * 32, "From": "whatsapp:+358401234567",
            "Body": "4242 4242 4242 4242", "ProfileName": "4242424242424242",
        })  # fmt: skip
    with world.store.read() as work:
        body = work.session.query(Inbox).one().body
    assert body["Body"] == body["ProfileName"] == "•••• 4242"
    assert body["CardHidden"] == "true"
