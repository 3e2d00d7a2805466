"""What plans of actions share: the target, the plan, and what they draw on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from bot.domain.money import Money
from bot.domain.rights import may
from bot.domain.staff_actions import Kind
from bot.errors import PilebotError
from bot.replies import Reply
from bot.services.audit import Actor
from bot.services.offers import Offer
from bot.services.outbound import conversation_of
from bot.settings import Settings
from bot.store.charging import ChargingSession, Hold
from bot.store.database import UnitOfWork
from bot.store.riders import Conversation
from bot.store.stations import Evse, Pile


class NotPossible(PilebotError):
    """Why an action cannot be done now, in words for staff."""


SOON: Final = timedelta(minutes=10)  # the same order again within this is a second thought
CREDIT_AS: Final = {1: "Bonus, for charging only", 2: "Cash, can be paid out"}


@dataclass(frozen=True, slots=True)
class Target:
    """What an action is done to, as forms name it."""

    conversation_id: int | None = None
    session_id: int | None = None
    pile_id: str | None = None
    evse_id: int | None = None
    template_id: int | None = None
    choice: str = ""  # which log, setting or firmware
    value: str = ""  # of a setting
    force: bool = False  # although somebody charges there


@dataclass(frozen=True, slots=True)
class Plan:
    """An action that may be done now. `facts` are shown before the order is given."""

    kind: Kind
    subject: str
    consequence: str
    facts: tuple[tuple[str, str | datetime], ...] = ()
    conversation: Conversation | None = None
    rider_id: int | None = None
    session: ChargingSession | None = None
    pile: Pile | None = None
    evse: Evse | None = None
    hold: Hold | None = None
    left: Money | None = None  # of a refund: what could be given,
    limit: Money | None = None  # and what this person may give alone
    offer: Offer | None = None
    pay_page: Reply | None = None
    templates: Sequence[tuple[int, str]] = ()  # of coupons, to pick from
    pick: str = "Template"  # what they are called
    amount: Money | None = None  # where it is not the person's to choose
    choices: Sequence[tuple[str, str]] = ()  # of logs, firmware: to pick from
    takes: str = ""  # of a setting: what a value may be
    given: str = ""  # and what stands in the field first
    forced: str = ""  # what is overridden, when somebody insists
    body: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """What plans draw on."""

    work: UnitOfWork
    settings: Settings
    actor: Actor
    kind: Kind
    conversation: Conversation | None
    session: ChargingSession | None
    pile: Pile | None
    evse: Evse | None
    deciding: bool
    target: Target

    def plan(self, subject: str, consequence: str, *facts: tuple[str, Any], **more: Any) -> Plan:
        conversation, rider_id = self.conversation, None
        if conversation is not None:
            rider_id = conversation.rider_id
        elif self.session is not None:  # asked for from the pile: the rider's chat tells of it
            rider_id = self.session.rider_id
            conversation = conversation_of(self.work, rider_id)
        pile = self.pile or (self.evse.pile if self.evse else None)
        given = {"session": self.session, "pile": pile, "evse": self.evse, **more}
        return Plan(self.kind, subject, consequence, tuple(facts), conversation, rider_id, **given)

    def charge(self) -> ChargingSession:
        if self.session is None:
            raise NotPossible("There is no such charge.")
        return self.session

    def the_pile(self) -> Pile:
        if self.pile is None:
            raise NotPossible("There is no such pile.")
        return self.pile

    def force(self, why: str) -> str:
        """What stands against it, and is overridden by who may and says so; "" when nothing does.

        Raises NotPossible with `why` for everybody else.
        """
        if why and not may(self.actor.role, "pile.force"):
            raise NotPossible(why)
        if why and self.deciding and not self.target.force:
            raise NotPossible(f"{why} If it cannot wait, tick that it is to be done all the same.")
        return why

    def at(self) -> str:
        assert self.evse is not None
        return f"{self.evse.code}, {self.evse.pile.station.name}"
