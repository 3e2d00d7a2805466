"""The family wallet: who is in it, inviting, joining, leaving, removing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from bot.dialog.intents import ask, intent, maybe, wish
from bot.dialog.kinds import SURE, tapped
from bot.dialog.money_kind import AMOUNT
from bot.dialog.turn import Turn
from bot.domain.money import Money
from bot.domain.wallet import usual_amounts
from bot.errors import Refused
from bot.replies import Choose, Option, Replies, Reply, Say
from bot.services import family, wallet
from bot.store.wallet import WalletMember
from handlers.family_limit import MEMBER, about

_FAMILY = r"(?:family|familia|família|famille|familie|家庭|家人)"
_NUMBER = r"\+[\d ()-]{7,20}"
_CODE = rf"[{family.LETTERS}]{{{family.CODE_LENGTH}}}"
_INVITE = r"(?:invite|add|invitar|convidar|adicionar|邀请|添加|inviter|ajouter|einladen|hinzufügen)"
_JOIN = r"(?:join|unirme|unirse|entrar|participar|加入|rejoindre|beitreten)"
_LEAVE = r"(?:leave|exit|salir de|dejar|sair da|deixar|退出|离开|quitter|verlassen)"
LIMITS = 3  # amounts to tap: those of top-ups


def _wallet_is_on(turn: Turn) -> None:
    if turn.settings.wallet == "off":
        raise Refused("Prepaid wallets are not offered here. You pay each charge by card.")


@intent(
    "family",
    words=("family", "my family", "familia", "família", "famille", "familie", "家庭", "家人"),
    patterns=(
        rf"{_JOIN}(?: {_FAMILY})?\s*{_CODE}",
        rf"{_LEAVE}\s*(?:the |my |la |mi |a |minha |ma |die |meine )?{_FAMILY}",
        rf"(?:die |meine )?{_FAMILY} {_LEAVE}",
    ),
)
def show(turn: Turn) -> Replies:
    """Who is in it; a forwarded code is asked about first, and so is every end."""
    wanted = turn.value("do") or _said(turn)
    run = {
        "ask": _ask_to_join, "join": _join, "decline": _decline, "leave": _ask_to_leave,
        "left": _leave_now, "member": _one, "remove": _ask_to_remove, "removed": _remove_now,
    }.get(wanted or "")  # fmt: skip
    return run(turn) if run is not None else _overview(turn)


def _said(turn: Turn) -> str | None:
    if turn.heard.payload is not None:
        return None
    if re.search(rf"\b{_CODE}\b", turn.heard.text.strip().upper()) or re.search(
        rf"加入\s*{_CODE}", turn.heard.text.upper()
    ):
        return "ask"
    return "leave" if re.search(_LEAVE, turn.heard.text, re.IGNORECASE) else None


def _overview(turn: Turn) -> Replies:
    member = wallet.membership(turn.work, turn.rider.id)
    if member is not None:
        return _as_member(turn, member)
    mine = wallet.wallets_of(turn.work, turn.rider.id)
    people = [each for own in mine for each in family.members(turn.work, own.id)]
    _wallet_is_on(turn)
    if not people:
        text = Say(
            "You can let others charge on your wallet: each with a limit a month, and you are told "
            "of every charge. They see nothing of your wallet."
        )
        return Choose(text, [Option("family_invite", Say("Invite somebody"))])
    options = [_row(turn, each) for each in people]
    options.append(Option("family_invite", Say("Invite somebody")))
    text = Say("They may charge on your wallet. Tap a name to change its limit or to remove it.")
    return Choose(text, options, list_button=Say("Choose"))


def _row(turn: Turn, member: WalletMember) -> Option:
    payload = f"family?{urlencode({'do': 'member', 'member': member.id})}"
    values = about(turn, member)
    detail = Say("{used} of {limit} this month", values)
    if member.rider_id is None:
        detail = Say("Invited; limit {limit} a month", {"limit": values["limit"]})
    return Option(payload, Say("{text}", {"text": values["name"]}), detail)


def _as_member(turn: Turn, member: WalletMember) -> Reply:
    limit = family.limit_of(turn.work, member)
    used = Money(wallet.spent(turn.work, member), limit.currency)
    return Choose(
        Say(
            "You charge on the wallet of {name}: {used} of {limit} used this month. They see when, "
            "where and for how much.",
            {
                "name": family.name_of(family.owner_of(turn.work, member)),
                "used": used,
                "limit": limit,
            },
        ),
        [Option("family?do=leave", Say("Leave family")), Option("wallet", Say("Wallet"))],
    )


# --- joining and leaving


def _ask_to_join(turn: Turn) -> Replies:
    _wallet_is_on(turn)
    found = re.search(_CODE + r"$", turn.heard.text.strip().upper())
    member = family.find_invitation(turn.work, turn.rider, found[0] if found else "")
    owner, limit = family.owner_of(turn.work, member), family.limit_of(turn.work, member)
    return family.asking(owner, member, limit)


def _join(turn: Turn) -> Replies:
    _wallet_is_on(turn)
    member = family.accept(turn.work, turn.rider, turn.value("code") or "")
    return Choose(
        Say(
            "You are in the family of {name}. When you start a charge, their wallet pays, up to "
            "{limit} a month. Write “leave family” to end it.",
            {
                "name": family.name_of(family.owner_of(turn.work, member)),
                "limit": family.limit_of(turn.work, member),
            },
        ),
        [Option("start_charge", Say("Start a charge")), Option("family", Say("Family"))],
    )


def _decline(turn: Turn) -> Replies:
    family.decline(turn.work, turn.rider, turn.value("code") or "")
    return Say("All right, I have declined the invitation.")


def _ask_to_leave(turn: Turn) -> Replies:
    member = wallet.membership(turn.work, turn.rider.id)
    if member is None:
        return Say("You are in no family.")
    name = family.name_of(family.owner_of(turn.work, member))
    return Choose(
        Say(
            "Leave the family of {name}? Your charges are then paid by your own card or wallet.",
            {"name": name},
        ),
        [Option("family?do=left", Say("Yes, leave")), Option("deny", Say("Stay"))],
    )


def _leave_now(turn: Turn) -> Replies:
    if not family.leave(turn.work, turn.rider):
        return Say("You are in no family.")
    return Say("You have left the family. Your charges are paid by your own card or wallet.")


# --- the owner's side


def _one(turn: Turn) -> Replies:
    """Somebody of the family, and what can be done."""
    number = turn.value("member") or ""
    member = MEMBER.load(turn, number)
    if member is None:
        return Say("They are not in your family any more.")
    return Choose(
        Say("{name}: {used} of {limit} used this month.", about(turn, member)),
        [
            Option(f"family_limit?member={member.id}", Say("Change the limit")),
            Option(f"family?{urlencode({'do': 'remove', 'member': member.id})}", Say("Remove")),
            Option("family", Say("Family")),
        ],
    )


def _ask_to_remove(turn: Turn) -> Replies:
    number = turn.value("member") or ""
    return Choose(
        Say(
            "Remove them from your wallet? A charge that runs is still paid by it; the next one is "
            "not."
        ),
        [
            Option(f"family?{urlencode({'do': 'removed', 'member': number})}", Say("Yes, remove")),
            Option("family", Say("Keep")),
        ],
    )


def _remove_now(turn: Turn) -> Replies:
    number = turn.value("member") or ""
    member = family.remove(turn.work, turn.rider, int(number) if number.isdigit() else 0)
    if member is None:
        return Say("They are not in your family any more.")
    return Choose(
        Say("Removed: nothing more is paid from your wallet for them."),
        [Option("family", Say("Family"))],
    )


class NumberKind:
    """A phone number with its country code, as "+358 40 123 4567"."""

    def hear(self, turn: Turn, name: str, *, asked: bool) -> str | None:
        """None when there is none; it is never asked for."""
        raw = tapped(turn, name)
        found = re.search(_NUMBER, raw or turn.heard.text)
        return self.load(turn, found[0]) if found else None

    def dump(self, value: str) -> str:
        """As digits."""
        return value

    def load(self, turn: Turn, raw: str) -> str | None:
        """With its plus and nothing between the digits."""
        digits = "".join(each for each in raw if each.isdigit())
        return f"+{digits}" if 7 <= len(digits) <= 15 else None


class LimitKind:
    """The month's limit: tapped or typed when asked, never taken from a phone number."""

    def claims(self, turn: Turn) -> bool:
        """As amounts do."""
        return AMOUNT.claims(turn)

    def hear(self, turn: Turn, name: str, *, asked: bool) -> Money | None:
        """An amount, in the answer to the question about it."""
        return AMOUNT.hear(turn, name, asked=asked) if asked or tapped(turn, name) else None

    def dump(self, value: Money) -> str:
        """As amounts are."""
        return AMOUNT.dump(value)

    def load(self, turn: Turn, raw: str) -> Money | None:
        """As amounts are."""
        return AMOUNT.load(turn, raw)


def ask_limit(turn: Turn, slots: Mapping[str, Any]) -> Replies:
    """How much a month they may use."""
    _wallet_is_on(turn)
    currency = wallet.currency_of(turn.work, turn.rider.id) or ""
    options = [
        Option(f"={AMOUNT.dump(each)}", Say("{amount}", {"amount": each}))
        for each in usual_amounts(currency)[:LIMITS]
    ]
    text = Say("Up to how much may they use in a calendar month? Tap an amount, or write one.")
    return Choose(text, options)


def ask_invitation(turn: Turn, slots: Mapping[str, Any]) -> Replies:
    """What an invitation means, before there is one."""
    family.refuse_limit(turn.work, turn.rider, slots["limit"])
    who = slots["number"] or Say("whoever uses the code first")
    return Choose(
        Say(
            "Invite {who} to charge on your wallet, up to {limit} a month? You are told of each "
            "charge (name, amount, place, time) and can remove them at any time.",
            {"who": who, "limit": slots["limit"]},
        ),
        [Option("=yes", Say("Yes, invite")), Option("deny", Say("Not now"))],
    )


@wish
class Invitation:
    """Whom, up to how much, and the yes."""

    number: str | None = maybe(NumberKind())
    limit: Money = ask(ask_limit, LimitKind())
    agreed: bool = ask(ask_invitation, SURE)


@intent(
    "family_invite",
    words=(
        "invite",
        "invite somebody",
        "invite someone",
        "invitar",
        "convidar",
        "邀请",
        "inviter",
        "einladen",
    ),
    patterns=(
        rf"{_INVITE}\s*(?:to |to my |a |a mi |à |dans |zur |in die )?(?:my |mi |ma )?{_FAMILY}"
        rf"(?:\s*{_NUMBER})?",
        rf"{_FAMILY}\s*{_INVITE}(?:\s*{_NUMBER})?",
    ),
)
def invite(turn: Turn, want: Invitation) -> Replies:
    """The invitation to forward."""
    number = want.number or ""
    member = family.invite(turn.work, turn.rider, want.limit.currency, want.limit, number=number)
    code = Say(
        "Join my family on {brand}: write “join {code}” there in your own chat.",
        {"code": member.code, "brand": turn.settings.brand},
    )
    if number:
        return [
            Say(
                "{number} is invited, and only that number can accept, within 7 days. If they have "
                "not heard from me, forward them the next message.",
                {"number": number},
            ),
            code,
        ]
    return [
        Say(
            "Please forward the next message to the person you invite. It works once, within 7 "
            "days; I tell you who has joined."
        ),
        code,
    ]
