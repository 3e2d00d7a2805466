"""The secret a pile logs in with, and its hash in Mosquitto's own format ($7$, PBKDF2-SHA512).

One hash serves Mosquitto's password file, the embedded broker and the database alike.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Final

# Secrets are 128 random bits, so few rounds do; hundreds of piles may reconnect at once.
_ROUNDS: Final = 101
_SALT_BYTES: Final = 12


def make() -> str:
    """A new secret, as it is written into the pile's settings."""
    return secrets.token_urlsafe(16)


def hash_secret(secret: str) -> str:
    """What is kept of a secret: "$7$rounds$salt$hash"."""
    salt = secrets.token_bytes(_SALT_BYTES)
    return f"$7${_ROUNDS}${_text(salt)}${_text(_derive(secret, salt, _ROUNDS))}"


def matches(secret: str, hashed: str) -> bool:
    """Whether a secret is the one behind a hash; False also for a hash that is none."""
    try:
        _, version, rounds, salt, expected = hashed.split("$")
        derived = _derive(secret, base64.b64decode(salt), int(rounds))
        return version == "7" and hmac.compare_digest(derived, base64.b64decode(expected))
    except ValueError:
        return False


def _derive(secret: str, salt: bytes, rounds: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha512", secret.encode(), salt, rounds)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
