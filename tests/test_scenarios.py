"""Every transcript in tests/scenarios/ is played on a whole Pilebot.

A step a line; blank lines and lines with "#" are prose. "bot says a | b" waits for the next message
that holds both parts; what stands between is read over. The words of each step are at `STEPS`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from bot.demo.photos import Style
from bot.domain import codes
from bot.services import case_work, charging, jobs, knowledge
from bot.services.audit import Actor
from bot.services.riders import rider_for
from bot.store.cases import CaseEntry
from bot.store.charging import ChargingSession, LedgerEntry
from bot.store.database import UnitOfWork
from bot.store.diversion import Diversion
from bot.store.jobs import Job
from bot.store.queues import Inbox, Outbox
from bot.store.riders import Media, Message
from bot.store.staff import Staff
from bot.store.stations import Evse, TariffVersion
from tests.offers import add_coupon, add_plan_offer
from tests.world import World, add_pile, add_station, open_world

FOLDER = Path(__file__).parent / "scenarios"
RIDER = "+358401234567"
OTHER = "+358407654321"
STARTED: dict[int, tuple[str, int]] = {}  # what runs at a socket: its transaction, the next seq
SECONDS = {"s": 1, "min": 60, "h": 3600}

STEPS: list[tuple[re.Pattern[str], Callable[..., Any]]] = []


def step(pattern: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A line of a transcript: a regular expression whose groups are the function's arguments."""

    def add(run: Callable[..., Any]) -> Callable[..., Any]:
        STEPS.append((re.compile(pattern), run))
        return run

    return add


def phone_of(who: str) -> str:
    return RIDER if who == "rider" else OTHER


# -- riders: "rider" is one phone, "other" another ------------------------------------------------


@step(r"(rider|other) has a card")
def has_card(world: World, who: str) -> None:
    world.give_card(phone_of(who))


@step(r"(rider|other) says (.+)")
def says(world: World, who: str, text: str) -> None:
    world.rider_says(phone_of(who), text)


@step(r"(rider|other) forwards the code")
def forwards(world: World, who: str) -> None:
    """What the other of the two was given to be forwarded, written with their own hand."""
    giver = OTHER if who == "rider" else RIDER
    given = [each.get("text", "") for each in world.phone(giver)]
    code = next(found[1] for text in reversed(given) if (found := re.search(r"join (\w{8})", text)))
    world.rider_says(phone_of(who), f"join {code}")


@step(r"(rider|other) taps first (.+)")
def taps_first(world: World, who: str, words: str) -> None:
    """The newest button that begins with these words."""
    world.rider_taps_first(phone_of(who), words)


@step(r"(rider|other) taps (.+)")
def taps(world: World, who: str, title: str) -> None:
    world.rider_taps(phone_of(who), title)


@step(r"(rider|other) sends a photo of (\d+-\d+)(?: and (\d+-\d+))?(?: with the words (.+))?")
def sends_photo(world: World, who: str, code: str, second: str | None, words: str | None) -> None:
    style: Style = "two" if second else "clean"
    world.rider_sends_photo(phone_of(who), code, style=style, words=words or "")


@step(r"(rider|other) sends (?:a|an) (foreign|empty|blurred|dark|angle) photo")
def sends_odd_photo(world: World, who: str, style: str) -> None:
    styles: dict[str, Style] = {
        "foreign": "foreign", "empty": "none", "blurred": "blurred", "dark": "dark",
        "angle": "angle",
    }  # fmt: skip
    world.rider_sends_photo(phone_of(who), "1023-27", style=styles[style])


@step(r"(rider|other) shares the location ([\d.]+),([\d.]+)")
def shares(world: World, who: str, lat: str, lng: str) -> None:
    world.rider_shares(phone_of(who), float(lat), float(lng))


@step(r"(rider|other) pays(?: with (\d+))?")
def pays(world: World, who: str, card: str | None) -> None:
    world.rider_pays(phone_of(who), card or "4242424242424242")


@step(r"bot says nothing(?: to (other))?")
def silent(world: World, who: str | None) -> None:
    world.bot_is_silent(phone_of(who or "rider"))


@step(r"bot says(?: to (other))? (.+)")
def bot_says(world: World, who: str | None, parts: str) -> None:
    world.bot_says(phone_of(who or "rider"), *[part.strip() for part in parts.split(" | ")])


# -- the pile 1023 at Kamppi, socket 2 unless another is named ------------------------------------


@step(r"there is a station (\w+) with pile (\d+)(?: at ([\d.]+),([\d.]+))?")
def station(world: World, name: str, pile: str, lat: str | None, lng: str | None) -> None:
    add_station(
        world.store, name=name, pile=pile, lat=float(lat or 60.1700), lng=float(lng or 24.9400)
    )
    world.pile(pile).goes("online")
    for number in (1, 2):
        world.pile(pile).status(number, "Available")


@step(r"(\w+) also has pile (\d+)")
def second_pile(world: World, name: str, pile: str) -> None:
    add_pile(world, name, pile)


@step(r"pile (?:(\d+) )?goes (online|offline)")
def presence(world: World, pile: str | None, state: str) -> None:
    world.pile(pile or "1023").goes(state)


@step(r"pile reports socket (\d) (Available|Occupied|Faulted|Unavailable|Reserved)(?: with (\w+))?")
def status(world: World, socket: str, state: str, code: str | None) -> None:
    world.pile("1023").status(int(socket), state, code=code or "")


@step(r"pile (raises|takes back) ([A-Z_]+)(?: at socket (\d))?")
def alarm(world: World, what: str, code: str, socket: str | None) -> None:
    evse = {"evse": {"id": int(socket), "connectorId": 1}} if socket else {}
    event = {
        "eventId": 1, "timestamp": world.now.isoformat(), "trigger": "Alerting",
        "actualValue": "true", "eventNotificationType": "HardWiredMonitor", "techCode": code,
        "component": {"name": "ChargingStation", **evse}, "variable": {"name": "Problem"},
        "cleared": what == "takes back",
    }  # fmt: skip
    world.pile("1023").says(
        "NotifyEvent", generatedAt=world.now.isoformat(), seqNo=0, eventData=[event]
    )


@step(r"pile (accepts|rejects) the (start|stop)(?: because of (\w+))?")
def answers(world: World, how: str, what: str, reason: str | None) -> None:
    action = "RequestStartTransaction" if what == "start" else "RequestStopTransaction"
    more = {"statusInfo": {"reasonCode": reason}} if reason else {}
    world.pile("1023").answers(action, status=f"{how[:-1].capitalize()}ed", **more)


@step(r"pile is asked to (start|stop) and says nothing")
def mute(world: World, what: str) -> None:
    action = "RequestStartTransaction" if what == "start" else "RequestStopTransaction"
    _, request = world.pile("1023").next_request(action)
    world.pile("1023").start_id = request.get("remoteStartId", world.pile("1023").start_id)


@step(r"pile is not asked for anything")
def not_asked(world: World) -> None:
    world.settle()
    assert not world.pile("1023").asked


@step(r"pile starts(?: socket (\d))?")
def starts(world: World, socket: str | None) -> None:
    world.pile("1023").transaction_event(int(socket or 2), "Started", chargingState="Charging")


@step(r"pile (accepts|rejects) the (reservation|cancelled reservation|limit)")
def keeps(world: World, how: str, what: str) -> None:
    actions = {"reservation": "ReserveNow", "limit": "SetChargingProfile"}
    action = actions.get(what, "CancelReservation")
    world.pile("1023").answers(action, status=f"{how[:-1].capitalize()}ed")


@step(r"power is cheaper in (\d+) h")
def cheaper(world: World, hours: str) -> None:
    """From then on for six hours, whatever the time of day is."""
    zone = ZoneInfo("Europe/Helsinki")
    begin = (world.now + timedelta(hours=int(hours))).astimezone(zone)
    end = begin + timedelta(hours=6)
    window = {"weekdays": [], "start": f"{begin:%H:%M}", "end": f"{end:%H:%M}"}
    with world.store.begin() as work:
        version = work.session.scalars(select(TariffVersion)).one()
        version.body = {
            "elements": [
                {"kind": "energy", "price": "0.10", "per": "kwh", "when": window},
                {"kind": "energy", "price": "0.30", "per": "kwh"},
            ]
        }


@step(r"rider has charged at Kamppi (\d+) times")
def has_charged(world: World, times: str) -> None:
    """In the weeks before, at this hour."""
    with world.store.begin() as work:
        rider = rider_for(work, "whatsapp", RIDER)
        evse = work.session.scalars(select(Evse)).first()
        assert evse is not None
        for back in range(1, int(times) + 1):
            at = work.now - timedelta(days=7 * back)
            work.session.add(
                ChargingSession(
                    key=f"before-{back}", rider_id=rider.id, evse_id=evse.id, state="settled",
                    facts={}, tariff={}, open=False, created_at=at, started_at=at,
                    ended_at=at + timedelta(hours=1), meter_start_wh=0, meter_wh=9000,
                )
            )  # fmt: skip


@step(r"socket (\d) is taken")
def taken(world: World, socket: str) -> None:
    """Somebody charges there: a rider of no further interest, at a steady 11 kW."""
    phone = f"+35840999000{socket}"
    world.give_card(phone)
    code = codes.evse_code("1023", int(socket))
    for words in (code, "yes"):
        world.rider_says(phone, words)
    pile = world.pile("1023")
    pile.answers("RequestStartTransaction", status="Accepted")
    pile.status(int(socket), "Occupied")
    pile.transaction_event(int(socket), "Started", chargingState="Charging")
    world.clock_passes(60)
    pile.meter_wh += 200
    pile.transaction_event(int(socket), "Updated", chargingState="Charging")
    STARTED[int(socket)] = (pile.transaction, pile.seq)


@step(r"staying costs (\d+) cents a minute after (\d+) min(, while somebody waits)?")
def staying_costs(world: World, cents: str, minutes: str, waited: str | None) -> None:
    with world.store.begin() as work:
        version = work.session.scalars(select(TariffVersion)).one()
        version.body = {
            "elements": [
                {"kind": "flat", "price": "0.50", "per": "start"},
                {"kind": "energy", "price": "0.30", "per": "kwh"},
                {"kind": "idle", "price": f"0.{int(cents):02}", "per": "min"},
            ],
            "idle_grace_s": int(minutes) * 60,
            "idle_cap": "3.00",
            "idle_if_waited": waited is not None,
        }


@step(r"(somebody|nobody) waits for socket (\d)")
def waits(world: World, who: str, socket: str) -> None:
    with world.store.begin() as work:
        evse = work.session.scalars(select(Evse).where(Evse.number == int(socket))).one()
        charging.somebody_waits(work, evse.id, waits=who == "somebody")


@step(r"socket (\d) (becomes free|fails and ends its charge)")
def ends_charge(world: World, socket: str, how: str) -> None:
    pile, fails = world.pile("1023"), how.startswith("fails")
    if fails:
        pile.status(int(socket), "Faulted")
    pile.transaction, pile.seq = STARTED[int(socket)]
    reason = "Other" if fails else "EVDisconnected"
    pile.transaction_event(int(socket), "Ended", stoppedReason=reason)
    if not fails:
        pile.status(int(socket), "Available")


@step(r"pile (charges|is suspended by the vehicle|is suspended by itself)(?: for (\d+) Wh)?")
def charges(world: World, how: str, energy_wh: str | None) -> None:
    pile = world.pile("1023")
    pile.meter_wh += int(energy_wh or 0)
    state = {"charges": "Charging", "is suspended by the vehicle": "SuspendedEV"}
    pile.transaction_event(pile.evse, "Updated", chargingState=state.get(how, "SuspendedEVSE"))


@step(r"pile ends(?: with (\w+))?")
def ends(world: World, reason: str | None) -> None:
    world.pile("1023").transaction_event(
        world.pile("1023").evse, "Ended", stoppedReason=reason or "Remote"
    )


@step(r"pile repeats its last event")
def repeats(world: World) -> None:
    pile = world.pile("1023")
    pile.seq -= 1
    pile.transaction_event(pile.evse, "Updated", chargingState="Charging")


# -- coupons and plans ----------------------------------------------------------------------------


@step(r"coupon (\S+) takes (\d+) (cents|percent) off(?:, only at (\w+))?")
def coupon(world: World, code: str, amount: str, unit: str, only: str | None) -> None:
    add_coupon(world.store, code, int(amount), unit, only)


@step(r"plan (.+) of (\d+) Wh costs (\d+) cents(?:, in German (.+))?")
def plan(world: World, name: str, size: str, price: str, german: str | None) -> None:
    names = {"de": german} if german else {}
    columns = {"name": name, "names": names, "size": int(size), "price_minor": int(price)}
    add_plan_offer(world.store, **columns)


# -- the bank and the payment provider ------------------------------------------------------------


@step(r"bank lets the hold go")
def lapses(world: World) -> None:
    world.bank_lets_go()


@step(r"bank declines the saved card")
def declines(world: World) -> None:
    world.saved_card_goes()


@step(r"nothing kept holds (.+)")
def not_kept(world: World, text: str) -> None:
    digits = "".join(sign for sign in text if sign.isdigit())
    with world.store.read() as work:
        for table in (Inbox, Message, Outbox):
            rows: list[Any] = list(work.session.scalars(select(table)))
            for row in rows:
                kept = json.dumps([row.body, getattr(row, "text", "")], ensure_ascii=False)
                assert text not in kept and digits not in kept, kept


# -- people of the staff ---------------------------------------------------------------------------


@step(r"staff takes the job")
def takes_job(world: World) -> None:
    with world.store.begin() as work:
        job = work.session.scalars(select(Job).where(Job.state == "open")).one()
        jobs.accept(work, world.settings, technician(work), job.id)
    world.settle()


@step(r"(\d+) ways on were offered, (\d+) taken")
def ways_on(world: World, offered: str, taken: str) -> None:
    with world.store.read() as work:
        rows = list(work.session.scalars(select(Diversion)))
    assert (len(rows), len([each for each in rows if each.taken_at])) == (int(offered), int(taken))


@step(r"staff (takes|solves) case (\d+)")
def works_on(world: World, what: str, case: str) -> None:
    with world.store.begin() as work:
        actor = technician(work)
        if what == "takes":
            case_work.assign(work, world.settings, actor, int(case), owner_id=actor.staff_id)
        else:
            case_work.solve(
                work, world.settings, actor, int(case), cause="A loose cable", fix="Fixed",
                result="It works again",
            )  # fmt: skip
    world.settle()


@step(r"staff puts case (\d+) to (\w+)")
def puts(world: World, case: str, status: str) -> None:
    with world.store.begin() as work:
        case_work.move(work, world.settings, technician(work), int(case), status)
    world.settle()


@step(r"staff answer (.+) in (\w+) with (.+)")
def answered(world: World, question: str, lang: str, answer: str) -> None:
    """Proposed by one, approved by another."""
    with world.store.begin() as work:
        writer = technician(work)
        chief = Staff(login=f"chief {question}", name="Chief", role="manager", created_at=work.now)
        work.session.add(chief)
        work.session.flush()
        proposed = knowledge.propose(
            work, writer, lang=lang, question=question, phrasings=(), answer=answer
        )
        knowledge.approve(work, Actor(chief.id, chief.role, chief.name), proposed.id)


@step(r"case (\d+) has a photo")
def has_photo(world: World, case: str) -> None:
    with world.store.read() as work:
        photos = select(CaseEntry).where(CaseEntry.case_id == int(case), CaseEntry.kind == "photo")
        (entry,) = work.session.scalars(photos)
        assert work.session.get_one(Media, entry.media_id).data


@step(r"no fee was taken")
def no_fee(world: World) -> None:
    with world.store.read() as work:
        assert not work.session.scalars(
            select(LedgerEntry).where(LedgerEntry.account == "no_show_fees")
        ).all()


def technician(work: UnitOfWork) -> Actor:
    """Somebody who sees to faults."""
    staff = work.session.scalars(select(Staff)).first()
    if staff is None:
        staff = Staff(login="tech", name="Teo Tech", role="technician", created_at=work.now)
        work.session.add(staff)
        work.session.flush()
    return Actor(staff.id, staff.role, staff.name)


@step(r"(\d+) min pass with the pile in touch")
def in_touch(world: World, minutes: str) -> None:
    for _ in range(int(minutes)):
        world.ahead += timedelta(minutes=1)
        world.pile("1023").says("Heartbeat")


@step(r"clock passes (\d+) (s|min|h)")
def passes(world: World, number: str, unit: str) -> None:
    world.clock_passes(int(number) * SECONDS[unit])


def play(world: World, text: str) -> None:
    """Play a transcript line by line; a failure names the line."""
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        for pattern, run in STEPS:
            if (match := pattern.fullmatch(line)) is not None:
                try:
                    run(world, *match.groups())
                except AssertionError as error:
                    raise AssertionError(f"line {number}: {line}\n{error}") from error
                break
        else:
            raise AssertionError(f"line {number} is no step: {line}")


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_transcript(path: Path, tmp_path: Path) -> None:
    with open_world(tmp_path) as world:
        play(world, path.read_text(encoding="utf-8"))
