"""What does it cost: here, at a named pile, or how prices work."""

from __future__ import annotations

from bot.dialog.intents import intent, maybe, wish
from bot.dialog.kinds import PILE, STATION, PilePoint
from bot.dialog.turn import Turn
from bot.replies import Amount, Choose, Option, Replies, Say, Value
from bot.services import charging
from bot.services.offers import stack
from bot.services.tariffs import price_lines, tariff_for
from bot.store.stations import Evse, Station
from handlers.find_pile import station_card


@wish
class Question:
    """The pile or station asked about, when the rider names one."""

    pile: PilePoint | None = maybe(PILE)
    station: Station | None = maybe(STATION)


@intent("pricing_question", digression=True)
def price(turn: Turn, want: Question) -> Replies:
    """The pile of the message, else of the open dialog or charge, else the rule."""
    if want.pile is None and turn.conversation.dialog.get("asking") == "agreed":
        return ()  # the offer that is asked again says it all
    if want.pile is None and want.station is not None:
        return station_card(turn, want.station)
    point = want.pile or _open_pile(turn)
    if point is None:
        return Choose(
            Say(
                "Prices differ by pile and hour. You always see them before you say yes, and that "
                "price holds for your whole charge. Send me a pile's code or a photo of its QR "
                "code to see its price now."
            ),
            [Option("find_pile", Say("Find a pile"))],
        )
    evse: Evse = point.evse or point.pile.evses[0]
    tariff = tariff_for(turn.work, evse, turn.now)
    values: dict[str, Value] = {
        "evse": evse.code if point.evse else point.pile.number,
        "station": point.pile.station.name,
        "tax": Amount(int(tariff.tax_percent * 1000), "milli"),
        "prices": stack(price_lines(tariff, turn.now)),
    }
    if tariff.includes_tax:
        return Say("{evse} at {station}, all taxes included:\n{prices}", values)
    return Say("{evse} at {station}, plus {tax} % tax:\n{prices}", values)


def _open_pile(turn: Turn) -> PilePoint | None:
    """The pile of the open dialog or of the running charge."""
    raw = turn.conversation.dialog.get("slots", {}).get("pile")
    if raw:
        return PILE.load(turn, raw)
    session = charging.open_session(turn.work, turn.rider.id)
    if session is None:
        return None
    evse = turn.work.session.get_one(Evse, session.evse_id)
    return PilePoint(evse.pile, evse)
