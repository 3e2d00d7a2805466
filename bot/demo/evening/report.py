"""The report of an evening, in Markdown and HTML: what was played, each claim, each figure."""

from __future__ import annotations

import html as escaping
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from bot.demo.evening.claims import Claim
from bot.demo.evening.facts import Facts
from bot.demo.evening.plan import Size

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:70em;margin:2em auto;padding:0 1em;"
    "color-scheme:light dark}table{border-collapse:collapse;display:block;overflow-x:auto}"
    "td,th{border-bottom:1px solid #8884;padding:.2em .7em;text-align:left}"
)


def summary(facts: Facts, claims: Sequence[Claim]) -> str:
    """A line a claim, for the terminal."""
    lines = [
        f"{facts.sockets} sockets, {len(facts.visits)} charges, {len(facts.troubles)} faults of "
        f"{len({each.kind for each in facts.troubles})} kinds"
    ]
    for claim in claims:
        lines.append(f"{_verdict(claim)}  {claim.title}. {claim.note}".rstrip())
        lines += [f"      {each}" for each in claim.failures]
    return "\n".join(lines)


def _verdict(claim: Claim) -> str:
    return "FAILS" if claim.failures else "holds"


def markdown(facts: Facts, claims: Sequence[Claim], size: Size, settings: Mapping[str, str]) -> str:
    """The whole report."""
    failed = [each for each in claims if each.failures]
    began = datetime.fromtimestamp(facts.began_at, UTC)
    database = settings["DATABASE_URL"].partition(":")[0]
    parts = [
        "# A simulated evening",
        f"{began:%Y-%m-%d %H:%M} UTC, size “{size.name}”, seed {facts.seed}, database {database}. "
        + (f"**{len(failed)} claims fail.**" if failed else "**Every claim holds.**"),
        "## The claims",
        _table(("claim", "", ""), [(each.title, _verdict(each), each.note) for each in claims]),
        "## What was real, and what was compressed",
        *_honesty(size),
    ]
    for claim in claims:
        if claim.failures:
            parts += [f"## Fails: {claim.title}", *(f"- {each}" for each in claim.failures)]
    for claim in claims:
        if claim.rows:
            parts += [f"## {claim.title}", _table(claim.head, claim.rows)]
    return "\n\n".join(parts) + "\n"


def _honesty(size: Size) -> list[str]:
    settings = ", ".join(f"{name}={value}" for name, value in size.settings.items())
    policies = ", ".join(f"{name} {limit} s" for name, limit in size.policies.items())
    return [
        "Real: the database, the broker, piles that speak OCPP over MQTT, the Redis protocol, the "
        "web process, workers, clock and pile gateway, each a process of its own as in "
        "production. Stand-ins over real HTTP: Twilio and Stripe. Rasa was down all evening. "
        "Riders and technicians wrote from phones; desk and manager did what the console's "
        "buttons do.",
        f"Compressed: vehicles took energy {size.speed:g} times faster than in life, so meters "
        f"ran faster, too; by settings: {settings}; by the desk's own policy: {policies}, and "
        "10 s more from the middle of the evening on. No path was left out and no clock was moved.",
    ]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(each.replace("|", "/") for each in cells) + " |"

    return "\n".join([line(head), line(["---"] * len(head)), *(line(row) for row in rows)])


def html(text: str) -> str:
    """The report's own Markdown (headings, lists, tables, paragraphs) as a page."""
    body = "\n".join(_block(each) for each in text.strip().split("\n\n"))
    title = "<title>A simulated evening</title>"
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width">{title}'
    return f"<!doctype html><html lang=en><head>{head}<style>{_STYLE}</style></head>\n{body}\n"


def _block(block: str) -> str:
    plain = escaping.escape(block)
    if plain.startswith("## "):
        return f"<h2>{plain[3:]}</h2>"
    if plain.startswith("# "):
        return f"<h1>{plain[2:]}</h1>"
    if plain.startswith("- "):
        return f"<ul><li>{plain[2:]}</li></ul>"
    if plain.startswith("| "):
        rows = [each.strip("| ").split(" | ") for each in plain.split("\n")]
        cells = ["".join(f"<td>{cell}</td>" for cell in row) for row in (rows[0], *rows[2:])]
        return f"<table>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"
    return f"<p>{plain.replace('**', '')}</p>"
