"""A card number typed into the chat: it is hidden already, the rider is told what to do instead."""

from __future__ import annotations

from bot.dialog.intents import intent
from bot.dialog.turn import Turn
from bot.replies import Choose, Option, Replies, Say


@intent("card_number", digression=True)
def warn(turn: Turn) -> Replies:
    """Nothing is paid with it and nothing is kept of it but its last four digits."""
    return Choose(
        Say(
            "That looked like a card number. I have not kept it: please never send card numbers "
            "in a chat, and delete your message on your phone. Cards are entered only on the "
            "secure payment page, which I send you when there is something to pay."
        ),
        [
            Option("top_up_or_payment", Say("Paying and cards")),
            Option("start_charge", Say("Start a charge")),
        ],
    )
