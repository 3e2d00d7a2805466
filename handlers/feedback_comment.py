"""A comment to a rating, in the rider's own words."""

from __future__ import annotations

from bot.dialog.intents import ask, intent, wish
from bot.dialog.kinds import Digits, Words
from bot.dialog.turn import Turn
from bot.replies import Replies, Say
from bot.services import feedback


@wish
class Comment:
    """To which rating, and the words."""

    about: str = ask("Please tap one of the answers first.", Digits())
    text: str = ask("Please write what you would like to tell us.", Words(1000))


@intent("feedback_comment")
def comment(turn: Turn, want: Comment) -> Replies:
    """Kept with the rating; people read it."""
    row = feedback.own(turn.work, turn.rider.id, int(want.about))
    feedback.add_words(turn.work, row, want.text)
    return Say("Thank you. People read every comment.")
