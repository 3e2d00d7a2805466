"""Small secrets sealed for the database, and tokens signed for links and cookies.

Sealing is Fernet (AES-128-CBC and HMAC-SHA256, from the `cryptography` package) under a key of
each purpose, derived from SECRET_KEY by HKDF. Whoever has the database alone has nothing.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bot.errors import PilebotError


class CannotOpen(PilebotError):
    """Sealed under another key, or for another purpose, or changed since."""


def seal(key: str, purpose: str, text: str) -> str:
    """`text` sealed; `purpose` names what it belongs to, as "totp:12"."""
    return _box(key, purpose).encrypt(text.encode()).decode()


def unseal(keys: Iterable[str], purpose: str, sealed: str) -> str:
    """The text again, with the first of the keys that fits. Raises CannotOpen."""
    for key in keys:
        try:
            return _box(key, purpose).decrypt(sealed.encode()).decode()
        except InvalidToken:
            continue
    raise CannotOpen(f"no key opens {purpose}")


def sign(key: str, purpose: str, told: str) -> str:
    """ "told.signature", for links and cookies; anybody may read what is told."""
    return f"{told}.{_mac(_derive(key, purpose), told.encode()).hex()[:43]}"


def signed(key: str, purpose: str, token: str) -> str | None:
    """What a token tells, None when it is not ours."""
    told = token.rpartition(".")[0]
    good = hmac.compare_digest(sign(key, purpose, told).encode(), token.encode())
    return told if told and good else None


def _box(key: str, purpose: str) -> Fernet:
    derived = HKDF(SHA256(), length=32, salt=None, info=f"pilebot:seal:{purpose}".encode())
    return Fernet(base64.urlsafe_b64encode(derived.derive(key.encode())))


def _derive(key: str, purpose: str) -> bytes:
    return _mac(key.encode(), f"pilebot:sign:{purpose}".encode())


def _mac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")
