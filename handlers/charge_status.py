"""How is my charge going: energy, time, power, cost so far, and the age of the news."""

from __future__ import annotations

from bot.dialog.intents import intent
from bot.dialog.turn import Turn
from bot.replies import Amount, Choose, Link, Moment, Option, Replies, Say, Value
from bot.services import charging, later, waiting
from bot.services.charging import Progress
from bot.services.notices import stop_button
from handlers.queue import place_card
from handlers.start_later import planned_card

WAITING = {
    "pile": Say("Waiting for the pile to answer."),
    "plug": Say("Waiting for your cable: please plug in."),
    "energy": Say("Waiting for the first energy. If your cable is not in yet, please plug in."),
    "vehicle": Say("Your vehicle takes no energy at the moment."),
    "stop": Say("Stopping. You pay nothing more."),
}


@intent("charge_status", digression=True, words=("status",))
def status(turn: Turn) -> Replies:
    """The running charge, else the place in a line, else how the last charge ended."""
    session = charging.open_session(turn.work, turn.rider.id)
    if session is None:
        if later.of_rider(turn.work, turn.rider.id) is not None:
            return planned_card(turn)
        if waiting.place_of(turn.work, turn.rider.id) is not None:
            return place_card(turn)
        return _last(turn)
    seen = charging.progress(turn.work, session)
    if seen.pay_url is not None:
        return Link(
            Say(
                "{evse} is waiting for the hold of {hold} on your card. Nothing is charged yet.",
                {"evse": seen.evse_code, "hold": seen.hold},
            ),
            Say("Open payment page"),
            seen.pay_url,
        )
    if seen.waiting_for == "payment":
        return Say("I am holding {hold} on your card at this moment.", {"hold": seen.hold})
    return Choose(_figures(turn, seen), [stop_button(seen.session_id)])


def _figures(turn: Turn, seen: Progress) -> Say:
    heading: dict[str, Value] = {"evse": seen.evse_code, "station": seen.station_name}
    waiting = WAITING.get(seen.waiting_for)
    if seen.started_at is None:
        return Say(
            "{evse}, {station}\n{waiting}", {**heading, "waiting": waiting or WAITING["energy"]}
        )
    if waiting is None:
        waiting = (
            Say("Charging at {power}.", {"power": Amount(seen.power_w, "w")})
            if seen.power_w
            else Say("Charging.")
        )
    figures: dict[str, Value] = {
        **heading,
        "waiting": waiting,
        "energy": Amount(seen.energy_wh, "wh"),
        "time": Amount(seen.seconds, "s"),
        "cost": seen.cost,
        "at": Moment(seen.meter_at or turn.now, seen.tz),
    }
    if seen.offline_since is not None:
        return Say(
            "{evse}, {station}\n{energy} in {time}, {cost} so far (last heard at {at}; the pile "
            "is out of contact)",
            figures,
        )
    return Say(
        "{evse}, {station}\n{waiting}\n{energy} in {time}, {cost} so far (as of {at})", figures
    )


def _last(turn: Turn) -> Replies:
    nothing = Say("You have no charge running.")
    find = Option("find_pile", Say("Find a pile"))
    recent = charging.recent_session(turn.work, turn.rider.id)
    if recent is None:
        return Choose(nothing, [find])
    seen = charging.progress(turn.work, recent)
    if seen.bill_id is None:
        return Choose(
            Say("No charge is running. Your last one at {evse} cost nothing.",
                {"evse": seen.evse_code}),
            [find],
        )  # fmt: skip
    return Choose(
        Say(
            "No charge is running. Your last one at {evse}: {energy} for {cost}.",
            {"evse": seen.evse_code, "energy": Amount(seen.energy_wh, "wh"), "cost": seen.cost},
        ),
        [Option(f"invoice_or_receipt?session={seen.session_id}", Say("Receipt")), find],
    )
