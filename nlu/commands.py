"""Commands about understanding: the model, its data, and how messages are read."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from bot.commands.registry import argument, command, say, settings_for
from bot.errors import PilebotError
from bot.store.database import Store, make_engine


@command("parse", argument("file", type=Path, help="JSON lines: id, text, lang?, context?"))
def run_parse(options: argparse.Namespace) -> int:
    """Prints how messages are understood, as the bot would act. Works without settings."""
    from nlu import parse

    url, token = os.environ.get("NLU_URL", ""), os.environ.get("NLU_TOKEN", "")
    with parse.understander(url, token, 10.0, say) as understand:
        parse.parse_file(options.file, understand, sys.stdout)
    return 0


@command("train", argument("--if-needed", action="store_true", help="the default"))
def run_train(_: argparse.Namespace) -> int:
    """Trains the language model if its data changed."""
    from nlu import train

    say(f"Model: {train.train(say)}")
    return 0


@command("nlu-report")
def run_nlu_report(_: argparse.Namespace) -> int:
    """Balance, near-duplicates and label conflicts of the training messages."""
    from nlu import corpus

    corpus.main(["report"], print)
    return 0


@command(
    "nlu-review",
    argument("--export", type=Path, help="write them as JSON lines to this file, to be labelled"),
    argument("--add", type=Path, help="add labelled lines (lang, intent, text, id?) to nlu/data"),
)
def run_nlu_review(options: argparse.Namespace) -> int:
    """Lists or exports messages that were understood with doubt or wrongly; adds labelled ones."""
    from bot.services import understood
    from nlu import review

    store = Store(make_engine(settings_for("nlu-review").database_url))
    if options.add is not None:
        try:
            ids = review.add(options.add, print)
        except PilebotError as error:
            sys.exit(f"{error}\nNothing was added.")
        with store.begin() as work:
            understood.labelled(work, ids)
        return 0
    with store.read() as work:
        rows = [
            {"id": each.id, "text": each.text, "lang": each.lang,
             "intent": each.hint or each.intent, "guess": each.intent,
             "confidence": each.confidence, "why": each.why}
            for each in understood.review(work)
        ]  # fmt: skip
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    if options.export is not None:
        options.export.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        print(f"{len(lines)} messages written to {options.export}. Correct intent and lang, then:")
        print(f"./run nlu-review --add {options.export}")
    else:
        print("\n".join(lines) or "Nothing waits for a label.")
    return 0
