"""What the training data promises: every intent in every language, no message under two labels."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

import pytest

from nlu import corpus
from nlu.language import LANGUAGES
from nlu.normalise import plain
from nlu.train import DATA
from nlu.understand import INTENTS

_ENTITY = re.compile(r"\[([^\]]*)\]\((\w+)\)")
_ENTITIES = {
    "pile_code", "station_name", "location", "time", "duration", "amount", "energy", "percent",
    "connector_type", "vehicle",
}  # fmt: skip


def examples() -> Iterator[tuple[str, str, str]]:
    """(language, intent, annotated text) of every training message."""
    for path in sorted(DATA.glob("*/*.yml")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("    - "):
                yield path.parent.name, path.stem, line.removeprefix("    - ")


def test_there_are_29_intents() -> None:
    assert len(INTENTS) == len(set(INTENTS)) == 29


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_intent_has_examples_in_every_language(lang: str) -> None:
    counts = {path.stem: path.read_text().count("\n    - ") for path in (DATA / lang).glob("*.yml")}
    assert set(counts) == set(INTENTS)
    assert min(counts.values()) >= 15


def test_each_file_names_the_intent_of_its_name() -> None:
    for path in DATA.glob("*/*.yml"):
        assert f"- intent: {path.stem}\n" in path.read_text(encoding="utf-8"), path


def test_no_message_stands_under_two_labels() -> None:
    labels = defaultdict(set)
    for _, intent, text in examples():
        labels[plain(_ENTITY.sub(r"\1", text))].add(intent)
    assert {text: found for text, found in labels.items() if len(found) > 1} == {}


def test_only_known_entities_are_annotated() -> None:
    used = {type_ for _, _, text in examples() for _, type_ in _ENTITY.findall(text)}
    assert used == _ENTITIES


def test_no_training_message_stands_in_a_held_out_set() -> None:
    exam = corpus.held_out()
    # Counted, so that a failure shows nothing of what is held out.
    copied = sum(one.key in exam and corpus.is_telling(one.key) for one in corpus.read())
    assert copied == 0, "run python -m nlu.corpus purge"


def test_every_line_is_well_formed() -> None:
    assert [one for one in corpus.read() if corpus.fault(one.marked)] == []
