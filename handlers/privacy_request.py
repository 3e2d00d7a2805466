"""Opting out of messages and back in; requests about personal data go to a person."""

from __future__ import annotations

from bot.dialog.intents import intent
from bot.dialog.turn import Turn
from bot.replies import Choose, Option, Replies, Say
from bot.services import handoff, understood


@intent("privacy_request")
def privacy(turn: Turn) -> Replies:
    """ "stop" without a charge is an opt-out, asked back because it may have meant the charge."""
    choice = turn.value("do")
    if choice == "mute":
        turn.rider.muted_at = turn.now
        understood.forget(turn.work, turn.rider.id)
        return Choose(
            Say(
                "Done: you will get no more messages from us unless you write first. What you "
                "start yourself still reports back. You can undo this here."
            ),
            [Option("privacy_request?do=unmute", Say("Undo"))],
        )
    if choice == "unmute":
        turn.rider.muted_at = None
        return Say("Welcome back: messages are on again.")
    if choice == "data":
        handoff.to_queue(turn.work, turn.conversation, reason="privacy")
        return Say(
            "I have passed your request about your data to a person, who will answer in this chat."
        )
    return Choose(
        Say("You have no charge running. What should I do?"),
        [
            Option("privacy_request?do=mute", Say("No more messages")),
            Option("privacy_request?do=data", Say("About my data")),
            Option("help", Say("Nothing, thanks")),
        ],
    )
