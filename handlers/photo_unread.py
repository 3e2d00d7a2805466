"""A photo without a code of ours, or with two: how to go on."""

from __future__ import annotations

from bot.dialog.intents import intent
from bot.dialog.turn import Turn
from bot.domain.waiting import HOLDING
from bot.replies import N_, Choose, Option, Replies, Say
from bot.services import case_intake, waiting
from bot.services.waiting_words import BLOCKED

RETAKE = N_(
    "I cannot read a code in that photo. Please go closer so that the whole square fills the "
    "picture, hold still and avoid glare. Or type the code printed under it, like 1023-27."
)
PROBLEMS = {
    "no_code": RETAKE,
    "unreadable": RETAKE,
    "foreign": N_(
        "That code is not from one of our piles, so I have not opened it. Please send the QR code "
        "of our sticker, or type the code printed under it."
    ),
    "too_large": N_(
        "That picture is too large for me. Please send it as a normal photo, or type the code "
        "printed under the QR code."
    ),
    "not_an_image": N_(
        "I can only read photos here. Please send the QR code as a photo, or type the code "
        "printed under it."
    ),
    "voice": N_(
        "I cannot listen to voice messages yet. Please type your message, or pick something."
    ),
    "gone": N_(
        "I could not load that picture. Please send it again, or type the code printed under the "
        "QR code."
    ),
}


@intent("photo_unread", digression=True)
def how_to_retake(turn: Turn) -> Replies:
    """Every way a picture can fail has its own next step."""
    case = case_intake.awaits_photo(turn.work, turn.conversation.id)
    if case is not None and turn.heard.photo_problem in ("no_code", "unreadable"):
        return Say("Thank you, your photo is with case {case}.", {"case": case.id})
    mine = waiting.place_of(turn.work, turn.rider.id)
    bay = [BLOCKED] if mine is not None and mine.state in HOLDING else []
    return Choose(
        Say(PROBLEMS.get(turn.heard.photo_problem or "", RETAKE)),
        [
            *bay,
            Option("find_pile", Say("Find a pile")),
            Option("human_handoff", Say("Talk to a person")),
        ],
    )


@intent("photo_choice")
def which_code(turn: Turn) -> Replies:
    """Two stickers in one photo: never guess, the neighbour's pile costs the neighbour's money."""
    codes = [e.value for e in turn.heard.understanding.entities if e.type == "pile_code"][:9]
    return Choose(
        Say("I can read more than one code in that photo. Which one are you at?"),
        [Option(f"start_charge?pile={code}", Say("{code}", {"code": code})) for code in codes],
        list_button=Say("Choose"),
    )
