"""What `./run NAME` finds: commands by name, and the settings and the store they work on."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bot import logs
from bot import settings as settings_module
from bot.jobs import wake
from bot.settings import Settings, SettingsError
from bot.store.database import Store, make_engine

ROOT = Path(__file__).resolve().parent.parent.parent

Command = Callable[[argparse.Namespace], int]
COMMANDS: dict[str, tuple[Command, Sequence[tuple[Sequence[str], dict[str, Any]]]]] = {}


def open_store(settings: Settings) -> Store:
    """The database, waking workers through Redis after each commit."""
    waker = wake.Waker(wake.connect(settings.redis_url))
    return Store(make_engine(settings.database_url), on_commit=waker.after_commit)


def argument(*names: str, **options: Any) -> tuple[Sequence[str], dict[str, Any]]:
    """An argument of a command, as argparse takes it."""
    return names, options


def command(
    name: str, *arguments: tuple[Sequence[str], dict[str, Any]]
) -> Callable[[Command], Command]:
    """Mark a function as `./run NAME`."""

    def mark(run: Command) -> Command:
        COMMANDS[name] = run, arguments
        return run

    return mark


def settings_for(process: str) -> Settings:
    """The settings of the environment, or the end with every problem named."""
    try:
        settings = settings_module.read(os.environ)
    except SettingsError as error:
        sys.exit(f"Settings, described in docs/settings.md:\n{error}")
    logs.set_up(settings.log_level, process=process)
    return settings


def settings_or_demos(process: str, folder: Path | None) -> Settings:
    """The settings of the environment; those of a demo beside it when it has none."""
    if not any(name.startswith("DATABASE_URL") for name in os.environ):
        from bot.demo.data_dir import settings_in

        if demo := settings_in(folder or ROOT / "var" / "demo"):
            return settings_module.read(demo)
    return settings_for(process)


def say(line: str) -> None:
    """For people: stdout is the command's alone."""
    print(line, file=sys.stderr, flush=True)
