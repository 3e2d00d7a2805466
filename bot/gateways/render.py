"""Renders replies in the rider's language into the chat-message form (docs/chat-message.md).

WhatsApp's limits hold for every channel, so a reply may become several messages: a long text is
split at paragraph ends, a long choice goes on in further lists, a document follows its caption
(Twilio sends documents without one).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog

from bot.gateways.translate import say
from bot.replies import (
    Choose,
    Document,
    InvoicePaper,
    Link,
    MapPicture,
    Option,
    Picture,
    Pin,
    Receipt,
    Reply,
    Say,
)

log = structlog.get_logger()

TEXT_MAX: Final = 1600
PROMPT_MAX: Final = 1024  # the text above buttons, lists and links
CAPTION_MAX: Final = 1024
BUTTONS_MAX: Final = 3
BUTTON_TITLE_MAX: Final = 20
ROWS_MAX: Final = 10
ROW_TITLE_MAX: Final = 24
ROW_DETAIL_MAX: Final = 72
LABEL_MAX: Final = 20
PAYLOAD_MAX: Final = 200

# One rendered message without the fields only a stored row has (id, at, author, status).
Rendered = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FileRef:
    """A file that has an address: what stands under "media"."""

    url: str
    content_type: str
    name: str


@dataclass(frozen=True, slots=True)
class Context:
    """What rendering needs from outside.

    `stored` finds a file by media id; `keep` takes (data, content type, name) and answers where it
    will be; `draw_map` makes a PNG or JPEG; `receipt` makes (PDF, file name, summary) of a bill,
    `invoice` the same of an invoice.
    """

    stored: Callable[[int], FileRef]
    keep: Callable[[bytes, str, str], FileRef]
    draw_map: Callable[[MapPicture], bytes]
    receipt: Callable[[int, str], tuple[bytes, str, Say]]
    invoice: Callable[[int, str], tuple[bytes, str, Say]]


def render(reply: Reply, lang: str | None, context: Context) -> list[Rendered]:
    """The messages of one reply, in order. Raises ValueError for a payload over 200 characters."""
    match reply:
        case Say():
            return _texts(say(lang, reply), TEXT_MAX)
        case Choose():
            return _choice(reply, lang)
        case Link():
            *before, prompt = split_text(say(lang, reply.prompt), PROMPT_MAX)
            title = shorten(say(lang, reply.title), BUTTON_TITLE_MAX)
            link = {"kind": "link", "text": prompt, "link": {"title": title, "url": reply.url}}
            return [*map(_text, before), link]
        case Pin():
            place = {"lat": reply.lat, "lng": reply.lng}
            named = {"label": reply.label, "address": reply.address}
            return [{"kind": "location", "text": reply.label, "location": place | named}]
        case MapPicture():
            return _map(reply, lang, context)
        case Picture():
            return _picture(context.stored(reply.media_id), say(lang, reply.caption))
        case Document():
            file = context.stored(reply.media_id)
            named_file = FileRef(file.url, file.content_type, reply.name)
            return [*_texts(say(lang, reply.caption), TEXT_MAX), _media("document", named_file)]
        case Receipt():
            return _paper(context, context.receipt(reply.bill_id, lang or "en"), lang)
        case InvoicePaper():
            return _paper(context, context.invoice(reply.invoice_id, lang or "en"), lang)


def _paper(context: Context, made: tuple[bytes, str, Say], lang: str | None) -> list[Rendered]:
    pdf, name, summary = made
    file = context.keep(pdf, "application/pdf", name)
    return [*_texts(say(lang, summary), TEXT_MAX), _media("document", file)]


def split_text(text: str, limit: int) -> list[str]:
    """The text in pieces of at most `limit` characters, cut at the best end near the limit:
    of a paragraph, else a line, else a sentence, else a word."""
    pieces = []
    rest = text.strip()
    while len(rest) > limit:
        cut = limit
        for end in ("\n\n", "\n", ". ", "。", " "):
            found = rest.rfind(end, limit // 3, limit - len(end) + 1)
            if found > 0:
                cut = found + len(end)
                break
        pieces.append(rest[:cut].strip())
        rest = rest[cut:].strip()
    return [*pieces, rest]


def shorten(text: str, limit: int) -> str:
    """One line of at most `limit` characters; what is cut ends in "…", at a word where it can."""
    text = " ".join(text.split())
    if len(text) <= limit:
        return text
    kept = text[: limit - 1]
    at_word = kept.rfind(" ")
    if text[limit - 1] != " " and at_word >= limit // 2:
        kept = kept[:at_word]
    return kept.rstrip(" ,;:.-") + "…"


def _texts(text: str, limit: int) -> list[Rendered]:
    return [_text(piece) for piece in split_text(text, limit) if piece]


def _text(text: str) -> Rendered:
    return {"kind": "text", "text": text}


def _choice(choice: Choose, lang: str | None) -> list[Rendered]:
    for option in choice.options:
        if len(option.payload) > PAYLOAD_MAX:
            raise ValueError(f"payload longer than {PAYLOAD_MAX} characters: {option.payload!r}")
    prompt = say(lang, choice.prompt)
    if not choice.options:
        return _texts(prompt, TEXT_MAX)
    if len(choice.options) <= BUTTONS_MAX:
        return _buttons(prompt, choice.options, lang)
    *before, prompt = split_text(prompt, PROMPT_MAX)
    messages = [_text(piece) for piece in before]
    label = shorten(say(lang, choice.list_button), LABEL_MAX)
    for start in range(0, len(choice.options), ROWS_MAX):
        rows = [_row(option, lang) for option in choice.options[start : start + ROWS_MAX]]
        _make_titles_differ(rows, ROW_TITLE_MAX)
        text = prompt if start == 0 else say(lang, Say("More to choose from:"))
        messages.append({"kind": "list", "text": text, "options": rows, "button": label})
    return messages


def _buttons(prompt: str, options: Sequence[Option], lang: str | None) -> list[Rendered]:
    """Buttons have no line below: details, and titles too long for a button, go above them."""
    lines = []
    buttons: list[dict[str, str]] = []
    for option in options:
        title = say(lang, option.title)
        detail = say(lang, option.detail) if option.detail else ""
        if detail or len(title) > BUTTON_TITLE_MAX:
            lines.append(f"{title}: {detail}" if detail else title)
        buttons.append({"id": option.payload, "title": shorten(title, BUTTON_TITLE_MAX)})
    _make_titles_differ(buttons, BUTTON_TITLE_MAX)
    text = "\n\n".join([prompt, "\n".join(lines)]) if lines else prompt
    *before, text = split_text(text, PROMPT_MAX)
    return [*map(_text, before), {"kind": "buttons", "text": text, "options": buttons}]


def _row(option: Option, lang: str | None) -> dict[str, str]:
    """A list row; a title that has to be cut is said in full in an empty line below."""
    title = say(lang, option.title)
    row = {"id": option.payload, "title": shorten(title, ROW_TITLE_MAX)}
    detail = say(lang, option.detail) if option.detail else ""
    if not detail and row["title"] != title:
        detail = title
    if detail:
        row["description"] = shorten(detail, ROW_DETAIL_MAX)
    return row


def _make_titles_differ(rows: Sequence[dict[str, str]], limit: int) -> None:
    """WhatsApp refuses two equal titles in one message: the second becomes "… (2)"."""
    seen: set[str] = set()
    for row in rows:
        title, number = row["title"], 1
        while row["title"] in seen:
            number += 1
            row["title"] = f"{title[: limit - 4].rstrip()} ({number})"
        seen.add(row["title"])


def _map(picture: MapPicture, lang: str | None, context: Context) -> list[Rendered]:
    """The map with its caption; the caption alone when it cannot be drawn: what comes after it in
    the chat must not wait for a picture."""
    caption = say(lang, picture.caption)
    try:
        data = context.draw_map(picture)
    except Exception:
        log.exception("map_not_drawn")
        return _texts(caption, TEXT_MAX)
    kind = "image/png" if data.startswith(b"\x89PNG") else "image/jpeg"
    return _picture(context.keep(data, kind, f"map.{kind[6:]}"), caption)


def _picture(file: FileRef, caption: str) -> list[Rendered]:
    first, *more = split_text(caption, CAPTION_MAX)
    return [_media("image", file, first), *map(_text, more)]


def _media(kind: str, file: FileRef, text: str = "") -> Rendered:
    media = {"url": file.url, "type": file.content_type, "name": file.name}
    return {"kind": kind, "text": text, "media": media}
