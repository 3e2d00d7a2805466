"""A one-time link that opens this chat in a browser."""

from __future__ import annotations

from bot.dialog.intents import intent
from bot.dialog.turn import Turn
from bot.replies import Link, Replies, Say
from bot.services.weblogin import make_login_link


@intent("web_login", digression=True, words=("web", "browser", "login"))
def send_link(turn: Turn) -> Replies:
    """Only the rider's own chat gets it."""
    return Link(
        Say(
            "This link opens our chat in your browser. It works once and for a short time. Do not "
            "pass it on."
        ),
        Say("Open the chat"),
        make_login_link(turn.work, turn.settings, turn.rider),
    )
