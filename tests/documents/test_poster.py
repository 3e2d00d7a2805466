"""The poster at the station says what the chat says, and names the same version."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

import handlers
from bot.dialog.intents import collect
from bot.gateways.poster_pdf import WORD, posters_of, posters_pdf
from bot.gateways.translate import LANGUAGES, say, translate
from bot.services import promises
from bot.store.cases import ClockPolicy
from tests.world import World, open_world

pytestmark = pytest.mark.skipif(not shutil.which("pdftotext"), reason="needs poppler-utils")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with open_world(Path(tmp_path_factory.mktemp("poster"))) as made:
        yield made


def text_of(made: bytes) -> str:
    """The words on all pages, without breaks of lines."""
    command = ["pdftotext", "-raw", "-", "-"]
    done = subprocess.run(command, input=made, capture_output=True, check=True)
    return re.sub(r"\s+", "", done.stdout.decode())


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("size", ["a4", "a6"])
def test_it_says_every_promise_in_the_words_of_the_chat(world: World, lang: str, size: str) -> None:
    with world.store.read() as work:
        (poster,) = posters_of(work, ["Kamppi"])
    shown = text_of(posters_pdf([poster], world.settings, lang=lang, size=size))
    for each in [*(one.line for one in poster.promises), *promises.when_missed(poster.promises)]:
        assert re.sub(r"\s+", "", say(lang, each)) in shown
    assert "Kamppi" in shown


def test_a_changed_rule_is_on_the_poster_and_in_the_chat_with_the_next_version(
    world: World,
) -> None:
    with world.store.begin() as work:
        work.session.add(
            ClockPolicy(
                name="fault_response", version=2, limit_s=1200, counting="calendar",
                actions=["coupon", "escalate"], warn_percent=75, at=work.now - timedelta(hours=1),
                reason="faster",
            )
        )  # fmt: skip
    with world.store.read() as work:
        (poster,) = posters_of(work)
    shown = text_of(posters_pdf([poster], world.settings))
    assert "Atechniciantakesafaulton:within20min." in shown
    assert "Version2,asinthechat" in shown
    world.rider_says("+358401234567", "promise")
    world.bot_says(
        "+358401234567", "What we promise (version 2)",
        "A technician takes a fault on: within 20 min.", "We ask you whether it is solved",
    )  # fmt: skip


def test_only_what_follows_by_itself_is_said_to_follow(world: World) -> None:
    with world.store.read() as work:
        found = promises.in_force(work)
    told = " ".join(say("en", each) for each in promises.when_missed(found))
    assert "a coupon comes unasked while its budget lasts: A technician takes a fault on." in told
    assert "Your bill" not in told
    none = [replace(each, policy=replace(each.policy, actions=())) for each in found]
    assert len(promises.when_missed(none)) == 1


@pytest.mark.parametrize("lang", LANGUAGES)
def test_its_code_writes_a_word_that_shows_the_promises(lang: str) -> None:
    assert translate(lang, WORD).casefold() in collect(handlers)["promise"].words
