"""Files between piles and us: signed addresses that open once or a while, logs that are kept."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import select, update

from bot.errors import PilebotError
from bot.services import pile_results, sealed
from bot.settings import Settings
from bot.store.database import UnitOfWork
from bot.store.remote import Firmware, FirmwareUpdate, PileLog
from bot.store.riders import Media
from bot.store.stations import Pile

PATH: Final = "/pile-files"
_LOG, _FIRMWARE = "pile-log", "pile-firmware"


class Closed(PilebotError):
    """An address that opens nothing (any more): `code` is the HTTP status."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code


def log_address(settings: Settings, log: PileLog) -> str:
    """Where a pile sends one log."""
    return _address(settings, _LOG, f"{log.id}", log.expires_at)


def firmware_address(settings: Settings, row: FirmwareUpdate, until: datetime) -> str:
    """Where a pile fetches its firmware; as often as it needs, since downloads break."""
    return _address(settings, _FIRMWARE, f"{row.id}", until)


def _address(settings: Settings, purpose: str, told: str, until: datetime) -> str:
    token = sealed.sign(settings.secret_key, purpose, f"{told}-{int(until.timestamp())}")
    base = settings.pile_files_url or settings.public_url
    return f"{base.rstrip('/')}{PATH}/{token}"


def _number(settings: Settings, purpose: str, token: str, now: datetime) -> int:
    """What an address is about. Raises Closed."""
    keys = settings.secret_keys()
    told = next((t for key in keys if (t := sealed.signed(key, purpose, token)) is not None), None)
    if told is None:
        raise Closed(403, "This address is not ours.")
    number, _, until = told.partition("-")
    if datetime.fromtimestamp(int(until), UTC) <= now:
        raise Closed(410, "This address has expired.")
    return int(number)


def expect_log(work: UnitOfWork, settings: Settings, token: str) -> None:
    """Whether a log may come here, asked before its bytes are read. Raises Closed."""
    log = work.session.get(PileLog, _number(settings, _LOG, token, work.now))
    if log is None or log.used_at is not None:
        raise Closed(410, "This address was used already.")


def keep_log(work: UnitOfWork, settings: Settings, token: str, data: bytes) -> PileLog:
    """Keep what a pile sent; of two uploads at one moment one is taken. Raises Closed."""
    log_id = _number(settings, _LOG, token, work.now)
    taken = work.session.scalars(
        update(PileLog)
        .where(PileLog.id == log_id, PileLog.used_at.is_(None))
        .values(used_at=work.now)
        .returning(PileLog.id)
        .execution_options(synchronize_session=False)
    ).first()
    if taken is None:
        raise Closed(410, "This address was used already.")
    log = work.session.get_one(PileLog, log_id, populate_existing=True)
    pile = work.session.get_one(Pile, log.pile_id)
    media = Media(
        token=secrets.token_urlsafe(24), content_type="application/octet-stream",
        name=f"pile-{pile.number}-{log.asked_at:%Y%m%d-%H%M%S}.log", data=data,
        created_at=work.now, expires_at=work.now + timedelta(days=settings.pile_log_kept_days),
    )  # fmt: skip
    work.session.add(media)
    work.session.flush()
    log.media_id, log.size = media.id, len(data)
    pile_results.log_kept(work, log)
    return log


def kept(work: UnitOfWork, log: PileLog) -> Media | None:
    """The file of a log, until it has expired."""
    if log.media_id is None:
        return None
    rows = select(Media).where(Media.id == log.media_id, Media.expires_at > work.now)
    return work.session.scalars(rows).first()


def image_of(work: UnitOfWork, settings: Settings, token: str) -> Firmware:
    """The firmware behind an address. Raises Closed."""
    row = work.session.get(FirmwareUpdate, _number(settings, _FIRMWARE, token, work.now))
    if row is None:
        raise Closed(410, "This update is no longer offered.")
    return work.session.get_one(Firmware, row.firmware_id)
