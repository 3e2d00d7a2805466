"""The verbs of the session state machine: what one event does to the facts, and calls for."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from bot.domain import session_events as on
from bot.domain.metering import WARNING, idle_begins
from bot.domain.session import Owed, SessionFacts, close_span
from bot.domain.usage import Span

PEOPLE: Final = frozenset({"rider", "staff"})  # who may say stop


class Step:
    """Facts on their way through one event, and the commands gathered."""

    def __init__(self, facts: SessionFacts, at: datetime) -> None:
        self.now = facts
        self.at = at
        self.commands: list[on.Command] = []

    def set(self, **changes: Any) -> None:
        self.now = replace(self.now, **changes)

    def do(self, command: on.Command) -> None:
        self.commands.append(command)

    def tell(self, notice: str, **values: str) -> None:
        self.set(tells=self.now.tells + 1)
        self.do(on.Tell(notice, self.now.tells, values))

    def tell_once(self, notice: str, **values: str) -> None:
        if notice not in self.now.told:
            self.set(told=(*self.now.told, notice))
            self.tell(notice, **values)

    def timer(self, name: str, seconds: float, since: datetime | None = None) -> None:
        due = max((since or self.at) + timedelta(seconds=seconds), self.at)
        self.set(timers={**self.now.timers, name: due})
        self.do(on.SetTimer(name, due))

    def cancel(self, *names: str) -> None:
        for name in names:
            if name in self.now.timers:
                left = {key: due for key, due in self.now.timers.items() if key != name}
                self.set(timers=left)
                self.do(on.CancelTimer(name))

    def cancel_all(self) -> None:
        """All but the stop that is owed to a pile and the capture that is owed to us."""
        self.cancel(*(name for name in self.now.timers if name not in {"stop_retry", "capture"}))

    # --- money

    def void(self) -> None:
        self.set(hold="voiding", voids=self.now.voids + 1)
        self.do(on.Void(self.now.voids))

    def release(self) -> None:
        """Nothing is to be paid: end in "void", or wait for the provider to say so."""
        self.cancel_all()
        if self.now.hold in {"placing", "waiting", "held"}:
            self.set(state="releasing")
            self.void()
        elif self.now.hold == "voiding":
            self.set(state="releasing")
        else:
            self.set(state="void")

    def settle(self) -> None:
        """Bill what was delivered: take the money, or release it when there is nothing to take."""
        self.cancel_all()
        bill = self.now.bill()
        if self.now.energy_wh() <= 0:
            self.tell_once("nothing_delivered")
            self.release()
            return
        self.set(bill_minor=bill.gross_minor)
        self.do(on.MakeBill())
        self.tell_once("receipt")
        if bill.gross_minor == 0:
            self.release()
        elif self.now.hold == "held":
            self.set(state="billing")
            self.capture()
        else:
            self.recover()

    def capture(self) -> None:
        number = self.now.captures + 1
        self.set(hold="capturing", captures=number, asked_minor=self.now.due_minor)
        self.do(on.Capture(self.now.due_minor, number))

    def ask_payment(self) -> None:
        """A debt whose hold is gone is paid by a payment of its own, taken at once."""
        self.set(hold="placing", collecting=False, asked_minor=self.now.due_minor)
        self.do(on.PlaceHold(self.now.due_minor, take=True, by=self.now.debt_by))

    def recover(self) -> None:
        """The hold is gone before the money was taken: a debt, that is asked for at once without
        the rider, one time. They hear of it when that does not work."""
        if self.now.recovered:
            self.owe()
        elif self.now.due_minor < self.now.terms.smallest_minor:
            self.forgive()
        else:
            self.cancel("capture")
            self.set(state="debt", recovered=True)
            self.ask_payment()

    def owe(self) -> None:
        self.cancel("capture")
        self.set(state="debt")
        self.tell_once("debt")

    def give_back(self) -> None:
        """More was taken than is due by now."""
        asked = self.now.asked_minor
        over = (self.now.bill_minor or 0 if asked is None else asked) - self.now.due_minor
        if over > 0:
            self.do(on.Refund(over, "meter"))
            self.tell("refund", amount_minor=str(over))

    def forgive(self) -> None:
        """So little is left to pay that the provider cannot take it."""
        self.cancel("capture")
        self.tell_once("corrected")
        self.release()

    # --- the pile

    def send_start(self) -> None:
        number = self.now.attempt + 1
        self.set(attempt=number, accepted=False)
        self.do(on.SendStart(number))
        self.timer("accept", self.now.terms.limits.start_timeout_s)

    # --- idling

    def await_idle(self, *, told: bool = False) -> None:
        """Set the timers of the idle fee for the present stretch; `told`: the rider was just told
        when it begins."""
        self.cancel("idle_warning", "idle_start")
        now, begins = self.now, None
        if now.state == "suspended" and now.idle_at is not None and not now.stuck:
            begins = idle_begins(now.terms.tariff, now.idle_at, now.waited_at)
        self.set(idle_from=begins)
        if begins is None or now.idle_runs:
            return
        if begins - WARNING > self.at or not told:
            self.timer("idle_warning", 0, begins - WARNING)
        self.timer("idle_start", 0, begins)

    def end_idle(self) -> None:
        """Staying plugged in costs no more; the rider is told where it did."""
        self.cancel("idle_warning", "idle_start")
        ran = self.now.idle_runs
        self.set(idle_runs=False, idle_from=None)
        if ran and not self.now.fault:
            self.tell("idle_ended")

    def stick(self, why: str) -> None:
        """Our fault keeps the cable in from now on."""
        if why not in self.now.stuck:
            since = self.now.stuck_at or self.at
            self.set(stuck=(*self.now.stuck, why), stuck_at=since)
            self.end_idle()

    def unstick(self, why: str) -> None:
        """It no longer does; idling is a new stretch, with a grace of its own."""
        if why not in self.now.stuck:
            return
        left = tuple(each for each in self.now.stuck if each != why)
        self.set(stuck=left)
        if left or self.now.stuck_at is None:
            return
        span = Span(self.now.stuck_at, self.at)
        self.set(ours=(*self.now.ours, span), stuck_at=None)
        if self.now.idle_at is not None:
            self.set(idle_at=self.at)
        self.await_idle()

    def owe_stop(self, transaction_id: str) -> None:
        """A transaction must end: command it, and keep that in mind until the pile confirms."""
        if any(each.transaction_id == transaction_id for each in self.now.owed):
            return
        self.set(owed=(*self.now.owed, Owed(transaction_id)))
        self.do(on.SendStop(transaction_id, 1))

    def owe_stops_again(self) -> None:
        again = tuple(Owed(each.transaction_id, each.tries + 1) for each in self.now.owed)
        self.set(owed=again)
        for each in again:
            self.do(on.SendStop(each.transaction_id, each.tries))

    def abandon(self, transaction_id: str) -> None:
        """A transaction is nobody's: stop it, bill nothing of it."""
        if transaction_id not in self.now.abandoned:
            self.set(abandoned=(*self.now.abandoned, transaction_id))
            self.owe_stop(transaction_id)

    def fail_start(self, why: str, *, suspect: bool = True) -> None:
        """The start came to nothing: release the money, say why, offer the next step."""
        if self.now.transaction_id is not None and not self.now.ended:
            self.abandon(self.now.transaction_id)
        self.set(ended_at=self.at)
        if suspect:
            self.do(on.MarkSuspect())
        self.tell_once("start_failed", why=why)
        self.release()

    def stop(self, by: str) -> None:
        """End a delivering session: the bill is frozen now, the pile is told."""
        self.now = close_span(self.now, self.at)
        self.end_idle()
        self.cancel_all()
        self.set(state="stopping", stop_by=by, stop_at=self.at, ended_at=self.at)
        if by == "safety":  # we broke it off: energy only
            self.set(fault=True)
        if self.now.transaction_id is not None:
            self.owe_stop(self.now.transaction_id)
        if by == "safety":
            self.tell("danger")
        elif self.now.offline_at is not None:
            self.tell("stop_offline")
        elif by != "fault":  # told already
            self.tell("stopping" if by in PEOPLE else "stopped", by=by)
        if self.now.offline_at is not None:
            self.settle()
        else:
            self.timer("stop", self.now.terms.limits.stop_wait_s)

    def expect_energy(self) -> None:
        """The pile took the start: what comes next is a cable, or energy."""
        limits = self.now.terms.limits
        if not (self.now.accepted or self.now.running):
            return
        self.cancel("accept", "retry")
        if self.now.plugged_at is None:
            if "plug" not in self.now.timers:
                self.timer("plug", limits.plug_in_timeout_s)
                self.tell_once("plug_in")
            return
        self.cancel("plug")
        # A pile that says nothing is asked again early; one that charges may have a meter interval
        # as long as the whole time-out.
        halves = 3 if self.now.running else 1
        self.timer("energy", limits.start_timeout_s * halves / 2)
