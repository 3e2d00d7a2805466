"""What a phone shows for what the API was sent, in the form of docs/chat-message.md."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from bot.demo.twilio_standin.ledger import Row, parsed

_VARIABLE: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}")


class Invalid(Exception):
    """WhatsApp would refuse this content (63021); the message says why."""


def chat_message(row: Row) -> dict[str, Any]:
    """A stored message as the phone and the "demo" field show it."""
    inbound = row["direction"] == "inbound"
    shown = {
        "id": row["sid"],
        "at": datetime.fromtimestamp(row["created"], UTC).isoformat(timespec="milliseconds"),
        "direction": "in" if inbound else "out",
        "author": "rider" if inbound else "bot",
        **parsed(row["chat"]),
        "status": row["status"],
    }
    if row["error_code"]:
        shown["error"] = {"code": row["error_code"], "message": row["error_message"]}
    if row["problem"]:
        shown["problem"] = row["problem"]
    return shown


def of_content(types: Mapping[str, Any], variables: Mapping[str, str]) -> dict[str, Any]:
    """A content with its variables filled in. Raises Invalid where WhatsApp's limits are passed."""
    filled = _fill({name: each for name, each in types.items() if each}, variables)
    for name, build in _BUILDERS.items():
        if name in filled:
            return build(filled[name])
    raise Invalid("no content type that WhatsApp shows")


def of_message(form: Mapping[str, str], media: list[str]) -> dict[str, Any]:
    """A message without content: text, location or media."""
    body = form.get("Body", "")
    place = form.get("PersistentAction", "")
    if place.startswith("geo:"):
        point, _, address = place.removeprefix("geo:").partition("|")
        lat, _, lng = point.partition(",")
        location = {"lat": float(lat), "lng": float(lng), "label": body, "address": address}
        return {"kind": "location", "text": body, "location": location}
    if media:
        name = unquote(urlsplit(media[0]).path.rsplit("/", 1)[-1])
        # The kind is known once the file is fetched.
        return {"kind": "image", "text": body, "media": {"url": media[0], "type": "", "name": name}}
    return {"kind": "text", "text": body}


def _fill(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _VARIABLE.sub(lambda found: variables.get(found[1], ""), value)
    if isinstance(value, list):
        return [_fill(each, variables) for each in value]
    if isinstance(value, dict):
        return {name: _fill(each, variables) for name, each in value.items()}
    return value


def _within(what: str, text: str | None, limit: int) -> str:
    if not text or len(text) > limit:
        raise Invalid(f"{what} must have 1 to {limit} characters")
    return text


def _different(titles: list[str]) -> None:
    if len(set(titles)) < len(titles):
        raise Invalid("two titles are equal")


def _quick_reply(content: Mapping[str, Any]) -> dict[str, Any]:
    actions = content["actions"]
    if not 1 <= len(actions) <= 3:
        raise Invalid("1 to 3 quick replies")
    options = [
        {"id": _within("id", each["id"], 200), "title": _within("title", each["title"], 20)}
        for each in actions
    ]
    _different([each["title"] for each in options])
    return {"kind": "buttons", "text": _within("body", content["body"], 1024), "options": options}


def _list_picker(content: Mapping[str, Any]) -> dict[str, Any]:
    items = content["items"]
    if not 1 <= len(items) <= 10:
        raise Invalid("1 to 10 list items")
    options = []
    for each in items:
        option = {"id": _within("id", each["id"], 200), "title": _within("item", each["item"], 24)}
        if each.get("description"):
            option["description"] = _within("description", each["description"], 72)
        options.append(option)
    _different([each["title"] for each in options])
    button = _within("button", content["button"], 20)
    text = _within("body", content["body"], 1024)
    return {"kind": "list", "text": text, "options": options, "button": button}


def _call_to_action(content: Mapping[str, Any]) -> dict[str, Any]:
    action = content["actions"][0]
    if not urlsplit(action["url"]).netloc:
        raise Invalid("the address of the button is not an address")
    link = {"title": _within("title", action["title"], 20), "url": action["url"]}
    return {"kind": "link", "text": _within("body", content["body"], 1024), "link": link}


def _location(content: Mapping[str, Any]) -> dict[str, Any]:
    label = content.get("label") or ""
    location = {
        "lat": float(content["latitude"]),
        "lng": float(content["longitude"]),
        "label": label,
        "address": content.get("address") or "",
    }
    return {"kind": "location", "text": label, "location": location}


def _text(content: Mapping[str, Any]) -> dict[str, Any]:
    return {"kind": "text", "text": _within("body", content["body"], 1600)}


_BUILDERS: Final = {
    "twilio/list-picker": _list_picker,
    "twilio/quick-reply": _quick_reply,
    "twilio/call-to-action": _call_to_action,
    "twilio/location": _location,
    "twilio/text": _text,
}
