"""Commands about who may get in: staff and partners."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bot.commands.registry import argument, command, open_store, settings_or_demos
from bot.errors import PilebotError
from bot.store.database import Store, make_engine


@command(
    "staff",
    argument("do", choices=["add", "reset", "list"], help="reset: new password, new second factor"),
    argument("login", nargs="?", help="an e-mail address, or one word"),
    argument("--role", default="admin", help="agent, technician, finance, manager or admin"),
    argument("--name", help="none: as the login"),
    argument("--ask", action="store_true", help="ask for the password here instead of a link"),
    argument("--demo", type=Path, help="a demo's folder, when the environment has no settings"),
)
def run_staff(options: argparse.Namespace) -> int:
    """Makes the first admin's account, lets somebody in again, lists the accounts."""
    from bot.services import staff_command

    settings = settings_or_demos("staff", options.demo)
    store = Store(make_engine(settings.database_url))
    if options.do == "list":
        print(staff_command.listed(store))
        return 0
    if not options.login:
        sys.exit("Whose account? Name the login.")
    try:
        password = staff_command.ask_password(options.login) if options.ask else None
        if options.do == "add":
            name = options.name or options.login
            link = staff_command.add(store, settings, options.login, name, options.role, password)
        else:
            link = staff_command.reset(store, settings, options.login, password)
    except PilebotError as error:
        sys.exit(f"{error} Nothing was changed.")
    print(link or f"{options.login} can log in at {settings.console_url}")
    return 0


@command(
    "partner",
    argument("do", choices=["add", "list", "revoke"]),
    argument("what", nargs="?", help="add: the partner's name; revoke: the key's number"),
    argument("--scopes", default="cases:write,cases:read"),
    argument("--demo", type=Path, help="a demo's folder, when the environment has no settings"),
)
def run_partner(options: argparse.Namespace) -> int:
    """Makes, lists and revokes the keys of partners for the case API."""
    from bot.services import partners

    store = open_store(settings_or_demos("partner", options.demo))
    if options.do != "list" and not options.what:
        sys.exit("Whose key? Name the partner, or the number of the key.")
    try:
        with store.begin() as work:
            if options.do == "add":
                scopes = options.scopes.split(",")
                print(partners.make(work, None, options.what, scopes=scopes)[1])
            elif options.do == "revoke":
                partners.revoke(work, None, int(options.what) if options.what.isdigit() else 0)
            else:
                for key in partners.listed(work):
                    state = "revoked" if key.revoked_at else ", ".join(key.scopes)
                    print(f"{key.id}  {key.hint}…  {key.name}  {state}")
    except PilebotError as error:
        sys.exit(f"{error} Nothing was changed.")
    return 0
