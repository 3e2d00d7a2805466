"""Serving a rider's message: what was heard is filed, and one turn of the dialog answers it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import select

from bot.dialog.engine import Engine
from bot.dialog.turn import Heard, Turn
from bot.domain.codes import parse
from bot.domain.handoff_rules import call_person, is_dispute, is_threat
from bot.domain.knowledge import may_answer
from bot.gateways.media import media_url, new_file, store_file
from bot.jobs import evidence, site_photos
from bot.jobs.drain import Route
from bot.jobs.hearing import DANGER, URGENT, Hearing, Incoming, Prepared, rider_of
from bot.replies import Link, Reply, Say
from bot.services import crisis, desk, disputes, handoff, incidents, knowledge, riders, threads
from bot.services import understood as kept
from bot.services.handoff_signals import signals
from bot.services.outbound import tell
from bot.settings import Settings
from bot.store.database import UnitOfWork
from bot.store.queues import Inbox
from bot.store.riders import Conversation, Message, Rider, RiderAddress
from bot.store.stations import Pile
from bot.understanding import Entity, Transcript, Understanding

log = structlog.get_logger()

CLEARLY_SPOKEN = 0.6  # below this confidence riders are told what was heard in a voice note
# Payload of a button that somebody of the staff made: its tap is a word to them.
STAFF_ANSWER = "staff_answer"
# Has an answer of its own that must not wait for a person.
NEVER_PASSED_ON = URGENT | {
    "privacy_request", "human_handoff", "agree_start", "thanks_bye", "card_number",
    site_photos.INTENT,
}  # fmt: skip
# Facts about one's own cases: told whoever has the chat, and no reason to give it to anybody else.
OWN_CASES = frozenset({"case_status", "my_cases", "case_answer", "promise"})
# Words that bring a waiting rider back to the bot (they are told "Write BOT").
BACK_TO_BOT = frozenset({"bot", "robot", "机器人", "機器人"})


@dataclass(frozen=True, slots=True)
class Serving:
    """Serves inbox kinds "whatsapp.message" and "web.message"."""

    settings: Settings
    engine: Engine
    hearing: Hearing

    def routes(self) -> dict[str, Route]:
        """The inbox kinds served here."""
        return {
            "whatsapp.message": Route(self.apply, self.hearing.whatsapp, self.lost),
            "web.message": Route(self.apply, self.hearing.web, self.lost),
        }

    def apply(self, work: UnitOfWork, row: Inbox, prepared: Prepared) -> None:
        """One turn: the rider's line is filed, the right owner answers."""
        incoming, heard = prepared.incoming, prepared.heard
        rider_id = rider_of(row)
        if incoming.channel == "web":  # WhatsApp's webhook noted it when it came
            riders.note_inbound(work, rider_id, "web")
        conversation = work.session.scalars(
            select(Conversation)
            .where(Conversation.rider_id == rider_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        ).one()
        rider = work.session.get_one(Rider, rider_id)
        _learn(work, rider, incoming, self._about_language(conversation, heard.understanding))
        line = self._file(work, conversation, prepared)
        dangerous = _names_the_dangerous_pile(work, conversation, heard.understanding)
        if not dangerous:
            heard = site_photos.kept(work, rider, conversation, prepared, heard)
        threads.heard(work, conversation, for_bot=_serves_itself(heard))
        if dangerous:
            meant = replace(heard.understanding, intent="safety_emergency", engine="safety")
            heard = replace(heard, understanding=meant)
        if _contests_a_bill(work, conversation, heard):
            heard = replace(heard, understanding=replace(heard.understanding, intent="refund"))
        if heard.payload is None and is_threat(heard.text):  # whoever has the chat
            crisis.threat(work, self.settings, conversation, heard.text, key=heard.key)
        turn = Turn(work, self.settings, rider, conversation, heard)
        if self._bot_answers(turn):
            kept.note(work, rider, line, heard.understanding, guess=heard.understanding.secondary)
            turn = _from_knowledge(turn)
            replies = [
                *self._welcome(turn),
                *_as_heard(incoming.transcript, heard),
                *(_pass_on(turn) or self.engine.serve(turn)),
            ]
            # A goodbye to the queue is the last thing the bot may say: it goes out unfenced.
            author = "bot" if conversation.owner == "bot" else "auto"
            tell(work, conversation, replies, key=heard.key, author=author)
        evidence.keep(work, row, line, danger=heard.understanding.intent in DANGER)
        evidence.keep_for_case(
            work, self.settings, conversation, line, prepared.pictures, heard.understanding
        )

    def _about_language(
        self, conversation: Conversation, understood: Understanding
    ) -> Understanding:
        """A company's name or an address tells nothing of the rider's language."""
        if self.engine.takes_anything(conversation.dialog or {}):
            return replace(understood, lang=None)
        return understood

    def _file(self, work: UnitOfWork, conversation: Conversation, prepared: Prepared) -> Message:
        """The rider's line in the one history of all channels.

        Photos are dropped once read, unless a person has the chat: then they are evidence.
        """
        incoming, understood = prepared.incoming, prepared.heard.understanding
        line = _line(incoming, work.now)
        if conversation.owner != "bot" and prepared.pictures:
            file = new_file(prepared.pictures[0], "image/jpeg", "photo.jpg")
            store_file(work, file)
            url = media_url(self.settings, file.token, file.name)
            line["media"] = {"url": url, "type": file.content_type, "name": file.name}
        if conversation.owner != "bot" and prepared.voice is not None:
            file = new_file(prepared.voice, incoming.other_media or "audio/ogg", "voice.ogg")
            store_file(work, file)
            url = media_url(self.settings, file.token, file.name)
            line["media"] = {"url": url, "type": file.content_type, "name": file.name}
            line["kind"] = "document"
        filed = Message(
            conversation_id=conversation.id,
            at=work.now,
            author="rider",
            channel=incoming.channel,
            text=incoming.text,
            body=line,
            source_key=prepared.heard.key,
            provider_id=incoming.sid,
            status="read",
            understood={
                "intent": understood.intent,
                "confidence": round(understood.confidence, 3),
                "engine": understood.engine,
                "entities": {each.type: each.value for each in understood.entities},
            },
        )
        work.session.add(filed)
        return filed

    def _bot_answers(self, turn: Turn) -> bool:
        """Stopping and safety always work; otherwise the owner of the chat answers.

        A rider who still waits in the queue may turn back to the bot by word, button or photo.
        """
        conversation, heard = turn.conversation, turn.heard
        if conversation.owner == "bot":
            return True
        # Staff asked for a start, by a button; a card number is warned of whoever reads along.
        if heard.understanding.intent in URGENT | {"agree_start", "card_number"}:
            return True
        if heard.understanding.intent in OWN_CASES and heard.understanding.confidence >= 1:
            return True
        if heard.understanding.intent == "privacy_request" and heard.understanding.confidence >= 1:
            return True  # "stop" without a charge is never answered with silence
        if conversation.owner != "queue":
            return False
        turns_back = heard.text.strip().casefold() in BACK_TO_BOT
        # Who reported danger or a fault was asked which pile it is: a photo of it is the answer.
        if conversation.handoff_reason != "safety":
            turns_back = turns_back or heard.payload is not None
            if conversation.handoff_reason != "fault":
                turns_back = turns_back or heard.understanding.engine == "qr"
        if turns_back:
            handoff.to_bot(turn.work, conversation)
        return turns_back

    def _welcome(self, turn: Turn) -> list[Reply]:
        """Said once, before the first answer."""
        if turn.rider.welcomed_at is not None:
            return []
        turn.rider.welcomed_at = turn.now
        url = self.settings.terms_url or f"{self.settings.public_url}/terms"
        return [
            Link(
                Say(
                    "Welcome to {brand}. By using this chat you accept our terms. I answer in "
                    "English; write LANGUAGE for another one. New here? Write HOW.",
                    {"brand": self.settings.brand},
                ),
                Say("Read the terms"),
                url,
            )
        ]

    def lost(self, work: UnitOfWork, row: Inbox) -> None:
        """The message could not be served: say so and fetch a person; nothing is dropped."""
        conversation = work.session.scalars(
            select(Conversation).where(Conversation.rider_id == rider_of(row))
        ).one()
        handoff.to_queue(work, conversation, reason="error")
        tell(
            work,
            conversation,
            Say(
                "Sorry, something went wrong on our side with your last message. A person will "
                "look at it and answer here. Please send it again if it is urgent."
            ),
            key=f"lost:{row.source}:{row.source_id}",
        )


def _as_heard(transcript: Transcript | None, heard: Heard) -> list[Reply]:
    """What was understood of a voice note, where that is not sure."""
    if transcript is None or transcript.confidence >= CLEARLY_SPOKEN:
        return []
    if heard.understanding.intent in URGENT:  # these are answered first
        return []
    return [Say('I heard: "{words}"', {"words": transcript.text[:300]})]


def _pass_on(turn: Turn) -> list[Reply]:
    """Fetches a person where the rules of an automatic handoff say so; else nothing."""
    conversation, heard = turn.conversation, turn.heard
    intent = heard.understanding.intent
    if conversation.owner != "bot" or intent in NEVER_PASSED_ON:
        return []
    typed = heard.payload is None and heard.place is None and bool(heard.text.strip())
    seen = signals(turn.work, conversation, text=heard.text, intent=intent, typed=typed)
    reason = call_person(seen)
    if reason is None or (reason == "dispute" and intent == "refund"):
        return []  # a rule looks at the bill first, and offers a person itself
    handoff.to_queue(turn.work, conversation, reason=reason)
    wait = desk.waiting_text(turn.work, turn.settings, conversation)
    return [
        Say(
            "I am passing this to a person from our team, who will answer in this chat. {wait} "
            "Write BOT to come back to me.",
            {"wait": wait},
        )
    ]


def _from_knowledge(turn: Turn) -> Turn:
    """The turn as one that the knowledge base answers, where nothing surer was understood and an
    entry fits; else as it is."""
    heard, dialog = turn.heard, turn.conversation.dialog
    understood = heard.understanding
    typed = heard.payload is None and heard.place is None and not understood.also
    if not typed or not may_answer(understood.intent, understood.confidence, understood.engine):
        return turn
    waits = bool(dialog and dialog.get("asking"))
    found = knowledge.find(turn.work, heard.text, turn.lang, aside=waits)
    if found is None:
        return turn
    entities = (
        Entity("entry", str(found.version_id)),
        Entity("likeness", str(round(found.score * 1000))),
    )
    meant = replace(understood, intent="knowledge", entities=entities)
    return replace(turn, heard=replace(heard, understanding=meant))


def _serves_itself(heard: Heard) -> bool:
    """What the bot answers although people closed the chat today: taps on its own buttons, photos
    of stickers, stopping and danger, a thank-you. Anything else goes back to them."""
    if heard.payload is not None:
        return not heard.payload.startswith(STAFF_ANSWER)
    understood = heard.understanding
    by_itself = understood.engine == "qr" or understood.intent in {
        *URGENT,
        *OWN_CASES,
        "thanks_bye",
        site_photos.INTENT,
    }
    return by_itself or heard.text.strip().casefold() in BACK_TO_BOT


def _contests_a_bill(work: UnitOfWork, conversation: Conversation, heard: Heard) -> bool:
    """ "You charged me twice" of somebody with a bill: looked at by rule before by people."""
    passed_on = heard.understanding.intent not in NEVER_PASSED_ON
    typed = conversation.owner == "bot" and heard.payload is None and passed_on
    return (
        typed
        and is_dispute(heard.text)
        and bool(disputes.contestable(work, conversation.rider_id, limit=1))
    )


def _names_the_dangerous_pile(
    work: UnitOfWork, conversation: Conversation, heard: Understanding
) -> bool:
    """The answer to "which pile is it?" after a report of danger that nobody has closed yet, unless
    it is locked already. Later the same code is a wish to charge there."""
    code = parse(heard.entity("pile_code") or "")
    if code is None or conversation.owner != "queue" or conversation.handoff_reason != "safety":
        return False
    if not incidents.is_open_for(work, conversation.id):
        return False
    in_service = select(Pile.in_service).where(Pile.number == code.pile_number)
    return bool(work.session.scalars(in_service).first())


def _learn(work: UnitOfWork, rider: Rider, incoming: Incoming, heard: Understanding) -> None:
    """Language, name and place, as far as the message tells."""
    if incoming.name and not rider.name:
        rider.name = riders.clean_name(incoming.name)
    if incoming.opted_out:
        rider.muted_at = work.now
    if incoming.place is not None:
        rider.last_lat, rider.last_lng = incoming.place
        rider.last_place_at = work.now
    if rider.lang_chosen:
        return
    if heard.lang is not None and (rider.lang is None or _tells_language(incoming.text, heard)):
        rider.lang = heard.lang
    elif rider.lang is None:
        rider.lang = _language_of_number(work, rider.id)


def _tells_language(text: str, heard: Understanding) -> bool:
    """Whether a message is enough to leave the language spoken so far: one loan word is not."""
    return heard.lang == "zh" or heard.intent == "greet" or len(text.split()) > 1


# Country calling codes whose riders most likely read one of the shipped languages.
_CALLING_CODES = {
    "+34": "es", "+52": "es", "+54": "es", "+56": "es", "+57": "es", "+51": "es", "+598": "es",
    "+55": "pt-BR", "+351": "pt-BR", "+86": "zh", "+886": "zh", "+852": "zh", "+33": "fr",
    "+32": "fr", "+49": "de", "+43": "de", "+41": "de",
}  # fmt: skip


def _language_of_number(work: UnitOfWork, rider_id: int) -> str | None:
    numbers = work.session.scalars(
        select(RiderAddress.value).where(
            RiderAddress.rider_id == rider_id, RiderAddress.kind == "whatsapp"
        )
    )
    for number in numbers:
        for length in (4, 3):
            if (lang := _CALLING_CODES.get(number[:length])) is not None:
                return lang
    return None


def _line(incoming: Incoming, now: datetime) -> dict[str, Any]:
    """docs/chat-message.md for a rider's line; photos are not kept once they are read."""
    line: dict[str, Any] = {
        "at": now.isoformat(),
        "direction": "in",
        "author": "rider",
        "kind": "text",
        "text": incoming.text,
        "status": "read",
    }
    if incoming.place is not None:
        lat, lng = incoming.place
        line |= {"kind": "location", "location": {"lat": lat, "lng": lng, "label": ""}}
    elif incoming.photos:
        line["kind"] = "image"
    elif incoming.transcript is not None:
        line |= {"kind": "audio", "transcript": incoming.transcript.text}
    elif incoming.other_media is not None:
        line["other_media"] = incoming.other_media
    if incoming.payload is not None:
        line["payload"] = incoming.payload
    return line
