"""The menu: everything this chat does, as a list to tap."""

from __future__ import annotations

from bot.dialog.intents import intent
from bot.dialog.turn import Turn
from bot.replies import Choose, Option, Replies, Say


# "bot" turns back from the queue, see bot/jobs/messages.py; the NLU takes it for a person wanted.
@intent("help", words=("menu", "help", "bot", "robot", "机器人", "機器人"))
def show_menu(turn: Turn) -> Replies:
    """At most ten rows: WhatsApp's limit."""
    return Choose(
        Say("Here is what I can do. You can also just write what you need."),
        [
            Option("find_pile", Say("Find a pile"), Say("Free piles near you, with prices")),
            Option("start_charge", Say("Start a charge"), Say("By photo of the QR code, or code")),
            Option("charge_status", Say("My charge"), Say("Energy, time and cost so far")),
            Option("stop_charge", Say("Stop charging"), Say("Works at any time")),
            Option("invoice_or_receipt", Say("My last receipt"), Say("As text and PDF")),
            Option("order_history", Say("My orders"), Say("What you paid, line by line")),
            Option("report_fault", Say("Report a problem"), Say("Something broken or blocked")),
            Option("language_change", Say("Language"), Say("English, Español, 中文 and more")),
            Option("faq_howto", Say("How it works"), Say("Five short cards")),
            Option("human_handoff", Say("Talk to a person"), Say("In this same chat")),
        ],
        list_button=Say("Open the menu"),
    )
