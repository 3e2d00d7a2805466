"""The case API for partners (site owners, property managers): JSON, a key each, few requests.

POST /api/partner/cases            {message_id, topic, text, pile | place, contact_name, contact}
GET  /api/partner/cases            those you reported and those shared with you, open ones first
GET  /api/partner/cases/<case>     what became of it, and the notes that are for you
POST /api/partner/cases/<case>/notes  {message_id, text}
POST /api/partner/cases/<case>/answer {answer: yes | no | talk}: the answer to its "question"
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from flask import Blueprint, Response, g, jsonify, request
from sqlalchemy import select
from sqlalchemy.exc import DataError

from bot.domain.cases import DANGER, STATUSES, TOPICS
from bot.services import (
    case_answers,
    case_people,
    case_readers,
    case_work,
    cases,
    partners,
    safety,
)
from bot.settings import Settings
from bot.store.cases import Case, PartnerKey
from bot.store.database import Store, UnitOfWork
from bot.store.stations import Pile

BODY_MAX: Final = 64 * 1024
_ID_MAX: Final = 80
_LONGEST: Final = {
    "message_id": _ID_MAX, "topic": 20, "text": 4000, "pile": 6, "place": 200,
    "contact_name": 120, "contact": 160, "answer": 8,
}  # fmt: skip


class Wrong(Exception):
    """An answer that is no success: its code, and what to do about it."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code, self.why = code, why


def blueprint(store: Store, settings: Settings, is_danger: Callable[[str], bool]) -> Blueprint:
    """401 for a wrong key, 403 for a scope or site that is not the key's, 429 for more than 60 a
    minute; every error is JSON {"error": …}. Words of danger (`is_danger`) make a report one of
    danger, whatever its topic."""
    api = Blueprint("partner_api", __name__, url_prefix="/api/partner")

    @api.errorhandler(OverflowError)
    @api.errorhandler(DataError)
    def no_database_holds_this(_: Exception) -> tuple[Response, int]:
        return jsonify(error="Something in this address or body cannot be right."), 400

    @api.errorhandler(Wrong)
    def say(error: Wrong) -> tuple[Response, int]:
        answer = jsonify(error=error.why)
        if error.code == 429:
            answer.headers["Retry-After"] = "60"
        return answer, error.code

    @api.before_request
    def enter() -> None:
        if (request.content_length or 0) > BODY_MAX:
            raise Wrong(413, "At most 64 kB.")
        request.max_content_length = BODY_MAX
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        with store.begin() as work:
            key = partners.find(work, secret.strip()) if scheme.casefold() == "bearer" else None
            if key is None:
                raise Wrong(401, "Send Authorization: Bearer with a key of yours.")
            asked_too_often = not partners.used(work, key)
        if asked_too_often:
            raise Wrong(429, f"At most {partners.PER_MINUTE} requests a minute.")
        g.partner = key

    @api.post("/cases")
    def report() -> tuple[Response, int]:
        key, told = _key("cases:write"), _told("message_id", "text")
        with store.begin() as work:
            pile = _pile(work, key, told)
            code = told.get("topic") or "other"
            if code not in TOPICS:
                raise Wrong(400, f"topic is one of {', '.join(TOPICS)}.")
            if code not in DANGER and is_danger(told["text"]):
                code = "hazard"
            case = cases.open_case(
                work, kind=TOPICS[code].kind, code=code, rider_id=None,
                pile_id=pile.id if pile else None, text=told["text"], source="partner",
                key=f"{key.id}:{told['message_id']}", place=told.get("place", ""),
                contact_name=told.get("contact_name") or key.name,
                contact=told.get("contact") or f"partner {key.id}",
            )  # fmt: skip
            new = case.created_at == work.now and case.key.endswith(told["message_id"])
            cases.link(work, case, "partner", str(key.id), quiet=True)
            if code in DANGER:
                once = f"partner:{key.id}:{told['message_id']}"
                safety.from_case(work, settings, case, key=once, text=told["text"])
            answer = _shown(work, key, case)
        return jsonify(answer), 201 if new else 200

    @api.get("/cases")
    def listed() -> Response:
        key = _key("cases:read")
        with store.read() as work:
            found = case_readers.of_key(work, key)
            return jsonify(cases=[_shown(work, key, case) for case in found])

    @api.get("/cases/<int:case_id>")
    def one(case_id: int) -> Response:
        key = _key("cases:read")
        with store.read() as work:
            return jsonify(_shown(work, key, _own(work, key, case_id)))

    @api.post("/cases/<int:case_id>/notes")
    def note(case_id: int) -> tuple[Response, int]:
        key, told = _key("cases:write"), _told("message_id", "text")
        with store.begin() as work:
            case = _own(work, key, case_id)
            once = f"partner:{key.id}:{told['message_id']}"
            if _report(work, key, case) is not None:
                work.session.refresh(case, with_for_update=True)
                cases.wrote_again(work, case, told["text"], source="partner", key=once)
            else:
                case_readers.wrote(work, case, key.name, told["text"], key=once)
            if is_danger(told["text"]):
                safety.from_case(work, settings, case, key=once, text=told["text"])
            answer = _shown(work, key, case)
        return jsonify(answer), 201

    @api.post("/cases/<int:case_id>/answer")
    def answer(case_id: int) -> tuple[Response, int]:
        key, told = _key("cases:write"), _told("answer")
        if told["answer"] not in case_answers.ANSWERS:
            raise Wrong(400, f"answer is one of {', '.join(case_answers.ANSWERS)}.")
        with store.begin() as work:
            case = _own(work, key, case_id)
            own = _report(work, key, case)
            if own is None:
                raise Wrong(403, "Its call-back is for who reported it.")
            if not case_work.answered(work, settings, case, told["answer"], by=own):
                raise Wrong(409, "This case waits for no answer.")
            shown = _shown(work, key, case)
        return jsonify(shown), 200

    return api


def _key(scope: str) -> PartnerKey:
    key: PartnerKey = g.partner
    if scope not in key.scopes:
        raise Wrong(403, f"This key has no scope {scope}.")
    return key


def _told(*needed: str) -> dict[str, str]:
    """The body's known fields as texts of a sane length."""
    raw = request.get_json(silent=True)
    if not isinstance(raw, dict):
        raise Wrong(400, "Send a JSON object.")
    told = {name: raw[name] for name in _LONGEST if raw.get(name) is not None}
    for name, value in told.items():
        if not isinstance(value, str) or len(value) > _LONGEST[name]:
            raise Wrong(400, f"{name} is a text of at most {_LONGEST[name]} characters.")
        if "\x00" in value or any("\ud800" <= each <= "\udfff" for each in value):
            raise Wrong(400, f"{name} has characters that are no text.")
    for name in needed:
        if not told.get(name, "").strip():
            raise Wrong(400, f"{name} is missing.")
    return told


def _pile(work: UnitOfWork, key: PartnerKey, told: dict[str, str]) -> Pile | None:
    """The pile a report names, at a site of the partner's."""
    if "pile" not in told:
        return None
    pile = work.session.scalars(select(Pile).where(Pile.number == told["pile"])).first()
    if pile is None:
        raise Wrong(404, f"There is no pile {told['pile']}.")
    if key.station_ids and pile.station_id not in key.station_ids:
        raise Wrong(403, "That pile is at no site of yours.")
    return pile


def _own(work: UnitOfWork, key: PartnerKey, case_id: int) -> Case:
    """A case that this partner has reported or that is shared with it; others do not exist."""
    case = work.session.get(Case, case_id)
    if case is not None and case.merged_into is not None:
        case = work.session.get(Case, case.merged_into)
    tied = {(each.kind, each.ref) for each in cases.links(work, case.id)} if case else set()
    if case is None or (case_readers.KIND, str(key.id)) not in tied:
        raise Wrong(404, "There is no such case of yours.")
    return case


def _report(work: UnitOfWork, key: PartnerKey, case: Case) -> Case | None:
    """The partner's own report in a case; None where it is only shared with them."""
    reports = case_people.reports(work, case)
    return next((each for each in reports if case_readers.reported(each, key)), None)


def _shown(work: UnitOfWork, key: PartnerKey, case: Case) -> dict[str, Any]:
    """What a partner may know: nothing about riders or staff. The result is told to who reported
    it; what others need to know stands in the notes for them."""
    due, mine = cases.next_deadline(work, case), _report(work, key, case)
    pile = work.session.get(Pile, case.pile_id) if case.pile_id else None
    return {
        "case": case.id, "status": case.status,
        "status_text": STATUSES[case.status], "topic": case.code, "shared": mine is None,
        "pile": pile.number if pile else None, "station": pile.station.name if pile else None,
        "opened_at": case.created_at.isoformat(), "updated_at": case.updated_at.isoformat(),
        "next_deadline": due.due_at.isoformat() if due and due.due_at else None,
        "missing": list(cases.missing(work, case)) if mine else [],
        "result": case.result if mine else "", "notes": list(case_readers.notes(work, case)),
        "question": _question(case) if mine else None,
    }  # fmt: skip


def _question(case: Case) -> dict[str, Any] | None:
    """What the partner is asked once a case is done; silence to two call-backs means yes."""
    if case.status != "done":
        return None
    return {
        "text": "Is it solved?", "answers": list(case_answers.ANSWERS), "asked": case.asked,
        "by": f"/api/partner/cases/{case.id}/answer",
    }  # fmt: skip
