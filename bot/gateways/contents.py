"""Buttons, lists and links as contents at Twilio: each shape is made once and kept by its hash.

What changes from message to message are variables; button titles and the list's label are part
of the shape, since they are few and WhatsApp shows them before anything is filled in.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import delete
from twilio.rest import Client
from twilio.rest.content.v1.content import ContentList

from bot.gateways.render import Rendered
from bot.store.database import Store
from bot.store.messaging import ContentTemplate
from bot.store.upsert import insert


@dataclass(frozen=True, slots=True)
class Content:
    """The definition of a content and the variables that fill it."""

    types: dict[str, Any]
    variables: dict[str, str]

    def key(self, account_sid: str) -> str:
        """The name this definition is kept under."""
        definition = json.dumps([account_sid, self.types], sort_keys=True)
        return hashlib.sha256(definition.encode()).hexdigest()


def content_of(message: Rendered) -> Content:
    """The content that shows a message of kind "buttons", "list" or "link"."""
    variables: dict[str, str] = {}

    def variable(value: str) -> str:
        variables[str(len(variables) + 1)] = value
        return f"{{{{{len(variables)}}}}}"

    body = variable(message["text"])
    types: dict[str, Any]
    match message["kind"]:
        case "buttons":
            actions = [
                {"type": "QUICK_REPLY", "title": each["title"], "id": variable(each["id"])}
                for each in message["options"]
            ]
            types = {"twilio/quick-reply": {"body": body, "actions": actions}}
        case "list":
            items = []
            for each in message["options"]:
                item = {"item": variable(each["title"]), "id": variable(each["id"])}
                if "description" in each:
                    item["description"] = variable(each["description"])
                items.append(item)
            picker = {"body": body, "button": message["button"], "items": items}
            types = {"twilio/list-picker": picker}
        case "link":
            # Only the end of an address may be a variable.
            url = urlsplit(message["link"]["url"])
            start = f"{url.scheme}://{url.netloc}/"
            rest = variable(message["link"]["url"].removeprefix(start))
            action = {"type": "URL", "title": message["link"]["title"], "url": start + rest}
            types = {"twilio/call-to-action": {"body": body, "actions": [action]}}
        case kind:
            raise ValueError(f"{kind} is not sent as a content")
    return Content(types, variables)


def sid_of(store: Store, client: Client, content: Content, lang: str) -> str:
    """The SID of a content, made at Twilio when it is new. Raises what the SDK raises."""
    key = content.key(client.account_sid)
    with store.read() as work:
        known = work.session.get(ContentTemplate, key)
    if known is not None:
        return known.sid
    request = {
        "friendly_name": f"pilebot_{next(iter(content.types)).split('/')[1]}_{key[:12]}",
        "language": lang,
        "variables": dict.fromkeys(content.variables, "…"),
        "types": content.types,
    }
    made = client.content.v1.contents.create(ContentList.ContentCreateRequest(request))
    with store.begin() as work:
        work.session.execute(
            insert(work, ContentTemplate)
            .values(key=key, sid=made.sid, created_at=work.now)
            .on_conflict_do_nothing(index_elements=["key"])
        )
    return str(made.sid)


def forget(store: Store, sid: str) -> None:
    """Twilio does not know this content (any more): the next send makes it anew."""
    with store.begin() as work:
        work.session.execute(delete(ContentTemplate).where(ContentTemplate.sid == sid))
