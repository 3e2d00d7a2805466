"""Answers to cases that came by e-mail, the same way back."""

from __future__ import annotations

import re
from typing import Final

from bot.domain import cases as rules
from bot.replies import Say, dump
from bot.settings import Settings
from bot.store.cases import Case
from bot.store.database import UnitOfWork
from bot.store.outbox import emit

LANE: Final = "worker"
_MACHINES: Final = re.compile(r"(no-?reply|mailer-daemon|postmaster|bounce)", re.IGNORECASE)


def is_machine(address: str) -> bool:
    """Whether nobody reads what is written there."""
    return _MACHINES.search(address) is not None


def send(
    work: UnitOfWork, settings: Settings, case: Case, *, key: str, text: str | Say,
    to: Case | None = None,
) -> bool:  # fmt: skip
    """Write to who opened a case by e-mail, or who made the report `to` that was merged into it;
    False where no mail server is set.

    A person's words go out as they are, ours in the language of their letter.
    """
    reader = to or case
    if not settings.smtp_url or "@" not in reader.contact:
        return False
    topic = rules.TOPICS[case.code].title
    said = {"say": dump(text)} if isinstance(text, Say) else {"text": text}
    body = {
        "to": reader.contact, "subject": f"[Case {case.id}] {topic}", "lang": reader.lang, **said,
    }  # fmt: skip
    if reader is not case:
        key = f"{reader.id}:{key}"
    return emit(
        work, key=f"mail:case:{case.id}:{key}"[:160], lane=LANE, stream=f"case:{case.id}",
        kind="mail", body=body,
    )  # fmt: skip
