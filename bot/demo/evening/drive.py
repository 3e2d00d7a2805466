"""python -m bot.demo.evening.drive: plays the evening on processes that run already."""

from __future__ import annotations

import argparse
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from sqlalchemy import func, select

from bot.demo.evening import crew, plan, troubles
from bot.demo.evening.facts import Facts
from bot.demo.evening.hands import Hands
from bot.demo.evening.lot import Lot, Socket
from bot.demo.evening.phones import NotHeard, Phones
from bot.demo.evening.plan import SIZES, Size
from bot.demo.evening.riders import Crowd
from bot.demo.evening.troubles import Stage
from bot.services import stations
from bot.settings import Settings, read
from bot.store.cases import Case
from bot.store.charging import ChargingSession, Hold, Refund
from bot.store.database import Store, make_engine
from bot.store.desk import Incident
from bot.store.devices import Command
from bot.store.jobs import Job
from bot.store.queues import Inbox, Outbox
from bot.store.stations import Evse, Pile

ENDS: Final = ("chat", "chat", "button", "unplugged")
QUIET_S: Final = 120.0
CLOSING: Final = timedelta(seconds=20)  # the longest that the staff and the processes take to stop
OPEN_S: Final = 60.0
_OVER: Final = ("captured", "void", "failed", "expired", "saved")


def main(argv: Sequence[str]) -> int:
    """0 when everybody could play their part; the report is another step."""
    options = _options(argv)
    settings, size = read(os.environ), SIZES[options.size]
    store = Store(make_engine(settings.database_url))
    phones = Phones(options.ledger, settings.twilio_api_url)
    sockets = _sockets(store)
    facts = Facts(size.name, len(sockets), options.seed)
    lot = Lot(sockets)
    stage = Stage(
        size, facts, phones, Hands(options.simulator), lot,
        Crowd([plan.RIDER.format(number) for number in range(size.riders)]),
        usable=partial(_usable, store, settings), was_sent=partial(_was_sent, store),
    )  # fmt: skip
    crew.set_policies(store, dict(size.policies), "A simulated evening")
    phones.start()
    facts.began_at = time.time()
    stop = threading.Event()
    staff = _staff(stage, store, settings, sockets)
    workers = [threading.Thread(target=each, args=(stop,), daemon=True) for each in staff]
    for worker in workers:
        worker.start()
    try:
        _go_on_shift(stage)
        _wait_until_open(store, settings)
        _play(stage, store, random.Random(options.seed))  # noqa: S311 - not a secret
        _wait_until_quiet(store, facts)
    finally:
        stop.set()
        for worker in workers:
            worker.join(10)
        phones.stop()
        facts.ended_at = time.time()
        facts.write(options.facts)
    for problem in facts.problems:
        _say(problem)
    return 0


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="evening.drive")
    parser.add_argument("--size", choices=list(SIZES), required=True)
    parser.add_argument("--simulator", required=True)
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--facts", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args(argv)


def _say(line: str) -> None:
    print(f"==> {line}", flush=True)


def _sockets(store: Store) -> list[Socket]:
    with store.read() as work:
        return [
            Socket(each.pile_id, each.number, each.code, each.pile.station.name)
            for each in work.session.scalars(select(Evse).order_by(Evse.id))
        ]


def _staff(
    stage: Stage, store: Store, settings: Settings, sockets: Sequence[Socket]
) -> list[Callable[[threading.Event], None]]:
    urgent_s = stage.size.policies.get("urgent", 60)
    people: list[Callable[[threading.Event], None]] = [
        crew.Desk(store, settings, stage.facts, stage.phones, urgent_s).follow
    ]
    for number in (1, 2, 3):
        technician = crew.Technician(
            plan.TECHNICIAN.format(number), stage.phones, stage.hands, stage.facts, sockets,
            partial(crew.place_of, store), sleepy=number == 1,
        )  # fmt: skip
        people.append(technician.follow)
    return people


def _go_on_shift(stage: Stage) -> None:
    """Staff write first: WhatsApp takes free words only within a day of theirs."""
    technicians = [plan.TECHNICIAN.format(number) for number in (1, 2, 3)]
    for phone in (*technicians, plan.ON_CALL, plan.MANAGER_PHONE):
        sent = stage.phones.send(phone, text="jobs")
        stage.phones.wait(
            phone, sent, lambda heard: "job" in heard.text or "technicians" in heard.text, 60
        )


def _wait_until_open(store: Store, settings: Settings) -> None:
    """Until riders may start everywhere: each socket has told its state. Raises SystemExit."""
    deadline = time.monotonic() + OPEN_S
    while True:
        with store.read() as work:
            closed = [
                each.code
                for each in work.session.scalars(select(Evse))
                if not stations.evse_view(work, settings, each).state.usable
            ]
        if not closed:
            return
        if time.monotonic() > deadline:
            raise SystemExit(f"Cannot be used before the evening begins: {', '.join(closed)}")
        time.sleep(0.5)


def _play(stage: Stage, store: Store, chance: random.Random) -> None:
    """The faults and the undisturbed charges, side by side."""
    site = stage.size.sites()[-1]["name"]
    kinds = stage.size.troubles()
    inside = _charges_of_troubles(stage.size, kinds)
    usual = max(0, stage.size.sessions - inside)
    with (
        ThreadPoolExecutor(stage.size.troubles_at_once) as trouble,
        ThreadPoolExecutor(stage.size.at_once) as quiet,
    ):
        waiting: list[Future[None]] = [
            trouble.submit(troubles.play, stage, number, kind, site)
            for number, kind in enumerate(kinds, start=1)
        ]
        waiting += [
            quiet.submit(_charge, stage, chance.choice(ENDS), chance.uniform(0.6, 1.4))
            for _ in range(usual)
        ]
        middle = len(waiting) // 2
        for number, each in enumerate(waiting, start=1):
            each.result()
            if number == middle:  # what runs keeps what it began with
                longer = stage.size.policies["fault_response"] + 10
                crew.set_policies(store, {"fault_response": longer}, "Changed in mid-run")
            if number % 10 == 0:
                _say(f"{number} of {len(waiting)} tasks, {len(stage.facts.visits)} charges")


def _charges_of_troubles(size: Size, kinds: Sequence[plan.Kind]) -> int:
    """How many charges the troubles bring along."""
    site = size.piles[-1] * size.sockets
    return sum(
        site if kind.reach == "site" else 1 if kind.alone else size.sockets for kind in kinds
    )


def _charge(stage: Stage, end: str, stretch: float) -> None:
    """An undisturbed one."""
    with stage.crowd.one() as phone:
        socket = stage.lot.socket()
        charge = stage.charge(phone, socket, end)
        try:
            charge.begin()
            time.sleep(stage.size.charge_s * stretch)
            charge.stop()
        except NotHeard as silence:
            stage.facts.problem(f"a charge at {socket.code}: {silence}")
        finally:
            stage.lot.give_back([socket])


# --- what the stage asks of the service -----------------------------------------------------------


def _usable(store: Store, settings: Settings, pile_id: str) -> bool:
    """Nothing is wrong with it any more, and all its sockets have told riders their state."""
    with store.read() as work:
        pile = work.session.get_one(Pile, pile_id)
        views = [stations.evse_view(work, settings, each) for each in pile.evses]
        live = select(Job.id).where(Job.pile_id == pile_id, Job.state.not_in(("done", "cancelled")))
        fine = all(each.status == "Available" and each.fault_code is None for each in pile.evses)
        fine = fine and all(each.state.usable for each in views)
        return pile.online and pile.in_service and fine and not work.session.scalar(live)


def _was_sent(store: Store, pile_id: str, since: float) -> bool:
    with store.read() as work:
        moment = datetime.fromtimestamp(since, UTC)
        jobs = select(Job.id).where(Job.pile_id == pile_id, Job.created_at >= moment)
        return work.session.scalars(jobs).first() is not None


def _wait_until_quiet(store: Store, facts: Facts) -> None:
    """Until nothing is under way any more; later timers (call-backs, daily news) may wait."""
    deadline = time.monotonic() + QUIET_S
    while left := _under_way(store):
        if time.monotonic() > deadline:
            facts.problem(f"still under way at the end: {', '.join(left)}")
            return
        time.sleep(1)


def _under_way(store: Store) -> list[str]:
    with store.read() as work:
        soon = work.now
        counts = {
            "charges": select(func.count()).where(ChargingSession.open),
            "holds": select(func.count()).where(Hold.state.not_in(_OVER)),
            "refunds": select(func.count()).where(Refund.state.in_(("open", "sent"))),
            "orders": select(func.count()).where(
                Command.state.in_(("new", "sent")), Command.kind.in_(("start", "stop"))
            ),
            "messages": select(func.count()).where(Outbox.state == "open"),
            "inbox": select(func.count()).where(
                Inbox.state == "open", Inbox.available_at <= soon
            ),
            # A promise that is missed while everything stops would leave its message unsent.
            "promises": select(func.count()).where(
                Inbox.state == "open", Inbox.kind == "clock.timer",
                Inbox.available_at <= soon + CLOSING,
            ),
            "jobs": select(func.count()).where(Job.state.not_in(("done", "cancelled"))),
            "incidents": select(func.count()).where(Incident.state != "closed"),
            "danger": select(func.count()).where(
                Case.code == "hazard", Case.status.not_in(("done", "closed"))
            ),
            "bills": select(func.count()).where(
                ChargingSession.state.in_(("stopping", "billing", "releasing"))
            ),
        }  # fmt: skip
        return [name for name, query in counts.items() if work.session.scalar(query)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
