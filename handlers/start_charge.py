"""Starting a charge: which socket, what it costs, yes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from bot.dialog.booking_kinds import BEGIN, MOMENT, Said
from bot.dialog.intents import ask, intent, maybe, wish
from bot.dialog.kinds import AGREED, CHOICE, EVSE, KEPT, PILE, PilePoint
from bot.dialog.turn import Turn
from bot.domain.availability import Availability
from bot.domain.money import Money
from bot.replies import Amount, Choose, Moment, Option, Replies, Say
from bot.services import charging, later, stations
from bot.store.stations import Evse
from handlers.start_later import agree_to_plan, ask_begin, begin_at, show_plan

WHICH = Say(
    "At which pile are you? Send me a photo of its QR code, or type the code printed under it, "
    "like 1023-27."
)
LATER = "later"  # a coupon is kept for another charge
STATES = {
    Availability.FREE: Say("free"),
    Availability.PLUGGED: Say("cable plugged in"),
}
OTHERWISE = {
    "card": Say("Pay by card"),
    "wallet": Say("Pay from wallet"),
    "family": Say("Family wallet"),
}


# "start at 23:00 at 1023-27": a start whatever else it may be; `Start.when` reads the time.
_VERBS = (
    r"(?:please |pls |can you |could you |por favor,? |puedes |pode |você pode |bitte |请|帮我)*"
    r"(?:start|begin|empieza|empezar|empiece|iniciar?|inicie|arrancar?|comienza|comenzar|"
    r"come[cç]ar?|comece|d[ée]marre[rz]?|commence[rz]?|lance[rz]?|starte[nt]?|"
    r"beginne[nt]?|开始|開始|启动|啟動)"
)
_CLOCK = (
    r"(?:\d{1,2}[:.h]\d{2}|\d{1,2} ?(?:am|pm|h|hs|uhr|点|點)|"
    r"(?:at|a las?|às|as|à|um|gegen|ab|from|desde las?|vers|dès) \d{1,2}\b)"
)
_DAY = (
    r"(?:tomorrow|tonight|mañana|manana|esta noche|amanh[ãa]|hoje à noite|demain|ce soir|morgen|"
    r"heute abend|明天|明早|明晚|今晚)"
)
_WITH_TIME = (
    rf"{_VERBS}.{{0,40}}(?:{_CLOCK}|\b{_DAY}).{{0,30}}",
    rf".{{0,12}}(?:{_DAY}|{_CLOCK}).{{0,10}}(?:开始|開始|启动|啟動).{{0,14}}",
)


def ask_pile(turn: Turn, slots: Mapping[str, Any]) -> Replies:
    """A photo answers it, so does a code."""
    return Choose(WHICH, [Option("find_pile", Say("Find a pile"))])


def ask_evse(turn: Turn, slots: Mapping[str, Any]) -> Replies:
    """The sockets of the pile that can be used now."""
    point: PilePoint = slots["pile"]
    pile = point.pile
    views = [stations.evse_view(turn.work, turn.settings, evse) for evse in pile.evses]
    usable = [view for view in views if view.usable_by(turn.rider.id)][:10]
    if not usable:
        raise charging.all_taken(turn.work, turn.settings, pile, turn.rider)
    return Choose(
        Say(
            "Pile {pile}, {station}. Which socket are you at?",
            {"pile": pile.number, "station": pile.station.name},
        ),
        [
            Option(
                f"start_charge?pile={view.evse.code}",
                Say("Socket {number}", {"number": view.evse.number}),
                Say(
                    "{code}, {power}, {state}",
                    {
                        "code": view.evse.code,
                        "power": Amount(view.evse.allowed_w, "w"),
                        "state": STATES.get(view.state, Say("kept for you")),
                    },
                ),
            )
            for view in usable
        ],
        list_button=Say("Choose a socket"),
    )


def ask_time(turn: Turn, slots: Mapping[str, Any]) -> Replies | None:
    """Asked only where a time was named, and not clearly: without one it starts now."""
    return ask_begin(turn, slots) if slots["when"] is not None else None


def show_offer(turn: Turn, slots: Mapping[str, Any]) -> Replies:
    """Price and hold, and the time where one was named; what is shown is what is agreed to."""
    if begin_at(turn, slots) is not None:
        return show_plan(turn, slots)
    evse: Evse = slots["evse"]
    offer = charging.offer(
        turn.work, turn.settings, evse=evse, rider=turn.rider,
        keep_coupons=slots.get("coupon") == LATER, pays=slots.get("pays"),
    )  # fmt: skip
    turn.keep["offer"] = json.dumps(offer.body)
    options = [Option("=yes", Say("Yes, start")), Option("deny", Say("Not now"))]
    chosen = {name: slots[name] for name in ("coupon", "pays") if slots.get(name)}
    for other in offer.others[:1]:
        query = urlencode({"pile": evse.code, **chosen, "pays": other})
        options.append(Option(f"start_charge?{query}", OTHERWISE[other]))
    if any(each.kind == "coupon" for each in offer.discounts):
        query = urlencode({"pile": evse.code, **chosen, "coupon": LATER})
        options.append(Option(f"start_charge?{query}", Say("Use coupon later")))
    text = offer.text
    if (best := later.cheaper(turn.work, evse, turn.rider, offer)) is not None:
        moment = Moment(best.at, offer.tariff.tz)
        query = urlencode({"pile": evse.code, "at": best.at.isoformat()})
        options.append(Option(f"start_later?{query}", Say("Start at {time}", {"time": moment})))
        text = Say(
            "{offer}\n\nOr wait till {time} and save {saving} on {energy}.",
            {
                "offer": text,
                "time": moment,
                "saving": Money(best.saving_minor, offer.tariff.currency),
                "energy": Amount(best.energy_wh, "wh"),
            },
        )
    return Choose(text, options)


@wish
class Start:
    """Everything a start needs; `offer`, or `plan` for a later start, is what the rider saw."""

    pile: PilePoint = ask(ask_pile, PILE)
    evse: Evse = ask(ask_evse, EVSE)
    coupon: str | None = maybe(CHOICE)
    pays: str | None = maybe(CHOICE)
    when: Said | None = maybe(BEGIN)
    zone: str | None = maybe(KEPT)
    at: datetime | None = ask(ask_time, MOMENT)
    offer: str | None = maybe(KEPT)
    plan: str | None = maybe(KEPT)
    agreed: bool = ask(show_offer, AGREED)


@intent("start_charge", words=("start",), patterns=_WITH_TIME)
def start(turn: Turn, want: Start) -> Replies | None:
    """The yes. What follows (hold, plug in, started) is told as it happens."""
    if want.plan is not None:
        return agree_to_plan(turn, want.evse, want.plan)
    if want.offer is None:  # the dialog was opened before a deploy that forgot it
        return show_offer(turn, vars(want))
    charging.start(
        turn.work,
        turn.settings,
        rider=turn.rider,
        evse=want.evse,
        offer_body=json.loads(want.offer),
        key=turn.heard.key,
    )
    return None
