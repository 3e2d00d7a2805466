"""What is hidden from those who may not see riders' numbers, and what is not."""

from __future__ import annotations

import pytest

from bot.domain import codes
from bot.domain.masking import mask_phone, mask_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("call +358 40 123 4567 now", "call +358 ••• 67 now"),
        ("0401234567", "••• 67"),
        ("me@example.com!", "•••@•••!"),
        ("(040) 123-45-67", "(••• 67"),
        ("040\u2013123\u20134567", "••• 67"),  # dashes as keyboards set them
        ("+1 650\u2011555\u20111234", "+165 ••• 34"),
        ("06\u202f12\u202f34\u202f56\u202f78", "••• 78"),
        ("040\u200b123\u200b4567", "••• 67"),
        ("pile 1023, socket 2, 18:30", "pile 1023, socket 2, 18:30"),
        ("1023-27", "1023-27"),
        (f"at {codes.evse_code('123456', 2)}", f"at {codes.evse_code('123456', 2)}"),
        ("123456-28", "••• 28"),  # no code of ours: its check digit is wrong
        ("on 2026-11-20 at 18:30", "on 2026-11-20 at 18:30"),
        ("我的电话是13800138000谢谢", "我的电话是••• 00谢谢"),
        ("", ""),
    ],
)
def test_texts(text: str, shown: str) -> None:
    assert mask_text(text) == shown


def test_a_number_alone() -> None:
    assert mask_phone("+358401234567") == "+358 ••• 67"
    assert mask_phone("12") == "•••"
