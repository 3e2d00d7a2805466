"""Canned replies: texts to pick with a shortcut, with {variables} filled from the live state."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import or_, select

from bot.domain.rights import may
from bot.errors import PilebotError
from bot.services import audit
from bot.services.audit import Actor
from bot.store.database import UnitOfWork
from bot.store.desk import CannedReply

VARIABLES: Final[Mapping[str, str]] = {
    "rider": "the rider's first name", "agent": "your first name", "brand": "our name",
    "station": "station of the running or last charge", "pile": "its code, as 1023-27",
    "energy": "energy so far", "cost": "cost so far", "held": "amount held on the card",
    "started": "when it started", "receipt": "number of the last receipt",
    "hours": "support hours", "emergency": "emergency number",
}  # fmt: skip
# What may stand in a reply that is approved for danger: nothing that changes by the minute.
STEADY: Final = frozenset({"rider", "agent", "brand", "station", "pile", "hours", "emergency"})
SHORTCUT: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,38}")
TEXT_MAX: Final = 1600
_PLACE: Final = re.compile(r"\{(\w+)\}")


class BadReply(PilebotError):
    """A canned reply cannot be kept as it is; the message says why."""


def fill(text: str, values: Mapping[str, str]) -> tuple[str, list[str]]:
    """The text with what is known put in, and the names that nothing is known for."""
    missing = [name for name in _PLACE.findall(text) if not values.get(name)]
    shown = _PLACE.sub(lambda found: values.get(found[1]) or found[0], text)
    return shown, list(dict.fromkeys(missing))


def unfilled(text: str) -> list[str]:
    """Names of our variables that still stand in a text about to be sent."""
    return [name for name in dict.fromkeys(_PLACE.findall(text)) if name in VARIABLES]


def find(
    work: UnitOfWork, typed: str, lang: str | None, *, limit: int = 8, only_approved: bool = False
) -> list[CannedReply]:
    """Replies whose shortcut or text fits what was typed, in the rider's language or English; only
    those that are approved for danger where that is asked."""
    langs = [lang or "en", "en"]
    wanted = typed.strip().lstrip("/").casefold()
    query = select(CannedReply).where(CannedReply.lang.in_(langs))
    if only_approved:
        query = query.where(CannedReply.approved_version == CannedReply.version)
    if wanted:
        escaped = wanted.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        query = query.where(
            or_(
                CannedReply.shortcut.like(f"%{escaped}%", escape="\\"),
                CannedReply.text.ilike(f"%{escaped}%", escape="\\"),
            )
        )
    rows = list(work.session.scalars(query.order_by(CannedReply.shortcut).limit(200)))
    best: dict[str, CannedReply] = {}
    for row in sorted(rows, key=lambda each: langs.index(each.lang)):
        best.setdefault(row.shortcut, row)
    found = sorted(
        best.values(), key=lambda each: (not each.shortcut.startswith(wanted), each.shortcut)
    )
    return found[:limit]


def all_of(work: UnitOfWork) -> list[CannedReply]:
    """Every reply, by shortcut and language."""
    order = (CannedReply.shortcut, CannedReply.lang)
    return list(work.session.scalars(select(CannedReply).order_by(*order)))


def save(
    work: UnitOfWork,
    actor: Actor,
    *,
    id_: int | None,
    shortcut: str,
    lang: str,
    text: str,
    options: Sequence[Mapping[str, Any]],
) -> CannedReply:
    """Make or change a reply; other words are a new version, which nobody has approved for danger.
    Raises BadReply."""
    shortcut, text = shortcut.strip().lstrip("/").casefold(), text.strip()
    if not SHORTCUT.fullmatch(shortcut):
        raise BadReply("A shortcut has letters, digits, - and _ only, at most 39.")
    if not 1 <= len(text) <= TEXT_MAX:
        raise BadReply(f"The text has 1 to {TEXT_MAX} characters.")
    unknown = [name for name in _PLACE.findall(text) if name not in VARIABLES]
    if unknown:
        raise BadReply(f"There is no variable {{{unknown[0]}}}.")
    same = select(CannedReply).where(CannedReply.shortcut == shortcut, CannedReply.lang == lang)
    twin = work.session.scalars(same).first()
    if twin is not None and twin.id != id_:
        raise BadReply(f"There is already a /{shortcut} in this language.")
    row = work.session.get(CannedReply, id_) if id_ else None
    if row is None:
        row = CannedReply(options=[], version=0)
        work.session.add(row)
    _refuse_approved(actor, row)
    row.shortcut, row.lang, row.text = shortcut, lang, text
    row.options, row.version = [dict(each) for each in options], row.version + 1
    row.updated_at, row.updated_by = work.now, actor.staff_id
    work.session.flush()
    audit.record(work, actor, "canned.save", f"canned:{row.id}")
    return row


def delete(work: UnitOfWork, actor: Actor, id_: int) -> bool:
    """Remove a reply; False when there is none. Raises BadReply."""
    row = work.session.get(CannedReply, id_)
    if row is None:
        return False
    _refuse_approved(actor, row)
    work.session.delete(row)
    audit.record(work, actor, "canned.delete", f"canned:{id_}")
    return True


# --- approved for danger -------------------------------------------------------------------------


def is_approved(row: CannedReply) -> bool:
    """Whether a manager has approved these very words for while danger is open."""
    return row.approved_version == row.version


def approved(work: UnitOfWork) -> list[CannedReply]:
    """Every reply that may be sent while danger is open, in all languages."""
    rows = select(CannedReply).where(CannedReply.approved_version == CannedReply.version)
    return list(work.session.scalars(rows.order_by(CannedReply.shortcut, CannedReply.lang)))


def approve(work: UnitOfWork, actor: Actor, id_: int, *, version: int) -> CannedReply:
    """Approve the words that a manager has read, `version`, for danger. Raises BadReply."""
    row = work.session.get(CannedReply, id_, with_for_update=True, populate_existing=True)
    if row is None or row.version != version:
        raise BadReply("It was changed meanwhile: read it again before you approve it.")
    changing = [name for name in _PLACE.findall(row.text) if name not in STEADY]
    if changing:
        raise BadReply(f"{{{changing[0]}}} changes by the minute: take it out first.")
    row.approved_version, row.approved_by, row.approved_at = version, actor.staff_id, work.now
    audit.record(
        work, actor, "canned.approve", f"canned:{row.id}",
        after={"version": version, "lang": row.lang, "text": row.text},
    )  # fmt: skip
    return row


def withdraw(work: UnitOfWork, actor: Actor, id_: int) -> None:
    """Not to be sent in danger any more."""
    row = work.session.get(CannedReply, id_)
    if row is not None and row.approved_version is not None:
        row.approved_version = row.approved_by = row.approved_at = None
        audit.record(work, actor, "canned.withdraw", f"canned:{id_}")


def _refuse_approved(actor: Actor, row: CannedReply) -> None:
    if is_approved(row) and not may(actor.role, "danger.approve"):
        raise BadReply("It is approved for danger: only a manager changes or deletes it.")
