"""docs/protocol.md keeps its word: its examples are valid and its tables are complete."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from devices import actions, answers, frames, presence
from devices.broker import _ACL
from devices.simulator.pile import RING
from tests.devices.world import ROOT

TEXT = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
EXAMPLES = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)]
FRAMES = [example for example in EXAMPLES if isinstance(example, list)]
ACTION_OF = {frame[1]: frame[2] for frame in FRAMES if frame[0] == 2}
# Answers whose question is not shown, because only the answer matters there.
ACTION_OF |= {"c-000000004713": "RequestStartTransaction", "c-000000004714": "GetLog"}


@pytest.mark.parametrize("example", FRAMES, ids=[str(frame[:3])[:50] for frame in FRAMES])
def test_every_frame_is_valid(example: list[Any]) -> None:
    frame = frames.parse(json.dumps(example).encode())
    match frame:
        case frames.Call(message_id, action, payload):
            frames.check_request(action, payload)
            assert message_id.startswith("c-") or action in answers.ANSWERS
        case frames.Result(message_id, payload):
            frames.check_response(ACTION_OF[message_id], payload)
        case frames.Error(message_id):
            assert message_id in ACTION_OF


def test_the_transcript_has_every_step() -> None:
    events = [frame[3]["eventType"] for frame in FRAMES if frame[0] == 2
              and frame[2] == "TransactionEvent"]  # fmt: skip
    assert (events[0], events[-1]) == ("Started", "Ended")
    asked = [frame[1] for frame in FRAMES if frame[0] == 2 and frame[2] != "NotifyEvent"]
    answered = [frame[1] for frame in FRAMES if frame[0] == 3]
    assert [id_ for id_ in answered if id_ in asked] == asked


def test_availability_is_as_shown() -> None:
    [said] = [example for example in EXAMPLES if isinstance(example, dict)]
    parsed = presence.parse(json.dumps(said).encode())
    assert parsed is not None
    assert parsed == {name: said[name] for name in ("state", "conn", "proto", "fw")}


def table(heading: str) -> list[list[str]]:
    section = TEXT.split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def test_every_order_is_listed_with_its_retry() -> None:
    listed = {row[0]: (row[1], row[2] == "yes") for row in table("What we send") if len(row) == 3}
    assert listed == {
        kind: (action.message, action.retry_safe) for kind, action in actions.ACTIONS.items()
    }


def test_every_message_of_piles_is_listed() -> None:
    listed = {name.strip() for row in table("What piles send") for name in row[0].split(",")}
    assert listed | {"NotifyMonitoringReport"} == set(answers.ANSWERS)


def test_every_error_code_is_listed() -> None:
    listed = {row[0].strip("`") for row in table("Errors we answer with")}
    source = "".join(
        (ROOT / "devices" / name).read_text() for name in ("frames.py", "ingest.py", "readings.py")
    )
    raised = set(re.findall(r'FrameError\(\s*"(\w+)"|Error\([^"\n]*"(SecurityError)"', source))
    used = {code for pair in raised for code in pair if code} | set(frames._CODE_OF_RULE.values())
    assert used == listed


def test_the_numbers_are_the_ones_in_the_code() -> None:
    assert f"{frames.MAX_FRAME_BYTES:,} bytes" in TEXT
    assert f"the last **{RING}**" in TEXT
    assert _ACL.strip() in TEXT
