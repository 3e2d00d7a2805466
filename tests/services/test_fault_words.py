"""A fault code in words: the model's own table first, spelling forgiven, the reader's language."""

from __future__ import annotations

import pytest

from bot.gateways.translate import LANGUAGES, say
from bot.services import fault_words


@pytest.mark.parametrize(
    ("model", "code", "told"),
    [
        ("Katu 2×22", "E14", "E14: the meter does not answer"),
        ("Katu 2×22", "e-14", "e-14: the meter does not answer"),
        ("Pika 50", "E14", "E14"),  # another maker's number means nothing here
        ("", "OVER_TEMP", "OVER_TEMP: too hot inside"),
        ("Pyörä 8", "overTemp", "overTemp: too hot inside"),
        ("Pyörä 8", "", ""),
    ],
)
def test_a_code_is_told_with_what_it_means(model: str, code: str, told: str) -> None:
    assert fault_words.in_english(model, code) == told
    assert say("en", fault_words.told(model, code)) == (told or "–")


def test_every_meaning_is_told_in_every_language() -> None:
    english = say("en", fault_words.told("Pika 50", "E33"))
    told = {say(lang, fault_words.told("Pika 50", "E33")) for lang in LANGUAGES if lang != "en"}
    assert len(told) == len(LANGUAGES) - 1
    assert english not in told
    assert all(each.startswith("E33") for each in told)
