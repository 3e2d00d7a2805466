"""Passwords of staff: Argon2id, the same time for an unknown login, and what makes a good one."""

from __future__ import annotations

import threading
from typing import Final

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

LENGTH_MIN: Final = 12
LENGTH_MAX: Final = 200

# OWASP's first choice for Argon2id; few at a time, as each takes 19 MiB and a core.
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1, type=Type.ID)
_ROOM: Final = threading.BoundedSemaphore(4)
_NOBODYS: Final = _HASHER.hash("nobody's password")
# What people reach for when twelve characters are asked of them.
_WORN: Final = (
    "password", "passwort", "qwerty", "azerty", "letmein", "welcome", "iloveyou", "admin", "abc",
    "salasana", "charging", "pilebot", "console", "changeme", "secret", "login",
)  # fmt: skip


def hash_password(password: str) -> str:
    """The Argon2id hash to keep, with its parameters and salt."""
    with _ROOM:
        return _HASHER.hash(password)


def fits(password_hash: str, password: str) -> bool:
    """Whether this is the password; "" (nobody, or none set) takes the same time and never fits."""
    with _ROOM:
        try:
            found = _HASHER.verify(password_hash or _NOBODYS, password[:LENGTH_MAX])
        except (VerificationError, InvalidHashError):
            return False
    return found and bool(password_hash)


def is_outdated(password_hash: str) -> bool:
    """Whether the hash was made with weaker parameters than today's."""
    return _HASHER.check_needs_rehash(password_hash)


def weakness(password: str, *known: str) -> str | None:
    """Why a password is too weak, to be told; None when it will do.

    `known` are words anybody would try first: login and name. Source: NIST SP 800-63B, length
    and a list of what is guessed first instead of rules for kinds of characters.
    """
    plain = password.casefold()
    if len(password) < LENGTH_MIN:
        return f"Use at least {LENGTH_MIN} characters; a few words in a row are easy to keep."
    if len(password) > LENGTH_MAX:
        return f"Use at most {LENGTH_MAX} characters."
    if len(set(plain)) < 5:
        return "This repeats the same few characters. Use a few words in a row."
    rest = plain
    for word in (*_WORN, *(part for each in known for part in _parts(each))):
        rest = rest.replace(word, "")
    letters = "".join(c for c in rest if not c.isdigit())
    if len(letters) < 5 and len(letters) < len(plain) - 4:
        return "This is among the first that anybody would try. Use a few words of your own."
    return None


def _parts(text: str) -> list[str]:
    words = text.casefold().replace("@", " ").replace(".", " ").replace("-", " ").split()
    return [word for word in words if len(word) > 2]
