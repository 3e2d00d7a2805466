"""Everything about paying: a debt, the saved card, how it works."""

from __future__ import annotations

import re
from urllib.parse import urlencode

from bot.dialog.intents import intent
from bot.dialog.turn import Instead, Turn
from bot.replies import Choose, Link, Option, Replies, Say, Value
from bot.services import cards, charging, debts
from bot.services import wallet as prepaid
from bot.services.debts import Debt
from bot.services.notices import pay_button
from bot.store.charging import ChargingSession
from handlers import auto_top_up, wallet

# "remove my card" in the shipped languages; anything else is asked by buttons.
_REMOVE = re.compile(
    r"(?i)\b(remove|delete|forget|elimin\w*|quit\w*|borr\w*|remov\w*|exclu\w*|apag\w*|supprim\w*"
    r"|retir\w*|lösch\w*|entfern\w*)\b|删除|移除|解绑|去掉"
)
# What else is said of prepaid money in the shipped languages.
_AUTO = re.compile(
    r"(?i)\bauto[ -]?(?:pay|top|re|auf|zahl)|automat\w* (?:top|re|auf|pa)|recarga autom"
    r"|自动(?:充值|付|扣)|(?:recharge|paiement|pago) automat"
)
_NO_MORE = re.compile(
    r"(?i)\b(off|stop|cancel\w*|disable|desactiv\w*|desativ\w*|deslig\w*|apag\w*|désactiv\w*"
    r"|arrêt\w*|annul\w*|aus|abschalten|ausschalten|deaktivier\w*|beenden)\b|关|取消|停"
)
_ADD = re.compile(
    r"(?i)\b(?:top[ -]?up|add|load|put|fund|recharge|recarg\w*|recarreg\w*|adicion\w*|añad\w*"
    r"|recharger|alimenter|créditer|aufladen|aufstocken|einzahlen)\b|充值|充钱|存钱|加钱"
)
_BALANCE = re.compile(
    r"(?i)\b(?:wallet|balance|bal|saldo|monedero|carteira|solde|portefeuille|guthaben|credit left"
    r"|kontostand|how much (?:credit|money))\b|余额|钱包"
)
# "add a card", "another card"
_ADD_CARD = re.compile(
    r"(?i)\b(?:add|new|another|other|change|replace|update|save|nueva|otra|añad\w*|agreg\w*|cambi\w*"
    r"|guard\w*|nov[oa]|outr[oa]|adicion\w*|cadastr\w*|troc\w*|mud\w*|nouvelle|autre|ajout\w*"
    r"|chang\w*|enregistr\w*|neue\w*|andere\w*|hinzufügen|hinterleg\w*|ändern|wechseln|speichern)"
    r"\b.*?(?:card|tarjeta|cartão|carte|karte)|(?:karte|carte)\s+(?:hinzufügen|hinterlegen|ändern"
    r"|wechseln|speichern)|(?:添加|新增|绑定|更换|换)\S{0,4}(?:银行卡|信用卡|卡)"
)
PAGE = Say("Open payment page")
ADD_CARD = Option("top_up_or_payment?do=add", Say("Add a card"))


@intent(
    "top_up_or_payment",
    digression=True,
    words=(
        "pay", "card", "cards", "my card", "remove card", "remove a card", "remove my card",
        "add card", "add a card", "new card", "change card", "change my card",
        "añadir tarjeta", "agregar tarjeta", "nueva tarjeta", "adicionar cartão", "novo cartão",
        "ajouter une carte", "nouvelle carte", "karte hinzufügen", "neue karte", "添加银行卡",
    ),
)  # fmt: skip
def paying(turn: Turn) -> Replies | Instead | None:
    """A debt comes first; a card is removed only after a second yes."""
    wanted = turn.value("do")
    if wanted == "removed":
        return _removed(turn, turn.value("card") or "")
    if wanted == "remove" or (turn.heard.payload is None and _REMOVE.search(turn.heard.text)):
        return _ask_to_remove(turn)
    if wanted == "add" or (turn.heard.payload is None and _ADD_CARD.search(turn.heard.text)):
        return _add(turn)
    owed = debts.oldest(turn.work, turn.rider.id)
    if owed is not None:
        return _pay(turn, owed, wanted) if wanted in {"pay", "wallet"} else _owes(turn, owed)
    if wanted in {"pay", "wallet"}:
        return Say("Nothing is owed any more: everything is paid.")
    return _prepaid(turn) or _card(turn)


def _prepaid(turn: Turn) -> Replies | Instead | None:
    """What was said of the wallet, in other words than its commands."""
    text = turn.heard.text if turn.heard.payload is None else ""
    if not text or turn.settings.wallet == "off":
        return None
    if _AUTO.search(text):
        if _NO_MORE.search(text):
            return auto_top_up.off(turn)
        question = Say("Automatic top-up is for you to switch on and off here.")
        return Choose(question, [Option("auto_top_up", Say("Auto top-up"))])
    if _ADD.search(text):
        return Instead("top_up")
    return wallet.show(turn) if _BALANCE.search(text) else None


def _owes(turn: Turn, owed: Debt) -> Replies:
    text = Say(
        "You owe {amount} for your charge at {evse} (bill {number}). When it is paid you can "
        "charge again.",
        _values(owed),
    )
    by_wallet = _wallet_pays(turn, owed)
    options = [Option("top_up_or_payment?do=wallet", Say("Pay from wallet"))] if by_wallet else []
    if owed.pay_url:
        page = Link(text, PAGE, owed.pay_url)
        return [page, Choose(Say("Or pay it from your wallet."), options)] if options else page
    return Choose(text, [pay_button(owed.session_id, owed.due), *options])


def _wallet_pays(turn: Turn, owed: Debt) -> bool:
    if turn.settings.wallet == "off":
        return False
    return prepaid.own_payer(turn.work, turn.rider.id, owed.due) is not None


def _pay(turn: Turn, owed: Debt, by: str | None) -> Replies | None:
    """The wallet, the saved card, else the page; what comes of it is told as it happens."""
    session = turn.work.session.get_one(ChargingSession, owed.session_id)
    if by == "wallet":
        if not _wallet_pays(turn, owed):
            return _owes(turn, owed)
        charging.collect(turn.work, session, by=prepaid.OWN)
        return None
    if owed.pay_url:
        return _owes(turn, owed)
    charging.collect(turn.work, session)
    return Say("One moment: I am preparing the payment of {amount}.", {"amount": owed.due})


def _values(owed: Debt) -> dict[str, Value]:
    return {"amount": owed.due, "evse": owed.evse_code, "number": owed.bill_number}


def _add(turn: Turn) -> Replies:
    """A card of its own accord; one that is saved already is replaced once the new one works."""
    url = cards.add(turn.work, turn.rider)
    if url:
        return Link(cards.ENTER, cards.PAGE, url)
    return Say("One moment: I am preparing a secure page for your card.")


def _card(turn: Turn) -> Replies:
    label = turn.rider.card_label
    if label is None:
        return Choose(
            Say(
                "You have no saved card, and nothing is owed. When you start a charge I send you "
                "a secure page to enter one; you pay only for what you use. Please never send "
                "card numbers in this chat."
            ),
            [
                ADD_CARD,
                Option("start_charge", Say("Start a charge")),
                Option("wallet", Say("Wallet")),
            ],
        )
    return Choose(
        Say(
            "Your charges are paid with {card}, after each charge and only for what you used. "
            "Nothing is owed. Another card can take its place at any time.",
            {"card": label},
        ),
        [
            Option("top_up_or_payment?do=add", Say("Use another card")),
            Option("top_up_or_payment?do=remove", Say("Remove card")),
            Option("start_charge", Say("Start a charge")),
            Option("wallet", Say("Wallet")),
        ],
    )


def _ask_to_remove(turn: Turn) -> Replies:
    if turn.rider.stripe_payment_method is None:
        return Say("You have no saved card.")
    query = urlencode({"do": "removed", "card": turn.rider.stripe_payment_method})
    return Choose(
        Say(
            "Remove {card}? What is held on it for a running charge stays held until that ends.",
            {"card": turn.rider.card_label or ""},
        ),
        [
            Option(f"top_up_or_payment?{query}", Say("Yes, remove it")),
            Option("deny", Say("Keep it")),
        ],
    )


def _removed(turn: Turn, payment_method: str) -> Replies:
    label = turn.rider.card_label or ""
    if not cards.remove(turn.work, turn.rider, payment_method):
        return Say("That card was removed already.")
    return Say(
        "{card} is removed. Your next charge asks for a card on a secure page.", {"card": label}
    )
