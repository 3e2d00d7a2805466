"""What can happen to a charging session, and what it may call for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bot.domain.session import Flow
from bot.domain.usage import Reading

# --- events: `at` is when we learnt of it; `device_at` is the pile's own time


@dataclass(frozen=True, slots=True)
class Yes:
    """The rider agreed to price and hold."""

    at: datetime


@dataclass(frozen=True, slots=True)
class HoldPlaced:
    """The money is held, as retrieved from the provider."""

    at: datetime
    capture_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class HoldAdopted:
    """The rider agreed, and a booking's deposit that is held already pays for it."""

    at: datetime
    capture_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class HoldNeedsRider:
    """The rider must pay or confirm on a page."""

    at: datetime
    url: str


@dataclass(frozen=True, slots=True)
class HoldFailed:
    """The provider said no for good."""

    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class HoldExpired:
    """The hold, or the page to place it, is gone without our doing."""

    at: datetime


@dataclass(frozen=True, slots=True)
class HoldRunsOut:
    """The provider will soon let go of the hold: what is owed must be taken now."""

    at: datetime


@dataclass(frozen=True, slots=True)
class StartAccepted:
    """The pile took start command number `attempt`; that is not yet energy."""

    at: datetime
    attempt: int
    transaction_id: str | None = None


@dataclass(frozen=True, slots=True)
class StartRejected:
    """The pile said no to start command number `attempt`."""

    at: datetime
    attempt: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class StartUnknown:
    """The pile has not answered yet; not final."""

    at: datetime
    attempt: int


@dataclass(frozen=True, slots=True)
class StartTimeout:
    """The pile did not answer in time; a late answer may follow."""

    at: datetime
    attempt: int


@dataclass(frozen=True, slots=True)
class StartOffline:
    """The pile was away when the start was to be sent: it never got it."""

    at: datetime
    attempt: int


@dataclass(frozen=True, slots=True)
class Plugged:
    """A cable is in."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Unplugged:
    """No cable is in."""

    at: datetime


@dataclass(frozen=True, slots=True)
class TransactionStarted:
    """The pile runs a transaction for this session."""

    at: datetime
    transaction_id: str


@dataclass(frozen=True, slots=True)
class MeterRead:
    """A register reading of a transaction."""

    at: datetime
    transaction_id: str
    reading: Reading


@dataclass(frozen=True, slots=True)
class FlowChanged:
    """A transaction's charging state; `device_at` is when it began."""

    at: datetime
    transaction_id: str
    flow: Flow
    device_at: datetime


@dataclass(frozen=True, slots=True)
class TransactionEnded:
    """The pile closed a transaction; `reason` is OCPP's stoppedReason, the last of `readings` the
    final register."""

    at: datetime
    transaction_id: str
    device_at: datetime
    reason: str = ""
    readings: tuple[Reading, ...] = ()


@dataclass(frozen=True, slots=True)
class StopRequested:
    """Somebody wants it to end: "rider", "staff", "safety", …"""

    at: datetime
    by: str = "rider"


@dataclass(frozen=True, slots=True)
class StopAccepted:
    """The pile took a stop."""

    at: datetime
    transaction_id: str


@dataclass(frozen=True, slots=True)
class StopFailed:
    """A stop was rejected, not answered, or could not be sent."""

    at: datetime
    transaction_id: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PileOffline:
    """The pile went silent."""

    at: datetime


@dataclass(frozen=True, slots=True)
class PileOnline:
    """The pile is back."""

    at: datetime


@dataclass(frozen=True, slots=True)
class UnlockFailed:
    """The pile was told to let go of the cable and did not."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Unlocked:
    """The pile let go of the cable."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """Somebody waits for the place (a queue, a booking), or nobody any more."""

    at: datetime
    somebody: bool = True


@dataclass(frozen=True, slots=True)
class Fault:
    """The pile reports a fault or an alarm at this EVSE."""

    at: datetime
    code: str = ""


@dataclass(frozen=True, slots=True)
class TimerFired:
    """A timer that `SetTimer` asked for is due; `withheld`: we give it no power for now."""

    at: datetime
    name: str
    withheld: bool = False


@dataclass(frozen=True, slots=True)
class Captured:
    """The money was taken; `by_other`: by an older hold or payment than the one asked for now."""

    at: datetime
    by_other: bool = False


@dataclass(frozen=True, slots=True)
class CaptureFailed:
    """The money could not be taken."""

    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Voided:
    """The hold is released."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Corrected:
    """Staff credited part of the bill and gave it back, apart from what the meter calls for."""

    at: datetime
    amount_minor: int


@dataclass(frozen=True, slots=True)
class NotMe:
    """The rider says this session is not theirs."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Collect:
    """Staff or the rider ask once more for what is owed, of the card or of the wallet."""

    at: datetime
    by: str = "card"


Event = (
    Yes | HoldPlaced | HoldAdopted | HoldNeedsRider | HoldFailed | HoldExpired | HoldRunsOut
    | StartAccepted | StartRejected | StartUnknown | StartTimeout | StartOffline
    | Plugged | Unplugged | TransactionStarted | MeterRead | FlowChanged | TransactionEnded
    | StopRequested | StopAccepted | StopFailed | PileOffline | PileOnline | Fault
    | UnlockFailed | Unlocked | Waiting | Corrected
    | TimerFired | Captured | CaptureFailed | Voided | NotMe | Collect
)  # fmt: skip


# --- commands: what the caller carries out in the same transaction


@dataclass(frozen=True, slots=True)
class PlaceHold:
    """Hold money; `take`: it pays a bill and is taken at once. `by`: the card, or whose wallet."""

    amount_minor: int
    take: bool = False
    by: str = "card"


@dataclass(frozen=True, slots=True)
class CheckHold:
    """Ask the provider how the hold stands."""

    number: int


@dataclass(frozen=True, slots=True)
class SendStart:
    """Command the pile to start; each attempt is a command of its own."""

    attempt: int


@dataclass(frozen=True, slots=True)
class SendStop:
    """Command the pile to end a transaction."""

    transaction_id: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Capture:
    """Take this much of the hold; the rest is released with it."""

    amount_minor: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Void:
    """Release the hold, or take back the page to place it."""

    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Refund:
    """Give back part of what was captured."""

    amount_minor: int
    reason: str


@dataclass(frozen=True, slots=True)
class Credit:
    """Write a credit note for this much of the bill; the facts hold the right bill."""

    amount_minor: int


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Send TimerFired(name) at a moment; replaces a timer of the same name."""

    name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CancelTimer:
    """Take a timer back."""

    name: str


@dataclass(frozen=True, slots=True)
class MakeBill:
    """Write the bill of the facts as they stand now."""


@dataclass(frozen=True, slots=True)
class Tell:
    """Tell the rider; bot/services/notices.py has the words for each name."""

    notice: str
    number: int
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MarkSuspect:
    """A start failed at this EVSE for reasons of its own."""


Command = (
    PlaceHold | CheckHold | SendStart | SendStop | Capture | Void | Refund | Credit
    | SetTimer | CancelTimer | MakeBill | Tell | MarkSuspect
)  # fmt: skip
