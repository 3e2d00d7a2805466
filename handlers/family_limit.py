"""Another limit for somebody on the family wallet: who, how much a month, and the yes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.dialog.intents import ask, intent, wish
from bot.dialog.kinds import SURE, tapped
from bot.dialog.money_kind import AmountKind
from bot.dialog.turn import Turn
from bot.domain.money import Money
from bot.domain.wallet import usual_amounts
from bot.errors import Refused
from bot.replies import Choose, Option, Replies, Say, Value
from bot.services import family, wallet
from bot.store.wallet import WalletMember

_LIMIT = r"(?:limit|budget|l[ií]mite|limite|plafond|monatslimit|grenze|limits?|额度|限额)"
_CHANGE = (
    r"(?:change|set|raise|lower|cambiar|subir|bajar|mudar|alterar|aumentar|reduzir|changer"
    r"|modifier|augmenter|baisser|修改|更改|调整|ändern|erhöhen|senken)"
)
_OF_FAMILY = r"(?:family|familia|família|famille|familien?|家庭|家人)"
_THE = r"(?:the |my |el |la |mi |o |a |meu |le |mon |das |die |mein |meine )?"
_TO = r"(?:\s*(?:to|a|para|à|auf|到|为)?\s*(?:[€$£¥]\s?)?\d[\d.,]*\s*\S{0,7})?"
AMOUNTS = 3  # to tap


class MemberKind:
    """Somebody on the owner's wallet, or an open invitation of theirs."""

    def hear(self, turn: Turn, name: str, *, asked: bool) -> WalletMember | None:
        """Tapped; a name that is typed is held against those of the family."""
        raw = tapped(turn, name)
        if raw is not None:
            return self.load(turn, raw)
        said = turn.heard.text.strip().casefold()
        named = [each for each in _people(turn) if str(_name(turn, each)).casefold() == said]
        return named[0] if asked and len(named) == 1 else None

    def dump(self, value: WalletMember) -> str:
        """The row's number."""
        return str(value.id)

    def load(self, turn: Turn, raw: str) -> WalletMember | None:
        """None when they are no longer in the family."""
        digits = raw.isascii() and raw.isdigit() and len(raw) < 19
        return family.find(turn.work, turn.rider, int(raw)) if digits else None


MEMBER = MemberKind()


class NewLimitKind(AmountKind):
    """A month's limit; figures alone are in the currency of the wallet that it is for."""

    def currency(self, turn: Turn) -> str:
        """That of the member's wallet."""
        slots = turn.conversation.dialog.get("slots", {})
        member = MEMBER.load(turn, tapped(turn, "member") or slots.get("member", ""))
        if member is None:
            return super().currency(turn)
        return family.limit_of(turn.work, member).currency


def _people(turn: Turn) -> list[WalletMember]:
    mine = wallet.wallets_of(turn.work, turn.rider.id)
    return [each for own in mine for each in family.members(turn.work, own.id)]


def _name(turn: Turn, member: WalletMember) -> str | Say:
    return family.shown(turn.work, member)


def about(turn: Turn, member: WalletMember) -> dict[str, Value]:
    """Who it is, what they may use in a month and what they have used of it."""
    limit = family.limit_of(turn.work, member)
    used = Money(wallet.spent(turn.work, member) if member.rider_id else 0, limit.currency)
    return {"name": _name(turn, member), "limit": limit, "used": used}


def ask_member(turn: Turn, slots: Mapping[str, Any]) -> Replies:
    """Whose limit it is."""
    people = _people(turn)
    if not people:
        raise Refused(
            "Nobody charges on your wallet. Invite somebody first.",
            {},
            [Option("family_invite", Say("Invite somebody"))],
        )
    options = [
        Option(
            f"={MEMBER.dump(each)}",
            Say("{text}", {"text": _name(turn, each)}),
            Say("{used} of {limit} this month", about(turn, each)),
        )
        for each in people
    ]
    return Choose(Say("Whose limit do you want to change?"), options, list_button=Say("Choose"))


def ask_limit(turn: Turn, slots: Mapping[str, Any]) -> Replies:
    """The limit there is, and others to tap."""
    values = about(turn, slots["member"])
    limit = values["limit"]
    assert isinstance(limit, Money)
    others = [each for each in usual_amounts(limit.currency) if each != limit][:AMOUNTS]
    options = [
        Option(f"={NEW_LIMIT.dump(each)}", Say("{amount}", {"amount": each})) for each in others
    ]
    text = Say(
        "{name} may use up to {limit} a month. How much should it be? Tap an amount, or write one.",
        values,
    )
    return Choose(text, options)


def ask_agreed(turn: Turn, slots: Mapping[str, Any]) -> Replies:
    """From what to what, and what it means for this month."""
    limit: Money = slots["limit"]
    family.refuse_limit(turn.work, turn.rider, limit)
    values = about(turn, slots["member"]) | {"new": limit}
    text = Say(
        "Change the limit of {name} from {limit} to {new} a month? {used} of it are used this "
        "month.",
        values,
    )
    used = values["used"]
    if isinstance(used, Money) and used >= limit:
        text = Say(
            "Change the limit of {name} from {limit} to {new} a month? {used} are used already, so "
            "your wallet pays no further charge of theirs this month. One that runs is still paid.",
            values,
        )
    return Choose(text, [Option("=yes", Say("Yes, change it")), Option("deny", Say("Not now"))])


NEW_LIMIT = NewLimitKind()


@wish
class NewLimit:
    """Whose, how much a month, and the yes."""

    member: WalletMember = ask(ask_member, MEMBER)
    limit: Money = ask(ask_limit, NEW_LIMIT)
    agreed: bool = ask(ask_agreed, SURE)


@intent(
    "family_limit",
    patterns=(
        rf"{_CHANGE}\s*{_THE}(?:{_OF_FAMILY}\s*)?{_LIMIT}"
        rf"(?:\s*(?:of |de |da |del |der |for )?{_THE}{_OF_FAMILY})?{_TO}",
        rf"{_OF_FAMILY}[\s-]?{_LIMIT}(?:\s*{_CHANGE})?{_TO}",
        rf"(?:das |die )?(?:{_OF_FAMILY}[\s-]?)?{_LIMIT}{_TO}\s*{_CHANGE}",
        rf"{_LIMIT} (?:de |da |del |of )?{_THE}{_OF_FAMILY}{_TO}",
    ),
)
def change(turn: Turn, want: NewLimit) -> Replies:
    """The yes."""
    member = family.set_limit(turn.work, turn.rider, want.member.id, want.limit, key=turn.heard.key)
    if member is None:
        return Say("They are not in your family any more.")
    text = Say("Done: {name} may use up to {limit} a month from now on.", about(turn, member))
    return Choose(text, [Option("family", Say("Family"))])
