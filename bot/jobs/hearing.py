"""Hearing a message before its turn: parse it, fetch and look at photos, understand the words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import structlog
from sqlalchemy import select

from bot.dialog.engine import Engine
from bot.dialog.turn import Heard
from bot.domain.codes import PileCode
from bot.errors import GiveUp, Refused
from bot.gateways import whatsapp
from bot.gateways.qr import Reading
from bot.jobs.whereabouts import whereabouts
from bot.services import job_site, later
from bot.services.booked import live_of
from bot.store.charging import ChargingSession
from bot.store.database import Store
from bot.store.queues import Inbox
from bot.store.riders import Conversation, Media, Rider
from bot.understanding import Entity, Transcribe, Transcript, Understander, Understanding

log = structlog.get_logger()

MAX_PHOTOS = 3
# Works at once, in every state: no photo is waited for, and no owner of the chat is asked.
DANGER = frozenset({"safety_emergency", "unsafe_wiring"})
URGENT = DANGER | {"stop_charge"}
ON_A_JOB = "on_a_job"  # a fact: a technician, whose photos are all kept
ASKED_FREELY = "asked_freely"  # a fact: the open question takes any words
ASKED_FINDINGS = "asked_findings"  # a fact: what was burnt is the answer, and its photo wanted


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message of any channel in one form. `photos` are fetched when called."""

    channel: str
    text: str = ""
    payload: str | None = None
    place: tuple[float, float] | None = None
    photos: tuple[Callable[[], bytes], ...] = ()
    other_media: str | None = None  # a content type we cannot look at ("audio/ogg")
    voice: Callable[[], bytes] | None = None  # fetched for people, and to be transcribed
    transcript: Transcript | None = None  # what was said in it; its words are in `text`
    name: str = ""
    sid: str | None = None
    opted_out: bool = False  # Twilio has blocked our answers already
    card_hidden: bool = False  # the rider typed a card number; the text is without it


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the network phase found out."""

    incoming: Incoming
    heard: Heard
    pictures: tuple[bytes, ...]
    voice: bytes | None = None


@dataclass(frozen=True, slots=True)
class Hearing:
    """The network phase of inbox kinds "whatsapp.message" and "web.message": nothing is locked."""

    store: Store
    engine: Engine
    understand: Understander
    look: Callable[[bytes], Reading[PileCode]]
    fetch: Callable[[str], bytes]
    typing: Callable[[str], None]
    literal: Callable[[str], Understanding]  # times, codes and the language of a text, by rules
    transcribe: Transcribe | None = None

    def whatsapp(self, row: Inbox) -> Prepared:
        """What a message of WhatsApp says."""
        return self._prepare(row, self._from_whatsapp(row))

    def web(self, row: Inbox) -> Prepared:
        """What a message of the web chat says."""
        return self._prepare(row, self._from_web(row))

    def _from_whatsapp(self, row: Inbox) -> Incoming:
        inbound = whatsapp.read_inbound(row.body)
        self.typing(row.source_id)
        pictures = [url for url, type_ in inbound.media if _may_be_photo(type_)]
        others = [type_ for _, type_ in inbound.media if not _may_be_photo(type_)]
        voices = [url for url, type_ in inbound.media if type_.startswith("audio/")]
        return Incoming(
            channel="whatsapp",
            text=inbound.text,
            payload=inbound.payload,
            place=inbound.location,
            photos=tuple(partial(self.fetch, url) for url in pictures),
            other_media=others[0] if others else None,
            voice=partial(self.fetch, voices[0]) if voices else None,
            name=inbound.profile_name,
            sid=row.source_id,
            opted_out=inbound.opt_out_type == "STOP",
            card_hidden="CardHidden" in row.body,
        )

    def _from_web(self, row: Inbox) -> Incoming:
        location = row.body.get("location")
        media_id = row.body.get("media_id")
        return Incoming(
            channel="web",
            text=row.body.get("text") or "",
            payload=row.body.get("payload"),
            place=(float(location["lat"]), float(location["lng"])) if location else None,
            photos=(partial(self._stored, int(media_id)),) if media_id else (),
            card_hidden=bool(row.body.get("card_hidden")),
        )

    def _stored(self, media_id: int) -> bytes:
        with self.store.read() as work:
            media = work.session.get(Media, media_id)
        if media is None:
            raise GiveUp("the uploaded photo is gone")
        return media.data

    def _prepare(self, row: Inbox, incoming: Incoming) -> Prepared:
        lang, context = self._context(rider_of(row), incoming)
        voice = self._listen(row, incoming)
        incoming = self._transcribed(incoming, voice)
        urgent = self._is_urgent(incoming, lang, context)
        codes, problem, pictures = ((), None, ()) if urgent else self._see(incoming, context)
        understanding = self._understand(incoming, codes, problem, lang, context)
        place = incoming.place
        freely = ASKED_FREELY in context  # an address is no request for piles there
        if incoming.payload is None and not codes and place is None and not freely:
            understanding, place = whereabouts(self.store, incoming.text, understanding)
        heard = Heard(
            key=f"{row.source}:{row.source_id}",
            understanding=understanding,
            text=incoming.text,
            payload=incoming.payload,
            place=place,
            photo_problem=problem,
        )
        return Prepared(incoming, heard, pictures, voice)

    def _transcribed(self, incoming: Incoming, voice: bytes | None) -> Incoming:
        """The message with the words of its voice note, as though they had been typed."""
        if voice is None or self.transcribe is None or incoming.payload is not None:
            return incoming
        transcript = self.transcribe(voice, incoming.other_media or "audio/ogg")
        if transcript is None:
            return incoming
        return replace(
            incoming,
            text=" ".join(filter(None, (incoming.text, transcript.text))),
            transcript=transcript,
            card_hidden=incoming.card_hidden or transcript.card_hidden,
        )

    def _listen(self, row: Inbox, incoming: Incoming) -> bytes | None:
        """A voice note, for the transcriber and for the person who has the chat."""
        if incoming.voice is None:
            return None
        with self.store.read() as work:
            owner = select(Conversation.owner).where(Conversation.rider_id == rider_of(row))
            if work.session.scalars(owner).one() == "bot" and self.transcribe is None:
                return None
        try:
            return incoming.voice()
        except (Refused, GiveUp) as error:
            log.info("voice_not_fetched", why=str(error))
            return None

    def _is_urgent(self, incoming: Incoming, lang: str | None, context: frozenset[str]) -> bool:
        """Whether the caption of a photo already says all that matters: nothing is waited for."""
        if not incoming.photos or not incoming.text or ASKED_FINDINGS in context:
            return False
        return self.understand(incoming.text, lang=lang, context=context).intent in URGENT

    def _see(
        self, incoming: Incoming, context: frozenset[str]
    ) -> tuple[tuple[str, ...], str | None, tuple[bytes, ...]]:
        """Codes in the photos, why there are none, and the pictures."""
        codes: list[str] = []
        pictures: list[bytes] = []
        problem = None
        if incoming.other_media is not None and incoming.transcript is None:
            voice = incoming.other_media.startswith("audio/")
            problem = "voice" if voice else "not_an_image"
        for fetch in incoming.photos[: None if ON_A_JOB in context else MAX_PHOTOS]:
            try:
                picture = fetch()
            except (Refused, GiveUp) as error:
                log.info("photo_not_fetched", why=str(error))
                problem = "too_large" if "large" in str(error) else "gone"
                continue
            reading = self.look(picture)
            pictures.append(picture)
            codes += [str(code) for code in reading.codes if str(code) not in codes]
            problem = "foreign" if reading.foreign else reading.problem
        return tuple(codes), None if codes else problem, tuple(pictures)

    def _context(self, rider_id: int, incoming: Incoming) -> tuple[str | None, frozenset[str]]:
        """The rider's language and the facts that decide ambiguous messages."""
        facts: set[str] = set()
        with self.store.read() as work:
            rider = work.session.get_one(Rider, rider_id)
            charging = select(ChargingSession.id).where(
                ChargingSession.rider_id == rider_id, ChargingSession.open
            )
            planned = later.of_rider(work, rider_id)  # "stop" takes a planned start back
            if planned is not None or work.session.scalars(charging).first() is not None:
                facts.add("session_active")
            if incoming.photos and job_site.expected(work, rider):
                facts.add(ON_A_JOB)
            if live_of(work, rider_id) is not None:
                facts.add("has_booking")
            dialog = work.session.scalars(
                select(Conversation.dialog).where(Conversation.rider_id == rider_id)
            ).one()
            if dialog and dialog.get("asking"):
                facts |= {"asked_confirm", f"asked_confirm:{dialog['intent']}"}
            if self.engine.takes_anything(dialog or {}):
                facts.add(ASKED_FREELY)
            if self.engine.takes_findings(dialog or {}):
                facts.add(ASKED_FINDINGS)
            return rider.lang, frozenset(facts)

    def _understand(
        self,
        incoming: Incoming,
        codes: tuple[str, ...],
        problem: str | None,
        lang: str | None,
        context: frozenset[str],
    ) -> Understanding:
        if incoming.opted_out and "session_active" in context:
            return Understanding("stop_charge", 1.0, engine="keywords")
        if len(codes) > 1:
            entities = tuple(Entity("pile_code", code) for code in codes)
            return Understanding("photo_choice", 1.0, entities, engine="qr")
        if incoming.place is not None and not incoming.text:
            return Understanding("find_pile", 1.0, engine="location")
        named = self.engine.named(incoming.text) if incoming.payload is None else None
        if named is not None:
            read = self.literal(incoming.text)
            lang = read.lang if read.entities else None
            return Understanding(named, 1.0, read.entities, lang=lang)
        understood = self.understand(
            incoming.text, payload=incoming.payload, codes=codes, lang=lang, context=context
        )
        if incoming.card_hidden and understood.intent not in URGENT:
            return replace(understood, intent="card_number", confidence=1.0)
        if problem is not None and not incoming.text:
            return replace(understood, intent="photo_unread", confidence=1.0)
        return understood


def rider_of(row: Inbox) -> int:
    return int(row.stream.removeprefix("rider:"))


def _may_be_photo(content_type: str) -> bool:
    return not content_type.startswith(("audio/", "video/", "text/vcard"))
