"""Commands about settings, texts and what is read from photos."""

from __future__ import annotations

import argparse
import os

from bot import settings as settings_module
from bot.commands.registry import argument, command, settings_for
from bot.settings import SettingsError


@command("check-settings")
def run_check_settings(_: argparse.Namespace) -> int:
    """Reports every setting that is missing or wrong, else shows those in force."""
    settings = settings_for("check-settings")
    for each in settings_module.FIELDS:
        value = getattr(settings, each.name)
        hidden = each.metadata["secret"] and value
        print(f"{each.name.upper()}={f'({len(value)} characters)' if hidden else value}")
    return 0


@command("decode", argument("files", nargs="+", help="photos"))
def run_decode(options: argparse.Namespace) -> int:
    """Prints what is read from photos: a JSON line an image. Works without settings."""
    from bot.gateways import decode_cli, photos

    try:
        settings = settings_module.read(os.environ)
    except SettingsError:
        from bot.demo import city

        return decode_cli.main(options.files, ["127.0.0.1", "localhost"], [city.SENDER])
    hosts, numbers = photos.own_hosts(settings), photos.own_numbers(settings)
    return decode_cli.main(options.files, hosts, numbers)


@command("templates")
def run_templates(_: argparse.Namespace) -> int:
    """Registers the WhatsApp templates at Twilio; prints the value for TWILIO_TEMPLATES."""
    from bot.gateways import templates

    print(templates.register(settings_for("templates")))
    return 0


@command("texts")
def run_texts(_: argparse.Namespace) -> int:
    """Brings the translation catalogues in step with the code."""
    from bot.gateways import catalogues

    for locale, lacking in catalogues.update().items():
        print(f"{locale}: {lacking} sentences to translate")
    return 0
