"""One voice while danger is open: people send approved words only, and what they send is logged.

Approved are the safety texts below and the canned replies that a manager has approved for danger. A
manager may send words of their own, with a reason that is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import ColumnElement, or_, select

from bot.domain.masking import mask_text
from bot.domain.rights import may
from bot.errors import PilebotError
from bot.replies import Choose, Document, Picture, Reply, Say, Written
from bot.services import audit, canned, cases, charging, incidents, safety
from bot.services.audit import Actor
from bot.settings import Settings
from bot.store.cases import Case
from bot.store.database import UnitOfWork
from bot.store.desk import Incident
from bot.store.riders import Conversation, Rider
from bot.store.stations import Evse, Pile

REASON_MAX: Final = 300
# Safety texts that anybody may send, in every language; the warning comes before them.
TEXTS: Final[Mapping[str, Say]] = {
    "away": Say(
        "Please stay well away from the pile and keep others away. Do not go back for your "
        "vehicle or your things."
    ),
    "safe": Say("Are you safe? Is anybody hurt?"),
    "shock": Say(
        "Do not touch anybody who still touches the cable or the pile. Call {number} first."
    ),
    "off": Say(
        "The pile is switched off and locked. Please do not unplug or touch anything until our "
        "technician or the fire service says that it is safe."
    ),
    "coming": Say("Somebody of our team is on the way. Please wait for them at a safe distance."),
    "looking": Say(
        "We take this very seriously and are finding out what happened. We tell you here as soon "
        "as we know more."
    ),
}  # fmt: skip


class Locked(PilebotError):
    """These words are not approved; the message says what can be sent, for staff to read."""


def lock_of(work: UnitOfWork, conversation: Conversation) -> Incident | None:
    """The open incident that locks a conversation's words: its own, one at the station where the
    rider charges or charged within the hour, one at a pile that a case of theirs is about."""
    same: list[ColumnElement[bool]] = [Incident.conversation_id == conversation.id]
    rider_id = conversation.rider_id
    session = charging.open_session(work, rider_id) or charging.recent_session(work, rider_id)
    if session is not None:
        station = work.session.get_one(Evse, session.evse_id).pile.station_id
        piles = select(Pile.id).where(Pile.station_id == station)
        same.append(Incident.pile_id.in_(piles))
    about = [each.pile_id for each in cases.of_conversation(work, conversation.id)
             if each.pile_id is not None and each.status != "closed"]  # fmt: skip
    if about:
        same.append(Incident.pile_id.in_(about))
    return _open_one(work, or_(*same))


def lock_of_case(work: UnitOfWork, case: Case) -> Incident | None:
    """The open incident that locks what is told about a case: of its chat, its own, its pile's."""
    chat = work.session.get(Conversation, case.conversation_id) if case.conversation_id else None
    if chat is not None and (found := lock_of(work, chat)) is not None:
        return found
    own = [int(each.ref) for each in cases.links(work, case.id) if each.kind == "incident"]
    at_pile = Incident.pile_id == case.pile_id if case.pile_id else Incident.id < 0
    return _open_one(work, Incident.id.in_(own) | at_pile)


def _open_one(work: UnitOfWork, which: ColumnElement[bool]) -> Incident | None:
    rows = select(Incident).where(Incident.state != "closed", which).order_by(Incident.id)
    return work.session.scalars(rows).first()


def why(work: UnitOfWork, incident: Incident) -> str:
    """Why words are locked, for staff."""
    pile = work.session.get(Pile, incident.pile_id) if incident.pile_id else None
    where = f" at pile {pile.number}, {pile.station.name}" if pile else ""
    return f"Danger is open{where} (incident {incident.id}): only approved words go to riders."


def offered(
    work: UnitOfWork, settings: Settings, conversation: Conversation, incident: Incident
) -> dict[str, Say]:
    """The safety texts for this rider, by name."""
    rider = work.session.get_one(Rider, conversation.rider_id)
    pile = work.session.get(Pile, incident.pile_id) if incident.pile_id else None
    number = safety.number_at(settings, pile) if pile else safety.number_for(work, settings, rider)
    numbered = {
        name: Say(each.text, {"number": number}) if "{number}" in each.text else each
        for name, each in TEXTS.items()
    }
    return {"warning": safety.warning(number), **numbered}


def may_say(
    work: UnitOfWork, actor: Actor, conversation: Conversation, replies: Sequence[Reply], *,
    values: Mapping[str, str], reason: str,
) -> Incident | None:  # fmt: skip
    """The incident that must hear of these words, None while nothing is locked. Raises Locked.

    `values` fill approved canned replies, as they do in the composer; `reason` is a manager's, for
    words of their own.
    """
    incident = lock_of(work, conversation)
    if incident is None or all(_approved(work, each, values) for each in replies):
        return incident
    own_words(work, actor, incident, reason=reason, text=" / ".join(map(_words, replies)))
    return incident


def own_words(
    work: UnitOfWork, actor: Actor, incident: Incident, *, reason: str, text: str
) -> None:
    """Words that nobody approved, by a manager with a reason. Raises Locked."""
    reason = " ".join(reason.split())[:REASON_MAX]
    kept = f"{why(work, incident)} Nothing was sent, and your text is still here."
    if not may(actor.role, "danger.speak"):
        raise Locked(f"{kept} Send an approved answer, or ask a manager.")
    if not reason:
        raise Locked(f"{kept} Send an approved answer, or say why your own words are needed.")
    audit.record(
        work, actor, "danger_own_words", f"incident:{incident.id}", reason=mask_text(reason),
        after={"text": mask_text(text)[: incidents.TEXT_MAX]},
    )  # fmt: skip
    incidents.enter(work, incident, "own_words", f"Own words, because: {reason}", actor=actor)


def for_case(work: UnitOfWork, actor: Actor, case: Case, text: str) -> None:
    """Words of staff that a case tells to who reported it: while danger is open a manager's only,
    and kept. Raises Locked."""
    incident = lock_of_case(work, case)
    if incident is None:
        return
    if not may(actor.role, "danger.speak"):
        raise Locked(f"{why(work, incident)} Nothing was sent. Ask a manager to say it.")
    own_words(work, actor, incident, reason=f"Case {case.id}", text=text)
    told = f"To who reported case {case.id}: {text}"
    incidents.enter(work, incident, "said", told[: incidents.TEXT_MAX], actor=actor)


def log(
    work: UnitOfWork, actor: Actor, incident: Incident, rider_id: int, replies: Sequence[Reply]
) -> None:
    """What was sent, in the incident's log."""
    text = f"To rider {rider_id}: {' / '.join(map(_words, replies))}"
    incidents.enter(work, incident, "said", text[: incidents.TEXT_MAX], actor=actor)


# --- what words are ------------------------------------------------------------------------------


def _approved(work: UnitOfWork, reply: Reply, values: Mapping[str, str]) -> bool:
    if isinstance(reply, Say) and reply.text in _SAFE:
        return True
    if not isinstance(reply, (Say, Choose)):
        return False
    titles = [] if isinstance(reply, Say) else [_text(each.title) for each in reply.options]
    told = _same(_text(reply if isinstance(reply, Say) else reply.prompt))
    for each in canned.approved(work):
        filled, missing = canned.fill(each.text, values)
        if not missing and _same(filled) == told:
            return titles == [str(option["title"]) for option in each.options]
    return False


_SAFE: Final = frozenset({safety.warning("").text, *(each.text for each in TEXTS.values())})


def _same(text: str) -> str:
    return " ".join(text.split())


def _text(say: Say) -> str:
    words = say.values.get("words")
    return words.text if isinstance(words, Written) else say.text


def _words(reply: Reply) -> str:
    """A reply as a line of the log."""
    match reply:
        case Choose(prompt, options):
            return f"{_text(prompt)} [{', '.join(_text(each.title) for each in options)}]"
        case Picture(caption=caption):
            return f"(picture) {_text(caption)}".strip()
        case Document(name=name, caption=caption):
            return f"({name}) {_text(caption)}".strip()
        case Say():
            number = reply.values.get("number")
            return _text(reply).replace("{number}", str(number))
        case _:
            return type(reply).__name__
