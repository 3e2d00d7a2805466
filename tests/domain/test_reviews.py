"""Samples can be drawn again, leave nobody out, and scores weigh what applies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.reviews import BEST, SHEET_1, Criterion, average, draw, size, total

STRATA = st.dictionaries(
    st.sampled_from(["bot", "staff:1", "staff:2", "staff:3"]),
    st.lists(st.integers(0, 200).map(lambda n: f"case:{n}"), unique=True, max_size=80),
)
RULES = {"percent": 5, "least": 2, "most": 20}


@given(STRATA, st.text(max_size=8))
def test_a_sample_is_part_of_the_work_and_can_be_drawn_again(
    strata: dict[str, list[str]], seed: str
) -> None:
    drawn = draw(strata, seed, **RULES)
    assert drawn == draw({name: ids[::-1] for name, ids in strata.items()}, seed, **RULES)
    for name, ids in strata.items():
        assert set(drawn[name]) <= set(ids)
        assert len(set(drawn[name])) == size(len(ids), **RULES)


@given(STRATA)
def test_one_persons_sample_does_not_hang_on_the_others(strata: dict[str, list[str]]) -> None:
    for name, ids in strata.items():
        assert draw(strata, "x", **RULES)[name] == draw({name: ids}, "x", **RULES)[name]


def test_another_seed_draws_others_and_each_piece_has_its_chance() -> None:
    pool = {"bot": [f"bot:{number}" for number in range(40)]}
    drawn = [draw(pool, str(seed), **RULES)["bot"] for seed in range(400)]
    times = {each: sum(each in one for one in drawn) for each in pool["bot"]}
    assert min(times.values()) >= 5  # of 20 that are expected
    assert max(times.values()) <= 45


@pytest.mark.parametrize(
    ("of", "drawn"), [(0, 0), (1, 1), (2, 2), (40, 2), (41, 3), (100, 5), (1000, 20)]
)
def test_how_many_are_drawn(of: int, drawn: int) -> None:
    assert size(of, **RULES) == drawn


TWO = (Criterion("a", "A", 30), Criterion("b", "B", 10))


@pytest.mark.parametrize(
    ("scores", "comes_to"),
    [({"a": 4, "b": 4}, 1000), ({"a": 0, "b": 4}, 250), ({"a": 3, "b": None}, 750),
     ({"a": None, "b": 0}, 0), ({"a": None, "b": None}, None), ({"a": 1, "b": 2}, 313)],
)  # fmt: skip
def test_what_does_not_apply_weighs_nothing(
    scores: dict[str, int | None], comes_to: int | None
) -> None:
    assert total(TWO, scores) == comes_to


@pytest.mark.parametrize("scores", [{"a": 4}, {"a": 5, "b": 1}, {"a": -1, "b": 1},
                                    {"a": 1, "b": 1, "c": 1}])  # fmt: skip
def test_scores_that_the_sheet_does_not_have_are_refused(scores: dict[str, int | None]) -> None:
    with pytest.raises(ValueError, match="score"):
        total(TWO, scores)


@given(st.fixed_dictionaries({each.key: st.none() | st.integers(0, BEST) for each in SHEET_1}))
def test_a_better_score_never_lowers_the_total(scores: dict[str, int | None]) -> None:
    before = total(SHEET_1, scores)
    for key, score in scores.items():
        if before is not None and score is not None and score < BEST:
            assert (total(SHEET_1, {**scores, key: score + 1}) or 0) > before


def test_averages() -> None:
    assert average([]) is None
    assert average([1000, 500, 501]) == 667
