"""The second factor: one-time codes of an authenticator app (RFC 6238) and recovery codes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Final

import pyotp
from sqlalchemy import delete, func, or_, select, update

from bot.services import sealed
from bot.settings import Settings
from bot.store.database import UnitOfWork
from bot.store.staff import RecoveryCode, Staff, StaffSession

STEP_S: Final = 30
RECOVERY_CODES: Final = 10
MUST_HAVE: Final = frozenset({"finance", "manager", "admin"})
_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that is read as something else


def is_needed(settings: Settings, staff: Staff) -> bool:
    """Whether this person cannot go on without a second factor (setting SECOND_FACTOR)."""
    if staff.totp_secret or settings.second_factor == "all":
        return True
    return settings.second_factor != "off" and staff.role in MUST_HAVE


def secret_for(secret_key: str, staff: Staff, session: StaffSession) -> str:
    """The secret that this session enrols with, base32: the same each time the page is shown,
    another after it was enrolled, and kept nowhere until its first code was right."""
    about = f"enrol:{session.token_hash}:{staff.totp_secret or ''}"
    told = hmac.digest(secret_key.encode(), about.encode(), "sha256")
    return base64.b32encode(told[:20]).decode()


def app_address(settings: Settings, staff: Staff, secret: str) -> str:
    """The otpauth: address that the app reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=staff.login, issuer_name=settings.brand)


def enrol(
    work: UnitOfWork, settings: Settings, staff: Staff, secret: str, code: str
) -> list[str] | None:
    """Keep a secret whose first code is right; answers fresh recovery codes, None: code wrong."""
    step = _step_of(secret, code, int(work.now.timestamp()))
    if step is None:
        return None
    staff.totp_secret = sealed.seal(settings.secret_key, f"totp:{staff.id}", secret)
    staff.totp_last_step = step
    return new_recovery_codes(work, staff)


def forget(work: UnitOfWork, staff: Staff) -> None:
    """Take the second factor away; the person enrols anew at the next login."""
    staff.totp_secret = None
    staff.totp_last_step = None
    work.session.execute(delete(RecoveryCode).where(RecoveryCode.staff_id == staff.id))


def passes(work: UnitOfWork, settings: Settings, staff: Staff, code: str) -> str | None:
    """How a code lets somebody in: "code" or "recovery"; None: it does not.

    A code counts one step (30 s) before and after its time, and once. Raises sealed.CannotOpen
    when SECRET_KEY was changed without SECRET_KEYS_BEFORE.
    """
    typed = "".join(c for c in code.casefold() if c.isalnum())
    if len(typed) > 6:
        return "recovery" if _uses_recovery_code(work, staff, typed) else None
    if not staff.totp_secret:
        return None
    secret = sealed.unseal(settings.secret_keys(), f"totp:{staff.id}", staff.totp_secret)
    step = _step_of(secret, typed, int(work.now.timestamp()))
    if step is None:
        return None
    once = or_(Staff.totp_last_step.is_(None), Staff.totp_last_step < step)
    taken = work.session.execute(
        update(Staff)
        .where(Staff.id == staff.id, once)
        .values(totp_last_step=step)
        .returning(Staff.id)
    ).first()
    return "code" if taken else None


def new_recovery_codes(work: UnitOfWork, staff: Staff) -> list[str]:
    """Ten fresh codes in place of those before; only their hashes are kept."""
    work.session.execute(delete(RecoveryCode).where(RecoveryCode.staff_id == staff.id))
    codes = [_recovery_code() for _ in range(RECOVERY_CODES)]
    work.session.add_all(
        RecoveryCode(staff_id=staff.id, code_hash=_hash(staff.id, code)) for code in codes
    )
    return codes


def recovery_codes_left(work: UnitOfWork, staff_id: int) -> int:
    """How many recovery codes were not used yet."""
    left = select(func.count()).where(
        RecoveryCode.staff_id == staff_id, RecoveryCode.used_at.is_(None)
    )
    return work.session.scalar(left) or 0


def _uses_recovery_code(work: UnitOfWork, staff: Staff, typed: str) -> bool:
    taken = work.session.execute(
        update(RecoveryCode)
        .where(
            RecoveryCode.staff_id == staff.id,
            RecoveryCode.code_hash == _hash(staff.id, typed),
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=work.now)
        .returning(RecoveryCode.id)
    ).first()
    return taken is not None


def _recovery_code() -> str:
    """Sixteen characters, 79 bits: too many to be found from a hash."""
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(16))
    return "-".join(_in_fours(letters))


def _in_fours(text: str) -> Sequence[str]:
    return [text[at : at + 4] for at in range(0, len(text), 4)]


def _hash(staff_id: int, code: str) -> str:
    return hashlib.sha256(f"{staff_id}:{code.replace('-', '')}".encode()).hexdigest()


def _step_of(secret: str, code: str, now_s: int) -> int | None:
    """Which 30-second step a code belongs to, of the present one and its neighbours."""
    typed = "".join(c for c in code if c.isalnum()).encode()
    app = pyotp.TOTP(secret)
    for step in (now_s // STEP_S + offset for offset in (0, -1, 1)):
        if hmac.compare_digest(app.generate_otp(step).encode(), typed):
            return step
    return None
