"""Sharing a case with who owns or runs its site: begun, ended, and notes that they read, too."""

from __future__ import annotations

from sqlalchemy import select

from bot.domain.cases import TOPICS
from bot.services import audit, case_work, cases, site_partners
from bot.services.audit import Actor
from bot.services.case_readers import FLAG, KIND, Reader, for_outside, partner_of, readers
from bot.services.case_work import NotPossible
from bot.settings import Settings
from bot.store.cases import Case, CaseEntry, CaseLink, PartnerKey, SitePartner
from bot.store.database import UnitOfWork
from bot.store.outbox import emit


def share(work: UnitOfWork, settings: Settings, actor: Actor, case_id: int, text: str) -> Case:
    """Let the site's partner read it, with a note of what they need to know. Raises NotPossible."""
    case = case_work.locked(work, case_id)
    if case.merged_into is not None:
        raise NotPossible("It was merged: share the ticket it went to.")
    partner = partner_of(work, case)
    if partner is None:
        raise NotPossible("The site has no partner yet: name one on the station's page.")
    if not text.strip():
        raise NotPossible("Say what the partner needs to know.")
    ref = _ref(work, settings, partner)
    if not cases.link(work, case, KIND, ref, quiet=True):
        raise NotPossible(f"{partner.name} reads it already.")
    cases.entry(work, case, "shared", f"Shared with {partner.name}", actor=actor)
    audit.record(work, actor, "case_share", f"case:{case.id}", after={KIND: ref})
    note(work, settings, actor, case_id, text)
    return case


def _ref(work: UnitOfWork, settings: Settings, partner: SitePartner) -> str:
    key = work.session.get(PartnerKey, partner.key_id) if partner.key_id else None
    if key is not None and key.revoked_at is None and site_partners.may_see(
        key, partner.station_id
    ):  # fmt: skip
        return str(key.id)
    if not partner.email:
        raise NotPossible("The partner has neither an account nor an e-mail address.")
    if not settings.smtp_url:
        raise NotPossible("It cannot be sent: no mail server is set (SMTP_URL).")
    return f"station:{partner.station_id}"


def unshare(work: UnitOfWork, actor: Actor, case_id: int, ref: str) -> Case:
    """They read it no more; what they had read they keep. Raises NotPossible."""
    case = case_work.locked(work, case_id)
    gone = work.session.get(CaseLink, (case_id, KIND, ref))
    if gone is None:
        raise NotPossible("It is not shared with them.")
    name = next(each.name for each in readers(work, case) if each.ref == ref)
    work.session.delete(gone)
    cases.entry(work, case, "unshared", f"No longer shared with {name}", actor=actor)
    audit.record(work, actor, "case_unshare", f"case:{case.id}", before={KIND: ref})
    return case


def note(work: UnitOfWork, settings: Settings, actor: Actor, case_id: int, text: str) -> Case:
    """A note that the partner reads, too: by the API, or as a letter. Raises NotPossible."""
    case = case_work.locked(work, case_id)
    told = readers(work, case)
    if not text.strip():
        raise NotPossible("Write something first.")
    if not told:
        raise NotPossible("It is shared with nobody: share it first.")
    said = for_outside(work, case, text.strip()[: cases.TEXT_MAX])
    cases.entry(work, case, "note", said, actor=actor, body={FLAG: True})
    case.updated_at = work.now
    for reader in told:
        if reader.email:
            _write(work, settings, case, reader, said)
    return case


def _write(work: UnitOfWork, settings: Settings, case: Case, reader: Reader, text: str) -> None:
    station = cases.station_of(work, case)
    where = f", {station.name}" if station else ""
    newest = select(CaseEntry.id).where(CaseEntry.case_id == case.id).order_by(CaseEntry.id.desc())
    body = {
        "to": reader.email, "lang": "en",
        "subject": f"[Case {case.id}] {TOPICS[case.code].title}{where}",
        "text": f"{text}\n\nPlease answer this letter and leave the number in its subject.",
    }  # fmt: skip
    key = f"mail:case:{case.id}:partner:{work.session.scalars(newest).first()}"
    emit(work, key=key, lane="worker", stream=f"case:{case.id}", kind="mail", body=body)
