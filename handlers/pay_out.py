"""Paying out the wallet's cash: where it goes, when it is there, what stays; then yes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from bot.dialog.intents import ask, intent, maybe, wish
from bot.dialog.kinds import CHOICE, KEPT, SURE
from bot.dialog.money_kind import AMOUNT
from bot.dialog.turn import Turn
from bot.errors import Refused
from bot.replies import Choose, Moment, Option, Replies, Say, Value
from bot.services import payouts, wallet
from bot.services.payouts import Plan
from bot.store.wallet import Wallet

BANK_DAYS = timedelta(days=14)  # ten working days


def ask_which(turn: Turn, slots: Mapping[str, Any]) -> Replies | None:
    """Which wallet, where several hold cash."""
    full = _with_cash(turn)
    if len(full) < 2:
        return None
    options = [
        Option(f"={each.currency}", Say("{amount}", {"amount": wallet.stand(each).cash}))
        for each in full
    ]
    return Choose(Say("Which of your wallets do you want to be paid out?"), options)


def _with_cash(turn: Turn) -> list[Wallet]:
    return [each for each in wallet.wallets_of(turn.work, turn.rider.id) if each.cash_minor]


def show(turn: Turn, slots: Mapping[str, Any]) -> Replies:
    """The whole pay-out, before anything moves."""
    mine = _with_cash(turn) or list(wallet.wallets_of(turn.work, turn.rider.id))
    if not mine:
        raise Refused("You have no wallet, so there is nothing to pay out.")
    planned = payouts.plan(turn.work, turn.rider, slots.get("currency") or mine[0].currency)
    turn.keep["cash"] = AMOUNT.dump(planned.cash)
    return Choose(
        Say(
            "Pay out {cash}, without a fee?\n{where}\nBonus ({bonus}) is for charging only and "
            "stays in your wallet.",
            {"cash": planned.cash, "bonus": planned.bonus, "where": _where(turn, planned)},
        ),
        [Option("=yes", Say("Yes, pay out")), Option("deny", Say("Keep it"))],
    )


def _where(turn: Turn, planned: Plan) -> Say:
    zone = wallet.zone_of(turn.work, turn.rider.id)
    values: dict[str, Value] = {
        "amount": planned.by_itself,
        "count": len(planned.parts),
        "rest": planned.by_hand,
        "date": Moment(turn.now + BANK_DAYS, zone, "date_time"),
    }
    if not planned.parts:
        return Say(
            "{rest} cannot go back to a card by itself (the payment is too old, or it was a "
            "credit): a person of our team writes to you and sends it.",
            values,
        )
    if planned.by_hand.amount_minor:
        return Say(
            "{amount} goes back to the cards you paid with; your bank shows it by {date}. {rest} "
            "cannot go back by itself: a person of our team writes to you and sends it.",
            values,
        )
    return Say(
        "{amount} goes back to the cards you paid with; your bank shows it by {date}.", values
    )


@wish
class PayOut:
    """Which wallet and the yes; `cash` is what was shown."""

    currency: str | None = ask(ask_which, CHOICE)
    cash: str | None = maybe(KEPT)
    agreed: bool = ask(show, SURE)


@intent(
    "pay_out",
    words=(
        "pay out", "payout", "cash out", "refund balance", "refund my balance", "withdraw",
        "pay out balance", "retirar saldo", "devolver saldo", "reembolsar saldo",
        "reembolso de saldo", "sacar saldo", "sacar", "reembolsar meu saldo", "提现", "退余额",
        "退还余额", "余额退款", "rembourser mon solde", "rembourser le solde",
        "retirer mon solde", "remboursement du solde", "guthaben auszahlen", "auszahlen",
        "auszahlung",
    ),
)  # fmt: skip
def pay_out(turn: Turn, want: PayOut) -> Replies:
    """Money moves now, to where it came from."""
    cash = AMOUNT.load(turn, want.cash) if want.cash else None
    if cash is None:  # the dialog was opened before a deploy that forgot it
        return show(turn, {})
    planned = payouts.start(turn.work, turn.rider, cash, key=turn.heard.key)
    return Choose(
        Say(
            "{cash} is on its way.\n{where}",
            {"cash": planned.cash, "where": _where(turn, planned)},
        ),
        [Option("wallet", Say("Wallet"))],
    )
