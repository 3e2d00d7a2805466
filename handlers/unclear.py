"""Not understood: did you mean, then say it differently, then a person."""

from __future__ import annotations

from bot.dialog.intents import intent
from bot.dialog.turn import Turn
from bot.replies import Choose, Option, Replies, Say
from bot.services import handoff

GUESSES = {
    "find_pile": Say("Find a pile"),
    "start_charge": Say("Start a charge"),
    "stop_charge": Say("Stop charging"),
    "charge_status": Say("My charge"),
    "invoice_or_receipt": Say("My last receipt"),
    "report_fault": Say("Report a problem"),
    "language_change": Say("Language"),
    "pricing_question": Say("Prices"),
    "faq_howto": Say("How it works"),
}


@intent("unclear")
def ask_back(turn: Turn) -> Replies:
    """First a guess to tap, then a request to rephrase, at the third time a person is fetched."""
    misses = turn.conversation.fallbacks
    person = Option("human_handoff", Say("Talk to a person"))
    if misses >= 3:
        handoff.to_queue(turn.work, turn.conversation, reason="not_understood")
        return Say(
            "I still do not understand, so I am passing you to a person, who will answer here. "
            "Write BOT to come back to me."
        )
    guess = turn.heard.understanding.secondary
    if misses <= 1 and guess in GUESSES:
        return Choose(
            Say("I am not sure I understood. Did you mean this?"),
            [Option(guess, GUESSES[guess]), Option("help", Say("Something else")), person],
        )
    return Choose(
        Say(
            "Sorry, I did not understand that. Please say it in other words, send a photo of the "
            "pile's QR code, or pick something."
        ),
        [Option("find_pile", Say("Find a pile")), Option("help", Say("Menu")), person],
    )


@intent("out_of_scope", digression=True)
def only_charging(turn: Turn) -> Replies:
    """Task bots keep to their task."""
    return Choose(
        Say("I can only help with charging at our piles. What would you like to do?"),
        [
            Option("find_pile", Say("Find a pile")),
            Option("help", Say("Menu")),
            Option("human_handoff", Say("Talk to a person")),
        ],
    )
