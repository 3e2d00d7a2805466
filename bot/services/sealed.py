"""Small secrets sealed for the database, and tokens signed for links and cookies.

The packages here bring no cipher, and the secrets are 20 random bytes each, so they are sealed
with what the standard library proves itself: a keystream of HMAC-SHA256 in counter mode under a
fresh nonce, and an HMAC-SHA256 over all of it (encrypt-then-MAC), each with a key of its own
derived from SECRET_KEY. Whoever has the database alone has nothing.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Iterable
from typing import Final

from bot.errors import PilebotError

_NONCE: Final = 16
_TAG: Final = 32


class CannotOpen(PilebotError):
    """Sealed under another key, or for another purpose, or changed since."""


def seal(key: str, purpose: str, text: str) -> str:
    """`text` (up to 128 bytes) sealed; `purpose` names what it belongs to, as "totp:12"."""
    plain = text.encode()
    nonce = secrets.token_bytes(_NONCE)
    hidden = _mix(_derive(key, "seal", purpose), nonce, plain)
    tag = _mac(_derive(key, "check", purpose), nonce + hidden)
    return base64.urlsafe_b64encode(nonce + hidden + tag).decode()


def unseal(keys: Iterable[str], purpose: str, sealed: str) -> str:
    """The text again, with the first of the keys that fits. Raises CannotOpen."""
    try:
        raw = base64.urlsafe_b64decode(sealed.encode())
    except ValueError as error:
        raise CannotOpen("not sealed by us") from error
    nonce, hidden, tag = raw[:_NONCE], raw[_NONCE:-_TAG], raw[-_TAG:]
    for key in keys:
        if hmac.compare_digest(tag, _mac(_derive(key, "check", purpose), nonce + hidden)):
            return _mix(_derive(key, "seal", purpose), nonce, hidden).decode()
    raise CannotOpen(f"no key opens {purpose}")


def sign(key: str, purpose: str, told: str) -> str:
    """ "told.signature", for links and cookies; anybody may read what is told."""
    return f"{told}.{_mac(_derive(key, 'sign', purpose), told.encode()).hex()[:43]}"


def signed(key: str, purpose: str, token: str) -> str | None:
    """What a token tells, None when it is not ours."""
    told = token.rpartition(".")[0]
    good = hmac.compare_digest(sign(key, purpose, told).encode(), token.encode())
    return told if told and good else None


def _derive(key: str, use: str, purpose: str) -> bytes:
    return _mac(key.encode(), f"pilebot:{use}:{purpose}".encode())


def _mix(key: bytes, nonce: bytes, data: bytes) -> bytes:
    blocks = range(0, len(data), _TAG)
    stream = b"".join(_mac(key, nonce + block.to_bytes(8, "big")) for block in blocks)
    return bytes(a ^ b for a, b in zip(data, stream, strict=False))


def _mac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")
