"""Every notice of the state machine has words, and they survive the outbox with nothing missing."""

from __future__ import annotations

import ast
import json
from datetime import timedelta
from inspect import getsource
from string import Formatter

import pytest

from bot.domain import charging, session_money, session_step
from bot.replies import Reply, Say, dump, load
from bot.services.notices import NOTICES, Occasion, notice
from tests.domain.test_charging import T0, suspended

URL = "https://pay.example/1"


def told_by_the_domain() -> set[str]:
    """Names that the state machine hands to `tell` and `tell_once`."""
    names: set[str] = set()
    for module in (charging, session_money, session_step):
        for node in ast.walk(ast.parse(getsource(module))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in {"tell", "tell_once"}
            ):
                names |= {
                    each.value
                    for each in ast.walk(node.args[0])
                    if isinstance(each, ast.Constant) and isinstance(each.value, str)
                }
    return names - {"rider", "staff"}


def occasion(**values: str) -> Occasion:
    return Occasion(
        session_id=12,
        evse_code="1023-27",
        station_name="Kamppi",
        facts=suspended().facts,
        bill_id=3,
        now=T0 + timedelta(minutes=5),
        values={"why": "no_answer", "by": "limit", "url": URL, "amount_minor": "40", **values},
    )


def sentences(value: object) -> list[Say]:
    """Every Say inside a reply."""
    if isinstance(value, Say):
        return [value, *(each for inner in value.values.values() for each in sentences(inner))]
    if isinstance(value, list | tuple):
        return [each for inner in value for each in sentences(inner)]
    slots = getattr(value, "__dataclass_fields__", {})
    return [each for name in slots for each in sentences(getattr(value, name))]


def test_the_words_and_the_state_machine_know_the_same_notices() -> None:
    names = told_by_the_domain()
    assert len(names) > 25
    assert names == set(NOTICES)


@pytest.mark.parametrize("name", NOTICES)
def test_nothing_is_missing_from_the_words(name: str) -> None:
    reply = notice(name, occasion())
    check(reply)


@pytest.mark.parametrize(
    "why", ["offline", "Occupied", "plug_in", "vehicle", "hold_expired", "something new"]
)
def test_every_reason_has_words(why: str) -> None:
    reply = notice("start_failed", occasion(why=why))
    check(reply)
    assert "1023-27" in json.dumps(dump(reply))


@pytest.mark.parametrize("by", ["limit", "hold_limit", "hold_expired", "something new"])
def test_every_end_has_words(by: str) -> None:
    check(notice("stopped", occasion(by=by)))


def check(reply: Reply) -> None:
    assert load(json.loads(json.dumps(dump(reply)))) is not None
    for say in sentences(reply):
        wanted = {field for _, field, _, _ in Formatter().parse(say.text) if field}
        assert wanted <= set(say.values), say.text
        assert len(say.text) <= 400
