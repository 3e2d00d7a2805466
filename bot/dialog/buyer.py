"""Whom invoices are made out to: the questions, asked once and then kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bot.dialog.kinds import Words, tapped
from bot.dialog.turn import Turn
from bot.domain.tax_numbers import TaxNumber, WrongTaxNumber, examine, example
from bot.errors import Refused
from bot.replies import Choose, Option, Replies, Say
from bot.services import buyers
from bot.services.offers import stack
from bot.store.invoices import Buyer

NONE: Final = "-"  # no number, no address
LEAST_LETTERS: Final = 3  # of an address


class NumberKind:
    """A tax number in the form of its country, or "-" for none."""

    takes_anything = True

    def hear(self, turn: Turn, name: str, *, asked: bool) -> str | None:
        """Raises Refused with a way on for a number that has not its country's form."""
        raw = tapped(turn, name)
        if raw == NONE:
            return NONE
        if raw is not None and raw.startswith("!"):  # "use it anyway"
            return raw[1:]
        typed = raw or (turn.heard.text if asked else "")
        if not typed:
            return None
        found = examine(typed, _home(turn))
        if isinstance(found, TaxNumber):
            return found.text
        if isinstance(found, WrongTaxNumber):
            raise Refused(
                "{number} does not look like a VAT number of {country}: those look like {example}. "
                "Please send it again, or use it as it is.",
                {"number": found.text, "country": found.country, "example": found.example},
                [
                    Option(_answer(turn, f"!{found.text}"), Say("Use it anyway")),
                    Option(_answer(turn, NONE), Say("No VAT number")),
                ],
            )
        raise Refused(
            "That does not look like a VAT number. Please send it again, for example {example}.",
            {"example": example(_home(turn)) or "FI12345678"},
            [Option(_answer(turn, NONE), Say("No VAT number"))],
        )

    def dump(self, value: str) -> str:
        """As it is."""
        return value

    def load(self, turn: Turn, raw: str) -> str | None:
        """As it is."""
        return raw


class NameKind(Words):
    """A name; a bare yes is none."""

    def hear(self, turn: Turn, name: str, *, asked: bool) -> str | None:
        """Raises Refused for a yes, and for too much."""
        value = super().hear(turn, name, asked=asked)
        if value is not None and _is_courtesy(turn, "affirm"):
            raise Refused(
                "I need the name itself, exactly as it should stand on the invoice. Please write "
                "it, or write CANCEL.",
                again=name,
            )
        return value


class AddressKind(Words):
    """An address in one line; a yes, a greeting or a figure is none."""

    def hear(self, turn: Turn, name: str, *, asked: bool) -> str | None:
        """Raises Refused for what is none, and for too much."""
        value = super().hear(turn, name, asked=asked)
        if value is None or value == NONE:
            return value
        if _is_courtesy(turn, "affirm", "greet", "thanks_bye") or not _may_be_an_address(value):
            raise Refused(
                "That does not look like an address. Please write street, postcode, town and "
                "country, as they should stand on the invoice.",
                again=name,
            )
        return value


def _is_courtesy(turn: Turn, *intents: str) -> bool:
    """Whether the whole message is a yes, a greeting or thanks, typed."""
    heard = turn.heard
    return heard.payload is None and heard.understanding.intent in intents


def _may_be_an_address(text: str) -> bool:
    """Letters enough for a town; a sign of Chinese says more than a letter."""
    letters = [each for each in text if each.isalpha()]
    return len(letters) >= LEAST_LETTERS or any(each > "\u2e7f" for each in letters)


class WhoKind:
    """ "company" or "person"."""

    def hear(self, turn: Turn, name: str, *, asked: bool) -> str | None:
        """By button only."""
        raw = tapped(turn, name)
        return raw if raw in ("company", "person") else None

    def dump(self, value: str) -> str:
        """As it is."""
        return value

    def load(self, turn: Turn, raw: str) -> str | None:
        """As it is."""
        return raw


def _answer(turn: Turn, value: str) -> str:
    """The payload of a button that answers the open question, told apart as the engine does."""
    return f"={turn.conversation.dialog.get('tag', '')}:{value}"


def _home(turn: Turn) -> str:
    return turn.settings.default_country


WHO: Final = WhoKind()
NAME: Final = NameKind(120)
NUMBER: Final = NumberKind()
ADDRESS: Final = AddressKind(240)


def kept(turn: Turn, slots: Mapping[str, Any]) -> Buyer | None:
    """What is kept of the rider, unless they asked to change it."""
    if slots.get("change") or turn.value("change"):
        turn.keep["change"] = "yes"
        return None
    return buyers.kept(turn.work, turn.rider.id)


def ask_who(turn: Turn, slots: Mapping[str, Any]) -> Replies | None:
    """Asked once: what is kept is used, and can be changed before the yes."""
    if kept(turn, slots):
        return None
    return Choose(
        Say("Who is the invoice for? I keep it for your next ones; you can change or erase it."),
        [Option("=company", Say("A company")), Option("=person", Say("Me, privately"))],
    )


def ask_name(turn: Turn, slots: Mapping[str, Any]) -> Replies | None:
    """The name as it has to stand there."""
    if kept(turn, slots):
        return None
    if slots["who"] == "company":
        return Say("What is the company's name, exactly as it should stand on the invoice?")
    return Say("What is your name, as it should stand on the invoice?")


def ask_number(turn: Turn, slots: Mapping[str, Any]) -> Replies | None:
    """Of companies only."""
    if kept(turn, slots) or slots["who"] != "company":
        return None
    return Choose(
        Say(
            "What is the company's VAT number, for example {example}?",
            {"example": example(_home(turn)) or "FI12345678"},
        ),
        [Option("=-", Say("No VAT number"))],
    )


def ask_address(turn: Turn, slots: Mapping[str, Any]) -> Replies | None:
    """Street, postcode, town, country."""
    if kept(turn, slots):
        return None
    text = Say("And the address: street, postcode, town and country?")
    if slots["who"] == "company":
        return text
    return Choose(text, [Option("=-", Say("No address"))])


def keep(turn: Turn, *, who: str, name: str, number: str | None, address: str | None) -> None:
    """Write down what was answered; a number used "anyway" stands as the rider wrote it."""
    typed = "" if number in (None, NONE) else str(number)
    found = examine(typed, _home(turn)) if typed else None
    if typed and not isinstance(found, TaxNumber):
        found = TaxNumber(typed[:24], None)
    buyers.keep(
        turn.work,
        turn.rider.id,
        business=who == "company",
        name=name,
        address="" if address in (None, NONE) else str(address),
        number=found if isinstance(found, TaxNumber) else None,
    )


def lines(name: str, number: str | None, address: str | None) -> Say:
    """A buyer as a few lines."""
    shown = [each for each in (name, number, address) if each and each != NONE]
    return stack([Say("{line}", {"line": each}) for each in shown])
