"""Turns the composer's form into replies, within WhatsApp's limits, or says what is wrong."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from PIL import Image, ImageOps, UnidentifiedImageError
from werkzeug.datastructures import MultiDict

from bot.console.chat import Draft
from bot.errors import PilebotError
from bot.gateways.media import File, new_file
from bot.gateways.render import (
    BUTTON_TITLE_MAX,
    BUTTONS_MAX,
    LABEL_MAX,
    PROMPT_MAX,
    ROW_DETAIL_MAX,
    ROW_TITLE_MAX,
    ROWS_MAX,
    Context,
    Rendered,
    render,
)
from bot.replies import Choose, Option, Reply, Say, Written

TEXT_MAX: Final = 4000
IMAGE_MAX_BYTES: Final = 5_000_000  # WhatsApp's limit for pictures
FILE_MAX_BYTES: Final = 16_000_000
STAFF_ANSWER: Final = "staff_answer"
# What a button may do besides answering the person who made it.
ACTIONS: Final[Mapping[str, str]] = {
    "": "Answers you",
    "charge_status": "Bot: my charge",
    "invoice_or_receipt": "Bot: my last receipt",
    "find_pile": "Bot: find a pile",
    "help": "Bot: menu",
}


class Unsendable(PilebotError):
    """What was written cannot be sent as it stands; the message tells staff what to change."""


def draft_of(form: MultiDict[str, str]) -> Draft:
    """What stands in the form, as it was typed."""
    titles = form.getlist("option_title")
    details = [*form.getlist("option_detail"), *([""] * len(titles))]
    actions = [*form.getlist("option_action"), *([""] * len(titles))]
    options = [
        {"title": title.strip(), "detail": detail.strip(), "action": action}
        for title, detail, action in zip(titles, details, actions, strict=False)
    ]
    return Draft(
        text=form.get("text", "").replace("\r\n", "\n").replace("\0", ""),
        mode="note" if form.get("mode") == "note" else "reply",
        options=options,
        list_button=form.get("list_button", "").strip(),
        key=form.get("key", "")[:60],
        template={
            name.removeprefix("t_"): value for name, value in form.items() if name.startswith("t_")
        },
    )


def replies(draft: Draft) -> list[Reply]:
    """The replies of a draft, without its file. Raises Unsendable."""
    text = draft.text.strip()
    options = [each for each in draft.options if each["title"] or each["detail"]]
    if len(text) > TEXT_MAX:
        raise Unsendable(f"That is {len(text)} characters; at most {TEXT_MAX} can be sent.")
    if not options:
        return [written(text)] if text else []
    if not text:
        raise Unsendable("Buttons need a text above them.")
    if len(text) > PROMPT_MAX:
        raise Unsendable(f"A text with buttons has at most {PROMPT_MAX} characters.")
    if len(options) > ROWS_MAX:
        raise Unsendable(f"A list has at most {ROWS_MAX} rows.")
    _check_options(options)
    label = draft.list_button or "Choose"
    if len(label) > LABEL_MAX:
        raise Unsendable(f"The label that opens the list has at most {LABEL_MAX} characters.")
    made = [_option(number, each) for number, each in enumerate(options, 1)]
    return [Choose(written(text), made, written(label))]


def _check_options(options: Sequence[Mapping[str, str]]) -> None:
    as_list = len(options) > BUTTONS_MAX
    limit = ROW_TITLE_MAX if as_list else BUTTON_TITLE_MAX
    what = "row of a list" if as_list else "button"
    seen = set()
    for each in options:
        title = each["title"]
        if not title:
            raise Unsendable(f"Each {what} needs a title.")
        if len(title) > limit:
            raise Unsendable(f'"{title}" is too long: the title of a {what} has at most {limit} '
                             "characters.")  # fmt: skip
        if len(each["detail"]) > ROW_DETAIL_MAX:
            raise Unsendable(f"The line below a title has at most {ROW_DETAIL_MAX} characters.")
        if title.casefold() in seen:
            raise Unsendable(f'Two titles are the same: "{title}".')
        if each["action"] not in ACTIONS:
            raise Unsendable("Choose what each button does.")
        seen.add(title.casefold())


def _option(number: int, each: Mapping[str, str]) -> Option:
    payload = each["action"] or f"{STAFF_ANSWER}?{urlencode({'n': number})}"
    return Option(
        payload, written(each["title"]), written(each["detail"]) if each["detail"] else None
    )


def written(text: str) -> Say:
    """Words by staff as a text of a reply."""
    return Say("{words}", {"words": Written(text)})


def rendered(draft: Draft, lang: str | None) -> list[Rendered]:
    """How the rider will see a draft. Raises Unsendable."""
    return [part for reply in replies(draft) for part in render(reply, lang, _NO_FILES)]


def _no_file(*_: Any) -> Any:
    raise Unsendable("A preview shows no files.")


_NO_FILES: Final = Context(_no_file, _no_file, _no_file, _no_file, _no_file)


def attachment(data: bytes, name: str) -> File:
    """An uploaded picture (made anew, so that it holds nothing but the picture) or PDF.

    What it is is told by its bytes, not by its name. Raises Unsendable.
    """
    if data.startswith(b"%PDF-"):
        if len(data) > FILE_MAX_BYTES:
            raise Unsendable("That PDF is too large: at most 16 MB.")
        return new_file(data, "application/pdf", _safe_name(name, "pdf"))
    if len(data) > FILE_MAX_BYTES:
        raise Unsendable("That picture is too large: at most 16 MB.")
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP")) as opened:
            if opened.width * opened.height > 60_000_000:
                raise Unsendable("That picture has too many pixels.")
            upright = ImageOps.exif_transpose(opened).convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        raise Unsendable("Only pictures (JPEG, PNG, WebP) and PDF files can be sent.") from None
    upright.thumbnail((2600, 2600))
    out = io.BytesIO()
    upright.save(out, "JPEG", quality=88)
    if out.tell() > IMAGE_MAX_BYTES:
        raise Unsendable("That picture is too large for WhatsApp: at most 5 MB.")
    return new_file(out.getvalue(), "image/jpeg", _safe_name(name, "jpg"))


def _safe_name(name: str, ending: str) -> str:
    stem = "".join(char if char.isalnum() or char in " -_" else "-" for char in name)
    stem = stem.rsplit("-", 1)[0].strip(" -_") or "file"
    return f"{stem[:60]}.{ending}"
