"""Commands about stations and piles."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from bot.commands.registry import argument, command, open_store, settings_for, settings_or_demos
from bot.store.database import Store, make_engine


@command("inventory", argument("file", type=Path, help="JSON: bot/services/inventory.py"))
def run_inventory(options: argparse.Namespace) -> int:
    """Takes in stations, piles and tariffs; prints the MQTT password of each new pile."""
    from bot.services import inventory

    settings = settings_for("inventory")
    try:
        document = json.loads(options.file.read_text(encoding="utf-8"))
        with Store(make_engine(settings.database_url)).begin() as work:
            added = inventory.take_in(work, document)
    except (OSError, ValueError, inventory.InventoryError) as error:
        sys.exit(f"{options.file}: {error}. Nothing was changed.")
    for new in added:
        print(f"{new.pile_id} {new.secret}")
    return 0


@command("put-back", argument("pile", help="number of a pile, as 1023"))
def run_put_back(options: argparse.Namespace) -> int:
    """Puts a pile that a danger report took out of service back into it."""
    from sqlalchemy import select

    from bot.services import safety
    from bot.store.stations import Pile

    with open_store(settings_for("put-back")).begin() as work:
        pile = work.session.scalars(select(Pile).where(Pile.number == options.pile)).first()
        if pile is None:
            sys.exit(f"There is no pile {options.pile}.")
        safety.put_back(work, pile)
    print(f"{pile.id} is in service.")
    return 0


@command(
    "labels",
    argument("codes", nargs="*", help="codes of EVSEs; none: all"),
    argument("--out", type=Path, default=Path("labels.pdf")),
    argument("--demo", type=Path, help="a demo's folder, when the environment has no settings"),
)
def run_labels(options: argparse.Namespace) -> int:
    """Writes pile stickers as a PDF to print; of the demo's piles when nothing else is set."""
    from bot.gateways.labels import labels_of, labels_pdf

    settings = settings_or_demos("labels", options.demo)
    with Store(make_engine(settings.database_url)).read() as work:
        labels = labels_of(work, settings, options.codes)
    options.out.write_bytes(labels_pdf(labels, settings.brand))
    print(f"{len(labels)} stickers in {options.out}")
    return 0


@command(
    "posters",
    argument("stations", nargs="*", help="names of stations; none: all"),
    argument("--lang", default="en", help="en, es, pt-BR, zh, fr or de"),
    argument("--size", choices=("a4", "a6"), default="a4"),
    argument("--out", type=Path, default=Path("posters.pdf")),
    argument("--demo", type=Path, help="a demo's folder, when the environment has no settings"),
)
def run_posters(options: argparse.Namespace) -> int:
    """Writes the promises as a poster for each station, a PDF to print."""
    from bot.gateways.poster_pdf import posters_of, posters_pdf

    settings = settings_or_demos("posters", options.demo)
    with Store(make_engine(settings.database_url)).read() as work:
        found = posters_of(work, options.stations)
    if not found:
        sys.exit("There is no such station. Nothing was written.")
    options.out.write_bytes(posters_pdf(found, settings, lang=options.lang, size=options.size))
    print(f"{len(found)} posters in {options.out}")
    return 0


@command(
    "fit-predictions",
    argument("--use", action="store_true", help="score by the new weights from now on"),
    argument("--demo", type=Path, help="a demo's folder, when the environment has no settings"),
)
def run_fit_predictions(options: argparse.Namespace) -> int:
    """Fits the weights of failure predictions to recorded outcomes, and prints them."""
    from bot.services import prediction, risk_fitting

    settings = settings_or_demos("fit-predictions", options.demo)
    try:
        with open_store(settings).begin() as work:
            before, found = prediction.weights(work), risk_fitting.fit_now(work, settings)
            if options.use:
                risk_fitting.use(work, found)
    except risk_fitting.TooFew as why:
        sys.exit(f"{why} Nothing was changed.")
    for name, value in found.weights.items():
        print(f"{name:14} {before[name]:8.3f} -> {value:8.3f}")
    print(
        f"{found.examples} examples, {found.failures} failures; surprise "
        f"{found.loss_before:.4f} -> {found.loss_after:.4f}. "
        + ("In use from now on." if options.use else "Nothing was changed; --use puts it in use.")
    )
    return 0
