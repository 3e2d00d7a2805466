"""Automatic top-up: trigger, amount and the month's limit are shown and agreed to; off at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bot.dialog.intents import ask, intent, maybe, wish
from bot.dialog.kinds import KEPT, SURE, tapped
from bot.dialog.turn import Turn
from bot.domain.money import Money
from bot.domain.wallet import AUTO_CAP_AMOUNTS, AutoPlan, heard_amount, least_top_up, usual_amounts
from bot.errors import Refused
from bot.replies import Choose, Option, Replies, Say, Value
from bot.services import auto_top_ups, wallet
from bot.store.wallet import Wallet

_AUTO = (
    r"(?:auto[ -]?pay|auto[ -]?top[ -]?ups?|automatic top[ -]?ups?|auto[ -]?recharge"
    r"|autopago|recarga autom[aá]tica|auto[ -]?recarga|自动充值|自動充值|自动付款|自动扣款"
    r"|recharge automatique|paiement automatique|automatisch(?:es)? aufladen"
    r"|automatische aufladung|auto[ -]?aufladung)"
)
_OFF = (
    r"(?:off|stop|cancel|disable|end|no|apagar|desactivar|desactivad[ao]|parar|cancelar|desligar"
    r"|desativar|não|nao|关闭|关掉|取消|停止|off|non|arr[eê]ter|désactiver|couper|annuler|aus"
    r"|stopp(?:en)?|abschalten|ausschalten|beenden|deaktivieren|k[uü]ndigen)"
)
OFF_PATTERNS = (
    rf"{_AUTO}\s*{_OFF}",
    rf"{_OFF}\s*(?:the |my |la |mi |a |minha |le |mon |ma |die |das |meine )?{_AUTO}",
    rf"(?:turn|switch) off (?:the |my )?{_AUTO}(?: of my wallet)?",
    rf"(?:turn|switch) (?:the |my )?{_AUTO} off",
    rf"schalte (?:die |das )?{_AUTO} aus",
)
_SUMS = re.compile(r"(?<![\d.,-])\d[\d.,]*")


@intent("auto_top_up_off", digression=True, patterns=OFF_PATTERNS)
def off(turn: Turn) -> Replies:
    """At once, without asking back; what was being set up is dropped."""
    if turn.conversation.dialog.get("intent") == "auto_top_up":
        turn.conversation.dialog = {}
    return _off(turn)


def _off(turn: Turn) -> Replies:
    if not auto_top_ups.off(turn.work, turn.rider.id):
        return Say("Automatic top-up is off: nothing is taken without your yes.")
    return Choose(
        Say(
            "Automatic top-up is switched off as of now. Nothing is taken any more without your "
            "yes; what is in your wallet stays."
        ),
        [Option("wallet", Say("Wallet")), Option("auto_top_up", Say("Set it up again"))],
    )


def _currency(turn: Turn) -> str | None:
    """That of the order there is, else what the rider pays in."""
    order = auto_top_ups.of(turn.work, turn.rider.id)
    if order is not None:
        return turn.work.session.get_one(Wallet, order.wallet_id).currency
    return wallet.currency_of(turn.work, turn.rider.id)


class PlanKind:
    """Trigger, amount and month's limit: tapped, or three figures ("10 50 150")."""

    def claims(self, turn: Turn) -> bool:
        """Three figures and nothing else."""
        return re.fullmatch(r"\s*(?:\d[\d.,]*\s+){2}\d[\d.,]*\s*", turn.heard.text) is not None

    def hear(self, turn: Turn, name: str, *, asked: bool) -> AutoPlan | None:
        """Raises Refused for a limit below the amount."""
        raw = tapped(turn, name)
        if raw is not None:
            return self.load(turn, raw)
        currency = _currency(turn)
        figures = _SUMS.findall(turn.heard.text) if turn.heard.payload is None else []
        if currency is None or len(figures) != 3:
            return None
        sums = [heard_amount(each, currency) for each in figures]
        told = [each.amount_minor for each in sums if each is not None]
        if len(told) != 3:
            return None
        plan = AutoPlan(*told)
        if plan.problem():
            raise Refused(
                "The limit of the month must be at least the amount of one top-up, and the trigger "
                "above zero. Please write the three again: trigger, amount, limit; like 10 50 150."
            )
        return plan

    def dump(self, value: AutoPlan) -> str:
        """ "500-2000-6000"."""
        return f"{value.trigger_minor}-{value.amount_minor}-{value.cap_minor}"

    def load(self, turn: Turn, raw: str) -> AutoPlan | None:
        """The plan again; None for one that makes no sense."""
        parts = raw.split("-")
        if len(parts) != 3 or not all(
            each.isdigit() and each.isascii() and len(each) < 14 for each in parts
        ):
            return None
        plan = AutoPlan(*map(int, parts))
        return None if plan.problem() else plan


PLAN = PlanKind()


def ask_plan(turn: Turn, slots: Mapping[str, Any]) -> Replies:
    """What is agreed to now, and plans to tap."""
    currency = _currency(turn)
    if turn.settings.wallet == "off" or currency is None:
        raise Refused("Prepaid wallets are not offered here. You pay each charge by card.")
    trigger = least_top_up(currency)
    options = []
    for each in usual_amounts(currency):
        plan = AutoPlan(
            trigger.amount_minor, each.amount_minor, AUTO_CAP_AMOUNTS * each.amount_minor
        )
        cap = Money(plan.cap_minor, currency)
        detail = Say("Below {trigger}; at most {cap} a month", {"trigger": trigger, "cap": cap})
        options.append(Option(f"={PLAN.dump(plan)}", Say("{amount}", {"amount": each}), detail))
    order = auto_top_ups.of(turn.work, turn.rider.id)
    if order is None:
        text = Say(
            "Automatic top-up is off. When your balance falls below a limit, I can top it up from "
            "your saved card without asking each time. How much each time? Or write trigger, "
            "amount and the month's limit, like 10 50 150."
        )
        return Choose(text, options, list_button=Say("Choose"))
    options.append(Option("auto_top_up_off", Say("Switch it off")))
    text = Say(
        "Automatic top-up is on: below {trigger} I top up {amount}, at most {cap} in a calendar "
        "month. Change it to another amount, or switch it off?",
        _values(auto_top_ups.plan_of(order), currency),
    )
    return Choose(text, options, list_button=Say("Choose"))


def _values(plan: AutoPlan, currency: str) -> dict[str, Value]:
    return {
        "trigger": Money(plan.trigger_minor, currency),
        "amount": Money(plan.amount_minor, currency),
        "cap": Money(plan.cap_minor, currency),
    }


def show(turn: Turn, slots: Mapping[str, Any]) -> Replies:
    """All that the rider agrees to."""
    plan: AutoPlan = slots["plan"]
    currency = _currency(turn) or ""
    turn.keep["currency"] = currency
    auto_top_ups.refuse(turn.work, turn.settings, turn.rider, plan, currency)
    return Choose(
        Say(
            "When your balance falls below {trigger} after a charge, I take {amount} from {card} "
            "without asking, at most {cap} in a calendar month, and tell you each time. Write "
            "“autopay off” to end it at once. Switch it on?",
            {**_values(plan, currency), "card": turn.rider.card_label or ""},
        ),
        [Option("=yes", Say("Yes, switch it on")), Option("deny", Say("Not now"))],
    )


@wish
class Order:
    """The plan and the yes to it; `currency` is what it was shown in."""

    plan: AutoPlan = ask(ask_plan, PLAN)
    currency: str | None = maybe(KEPT)
    agreed: bool = ask(show, SURE)


@intent("auto_top_up", patterns=(_AUTO, rf"{_AUTO} on", rf"{_AUTO}(?: \d[\d.,]*){{3}}"))
def switch_on(turn: Turn, want: Order) -> Replies:
    """The yes."""
    currency = want.currency or _currency(turn) or ""
    auto_top_ups.agree(turn.work, turn.settings, turn.rider, want.plan, currency)
    return Choose(
        Say(
            "Automatic top-up is on: below {trigger} I top up {amount} from {card}, at most {cap} "
            "in a calendar month.",
            {**_values(want.plan, currency), "card": turn.rider.card_label or ""},
        ),
        [Option("wallet", Say("Wallet")), Option("auto_top_up_off", Say("Switch it off"))],
    )
