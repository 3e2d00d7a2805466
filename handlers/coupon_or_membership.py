"""Coupons: what the rider has, and codes that are typed."""

from __future__ import annotations

import re
from typing import Final

from bot.dialog.intents import intent
from bot.dialog.kinds import EVSE
from bot.dialog.turn import Turn
from bot.replies import Choose, Option, Replies, Say
from bot.services import coupon_codes, coupons
from bot.services.offers import stack
from bot.store.offers import Coupon
from bot.store.stations import Evse
from handlers.plans import listed

_NAMES: Final = (
    r"(?:coupon|voucher|promo|promo code|code|cup[oó]n|cupom|c[oó]digo|bono|gutschein|"
    r"gutscheincode|rabattcode|code promo|bon|优惠券|优惠码|兑换码|代金券)"
)
_CODE: Final = r"(?=[a-z-]*[0-9])[a-z0-9]{2,}(?:-[a-z0-9]+)*"
NAMED: Final = rf"{_NAMES}[\s:]*{_CODE}"
_FIND: Final = re.compile(rf"{_NAMES}[\s:]*({_CODE})", re.IGNORECASE)
_LOOKS: Final = re.compile(r"\b(?=[A-Z]*\d)[A-Z0-9]{4,}(?:-[A-Z0-9]{4})?\b")
_PLANS: Final = re.compile(
    r"\bplan|packag|\bpack\b|membership|subscri|\babo\b|paket|mitglied|forfait|abonnement|"
    r"suscripci|\bplano|pacote|assinatura|paquete|套餐|会员|月卡",
    re.IGNORECASE,
)
SHOWN: Final = 8


@intent(
    "coupon_or_membership",
    digression=True,
    words=(
        "coupon", "coupons", "voucher", "my coupons", "cupones", "mis cupones", "cupons",
        "meus cupons", "优惠券", "我的优惠券", "mes coupons", "gutscheine", "meine gutscheine",
    ),
    patterns=(NAMED,),
)  # fmt: skip
def coupon(turn: Turn) -> Replies | None:
    """A code is redeemed; anything else shows what there is."""
    typed = _typed(turn.heard.text)
    if typed is None:
        return listed(turn) if _PLANS.search(turn.heard.text) else _shown(turn)
    row = coupon_codes.claim(turn.work, turn.rider.id, typed)
    evse = _offered(turn)
    if evse is not None and (why := coupons.why_not(turn.work, row, evse)):
        return Say(
            "You have {coupon}. {why}",
            {"coupon": coupons.describe(turn.work, row), "why": coupons.WHY_NOT[why]},
        )
    return Say(
        "You have {coupon}. It counts by itself at your next charge.",
        {"coupon": coupons.describe(turn.work, row)},
    )


def _typed(text: str) -> str | None:
    found = _FIND.search(text) or _LOOKS.search(text)
    return found[found.lastindex or 0] if found else None


def _offered(turn: Turn) -> Evse | None:
    """The socket of an offer that waits for its yes."""
    dialog = turn.conversation.dialog or {}
    code = dialog.get("slots", {}).get("evse")
    if dialog.get("intent") != "start_charge" or not code:
        return None
    return EVSE.load(turn, code)


def _shown(turn: Turn) -> Replies:
    rows = coupons.mine(turn.work, turn.rider.id)
    if not rows:
        return Choose(
            Say(
                "You have no coupons at the moment. Have you got a code? Write it like “coupon "
                "RAIN5”."
            ),
            [Option("start_charge", Say("Start a charge"))],
        )
    return Choose(
        Say(
            "Your coupons:\n{coupons}\n\nThe best one that fits counts by itself at your next "
            "charge; I show the price with and without it first.",
            {"coupons": stack([_line(turn, each) for each in rows[:SHOWN]])},
        ),
        [Option("find_pile", Say("Find a pile"))],
    )


def _line(turn: Turn, row: Coupon) -> Say:
    told = coupons.describe(turn.work, row)
    if row.state == "reserved":
        return Say("{coupon}, in use now", {"coupon": told})
    return told
