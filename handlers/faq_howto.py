"""How it works: five short cards, one at a time, to skip at any point."""

from __future__ import annotations

from bot.dialog.intents import intent
from bot.dialog.turn import Turn
from bot.replies import N_, Choose, Option, Replies, Say

CARDS = (
    N_(
        "1 of 5. Find: share your location here (attach, then Location) or name a street. You get "
        "the nearest piles with price and what is free."
    ),
    N_(
        "2 of 5. Scan: at the pile, send me a photo of its QR code. No camera? Type the code "
        "printed under it, like 1023-27."
    ),
    N_(
        "3 of 5. Say yes: you see the price first and how much is held on your card. Only what "
        "you use is charged, the rest is released."
    ),
    N_(
        "4 of 5. Plug in: the charge starts when the cable is in. Ask how it is going at any "
        "time, and write FINISH or tap the stop button to end it."
    ),
    N_(
        "5 of 5. Unplug and hang the cable back. Your receipt comes into this chat within half a "
        "minute."
    ),
)
# "how do I stop?" is about the card on stopping: what else the message speaks of tells which.
CARD_ABOUT = {
    "start_charge": "2",
    "pricing_question": "3",
    "top_up_or_payment": "3",
    "charge_status": "4",
    "stop_charge": "4",
    "invoice_or_receipt": "5",
}


@intent("faq_howto", digression=True, words=("how", "tutorial"))
def explain(turn: Turn) -> Replies:
    """The card named by the button, else the one the question is about, else the first."""
    about = CARD_ABOUT.get(turn.heard.understanding.secondary or "", "1")
    raw = turn.value("card") or about
    number = int(raw) if raw.isdigit() and 1 <= int(raw) <= len(CARDS) else 1
    options = [Option("find_pile", Say("Find a pile"))]
    if number < len(CARDS):
        options.insert(0, Option(f"faq_howto?card={number + 1}", Say("Next")))
    options.append(Option("human_handoff", Say("Talk to a person")))
    return Choose(Say(CARDS[number - 1]), options)
