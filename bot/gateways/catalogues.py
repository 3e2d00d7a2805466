"""Keeping the translation catalogues in step with the sentences in the code (`./run texts`)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from bot.gateways.translate import LOCALE_DIR

ROOT = LOCALE_DIR.parent.parent
SOURCES = ("bot", "handlers", "devices")
# The functions whose first argument is a sentence for riders.
KEYWORDS = {"Say": None, "Refused": None, "ask": None, "N_": None}
_BORN = datetime(2026, 11, 20, tzinfo=UTC)  # gettext wants a date; a true one would only churn
LOCALES = ("es", "pt_BR", "zh", "fr", "de")


def sentences() -> Iterator[tuple[str, str]]:
    """(file, sentence) for every sentence riders may read; English, as written in the code."""
    for folder in SOURCES:
        for path in sorted((ROOT / folder).rglob("*.py")):
            for said in _in_code(path):
                yield str(path.relative_to(ROOT)), said
        found = extract_from_dir(
            ROOT / folder,
            method_map=[("**/templates/**.html", "jinja2.ext:babel_extract")],
            keywords={**KEYWORDS, "_": None},
            comment_tags=(),
        )
        for file, _, message, *_ in found:
            if isinstance(message, str) and message:
                yield f"{folder}/{file}", message


def _in_code(path: Path) -> Iterator[str]:
    """The sentences of a program, in its order, also those inside another one's call: Babel's own
    reader leaves out the `Say` within a `Refused`."""
    calls = [node for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.Call)]
    for call in sorted(calls, key=lambda each: (each.lineno, each.col_offset)):
        name = getattr(call.func, "id", getattr(call.func, "attr", None))
        first = call.args[0] if call.args else None
        if name in KEYWORDS and isinstance(first, ast.Constant) and isinstance(first.value, str):
            yield first.value


def path_of(locale: str) -> Path:
    """The catalogue of a locale."""
    return LOCALE_DIR / locale / "LC_MESSAGES" / "pilebot.po"


def update() -> dict[str, int]:
    """Write every catalogue anew, keeping its translations; how many each still lacks."""
    lacking = {}
    files: dict[str, set[str]] = {}
    for source, sentence in sentences():
        files.setdefault(sentence, set()).add(source)
    for locale in LOCALES:
        path = path_of(locale)
        known: dict[str, str] = {}
        if path.exists():
            with path.open("rb") as file:
                known = {str(m.id): str(m.string) for m in read_po(file) if m.id and m.string}
        catalogue = Catalog(
            locale=locale,
            project="Pilebot",
            header_comment="# Texts for riders; `./run texts` keeps them in step with the code.",
            creation_date=_BORN,
            revision_date=_BORN,
            fuzzy=False,
        )
        for sentence in sorted(files):
            where = [(file, 1) for file in sorted(files[sentence])]
            catalogue.add(sentence, known.get(sentence, ""), locations=where)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as out:
            write_po(out, catalogue, width=0, include_lineno=False, omit_header=False)
        lacking[locale] = sum(sentence not in known for sentence in files)
    return lacking
