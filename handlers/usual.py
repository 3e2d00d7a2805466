"""One's usual piles and hours, and whether to be told before a busy one."""

from __future__ import annotations

from bot.dialog.intents import intent
from bot.dialog.turn import Turn
from bot.domain.habits import ENOUGH, Usual
from bot.replies import Choose, Moment, Option, Replies, Say, Value
from bot.services import stations, usual
from bot.services.offers import stack
from bot.store.stations import Station

ON = Option("usual_on", Say("Tell me when busy"))
OFF = usual.STOP


@intent(
    "usual",
    words=("usual", "my usual", "habitual", "lo de siempre", "o de sempre", "常用", "habituel",
           "comme d'habitude", "wie immer", "üblich"),
)  # fmt: skip
def show(turn: Turn) -> Replies:
    """The three places and hours this rider charges at most, with where that comes from."""
    known = usual.derive(turn.work, turn.rider.id)
    if not known.usual or known.since is None:
        return Choose(
            Say(
                "I know your habits after about {number} charges at the same place and hour. "
                "You have {count} so far.",
                {"number": ENOUGH, "count": known.charges},
            ),
            [Option("find_pile", Say("Find a pile"))],
        )
    named = [(each, turn.work.session.get_one(Station, each.station_id)) for each in known.usual]
    tz = named[0][1].tz
    lines = [_line(turn, each, station) for each, station in named]
    text = Say(
        "{lines}\nFrom your {count} charges since {since}, as of {at}.",
        {
            "lines": stack(lines),
            "count": known.charges,
            "since": Moment(known.since, tz, "date_time"),
            "at": Moment(known.at, tz, "date_time"),
        },
    )
    rows = [
        Option(f"find_pile?station={station.id}", Say("{name}", {"name": station.name[:20]}))
        for station in dict.fromkeys(station for _, station in named)
    ]
    return Choose(text, [*rows[:2], OFF if known.warn else ON])


def _line(turn: Turn, each: Usual, station: Station) -> Say:
    view = stations.view(turn.work, turn.settings, station)
    values: dict[str, Value] = {
        "station": station.name, "hour": f"{each.hour:02}:00", "times": each.count,
        "free": len(view.usable), "total": len(view.evses),
    }  # fmt: skip
    if each.weekend:
        return Say(
            "{station}, weekends about {hour} ({times} times): {free} of {total} free now", values
        )
    return Say(
        "{station}, weekdays about {hour} ({times} times): {free} of {total} free now", values
    )


@intent("usual_on", words=("usual on",))
def turn_on(turn: Turn) -> Replies:
    """Only who asks for it is told, and seldom."""
    usual.set_warn(turn.work, turn.rider.id, warn=True)
    if not usual.has_template(turn.settings):
        return Choose(
            Say(
                "I will tell you up to an hour before your usual time if it is busy there, at most "
                "three times a week, and only within a day of your last message: after that "
                "WhatsApp does not let me."
            ),
            [OFF],
        )
    return Choose(
        Say(
            "I will tell you up to an hour before your usual time if it is busy there, at most "
            "three times a week."
        ),
        [OFF],
    )


@intent("usual_off", words=("usual off",))
def turn_off(turn: Turn) -> Replies:
    """Out again with one tap."""
    usual.set_warn(turn.work, turn.rider.id, warn=False)
    return Say("All right, I do not tell you about busy hours any more.")
