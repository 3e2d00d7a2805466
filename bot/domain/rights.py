"""Who may do what in the console: roles, rights, and the rule that nothing else is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

Role = Literal["agent", "technician", "finance", "manager", "admin"]
ROLES: Final[tuple[Role, ...]] = ("agent", "technician", "finance", "manager", "admin")

_ALL: Final = frozenset(ROLES)
_DESK: Final[frozenset[Role]] = frozenset({"agent", "manager"})
_FIELD: Final[frozenset[Role]] = frozenset({"technician", "manager"})

# Right -> the roles that have it; whatever is not here is denied. Which conversations a role may
# read is narrowed further by `conversation_scope`. Source: docs/console.md.
RIGHTS: Final[dict[str, frozenset[Role]]] = {
    "self": _ALL,  # own account: password, second factor, devices, presence
    "conversation.read": _ALL,
    "conversation.work": frozenset({"agent", "finance", "manager"}),  # claim, write, resolve
    "conversation.assign": frozenset({"manager"}),  # to others, by force
    "note.write": _ALL,
    "phone.reveal": frozenset({"agent", "finance", "manager", "admin"}),
    "rider.read": _ALL,
    "refund.request": frozenset({"agent", "finance", "manager"}),
    "refund.approve": frozenset({"finance", "manager"}),
    "bill.recalculate": frozenset({"finance", "manager"}),
    "fee.waive": frozenset({"agent", "finance", "manager"}),
    "wallet.credit": frozenset({"agent", "finance", "manager"}),
    "wallet.payout": frozenset({"finance", "manager"}),
    "booking.read": _ALL,
    "booking.edit": _DESK,  # extend, move, cancel for the rider
    "booking.forgive": frozenset({"agent", "finance", "manager"}),
    "coupon.issue": frozenset({"agent", "finance", "manager"}),
    "coupon.read": frozenset({"agent", "finance", "manager"}),
    "coupon.edit": frozenset({"manager"}),
    "coupon.approve": frozenset({"finance"}),
    "plan.edit": frozenset({"finance", "manager"}),
    "dispute.read": frozenset({"agent", "finance", "manager"}),
    "dispute.decide": frozenset({"agent", "finance", "manager"}),
    "meter.read": frozenset({"technician", "finance", "manager"}),
    "meter.record": frozenset({"technician", "manager"}),
    "meter.recheck": frozenset({"finance", "manager"}),  # all charges since the last good test
    "payment.link": frozenset({"agent", "finance", "manager"}),
    "receipt.resend": frozenset({"agent", "finance", "manager"}),
    "session.start": _DESK,
    "session.stop": frozenset({"agent", "technician", "manager"}),
    "pile.read": _ALL,
    "pile.add": _FIELD,  # put one up, test it, let it go live; its secret
    "pile.out_of_service": frozenset({"agent", "technician", "manager"}),
    "pile.in_service": _FIELD,
    "pile.soft_restart": frozenset({"agent", "technician", "manager"}),
    "pile.hard_restart": _FIELD,
    "pile.unlock": _FIELD,
    "pile.limits": _FIELD,
    "pile.log": _FIELD,  # logs and settings, to read
    "pile.configure": _FIELD,
    "pile.firmware": _FIELD,  # of one pile
    "pile.force": _FIELD,  # although somebody charges there
    "firmware.manage": frozenset({"manager"}),  # files, roll-outs to a whole model
    "policy.read": frozenset({"technician", "finance", "manager", "admin"}),
    "policy.approve": frozenset({"finance", "manager"}),  # never their own proposals
    "job.read": frozenset({"agent", "technician", "manager", "admin"}),
    "job.open": frozenset({"agent", "technician", "manager"}),
    "job.work": _FIELD,  # those that are theirs, or offered to them
    "job.assign": frozenset({"manager"}),
    "visit.read": frozenset({"agent", "technician", "manager", "admin"}),
    "visit.plan": _FIELD,  # the maintenance calendar: visits and plans
    "station.read": _ALL,
    "station.edit": frozenset({"manager"}),
    "queue.work": _DESK,  # who waits at a full station: to the front, out of the line
    "tariff.read": _ALL,
    "tariff.edit": frozenset({"manager"}),
    "tariff.approve": frozenset({"finance"}),
    "incident.read": _ALL,
    "incident.acknowledge": frozenset({"agent", "technician", "manager", "admin"}),
    "incident.close": frozenset({"manager"}),
    "danger.approve": frozenset({"manager"}),  # answers that may be sent while danger is open
    "danger.speak": frozenset({"manager"}),  # in words of their own, with a reason
    "case.read": _ALL,  # narrowed by `case_scope`
    "case.work": frozenset({"agent", "technician", "finance", "manager"}),
    "case.share": frozenset({"agent", "technician", "manager"}),  # with the site's partner
    "case.export": frozenset({"technician", "finance", "manager", "admin"}),
    "promise.read": frozenset({"technician", "finance", "manager", "admin"}),
    "promise.edit": frozenset({"manager"}),
    "partner.manage": frozenset({"manager", "admin"}),
    "canned.edit": frozenset({"agent", "manager", "admin"}),
    "team.manage": frozenset({"manager", "admin"}),  # skills, capacity, hours
    "staff.manage": frozenset({"admin"}),  # accounts, roles, second factors of others
    "figures.read": _ALL,  # the section; what is in it by the rights below
    "figures.use": frozenset({"technician", "finance", "manager", "admin"}),
    "figures.money": frozenset({"finance", "manager", "admin"}),
    "figures.desk": frozenset({"agent", "finance", "manager", "admin"}),
    "figures.people": frozenset({"manager", "admin"}),
    "figures.riders": frozenset({"manager", "admin"}),
    "figures.export": frozenset({"finance", "manager", "admin"}),
    "invoice.read": frozenset({"finance", "manager", "admin"}),
    "entity.edit": frozenset({"manager"}),  # who sells: name, tax number, stations
    "report.read": frozenset({"finance", "manager", "admin"}),  # complaints of a month
    "cause.read": _ALL,
    "cause.edit": frozenset({"manager"}),  # the tree, and what is done against a cause
    "cause.work": frozenset({"agent", "technician", "finance", "manager"}),  # what is theirs
    "review.read": _ALL,  # one's own; those who score read all
    "review.score": frozenset({"manager"}),  # never their own
    "review.answer": frozenset({"agent", "technician", "finance", "manager"}),
    "knowledge.read": frozenset({"agent", "manager", "admin"}),  # riders' questions, answers
    "knowledge.propose": _DESK,
    "knowledge.approve": frozenset({"manager"}),  # never what they wrote themselves
    "feedback.read": frozenset({"agent", "manager", "admin"}),
    "audit.read": frozenset({"finance", "admin"}),
}

# What a role may read of conversations that are not its own.
Scope = Literal["queue", "linked", "money", "all"]
_SCOPES: Final[Mapping[str, Scope]] = {
    "agent": "queue",  # own, the queue, and the bot's (watch only)
    "technician": "linked",  # those of incidents and of technical cases
    "finance": "money",  # those with a bill, a hold or a refund, and of cases about money
    "manager": "all",
    "admin": "all",
}


def case_teams(role: str) -> frozenset[str] | None:
    """Whose teams' cases a role reads besides its own; None: all of them."""
    return {
        "technician": frozenset({"technical", "site", "safety"}), "finance": frozenset({"finance"}),
    }.get(role)  # fmt: skip


def may(role: str, right: str) -> bool:
    """Whether a role has a right; an unknown role or right has none."""
    return role in RIGHTS.get(right, frozenset())


def conversation_scope(role: str) -> Scope | None:
    """Which conversations a role may read; None: not any."""
    return _SCOPES.get(role)
