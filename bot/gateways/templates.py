"""Approved templates: the only thing WhatsApp takes outside the 24-hour window.

Three templates carry everything for riders, a fourth pages staff. Their texts are translated like
all others; `register` makes them at Twilio, asks for approval and answers the value for
TWILIO_TEMPLATES.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from twilio.rest.content.v1.content import ContentList
from twilio.rest.content.v1.content.approval_create import ApprovalCreateList

from bot.gateways.render import Rendered, shorten
from bot.gateways.translate import LANGUAGES, language, translate
from bot.gateways.whatsapp import client
from bot.replies import Say
from bot.settings import Settings

VALUE_MAX: Final = 600  # the whole template may have 1024 characters

# Meta refuses a template that begins or ends with a variable, or has two in a row.
_BODIES: Final = {
    "notice": Say("News about your charging: {text} Answer this message to go on."),
    "receipt": Say("Your receipt is ready. {text} You can open it here: {url} and keep it."),
    "link": Say("Your charging needs you: {text} Please open {url} to go on."),
    "alarm": Say("Safety alarm: {text} Please open {url} and acknowledge it."),
}
_FOR_STAFF: Final = "alarm"  # never for riders
_SAMPLES: Final = {
    "text": "Charging at pile 1023 has ended.",
    "url": "https://example.com/media/abc/receipt.pdf",
}
_TWILIO_LANGUAGES: Final = {"pt-BR": "pt_BR", "zh": "zh_CN"}


@dataclass(frozen=True, slots=True)
class Filled:
    """A template ready to be sent, and what the rider will read."""

    sid: str
    variables: dict[str, str]
    text: str


def fill(settings: Settings, lang: str | None, parts: Sequence[Rendered]) -> Filled | None:
    """The approved template that says what `parts` say, or None when none is mapped."""
    text, url = _gist(parts)
    wanted = "notice"
    if url:
        wanted = "receipt" if any(part["kind"] == "document" for part in parts) else "link"
    mapped = read_mapping(settings.twilio_templates)
    for name in dict.fromkeys([wanted, "notice"]):
        for spoken in dict.fromkeys([language(lang), "en"]):
            sid = mapped.get((name, spoken))
            if sid is not None:
                return _filled(sid, name, spoken, {"text": text, "url": url})
    return None


@dataclass(frozen=True, slots=True)
class Offered:
    """A template that staff may pick: `body` has {text} and {url} where its variables stand."""

    name: str
    lang: str
    body: str
    variables: tuple[str, ...]


def offered(settings: Settings, lang: str | None) -> list[Offered]:
    """The approved templates, each in the rider's language or else in English."""
    mapped = read_mapping(settings.twilio_templates)
    found = []
    for name, body in _BODIES.items():
        for spoken in dict.fromkeys([language(lang), "en"]):
            if name != _FOR_STAFF and (name, spoken) in mapped:
                text = translate(spoken, body.text)
                found.append(Offered(name, spoken, text, tuple(numbered(text)[1])))
                break
    return found


def chosen(settings: Settings, choice: Mapping[str, Any]) -> Filled | None:
    """The template of a choice {name, lang, variables: {text, url}}; None when it is gone."""
    name, lang = str(choice["name"]), language(str(choice["lang"]))
    sid = read_mapping(settings.twilio_templates).get((name, lang))
    if sid is None or name not in _BODIES:
        return None
    values = {key: shorten(str(value), VALUE_MAX) for key, value in choice["variables"].items()}
    return _filled(sid, name, lang, {"text": "-", "url": "-"} | values)


def alarm(settings: Settings, text: str, url: str) -> Filled | None:
    """The approved template that pages staff, in English; None when none is mapped."""
    sid = read_mapping(settings.twilio_templates).get((_FOR_STAFF, "en"))
    values = {"text": shorten(text, VALUE_MAX), "url": url}
    return _filled(sid, _FOR_STAFF, "en", values) if sid else None


def read_mapping(raw: str) -> dict[tuple[str, str], str]:
    """TWILIO_TEMPLATES as {(name, language): content SID}; unreadable entries are left out."""
    mapped = {}
    for entry in raw.split(","):
        name_lang, _, sid = entry.strip().partition("=")
        name, _, lang = name_lang.partition(":")
        if name and lang and sid:
            mapped[name, language(lang)] = sid
    return mapped


def register(settings: Settings) -> str:
    """Make every template in every language at Twilio and ask for WhatsApp's approval.

    Answers the value for TWILIO_TEMPLATES. Raises TwilioRestException as the SDK does.
    """
    contents = client(settings).content.v1.contents
    mapped = []
    for name, saying in _BODIES.items():
        for lang in LANGUAGES:
            body, names = numbered(translate(lang, saying.text))
            request = {
                "friendly_name": f"{name}_{lang}",
                "language": _TWILIO_LANGUAGES.get(lang, lang),
                "variables": {str(n): _SAMPLES[each] for n, each in enumerate(names, 1)},
                "types": {"twilio/text": {"body": body}},
            }
            made = contents.create(ContentList.ContentCreateRequest(request))
            tag = lang.lower().replace("-", "_")
            approval = {"name": f"pilebot_{name}_{tag}", "category": "UTILITY"}
            contents(made.sid).approval_create.create(
                ApprovalCreateList.ContentApprovalRequest(approval)
            )
            mapped.append(f"{name}:{lang}={made.sid}")
    return ",".join(mapped)


def numbered(body: str) -> tuple[str, list[str]]:
    """The body with {{1}}, {{2}} for its placeholders, and their names in that order."""
    names = sorted((name for name in _SAMPLES if f"{{{name}}}" in body), key=body.index)
    for number, name in enumerate(names, 1):
        body = body.replace(f"{{{name}}}", f"{{{{{number}}}}}")
    return body, names


def _filled(sid: str, name: str, lang: str, values: Mapping[str, str]) -> Filled:
    source = translate(lang, _BODIES[name].text)
    _, names = numbered(source)
    text = source
    for each in names:
        text = text.replace(f"{{{each}}}", values[each])
    return Filled(sid, {str(n): values[each] for n, each in enumerate(names, 1)}, text)


def _gist(parts: Sequence[Rendered]) -> tuple[str, str]:
    """Text in one line (variables may hold no line ends) and the first address in the parts."""
    texts = []
    url = ""
    for part in parts:
        place: dict[str, Any] = part.get("location", {})
        texts.append(part["text"])
        texts.append(place.get("address", ""))
        url = url or part.get("link", {}).get("url", "") or part.get("media", {}).get("url", "")
    return shorten(" ".join(text for text in texts if text) or "-", VALUE_MAX), url


def variables_json(variables: Mapping[str, str]) -> str:
    """Content variables in the form the API takes them: a JSON string."""
    return json.dumps(variables, ensure_ascii=False)
