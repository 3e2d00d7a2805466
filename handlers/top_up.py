"""Topping up the wallet: how much, what it adds and where it is taken from, yes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.dialog.intents import ask, intent, maybe, wish
from bot.dialog.kinds import KEPT, SURE
from bot.dialog.money_kind import AMOUNT
from bot.dialog.turn import Turn
from bot.domain.money import Money
from bot.errors import Refused
from bot.replies import Choose, Option, Replies, Say, Value
from bot.services import topups, wallet

_SUM = r"(?:\S{1,3}\s?)?\d{1,9}(?:[.,]\d+)?\s*\S{0,8}"
# Where the word for topping up is also that for charging: a short figure, no code of a pile.
_SMALL = r"(?:[€$£¥]\s?|r\$\s?)?\d{1,3}(?:[.,]\d{1,2})?\s*(?:[€$£¥]|[^\W\d_]{1,7})?"
PATTERNS = (
    rf"(?:please )?top[ -]?up(?: my (?:wallet|account|balance))?(?: (?:with|by))?(?: {_SUM})?",
    r"(?:please )?add money(?: to my wallet)?",
    rf"(?:recargar?|recarregar|cargar saldo|carregar saldo)(?: (?:mi |meu )?saldo)?"
    rf"(?: con| com| de)? {_SMALL}",
    r"(?:recargar|cargar|recarregar|carregar|adicionar|añadir) (?:mi |meu )?saldo",
    rf"充值\s*(?:{_SUM})?",
    rf"recharger(?: (?:mon |le )?(?:compte|solde|portefeuille))?(?: de| avec)? {_SMALL}",
    r"(?:recharger|alimenter) (?:mon |le )?(?:compte|solde|portefeuille)",
    rf"(?:mein )?(?:guthaben )?(?:aufladen|aufstocken)(?: um| mit)? {_SMALL}",
    rf"(?:guthaben )?(?:um |mit )?{_SMALL} (?:aufladen|aufstocken)",
    r"(?:mein )?guthaben (?:aufladen|aufstocken)",
)


def ask_amount(turn: Turn, slots: Mapping[str, Any]) -> Replies:
    """Amounts to tap; any other can be typed."""
    if turn.settings.wallet == "off":
        raise Refused("Prepaid wallets are not offered here. You pay each charge by card.")
    currency = wallet.currency_of(turn.work, turn.rider.id)
    if currency is None:
        raise Refused("There is no station yet, so there is nothing to pay for.")
    options = [
        Option(f"={each.payload.partition('=')[2]}", each.title)
        for each in topups.amount_options(currency)
    ]
    return Choose(
        Say("How much would you like to top up? Tap an amount, or write one, like 25."), options
    )


def show(turn: Turn, slots: Mapping[str, Any]) -> Replies:
    """What it adds, where it is taken from, and what becomes of it."""
    money: Money = slots["amount"]
    quoted = topups.quote(turn.work, turn.settings, turn.rider, money)
    turn.keep["bonus"] = AMOUNT.dump(quoted.bonus)
    values: dict[str, Value] = {
        "amount": quoted.money, "bonus": quoted.bonus, "card": quoted.card,
    }  # fmt: skip
    how = Say("You pay it on a secure page.")
    if quoted.card:
        how = Say("It is taken from {card} now.", {"card": quoted.card})
    values["how"] = how
    text = Say(
        "Top up {amount}? {how} Cash can be paid back to you at any time, without a fee.", values
    )
    if quoted.bonus.amount_minor:
        text = Say(
            "Top up {amount} and get {bonus} of bonus? {how} Cash can be paid back to you at any "
            "time, without a fee; bonus is for charging only.",
            values,
        )
    return Choose(text, [Option("=yes", Say("Yes, top up")), Option("deny", Say("Not now"))])


@wish
class TopUp:
    """The amount; `bonus` is what was promised with it."""

    amount: Money = ask(ask_amount, AMOUNT)
    bonus: str | None = maybe(KEPT)
    agreed: bool = ask(show, SURE)


@intent("top_up", patterns=PATTERNS)
def top_up(turn: Turn, want: TopUp) -> Replies:
    """The yes. What follows (page, receipt) is told as it happens."""
    promised = AMOUNT.load(turn, want.bonus) if want.bonus else None
    topups.start(
        turn.work, turn.settings, turn.rider, want.amount, key=turn.heard.key, promised=promised
    )
    return Say("One moment: I am preparing the top-up of {amount}.", {"amount": want.amount})
