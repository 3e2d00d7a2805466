"""Holds what the service stored against what really happened: each claim with every failure.

Nothing here asks the service what it thinks of itself: messages are those that the phones got,
amounts are reckoned anew from the meter, and a clock's time from its own events.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import select

from bot.demo.evening import proof_clocks, proof_messages, proof_money, proof_work
from bot.demo.evening.claims import Claim
from bot.demo.evening.facts import Facts, Trouble, Visit
from bot.demo.evening.plan import KINDS, TOLD_WITHIN_S, Size
from bot.gateways.stripe_books import check_books
from bot.settings import Settings
from bot.store.charging import ChargingSession
from bot.store.database import Store, UnitOfWork, make_engine
from bot.store.riders import RiderAddress
from bot.store.stations import Evse

BOOKS: Final = "books.json"
LEDGER: Final = Path("twilio") / "twilio.sqlite"


def keep(state: Path, settings: Settings, size: Size) -> None:
    """Ask the payment provider's records while it is still there."""
    compared, faults = check_books(Store(make_engine(settings.database_url)), settings)
    told = {"compared": compared, "faults": faults, "size": size.name}
    (state / BOOKS).write_text(json.dumps(told), encoding="utf-8")


def prove(state: Path, settings: Settings, facts: Facts) -> list[Claim]:
    """Every claim of an evening."""
    store = Store(make_engine(settings.database_url))
    phones = read_phones(state.parent)
    with store.read() as work:
        charges = _matched(work, facts)
        return [
            _stage(facts),
            told(facts, phones),
            _undisturbed(facts, phones),
            proof_money.claim(work, facts, charges),
            _books(state),
            proof_messages.claim(work, phones),
            proof_work.jobs(work, facts),
            proof_work.danger(work, facts, phones),
            proof_work.outage(work, facts, phones),
            proof_work.closed(work),
            proof_clocks.claim(work, datetime.fromtimestamp(facts.ended_at, UTC)),
        ]


def read_phones(folder: Path) -> proof_messages.Phones:
    """What every phone of an evening got."""
    return proof_messages.read_phones(folder / "state" / LEDGER)


def _stage(facts: Facts) -> Claim:
    """Whether the evening was what was asked for, and everybody could play their part."""
    kinds = sorted({each.kind for each in facts.troubles})
    claim = Claim(
        "The evening was played as planned", ("what", "how many"),
        [("sockets", str(facts.sockets)), ("charges", str(len(facts.visits))),
         ("faults", str(len(facts.troubles))), ("kinds of fault", str(len(kinds))),
         ("minutes", f"{(facts.ended_at - facts.began_at) / 60:.1f}")],
    )  # fmt: skip
    claim.failures = list(facts.problems)
    claim.failures += [f"no {name} was played" for name in KINDS if name not in kinds]
    return claim


def told(facts: Facts, phones: proof_messages.Phones) -> Claim:
    """Each rider that a fault touched has read of it within a minute."""
    head = ("#", "fault", "pile", "rider", "told after s", "words")
    claim = Claim(f"Every affected rider was told within {TOLD_WITHIN_S:.0f} s", head)
    waits = []
    for trouble in sorted(facts.troubles, key=lambda each: each.number):
        kind = KINDS[trouble.kind]
        if not trouble.visits:
            claim.failures.append(f"{_name(trouble)}: touched nobody")
        for visit in trouble.visits:
            found = phones.first(visit.phone, trouble.at, kind.told)
            who = f"…{visit.phone[-2:]}"
            if found is None:
                claim.failures.append(f"{_name(trouble)}: {who} was never told")
                continue
            wait = found.at - trouble.at
            waits.append(wait)
            words = found.text.replace("\n", " ")[:60]
            row = (str(trouble.number), trouble.kind, trouble.pile_id, who, f"{wait:.1f}", words)
            claim.rows.append(row)
            if wait > TOLD_WITHIN_S:
                claim.failures.append(f"{_name(trouble)}: {who} was told after {wait:.1f} s")
    if waits:
        middle = sorted(waits)[len(waits) // 2]
        claim.note = f"{len(waits)} riders; median {middle:.1f} s, longest {max(waits):.1f} s."
    return claim


def _undisturbed(facts: Facts, phones: proof_messages.Phones) -> Claim:
    """Nobody is told of a fault that is not theirs."""
    claim = Claim("Who charged beside a fault heard nothing of it")
    words = ("reported a fault", "I have lost contact", "for your safety")
    struck = {(each.phone, each.agreed_at) for one in facts.troubles for each in one.visits}
    calm = [each for each in facts.visits if (each.phone, each.agreed_at) not in struck]
    for visit in calm:
        found = phones.first(visit.phone, visit.agreed_at, words, until=visit.over_at)
        if found is not None:
            claim.failures.append(f"{visit.code}, …{visit.phone[-2:]}: {found.text[:80]}")
    claim.note = f"{len(calm)} undisturbed charges."
    return claim


def _books(state: Path) -> Claim:
    """The ledger against itself, against the rows it tells of, and against Stripe's records."""
    told = json.loads((state / BOOKS).read_text(encoding="utf-8"))
    claim = Claim("The books balance and agree with the payment provider")
    claim.failures = list(told["faults"])
    claim.note = f"{told['compared']} payments compared."
    return claim


def _matched(work: UnitOfWork, facts: Facts) -> list[tuple[Visit, ChargingSession | None]]:
    """Each charge as it was meant, with the one that was stored."""
    riders: dict[str, int] = {
        each.value: each.rider_id for each in work.session.scalars(select(RiderAddress))
    }
    codes = {each.code: each.id for each in work.session.scalars(select(Evse))}
    sessions = list(work.session.scalars(select(ChargingSession).order_by(ChargingSession.id)))
    return [
        (visit, _session_of(visit, riders.get(visit.phone), codes[visit.code], sessions))
        for visit in facts.visits
    ]


def _session_of(
    visit: Visit, rider_id: int | None, evse_id: int, sessions: Sequence[ChargingSession]
) -> ChargingSession | None:
    over = visit.over_at or float("inf")
    for each in sessions:
        began = each.created_at.timestamp()
        mine = each.rider_id == rider_id and each.evse_id == evse_id
        if mine and visit.agreed_at - 1 <= began <= over:
            return each
    return None


def _name(trouble: Trouble) -> str:
    return f"#{trouble.number} {trouble.kind} at {trouble.pile_id}"
