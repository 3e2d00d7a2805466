"""What staff may do with a charge, a pile or money: names, rights, and what each is about."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final, Literal

from bot.domain.money import Money, exponent, payable, payable_unit

Subject = Literal["session", "pile", "evse", "rider"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One thing to do: `subject` is what it is done to, `label` names it as an order."""

    name: str
    label: str
    right: str
    subject: Subject
    icon: str
    danger: bool = False

    @property
    def path(self) -> str:
        """Its name in addresses."""
        return self.name.replace("_", "-")


KINDS: Final[dict[str, Kind]] = {
    kind.name: kind
    for kind in (
        Kind("refund", "Refund", "refund.request", "session", "undo-2"),
        Kind("stop", "Stop charging", "session.stop", "session", "power", danger=True),
        Kind("start", "Start for the rider", "session.start", "rider", "play"),
        Kind("payment_link", "Collect the payment", "payment.link", "session", "credit-card"),
        Kind("receipt", "Send the receipt again", "receipt.resend", "session", "receipt"),
        Kind("waive_idle", "Waive the idle fee", "fee.waive", "session", "clock"),
        Kind("coupon", "Issue a coupon", "coupon.issue", "rider", "gift"),
        Kind("credit", "Credit the wallet", "wallet.credit", "rider", "wallet"),
        Kind("payout_sent", "Paid out by hand", "wallet.payout", "rider", "hand"),
        Kind("unlock", "Unlock the connector", "pile.unlock", "evse", "unlock"),
        Kind("soft_restart", "Restart when idle", "pile.soft_restart", "pile", "refresh-cw"),
        Kind("hard_restart", "Restart now", "pile.hard_restart", "pile", "rotate-ccw", danger=True),
        Kind("out_of_service", "Take out of service", "pile.out_of_service", "pile", "lock", True),
        Kind("in_service", "Put into service", "pile.in_service", "pile", "circle-check"),
        Kind("socket_out", "Take the socket out", "pile.out_of_service", "evse", "lock", True),
        Kind("socket_in", "Put the socket back", "pile.in_service", "evse", "circle-check"),
        Kind("get_log", "Fetch the log", "pile.log", "pile", "file-text"),
        Kind("read_settings", "Read the settings", "pile.log", "pile", "refresh-cw"),
        Kind("set_setting", "Change a setting", "pile.configure", "pile", "settings"),
        Kind("firmware", "Update the firmware", "pile.firmware", "pile", "download", danger=True),
        Kind("ask_firmware", "Ask for the firmware's state", "pile.log", "pile", "info"),
    )
}


def plain(money: Money) -> str:
    """An amount as staff read it: "12.40 EUR"."""
    return f"{money.major()} {money.currency}"


def read_amount(text: str, currency: str) -> Money | None:
    """What somebody typed as an amount ("12,40", "12.4"); None when it is none in this currency,
    or one that no card can pay."""
    try:
        amount = Decimal(text.strip().replace(",", ".").removesuffix(currency).strip())
    except InvalidOperation:
        return None
    if not amount.is_finite() or not 0 < amount < 10**7:
        return None
    minor = amount.scaleb(exponent(currency))
    if minor != minor.to_integral_value() or int(minor) % payable_unit(currency):
        return None
    return Money(int(minor), currency)


def of_setting(text: str, currency: str) -> Money:
    """An amount of a setting for several currencies: what a currency has no coins for is left
    off; nothing where it is none."""
    try:
        minor = Decimal(text).scaleb(exponent(currency))
    except InvalidOperation:
        return Money(0, currency)
    whole = int(minor) if minor.is_finite() and minor > 0 else 0
    return Money(payable(whole, currency), currency)


def refund_limit(limits: str, role: str, currency: str) -> Money:
    """How much a role may give back alone, of a setting "agent:20,finance:200" in whole units."""
    pairs = (pair.split(":", 1) for pair in limits.split(",") if ":" in pair)
    by_role = {name.strip(): amount.strip() for name, amount in pairs}
    return of_setting(by_role.get(role, "0"), currency)
