"""Sharing a site's power: fair, never above the cap, least or pause, lower before higher."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.power import Draw, Known, draw_for, next_orders, share


@pytest.mark.parametrize(
    ("cap", "draws", "expected"),
    [
        (22_000, [draw_for(1, "ac", 22_000)], {1: 22_000}),
        (22_000, [draw_for(1, "ac", 22_000), draw_for(2, "ac", 22_000)], {1: 11_000, 2: 11_000}),
        # Who wants less leaves the rest to the others.
        (22_000, [draw_for(1, "ac", 5_000), draw_for(2, "ac", 22_000)], {1: 5_000, 2: 17_000}),
        (10_000, [draw_for(n, "ac", 11_000) for n in (1, 2, 3)], {1: 5_000, 2: 5_000, 3: 0}),
        (3_000, [draw_for(1, "ac", 11_000)], {1: 0}),
        # A vehicle that takes nothing keeps the least, so that it can begin again.
        (22_000, [draw_for(1, "ac", 22_000, idle=True), draw_for(2, "ac", 22_000)],
         {1: 4_140, 2: 17_860}),
        (60_000, [draw_for(1, "dc", 50_000), draw_for(2, "ebike_box", 500)], {1: 50_000, 2: 500}),
        (30_000, [draw_for(1, "dc", 50_000), draw_for(2, "ebike_box", 500)], {1: 29_500, 2: 500}),
        # A pile that takes no limits gets all it may draw set aside.
        (30_000, [draw_for(1, "ac", 22_000), draw_for(2, "ac", 22_000, fixed=True)],
         {1: 8_000, 2: 22_000}),
        (100, [draw_for(n, "ebike_box", 500) for n in (1, 2)], {1: 100, 2: 0}),
        (1_000, [draw_for(n, "ebike_box", 500) for n in (1, 2, 3)], {1: 333, 2: 333, 3: 333}),
        (0, [], {}),
    ],
)  # fmt: skip
def test_shares(cap: int, draws: list[Draw], expected: dict[int, int]) -> None:
    assert share(cap, draws) == expected


DRAWS = st.lists(
    st.tuples(st.sampled_from(["ac", "dc", "ebike_box"]), st.integers(100, 150_000), st.booleans()),
    max_size=12,
).map(lambda raw: [draw_for(n, kind, most, idle=idle) for n, (kind, most, idle) in enumerate(raw)])


@given(st.integers(0, 300_000), DRAWS)
def test_the_cap_holds_and_nothing_useful_is_left(cap: int, draws: list[Draw]) -> None:
    given_w = share(cap, draws)
    assert sum(given_w.values()) <= cap
    for each in draws:
        assert given_w[each.id] == 0 or each.least_w <= given_w[each.id] <= each.wanted_w
    left = cap - sum(given_w.values())
    hungry = [each for each in draws if 0 < given_w[each.id] < each.wanted_w]
    assert not hungry or left < len(hungry)
    # Fair: whoever could use more has no less than anybody with the same least and more wishes.
    for one in hungry:
        for other in draws:
            if given_w[other.id] > given_w[one.id] + len(draws):
                assert given_w[other.id] == min(other.least_w, other.wanted_w)


@given(st.integers(20_000, 100_000), DRAWS, st.randoms(use_true_random=False))
def test_orders_never_pass_the_cap_whoever_obeys_when(
    cap: int, draws: list[Draw], dice: Random
) -> None:
    """Charges begin with nothing; targets change while some answers are still on their way."""
    may: dict[int, int] = {each.id: 0 for each in draws}
    told: dict[int, int | None] = dict.fromkeys(may)
    sent: dict[int, int] = {}
    for _ in range(12):
        some = [each for each in draws if dice.random() < 0.7]
        wanted = {each.id: 0 for each in draws} | share(cap, some)
        known = [
            Known(each.id, max(may[each.id], sent.get(each.id, 0)), told[each.id]) for each in draws
        ]
        for id_, watts in next_orders(cap, wanted, known).items():
            told[id_] = watts
            sent[id_] = watts
        worst = sum(max(may[each.id], sent.get(each.id, 0)) for each in draws)
        assert worst <= cap
        for id_ in list(sent):
            if dice.random() < 0.5:  # this pile says yes
                may[id_] = sent.pop(id_)


def test_less_is_told_first_and_more_when_it_was_taken() -> None:
    wanted = {1: 11_000, 2: 11_000}
    before = [Known(1, 22_000, 22_000), Known(2, 0, None)]
    assert next_orders(22_000, wanted, before) == {1: 11_000, 2: 0}
    unanswered = [Known(1, 22_000, 11_000), Known(2, 0, 0)]
    assert next_orders(22_000, wanted, unanswered) == {}
    taken = [Known(1, 11_000, 11_000), Known(2, 0, None)]
    assert next_orders(22_000, wanted, taken) == {2: 11_000}
