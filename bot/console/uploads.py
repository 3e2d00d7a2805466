"""A picture sent with a form, kept as evidence."""

from __future__ import annotations

from typing import Final

from flask import request

from bot.errors import PilebotError
from bot.gateways.media import new_file, store_file
from bot.services.incidents import EVIDENCE_KEPT
from bot.store.database import UnitOfWork

IMAGES: Final = frozenset({"image/jpeg", "image/png", "image/webp"})


class NotAPicture(PilebotError):
    """Something else was sent; the message says what can be."""


def kept_photo(work: UnitOfWork) -> int | None:
    """The media id of the form's `photo`; None when there is none. Raises NotAPicture."""
    kept = kept_photos(work)
    return kept[0] if kept else None


def kept_photos(work: UnitOfWork) -> list[int]:
    """The media ids of all pictures that the form's `photo` holds. Raises NotAPicture."""
    made = []
    for sent in request.files.getlist("photo"):
        if not sent.filename:
            continue
        if sent.mimetype not in IMAGES:
            raise NotAPicture("Only pictures (JPEG, PNG, WebP) can be kept here.")
        file = new_file(sent.read(), sent.mimetype, "photo.jpg")
        made.append(store_file(work, file, kept_for=EVIDENCE_KEPT))
    work.session.flush()
    return [each.id for each in made]
