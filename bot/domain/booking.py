"""The booking state machine: a pure, total function from facts and an event to facts and commands.

    PENDING ──deposit held, or a card saved for it──► RESERVED ──the booker starts──► FULFILLED
       │ refused, page not used                          │ cancelled ─────────────────► CANCELED
       ▼                                                 │ not there at +10 minutes ──► NO_SHOW
    REJECTED                                             │ bay unusable, card refused ► FAILED

The names are OCPI's. The deposit has its own life beside it (`booking_facts.Deposit`): what was
held is returned, applied to the booker's charge, or the fee is taken of it, never two of these.
A countdown begins at the start of the slot, or when a bay that was blocked became free; nobody
pays for a bay that they could not use. A booking never ends somebody's charge. Whatever does not
concern the state it meets (late, repeated, foreign) changes nothing, except that money nobody
wants any more is released.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from bot.domain import booking_facts as on
from bot.domain.booking_rules import DEPOSIT_AHEAD, HOLD_AHEAD

LOOK_S: Final = 7200  # before the start: a bay that is out of order by then is told of
REMIND_S: Final = (("remind_30", 1800), ("remind_10", 600))  # before the start
CLEAR_S: Final = 900  # before the start: whoever charges there is asked to finish
LATE_S: Final = (("late_5", 300), ("late_9", 540))  # after it: the countdown
PAY_LATER_S: Final = 21_600  # to confirm a deposit by hand, the day before
PAY_LAST_S: Final = 1800  # before the start at the latest
_AGAIN: Final = frozenset({"booked", "moved", "canceled", "on_my_way"})  # may be told repeatedly


class _Step:
    """Facts on their way through one event, and the commands gathered."""

    def __init__(self, facts: on.BookingFacts, at: datetime) -> None:
        self.now, self.at = facts, at
        self.commands: list[on.Command] = []

    def set(self, **changes: Any) -> None:
        self.now = replace(self.now, **changes)

    def do(self, command: on.Command) -> None:
        self.commands.append(command)

    def tell(self, notice: str, **values: str) -> None:
        if notice not in _AGAIN:
            if notice in self.now.told:
                return
            self.set(told=(*self.now.told, notice))
        self.set(tells=self.now.tells + 1)
        self.do(on.Tell(notice, self.now.tells, values))

    def timer(self, name: str, due: datetime) -> None:
        due = max(due, self.at)
        self.set(timers={**self.now.timers, name: due})
        self.do(on.SetTimer(name, due))

    def cancel(self, *names: str) -> None:
        for name in names:
            if name in self.now.timers:
                left = {key: due for key, due in self.now.timers.items() if key != name}
                self.set(timers=left)
                self.do(on.CancelTimer(name))

    def cancel_all(self) -> None:
        self.cancel(*self.now.timers)

    # --- the deposit

    def ask(self, *, card: bool = False) -> None:
        number = self.now.asked + 1
        self.set(asked=number, deposit="saving" if card else "placing")
        self.do(on.AskDeposit(number, card))

    def secure(self, *, card: bool) -> None:
        """Ask for what the booking needs now: nothing, a hold, or a card for a later one."""
        if self.now.terms.deposit_minor <= 0 or self.now.deposit == "held":
            return
        if self.now.terms.pays != "card" or self.now.starts_at - self.at <= HOLD_AHEAD:
            self.ask()  # what a wallet reserves does not run out
        elif card:
            self.set(deposit="saved")
        else:
            self.ask(card=True)

    def release(self) -> None:
        """Nothing is to be paid."""
        if self.now.deposit in {"placing", "waiting", "saving", "held"}:
            self.set(deposit="releasing")
            self.do(on.Release(self.now.asked))
        elif self.now.deposit == "saved":
            self.set(deposit="none")

    def take(self, amount_minor: int) -> bool:
        """Take the fee of what is held; else release what is not held yet."""
        if self.now.deposit != "held" or amount_minor <= 0:
            self.release()
            return False
        self.set(deposit="taking")
        self.do(on.Take(self.now.asked, amount_minor))
        return True

    # --- the slot

    def reserve(self) -> None:
        """The bay is the rider's: set what is to come."""
        self.set(state="RESERVED")
        self.cancel("pay")
        self.tell("booked")
        self.schedule()
        if (
            self.now.blocked
        ):  # told before it was paid for; it must not read as though all were well
            self.do(on.Rehome(self.now.blocked))

    def schedule(self) -> None:
        starts = self.now.starts_at
        if self.now.deposit == "saved":
            self.timer("deposit", starts - DEPOSIT_AHEAD)
        if (due := starts - timedelta(seconds=LOOK_S)) > self.at:
            self.timer("look", due)
        for name, before in REMIND_S:
            if (due := starts - timedelta(seconds=before)) > self.at:
                self.timer(name, due)
        if (due := starts - timedelta(seconds=CLEAR_S)) > self.at:
            self.timer("clear", due)
        self.timer("keep", self.now.kept_from)
        self.timer("start", starts)

    def count_down(self, since: datetime) -> None:
        """The bay waits for the rider from `since` on."""
        self.set(due_from=since, blocked="")
        for name, after in LATE_S:
            self.timer(name, since + timedelta(seconds=after))
        self.timer("no_show", self.now.late_at)

    def end(self, state: on.State, by: str) -> None:
        """The booking is over without a charge: the bay is free again."""
        self.cancel_all()
        self.set(state=state, ended_at=self.at, ended_by=by)
        self.free_pile()
        self.do(on.FreeSlot())

    def free_pile(self) -> None:
        if self.now.pile in {"asked", "kept"}:
            self.do(on.FreePile(self.now.reservations))
        self.set(pile="")


def advance(
    facts: on.BookingFacts, event: on.Event
) -> tuple[on.BookingFacts, tuple[on.Command, ...]]:
    """The facts after an event and what it calls for, in order. Total: never raises."""
    step = _Step(facts, event.at)
    _HANDLERS[type(event)](step, event)
    return step.now, tuple(step.commands)


# --- the deposit


def _booked(step: _Step, event: on.Booked) -> None:
    if step.now.state != "PENDING" or step.now.asked:
        return
    step.secure(card=event.card)
    if step.now.deposit in {"none", "saved"}:
        step.reserve()
    else:
        step.timer("pay", step.at + timedelta(seconds=step.now.terms.pay_timeout_s))


def _held(step: _Step, event: on.DepositHeld) -> None:
    now = step.now
    if event.number != now.asked or now.deposit not in {"placing", "waiting"}:
        unwanted = now.deposit in {"returned", "failed", "releasing", "saved", "none"}
        if event.number != now.asked or unwanted:  # paid after all, and nobody wants it any more
            step.do(on.Release(event.number))
        return
    step.set(deposit="held")
    step.cancel("pay")
    if now.state == "PENDING":
        step.reserve()
    elif not now.live:
        step.release()


def _needs_rider(step: _Step, event: on.DepositNeedsRider) -> None:
    now = step.now
    if event.number != now.asked or not now.live or now.deposit not in {"placing", "saving"}:
        return
    if now.deposit == "placing":
        step.set(deposit="waiting")
    if now.state == "RESERVED":  # the day before, or after a change
        last = now.starts_at - timedelta(seconds=PAY_LAST_S)
        soon = step.at + timedelta(seconds=now.terms.pay_timeout_s)
        step.timer("pay", max(soon, min(step.at + timedelta(seconds=PAY_LATER_S), last)))
    step.tell(f"pay_{event.number}", url=event.url)


def _refused(step: _Step, event: on.DepositRefused) -> None:
    now = step.now
    if event.number != now.asked or now.deposit in {"held", "applied", "taking", "taken", "saved"}:
        return
    step.set(deposit="failed")
    if now.state == "PENDING":
        step.tell("deposit_refused")
        step.end("REJECTED", "payment")
    elif now.state == "RESERVED":
        step.tell("deposit_lost")
        step.end("FAILED", "payment")


def _card_saved(step: _Step, event: on.CardSaved) -> None:
    now = step.now
    if event.number != now.asked or now.deposit != "saving":
        return
    if not now.live:
        step.set(deposit="none")
        return
    step.set(deposit="saved")
    step.cancel("pay")
    if now.state == "PENDING":
        step.reserve()
    else:
        step.schedule()


def _gone(step: _Step, event: on.DepositGone) -> None:
    now = step.now
    if event.number != now.asked:
        return
    if now.deposit in {"releasing", "taking"}:  # taking: too little for the provider to take
        step.set(deposit="returned")
    elif now.deposit == "held" and now.live:  # the provider let go by itself: ask once more
        step.ask()
        step.timer("pay", step.at + timedelta(seconds=now.terms.pay_timeout_s))
    elif now.deposit in {"placing", "waiting", "saving"}:
        _refused(step, on.DepositRefused(event.at, event.number))


def _taken(step: _Step, event: on.DepositTaken) -> None:
    if event.number != step.now.asked or step.now.deposit not in {"taking", "failed"}:
        return
    step.set(deposit="taken")
    if step.now.forgiven:
        step.do(on.GiveBack(step.now.asked, _fee(step.now)))


def _take_failed(step: _Step, event: on.TakeFailed) -> None:
    """The provider has tried for long enough: the rider gets away with it."""
    if event.number == step.now.asked and step.now.deposit == "taking":
        step.set(deposit="releasing")
    step.do(on.Release(event.number))


def _fee(facts: on.BookingFacts) -> int:
    return min(facts.terms.fee_minor, facts.terms.deposit_minor)


# --- what the rider and staff do


def _on_my_way(step: _Step, event: on.OnMyWay) -> None:
    if step.now.state == "RESERVED":
        step.set(on_my_way_at=event.at)
        step.tell("on_my_way")


def _moved(step: _Step, event: on.Moved) -> None:
    now = step.now
    if now.state == "FULFILLED" and now.ended_at is None:  # charging: only the end can move
        step.set(ends_at=event.ends_at)
        step.tell("moved", by=event.by, cost_minor="0")
        return
    if not now.live:
        return
    same_bay = not event.elsewhere and event.starts_at == now.starts_at
    running = same_bay and now.due_from is not None
    if event.cost_minor and step.take(event.cost_minor):
        step.set(deposit="none")  # the rest of its life is the older deposit's own
    elif (now.deposit, now.terms.pays) == ("held", "card") and (
        event.starts_at - step.at > HOLD_AHEAD
    ):
        step.release()
        step.set(deposit="none")
    step.set(starts_at=event.starts_at, ends_at=event.ends_at)
    if not running:
        step.free_pile()
        step.cancel(*(name for name in step.now.timers if name != "pay"))
        gone = {"remind_30", "remind_10", "slot_start", "late_5", "late_9", "free_now"}
        told = tuple(each for each in now.told if each not in gone)
        late = step.at if event.starts_at < step.at else None  # moved in the middle of it
        step.set(due_from=late, blocked="", on_my_way_at=None, told=told)
    if now.state == "PENDING":
        step.tell("moved", by=event.by, cost_minor="0")
        return
    if step.now.deposit == "none":
        step.secure(card=event.card)
        if step.now.deposit in {"placing", "saving"}:
            step.timer("pay", step.at + timedelta(seconds=now.terms.pay_timeout_s))
    if not running:
        step.schedule()
    step.tell("moved", by=event.by, cost_minor=str(event.cost_minor))


def _cancel(step: _Step, event: on.Cancel) -> None:
    if not step.now.live:
        return
    cost = on.cost_minor(step.now, step.at) if event.by == "rider" else 0
    taken = step.take(cost)
    step.end("CANCELED", event.by)
    step.tell("canceled", by=event.by, cost_minor=str(cost if taken else 0))


def _arrived(step: _Step, event: on.Arrived) -> None:
    if step.now.state != "RESERVED":
        return
    step.cancel_all()
    step.set(state="FULFILLED", session_id=event.session_id, pile="", blocked="")
    if event.adopted and step.now.deposit == "held":
        step.set(deposit="applied")
    else:
        step.release()


def _left(step: _Step, _event: on.Left) -> None:
    if step.now.state == "FULFILLED" and step.now.ended_at is None:
        step.set(ended_at=step.at)
        step.do(on.FreeSlot())


def _appealed(step: _Step, event: on.Appealed) -> None:
    if step.now.state in {"NO_SHOW", "CANCELED"} and step.now.appealed_at is None:
        step.set(appealed_at=event.at)


def _forgiven(step: _Step, _event: on.Forgiven) -> None:
    now = step.now
    if now.forgiven or now.state not in {"NO_SHOW", "CANCELED"}:
        return
    if now.state == "CANCELED" and now.deposit not in {"taking", "taken"}:
        return
    step.set(forgiven=True)
    if now.deposit == "taken":
        step.do(on.GiveBack(now.asked, _fee(now)))
    step.tell("forgiven")


# --- the bay


def _blocked(step: _Step, event: on.Blocked) -> None:
    if not step.now.live or step.now.blocked == event.why:
        return
    step.set(blocked=event.why)
    step.cancel("late_5", "late_9")
    step.do(on.Rehome(event.why))


def _unblocked(step: _Step, event: on.Unblocked) -> None:
    if not step.now.live or not step.now.blocked:
        return
    ahead = step.now.blocked == "maintenance" and event.at < step.now.opens_at
    step.set(blocked="")
    if step.now.state == "RESERVED" and event.at >= step.now.starts_at:
        step.count_down(event.at)
    step.tell("stands" if ahead else "free_now")


def _pile_keeps(step: _Step, event: on.PileKeeps) -> None:
    now = step.now
    if event.number == now.reservations and now.pile == "asked":
        step.set(pile="kept")


def _pile_refuses(step: _Step, event: on.PileRefuses) -> None:
    now = step.now
    if event.number == now.reservations and now.pile in {"asked", "kept"}:
        step.set(pile="refused")


# --- time


def _timer_fired(step: _Step, event: on.TimerFired) -> None:
    due = step.now.timers.get(event.name)
    if due is None:
        return
    if event.at < due:  # the clock was set back: it is not time yet
        step.do(on.SetTimer(event.name, due))
        return
    step.set(timers={key: at for key, at in step.now.timers.items() if key != event.name})
    _TIMERS[event.name](step, event)


def _pay_timeout(step: _Step, _event: on.TimerFired) -> None:
    if step.now.deposit not in {"placing", "waiting", "saving"} or not step.now.live:
        return
    pending = step.now.state == "PENDING"
    step.release()
    step.tell("pay_timeout" if pending else "deposit_lost")
    step.end("REJECTED" if pending else "FAILED", "payment")


def _deposit_due(step: _Step, _event: on.TimerFired) -> None:
    if step.now.state == "RESERVED" and step.now.deposit == "saved":
        step.ask()
        step.timer("pay", step.at + timedelta(seconds=PAY_LATER_S))


def _remind(step: _Step, event: on.TimerFired) -> None:
    if step.now.state != "RESERVED" or event.at >= step.now.starts_at:
        return
    if event.blocked not in {"", "busy", "offline"}:  # those may well be over by then
        _blocked(step, on.Blocked(event.at, event.blocked))
    elif not step.now.blocked:
        step.tell(event.name)


def _look(step: _Step, event: on.TimerFired) -> None:
    """A bay that went out of order long ago: nothing else would tell before the reminder."""
    if event.blocked not in {"", "busy", "offline"}:
        _blocked(step, on.Blocked(event.at, event.blocked))


def _clear(step: _Step, event: on.TimerFired) -> None:
    if step.now.state == "RESERVED" and event.blocked == "busy":
        step.do(on.AskToFinish())


def _keep(step: _Step, event: on.TimerFired) -> None:
    if step.now.state != "RESERVED" or event.blocked:
        return
    number = step.now.reservations + 1
    step.set(reservations=number, pile="asked")
    until = step.now.starts_at + timedelta(seconds=step.now.terms.late_s)
    step.do(on.KeepPile(number, max(until, step.now.late_at)))


def _start(step: _Step, event: on.TimerFired) -> None:
    if step.now.state != "RESERVED":
        return
    reported = step.now.blocked == "reported"
    step.count_down(step.now.due_from or step.now.starts_at)
    if reported:  # somebody stood there before it began: no pile can tell that they have gone
        step.set(blocked="reported")
        step.cancel("late_5", "late_9")
    elif event.blocked:
        step.set(blocked="")
        _blocked(step, on.Blocked(event.at, event.blocked))
    elif event.at < step.now.late_at:
        step.tell("slot_start")


def _late(step: _Step, event: on.TimerFired) -> None:
    if step.now.state == "RESERVED" and not step.now.blocked and event.at < step.now.late_at:
        step.tell(event.name)


def _no_show(step: _Step, event: on.TimerFired) -> None:
    if step.now.state != "RESERVED":
        return
    if event.blocked or step.now.blocked == "reported":
        step.release()
        step.end("FAILED", "pile")
        step.tell("bay_blocked")
        return
    if step.now.blocked:  # free just now, and nobody heard of it: the booker has their time
        _unblocked(step, on.Unblocked(event.at))
        return
    taken = step.take(_fee(step.now))
    step.end("NO_SHOW", "clock")
    step.tell("no_show", cost_minor=str(_fee(step.now) if taken else 0))


_TIMERS: Final[dict[str, Callable[[_Step, on.TimerFired], None]]] = {
    "pay": _pay_timeout, "deposit": _deposit_due, "look": _look, "remind_30": _remind,
    "remind_10": _remind, "clear": _clear, "keep": _keep, "start": _start, "late_5": _late,
    "late_9": _late, "no_show": _no_show,
}  # fmt: skip
_HANDLERS: Final[dict[type[on.Event], Callable[[_Step, Any], None]]] = {
    on.Booked: _booked, on.DepositHeld: _held, on.DepositNeedsRider: _needs_rider,
    on.DepositRefused: _refused, on.CardSaved: _card_saved, on.DepositGone: _gone,
    on.DepositTaken: _taken, on.TakeFailed: _take_failed, on.OnMyWay: _on_my_way,
    on.Moved: _moved, on.Cancel: _cancel, on.Arrived: _arrived, on.Left: _left,
    on.Blocked: _blocked, on.Unblocked: _unblocked, on.PileKeeps: _pile_keeps,
    on.PileRefuses: _pile_refuses, on.Appealed: _appealed, on.Forgiven: _forgiven,
    on.TimerFired: _timer_fired,
}  # fmt: skip
