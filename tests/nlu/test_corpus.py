"""The training files: what may be added, what is refused, what the report finds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nlu import corpus
from nlu.corpus import Message


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    corpus.append("en", "refund", ["give me the deposit back"], folder)
    corpus.append("en", "start_charge", ["start pile [12](pile_code) please"], folder)
    return folder


def _batch(tmp_path: Path, lang: str, intent: str, *lines: str) -> Path:
    path = tmp_path / "batch" / lang / f"{intent}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines), encoding="utf-8")
    return tmp_path / "batch"


def test_a_message_knows_its_text_and_its_frame() -> None:
    one = Message("en", "start_charge", "Start pile [12](pile_code), PLEASE!")
    assert one.text == "Start pile 12, PLEASE!"
    assert one.key == "start pile 12 please"
    assert one.frame == "start pile xpile_code please"


def test_emoji_are_part_of_what_is_said_and_punctuation_is_not() -> None:
    assert corpus.key("⏹️ B5!") != corpus.key("B5") == corpus.key("b5...")
    assert corpus.key("???") == "???"


def test_what_is_appended_is_read_again(data: Path) -> None:
    corpus.append("en", "refund", ["money back pls", "  reembolso   ya  "], data)
    assert [one.marked for one in corpus.read(data) if one.intent == "refund"] == [
        "give me the deposit back", "money back pls", "reembolso ya",
    ]  # fmt: skip


def test_merging_twice_adds_nothing(tmp_path: Path, data: Path) -> None:
    batch = _batch(tmp_path, "fr", "refund", "rendez-moi mes [5 euros](amount)", "")
    assert corpus.merge(batch, data).added == {("fr", "refund"): 1}
    again = corpus.merge(batch, data)
    assert not again.added
    assert [reason for reason, _ in again.refused] == ["stands already"]


def test_a_message_never_stands_under_two_intents(tmp_path: Path, data: Path) -> None:
    batch = _batch(tmp_path, "en", "complaint", "Give me the DEPOSIT back!!")
    (refusal,) = corpus.merge(batch, data).refused
    assert refusal[0] == "stands already as refund"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("start [12(pile_code)", "unbalanced brackets"),
        ("start [12](pile)", "unknown entity type pile"),
        ("/start", "Rasa takes a leading / for a command"),
        ("bell \x07 rings", "control character"),
        ("x" * 601, "too long"),
    ],
)
def test_malformed_lines_are_refused(data: Path, line: str, reason: str) -> None:
    merged = corpus.append("en", "start_charge", [line], data)
    assert (merged.added.total(), merged.refused[0][0]) == (0, reason)


def test_unknown_files_are_an_error(tmp_path: Path, data: Path) -> None:
    with pytest.raises(ValueError, match="en/refunds"):
        corpus.merge(_batch(tmp_path, "en", "refunds", "hello"), data)


def test_what_is_held_out_is_refused_and_not_shown(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exam = tmp_path / "blind"
    exam.mkdir()
    rows = [{"text": "could you Send my pennies home?"}, {"text": "refund"}]
    (exam / "en.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    monkeypatch.setattr(corpus, "held_out", lambda: corpus.keys_of((exam,)))
    merged = corpus.append("en", "refund", ["could you send my pennies home", "refund"], data)
    assert merged.added == {("en", "refund"): 1}  # a word that everybody writes may stand
    assert not any("pennies" in line for line in corpus.summary(merged))


def test_what_an_exam_written_later_contains_is_taken_out(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exam = frozenset([corpus.key("Give me the deposit BACK"), "start pile 12"])
    monkeypatch.setattr(corpus, "held_out", lambda: exam)
    assert (corpus.purge(data), corpus.purge(data)) == (1, 0)
    assert [one.intent for one in corpus.read(data)] == ["start_charge"]


def test_near_duplicates_are_found_whatever_their_entities() -> None:
    rows = [
        Message("en", "start_charge", "please switch on pile [12](pile_code) for me"),
        Message("en", "start_charge", "please switch on pile [B7](pile_code) for me!"),
        Message("en", "stop_charge", "please switch off pile [9](pile_code) for me"),
        Message("de", "start_charge", "please switch on pile [3](pile_code) for me"),
        Message("en", "refund", "a wholly different request about money"),
    ]
    pairs = {
        frozenset((a.text, b.text)): round(likeness)
        for a, b, likeness in corpus.near_duplicates(rows)
    }
    same = frozenset((rows[0].text, rows[1].text))
    assert pairs[same] == 100
    assert frozenset((rows[2].text, rows[0].text)) in pairs
    assert not any(rows[3].text in pair or rows[4].text in pair for pair in pairs)


def test_the_report_tells_balance_and_conflicts() -> None:
    rows = [
        Message("en", "refund", "give me [5 euros](amount) back"),
        Message("zh", "complaint", "Give me 5 euros BACK"),
    ]
    lines = list(corpus.report(rows))
    assert "| refund | 1 | 0 | 0 | 0 | 0 | 0 | 1 |" in lines
    assert "| amount | 1 | 0 | 0 | 0 | 0 | 0 |" in lines
    assert any("two intents: en/refund, zh/complaint" in line for line in lines)
