"""Hello: what this chat can do, in three buttons."""

from __future__ import annotations

from bot.dialog.intents import intent
from bot.dialog.turn import Turn
from bot.replies import Choose, Option, Replies, Say


@intent("greet")
def greet(turn: Turn) -> Replies:
    """A greeting is answered with the way in."""
    return Choose(
        Say(
            "Hello! Send me a photo of the QR code on a pile, or type the code under it, and I "
            "show you the price and start the charge. I can also find you a free pile."
        ),
        [
            Option("find_pile", Say("Find a pile")),
            Option("faq_howto", Say("How it works")),
            Option("human_handoff", Say("Talk to a person")),
        ],
    )
