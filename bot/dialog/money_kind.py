"""The slot kind for amounts of money: "20", "€20", "20,50 eur", a tapped amount."""

from __future__ import annotations

import re
from typing import Final

from bot.dialog.kinds import tapped
from bot.dialog.turn import Turn
from bot.domain.money import Money
from bot.domain.wallet import heard_amount
from bot.errors import Refused
from bot.services import wallet

_IN_TEXT: Final = re.compile(
    r"(?:[a-z]{1,2}\$|[$€£¥])?\s*(?<![\d-])\d[\d.,]*(?![\d-])(?:\s*[^\W\d_]+|\s*[$€£¥])?(?!\w)",
    re.IGNORECASE,
)

_FIGURES: Final = re.compile(r"[-+]?\d[\d., ]*")  # no amount, perhaps, but meant as one


class AmountKind:
    """An amount in the rider's currency, or in the one they name."""

    def hear(self, turn: Turn, name: str, *, asked: bool) -> Money | None:
        """Raises Refused for figures that cannot be an amount, and where nobody charges."""
        raw = tapped(turn, name)
        if raw is not None:
            return self.load(turn, raw)
        if turn.heard.payload is not None:
            return None
        text = turn.heard.text.strip()
        found = _IN_TEXT.search(text)
        rest = text if found is None else text[: found.start()] + text[found.end() :]
        if found is None or re.search(r"\d", rest):  # "-20", "1e9", "1 000": no one amount
            if asked and re.search(r"\d", text):
                raise Refused("Please write the amount in figures, like 20 or 20.50.", again=name)
            return None
        currency = self.currency(turn)
        amount = heard_amount(text if asked else found[0], currency)
        if amount is None:  # "for 20 please": what stands after the figures is no currency
            figures = re.sub(r"[^\W\d_]+$", "", found[0]).strip()
            amount = heard_amount(figures, currency)
        if amount is None:
            raise Refused("Please write the amount in figures, like 20 or 20.50.", again=name)
        return amount

    def claims(self, turn: Turn) -> bool:
        """Figures alone, where the question was how much."""
        if turn.heard.payload is not None:
            return False
        text = turn.heard.text.strip()
        figures = _FIGURES.fullmatch(text) is not None
        return figures or heard_amount(text, self.currency(turn)) is not None

    def dump(self, value: Money) -> str:
        """ "2000:EUR"."""
        return f"{value.amount_minor}:{value.currency}"

    def load(self, turn: Turn, raw: str) -> Money | None:
        """The amount again; a bare figure is one in the rider's currency."""
        minor, _, currency = raw.partition(":")
        if not (minor.isascii() and minor.isdigit()) or len(minor) > 13:
            return None
        return Money(int(minor), currency or self.currency(turn))

    def currency(self, turn: Turn) -> str:
        """What figures without a currency are in."""
        currency = wallet.currency_of(turn.work, turn.rider.id)
        if currency is None:
            raise Refused("There is no station yet, so there is nothing to pay for.")
        return currency


AMOUNT = AmountKind()
