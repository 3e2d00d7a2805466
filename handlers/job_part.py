"""The parts of a technician's job: named one by one, shown back, taken back."""

from __future__ import annotations

import re
from typing import Final

from bot.dialog.intents import ask, intent, wish
from bot.dialog.kinds import Words, tapped
from bot.dialog.turn import Turn
from bot.errors import Refused
from bot.replies import Choose, Option, Replies, Say, Value, Written
from bot.services import job_site, jobs
from handlers.job import actor_of, ends, job_meant, technician, too_late

_WORDS: Final = (
    "add part", "add a part", "añadir pieza", "adicionar peça", "添加配件", "ajouter une pièce",
    "teil hinzufügen",
)  # fmt: skip
# "part: fuse x2"; without the colon it may be anybody's sentence.
_SAID: Final = (
    r"(?:(?:add )?(?:a )?part|(?:añadir )?pieza|(?:adicionar )?peça|(?:添加)?配件"
    r"|(?:ajouter une )?pièce|(?:ersatz)?teil)\s?[:：]\s*(.+)"
)


class _AtHand:
    """The job behind a button, else where the technician is."""

    def hear(self, turn: Turn, name: str, *, asked: bool) -> str | None:
        """Raises Refused: they are at no pile."""
        value = tapped(turn, name)
        if value is not None or turn.heard.payload is not None:
            return value
        found = job_site.at_hand(turn.work, technician(turn).id)
        if found is None:
            raise Refused("You have no job on the spot now. Write JOBS to see yours.")
        return str(found.id)

    def dump(self, value: str) -> str:
        """As it is."""
        return value

    def load(self, turn: Turn, raw: str) -> str | None:
        """As it is."""
        return raw


class _Part(Words):
    """What is typed when asked, or behind "part:"."""

    def hear(self, turn: Turn, name: str, *, asked: bool) -> str | None:
        """Raises Refused for too much of it."""
        said = re.fullmatch(_SAID, turn.heard.text.strip(), re.IGNORECASE)
        if said is not None and turn.heard.payload is None:
            return said[1].strip()[: self.longest]
        return super().hear(turn, name, asked=asked)


@wish
class Part:
    """Of which job, and what."""

    id: str = ask("Which job?", _AtHand())
    part: str = ask("Which part, and how many? For example: Fuse 10 A x2", _Part(80))


@intent("job_part", words=_WORDS, patterns=(_SAID,))
def part(turn: Turn, want: Part) -> Replies:
    """Noted and shown back; another one, or back with it."""
    staff, found = technician(turn), job_meant(turn, want.id)
    try:
        line = job_site.add_part(turn.work, actor_of(staff), found.id, want.part)
    except jobs.NotPossible:
        return too_late(turn, staff, found.id)
    values: dict[str, Value] = {
        "job": found.id, "part": Written(line.text),
        "parts": Written(", ".join(map(str, found.parts))),
    }  # fmt: skip
    return Choose(
        Say("Noted with job {job}: {part}.\nParts: {parts}", values),
        [
            Option(f"job_part?id={found.id}", Say("Another part")),
            Option(f"job_part_back?id={found.id}&entry={line.id}", Say("Take it back")),
            *ends(found),
        ],
    )


@intent("job_part_back")
def take_back(turn: Turn) -> Replies:
    """It was another part after all."""
    staff, found = technician(turn), job_meant(turn)
    entry = turn.value("entry") or ""
    try:
        gone = job_site.part_back(
            turn.work, actor_of(staff), found.id, int(entry) if entry.isdecimal() else 0
        )
    except jobs.NotPossible:
        return too_late(turn, staff, found.id)
    return Choose(
        Say("Taken back: {part}.", {"part": Written(gone)}),
        [Option(f"job_part?id={found.id}", Say("Add part")), *ends(found)],
    )
