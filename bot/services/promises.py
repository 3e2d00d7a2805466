"""What riders are promised, as the chat and the poster say it: from the rules in force."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bot.domain.clocks import KINDS, Policy
from bot.replies import Amount, Say, Value
from bot.services import clocks
from bot.store.database import UnitOfWork

WHAT: Final[Mapping[str, Say]] = {
    "bill": Say("Your bill"),
    "urgent": Say("A person contacts you when a charge loses power"),
    "fault_response": Say("A technician takes a fault on"),
    "first_reply": Say("A person answers a complaint"),
    "dispute": Say("A doubted bill is decided"),
    "on_site": Say("Somebody at a broken pile"),
    "call_back": Say("We ask you whether it is solved"),
}
assert set(WHAT) == {name for name, kind in KINDS.items() if kind.promised}


@dataclass(frozen=True, slots=True)
class Promise:
    """One of them, by its clock's name and the policy in force."""

    name: str
    what: Say
    policy: Policy

    @property
    def line(self) -> Say:
        """The limit, and what is aimed at where that is less."""
        limit = Amount(self.policy.limit_s, "s")
        values: dict[str, Value] = {"what": self.what, "limit": limit}
        if self.policy.target_s is None:
            return Say("{what}: within {limit}.", values)
        target = Amount(self.policy.target_s, "s")
        return Say("{what}: within {target}, at most {limit}.", {**values, "target": target})


def in_force(work: UnitOfWork) -> list[Promise]:
    """All of them, in the order in which they are told."""
    return [Promise(name, what, clocks.policy(work, name)) for name, what in WHAT.items()]


def version(promises: Sequence[Promise]) -> int:
    """Which version of the whole this is: one more with each change of a rule that counts."""
    return 1 + sum(each.policy.version - 1 for each in promises)


def when_missed(promises: Sequence[Promise]) -> list[Say]:
    """How the clocks count, and what follows by itself when one is late; no more than is so."""
    said = [Say("The clocks run day and night.")]
    coupon = [each.what for each in promises if "coupon" in each.policy.actions]
    decided = [each.what for each in promises if "decide" in each.policy.actions]
    rest = [
        each.what
        for each in promises
        if "escalate" in each.policy.actions and each.what not in (*coupon, *decided)
    ]
    if coupon:
        values: dict[str, Value] = {"which": _list(coupon)}
        said.append(
            Say("When late, a coupon comes unasked while its budget lasts: {which}.", values)
        )
    if decided:
        values = {"which": _list(decided)}
        said.append(Say("When late, you are given right, up to a limit: {which}.", values))
    if rest:
        values = {"which": _list(rest)}
        said.append(Say("When late, a supervisor takes it on: {which}.", values))
    return said


def _list(parts: Sequence[Say]) -> Say:
    told = parts[0]
    for each in parts[1:]:
        told = Say("{before}; {next}", {"before": told, "next": each})
    return told
