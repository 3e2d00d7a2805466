"""Messages are kept for labelling where the bot doubted or the rider corrected it, masked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.services import understood
from bot.services.housekeeping import tidy
from bot.store.riders import Conversation, Rider
from bot.store.understood import Understood
from nlu import review
from tests.world import World, open_world

PHONE = "+358401234567"
NONSENSE = "blorptang gizmo, my mail is anna@example.com"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_world(tmp_path) as opened:
        opened.rider_says(PHONE, "hello")  # shows the terms
        yield opened


def kept(world: World) -> list[tuple[str, str, str | None]]:
    with world.store.read() as work:
        rows = work.session.scalars(select(Understood).order_by(Understood.id))
        return [(row.text, row.why, row.hint) for row in rows]


def test_what_is_not_understood_is_kept_masked(world: World) -> None:
    world.rider_says(PHONE, NONSENSE)
    assert kept(world) == [("blorptang gizmo, my mail is •••@•••", "unsure", None)]


def test_said_in_other_words(world: World) -> None:
    world.rider_says(PHONE, "blorptang gizmo")
    world.rider_says(PHONE, "receipt please")
    assert kept(world) == [("blorptang gizmo", "rephrased", "invoice_or_receipt")]


def test_a_person_called_right_after(world: World) -> None:
    world.rider_says(PHONE, "receipt please")
    world.rider_says(PHONE, "agent")
    assert kept(world) == [("receipt please", "person", None)]


def test_long_after_is_another_matter(world: World) -> None:
    world.rider_says(PHONE, "receipt please")
    world.clock_passes(600)
    world.rider_says(PHONE, "agent")
    assert kept(world) == []


def test_before_the_terms_nothing_is_kept(tmp_path: Path) -> None:
    with open_world(tmp_path) as fresh:
        fresh.rider_says(PHONE, NONSENSE)
        assert kept(fresh) == []


def test_after_90_days_it_is_gone(world: World) -> None:
    world.rider_says(PHONE, NONSENSE)
    world.ahead += timedelta(days=89)
    tidy(world.store)
    assert len(kept(world)) == 1
    world.ahead += timedelta(days=2)
    tidy(world.store)
    assert kept(world) == []


def test_opting_out_removes_it(world: World) -> None:
    world.rider_says(PHONE, NONSENSE)
    with world.store.begin() as work:
        work.session.scalars(select(Rider)).one().muted_at = work.now
    tidy(world.store)
    assert kept(world) == []
    world.rider_says(PHONE, "zzyx blorptang gizmo")
    assert kept(world) == []


# -- labels into the training data ----------------------------------------------------------------


def test_labels_are_added_once(tmp_path: Path) -> None:
    rows = [
        {
            "id": 7,
            "lang": "en",
            "intent": "find_pile",
            "text": "any zappers round [Soho](location)",
        },
        {"id": 8, "lang": "en", "intent": "find_pile", "text": "any zappers round Soho"},
    ]
    file = tmp_path / "labels.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    said: list[str] = []
    assert review.add(file, said.append, tmp_path / "data") == [7, 8]
    written = (tmp_path / "data/en/find_pile.yml").read_text(encoding="utf-8")
    assert written.count("zappers") == 1
    assert "./run train" in said[-1]
    assert review.add(file, said.append, tmp_path / "data") == [7, 8]
    assert said[-1] == "Nothing was added."


@pytest.mark.parametrize(
    "line", ["{", '{"text": "x"}', '{"lang": "xx", "intent": "help", "text": "x"}',
             '{"lang": "en", "intent": "dance", "text": "x"}',
             '{"lang": "en", "intent": "help", "text": "/help"}'],
)  # fmt: skip
def test_a_wrong_line_adds_nothing(tmp_path: Path, line: str) -> None:
    file = tmp_path / "labels.jsonl"
    good = '{"lang": "en", "intent": "help", "text": "what now then"}'
    file.write_text(f"{good}\n{line}", encoding="utf-8")
    with pytest.raises(review.BadLabels, match="line 2"):
        review.add(file, print, tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_labelled_ones_are_forgotten(world: World) -> None:
    world.rider_says(PHONE, NONSENSE)
    with world.store.begin() as work:
        understood.labelled(work, [row.id for row in understood.review(work)])
    assert kept(world) == []


def test_a_person_who_takes_over_right_after(world: World) -> None:
    world.rider_says(PHONE, "receipt please")
    with world.store.begin() as work:
        chat = work.session.scalars(select(Conversation)).one()
        understood.person_took_over(work, chat.id, work.session.scalars(select(Rider)).one())
    assert kept(world) == [("receipt please", "person", None)]
