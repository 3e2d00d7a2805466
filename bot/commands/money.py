"""Commands about money: the books, and tariffs as OCPI documents."""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

from bot.commands.registry import (
    argument,
    command,
    open_store,
    say,
    settings_for,
    settings_or_demos,
)
from bot.errors import PilebotError
from bot.store.database import Store, make_engine


@command("books")
def run_books(_: argparse.Namespace) -> int:
    """Proves that the ledger balances and agrees with the payment provider's records; names what
    does not, exit code 1."""
    from bot.gateways.stripe_books import check_books

    settings = settings_for("books")
    try:
        compared, faults = check_books(Store(make_engine(settings.database_url)), settings)
    except PilebotError as error:
        say(f"Pilebot: the payment provider cannot be asked, so nothing is proven: {error}")
        return 1
    for fault in faults:
        print(fault)
    print(f"{compared} payments compared, {len(faults)} faults")
    return 1 if faults else 0


@command(
    "tariff-export",
    argument("tariff", help="its name"),
    argument("--version", type=int, help="none: the one that counts now"),
    argument("--demo", type=Path, help="a demo's folder, when the environment has no settings"),
)
def run_tariff_export(options: argparse.Namespace) -> int:
    """Prints a tariff as an OCPI 2.3 Tariff object."""
    from bot.services import tariff_exchange
    from bot.services.tariff_changes import NotPossible

    settings = settings_or_demos("tariff-export", options.demo)
    with open_store(settings).read() as work:
        try:
            tariff = tariff_exchange.named(work, options.tariff)
            print(tariff_exchange.document(work, settings, tariff, options.version), end="")
        except NotPossible as error:
            sys.exit(str(error))
    return 0


@command(
    "tariff-import",
    argument("file", type=Path, help="an OCPI 2.3 Tariff object as JSON"),
    argument("--tariff", required=True, help="the name of the tariff that it is for"),
    argument("--staff", help="login of who proposes it; none: only check the file"),
    argument("--reason", default="", help="for the second person, who approves it"),
    argument("--without-unknown", action="store_true", help="leave out fields that nobody knows"),
    argument("--demo", type=Path, help="a demo's folder, when the environment has no settings"),
)
def run_tariff_import(options: argparse.Namespace) -> int:
    """Checks an OCPI tariff and proposes its prices; they count when somebody approves them."""
    from bot.domain.ocpi_tariffs import OcpiError
    from bot.services import tariff_exchange
    from bot.services.tariff_changes import NotPossible

    settings = settings_or_demos("tariff-import", options.demo)
    try:
        text = options.file.read_text(encoding="utf-8")
        with open_store(settings).begin() as work:
            tariff = tariff_exchange.named(work, options.tariff)
            found = tariff_exchange.understood(work, tariff, text)
            for path in found.without_effect:
                print(f"{path}: kept, but without effect here")
            for path in found.unknown:
                print(f"{path}: unknown")
            if not options.staff:
                print(f"{len(found.body['elements'])} prices can be read. Nothing was changed.")
                return 1 if found.unknown and not options.without_unknown else 0
            row = tariff_exchange.propose(
                work, tariff_exchange.actor_of(work, options.staff), tariff, found,
                reason=options.reason, key=f"file:{hashlib.sha256(text.encode()).hexdigest()}",
                without=options.without_unknown,
            )  # fmt: skip
            print(f"Proposal {row.id} waits for approval.")
    except OcpiError as error:
        for path, what in error.problems:
            print(f"{path}: {what}")
        sys.exit(f"{options.file}: nothing was changed.")
    except (OSError, UnicodeDecodeError, NotPossible) as error:
        sys.exit(f"{options.file}: {error} Nothing was changed.")
    return 0
