"""The wallet: cash, bonus and what is reserved, the last movements, and what can be done."""

from __future__ import annotations

from bot.dialog.intents import intent
from bot.dialog.turn import Turn
from bot.replies import Choose, Moment, Option, Replies, Say
from bot.services import wallet, wallet_view
from bot.services.offers import stack

SHOWN = 5


@intent(
    "wallet",
    digression=True,
    words=(
        "wallet", "my wallet", "balance", "my balance", "saldo", "mi saldo", "monedero",
        "mi monedero", "meu saldo", "carteira", "minha carteira", "钱包", "我的钱包", "余额",
        "我的余额", "solde", "mon solde", "portefeuille", "mon portefeuille", "guthaben",
        "mein guthaben", "geldbörse", "kontostand",
    ),
)  # fmt: skip
def show(turn: Turn) -> Replies:
    """How the wallet stands now; what a rider may still draw where no new money is taken."""
    mine = wallet.wallets_of(turn.work, turn.rider.id)
    if not mine:
        return _empty(turn)
    zone = wallet.zone_of(turn.work, turn.rider.id)
    texts = [
        Say(
            "Cash: {cash}\nBonus: {bonus}\nReserved: {reserved}",
            {"cash": each.cash, "bonus": each.bonus, "reserved": each.reserved},
        )
        for each in map(wallet.stand, mine)
    ]
    moves = wallet_view.movements(turn.work, [each.id for each in mine], limit=SHOWN)
    lines = [wallet_view.line(each, zone) for each in moves]
    text = Say(
        "Your wallet at {time}\n{balances}\n\nCash pays first, then bonus. Last movements:\n"
        "{movements}",
        {
            "time": Moment(turn.now, zone),
            "balances": stack(texts),
            "movements": stack(lines) if lines else Say("none yet"),
        },
    )
    return Choose(text, _options(turn), list_button=Say("Choose"))


def _empty(turn: Turn) -> Replies:
    member = wallet.membership(turn.work, turn.rider.id)
    if turn.settings.wallet == "off" and member is None:
        return Say("Prepaid wallets are not offered here. You pay each charge by card.")
    text = Say(
        "You have no wallet yet, and you need none: each charge can be paid by card. With a wallet "
        "you charge without a hold on your card; its cash is paid back at any time, without a fee."
    )
    return Choose(text, [Option("top_up", Say("Top up")), Option("family", Say("Family"))])


def _options(turn: Turn) -> list[Option]:
    pay_out = Option("pay_out", Say("Pay out"), Say("Cash back to where it came from"))
    if turn.settings.wallet == "off":
        return [pay_out]
    return [
        Option("top_up", Say("Top up")),
        Option("auto_top_up", Say("Auto top-up"), Say("When the balance runs low")),
        Option("family", Say("Family"), Say("Share it with others")),
        pay_out,
    ]
