"""`./run parse`: rows in, the bot's decisions out."""

from __future__ import annotations

import io
import json
from pathlib import Path

from bot.understanding import Understanding
from nlu.parse import label, parse_file
from nlu.understand import Nlu


def _parse(tmp_path: Path, *rows: object) -> list[dict[str, object]]:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    out = io.StringIO()
    parse_file(path, Nlu(None), out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_rows_keep_their_order_and_ids(tmp_path: Path) -> None:
    rows = _parse(
        tmp_path,
        {"id": "a", "text": "start 1023-27 for 20 kWh", "lang": "en"},
        {"id": 2, "text": "stop", "context": ["session_active"]},
        {"id": "c", "text": "stop"},
        {"id": "d", "text": ""},
    )
    assert [row["id"] for row in rows] == ["a", 2, "c", "d"]
    assert [row["intent"] for row in rows] == [
        "start_charge", "stop_charge", "privacy_request", "out_of_scope",
    ]  # fmt: skip
    assert rows[0]["entities"] == [
        {"type": "pile_code", "value": "1023-27"},
        {"type": "energy", "value": "20 kWh"},
    ]
    assert set(rows[1]) == {"id", "intent", "confidence", "entities", "engine", "ms"}


def test_unclear_is_printed_as_what_the_bot_offers_first() -> None:
    assert label(Understanding("unclear", 0.2, secondary="refund")) == "refund"
    assert label(Understanding("unclear", 0.0)) == "out_of_scope"
    assert label(Understanding("find_pile", 0.8, secondary="refund")) == "find_pile"


def test_a_bad_row_gets_an_error_and_the_rest_their_answers(tmp_path: Path) -> None:
    rows = [
        b'{"id": 1, "text": "stop", "context": ["session_active"]}',
        b"not json",
        b"",
        b'["a list"]',
        b'{"id": 3}',
        b'{"id": 4, "text": "\\ud83d half", "lang": 7, "context": "session_active"}',
        b'{"id": 5, "text": "\xff\xfe"}',
        b'{"text": ""}',
    ]
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"\n".join(rows))
    out = io.StringIO()
    parse_file(path, Nlu(None), out)
    answers = [json.loads(line) for line in out.getvalue().splitlines()]
    assert len(answers) == 7
    assert answers[0]["intent"] == "stop_charge"
    assert ["error" in answer for answer in answers] == [
        False, True, True, True, False, False, False,
    ]  # fmt: skip
    assert answers[3]["id"] == 3
