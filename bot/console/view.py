"""What of riders the console shows: the one place where numbers and addresses are masked.

Every list, transcript, search result, event and export takes riders' data from here, so a phone
number reaches no page unless somebody with the right asked to see it, with a reason, audited.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from sqlalchemy import select

from bot.domain.masking import mask_phone, mask_text
from bot.services import audit
from bot.services.audit import Actor
from bot.store.database import UnitOfWork
from bot.store.riders import Rider, RiderAddress

NAMELESS: Final = "Rider"
LANGUAGES: Final[Mapping[str, str]] = {
    "en": "English", "es": "Spanish", "pt-BR": "Portuguese", "zh": "Chinese", "fr": "French",
    "de": "German",
}  # fmt: skip


def shown_text(text: str) -> str:
    """A rider's or the bot's words with phone numbers and addresses masked."""
    return mask_text(text)


def shown_name(rider: Rider) -> str:
    """A rider's name; where there is none, the rider's number in our books."""
    return mask_text(rider.name) or f"{NAMELESS} {rider.id}"


def shown_phones(work: UnitOfWork, rider_ids: Collection[int]) -> dict[int, str]:
    """The masked phone number of each of these riders; who has none is left out."""
    rows = work.session.execute(
        select(RiderAddress.rider_id, RiderAddress.value)
        .where(RiderAddress.rider_id.in_(rider_ids), RiderAddress.kind == "whatsapp")
        .order_by(RiderAddress.id.desc())
    )
    return {rider_id: mask_phone(value) for rider_id, value in rows}


def reveal_phone(work: UnitOfWork, actor: Actor, rider_id: int, *, reason: str) -> str | None:
    """A rider's number in full, for the audit log's eyes too; None when there is none."""
    audit.record(work, actor, "reveal_phone", f"rider:{rider_id}", reason=reason)
    return work.session.scalars(
        select(RiderAddress.value)
        .where(RiderAddress.rider_id == rider_id, RiderAddress.kind == "whatsapp")
        .order_by(RiderAddress.id)
    ).first()


def language_name(lang: str | None) -> str:
    """ "Spanish" for "es"; "not known yet" before the first message tells."""
    return LANGUAGES.get(lang or "", lang or "not known yet")
