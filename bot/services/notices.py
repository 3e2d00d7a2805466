"""What riders are told along a charge: one place for the words of the journey."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from bot.domain.money import Money, exponent
from bot.domain.pricing import price
from bot.domain.restrictions import State
from bot.domain.session import SessionFacts
from bot.replies import Amount, Choose, Link, Moment, Option, Rate, Receipt, Reply, Say, Value
from bot.services.nearest import Way

FIND_BUTTON: Final = Option("find_pile", Say("Find another"))


@dataclass(frozen=True, slots=True)
class Occasion:
    """What the words can draw on; `values` are those of the domain's Tell."""

    session_id: int
    evse_code: str
    station_name: str
    facts: SessionFacts
    bill_id: int | None
    now: datetime
    values: Mapping[str, str]
    bill_number: str = ""
    way: Way | None = None  # the nearest that works instead
    find: Option = FIND_BUTTON  # what is around it

    @property
    def due(self) -> Money:
        """What is owed."""
        return self.money(self.facts.due_minor)

    def money(self, amount_minor: int) -> Money:
        return Money(amount_minor, self.facts.terms.tariff.currency)

    @property
    def hold(self) -> Money:
        return self.money(self.facts.terms.hold_minor)

    @property
    def by_wallet(self) -> bool:
        """Whether a wallet pays for it, so that no bank has anything to show."""
        return self.facts.terms.pays != "card"

    @property
    def energy(self) -> Amount:
        return Amount(self.facts.energy_wh(), "wh")

    @property
    def cost(self) -> Money:
        return self.money(self.facts.cost_minor(self.now))

    def fees_spared(self) -> int:
        """What a charge that we broke off costs less than one that was ended, in minor units."""
        usage, terms = self.facts.usage(self.now), self.facts.terms

        def cost(*, fault: bool) -> int:
            told = replace(usage, fault=fault)
            return price(terms.tariff, told, discounts=terms.discounts).gross_minor

        return cost(fault=False) - cost(fault=True)

    def moment(self, at: datetime) -> Moment:
        return Moment(at, self.facts.terms.tariff.tz)


def notice(name: str, occasion: Occasion) -> Reply:
    """The words for a notice of bot/domain/charging.py. Raises KeyError for an unknown name."""
    return NOTICES[name](occasion)


def status_button(session_id: int) -> Option:
    """Asks how the charge goes."""
    return Option(f"charge_status?{urlencode({'session': session_id})}", Say("Status"))


def stop_button(session_id: int) -> Option:
    """Ends the charge; stale buttons of ended sessions are answered, not obeyed."""
    return Option(f"stop_charge?{urlencode({'session': session_id})}", Say("Stop charging"))


def again_button(evse_code: str) -> Option:
    """Offers the same EVSE again."""
    return Option(f"start_charge?{urlencode({'pile': evse_code})}", Say("Try again"))


# --- paying


def _pay(on: Occasion) -> Reply:
    return Link(
        Say(
            "Please confirm the hold of {hold} on the secure payment page. You pay only for what "
            "you use. Charging at {evse} starts as soon as it is done.",
            {"hold": on.hold, "evse": on.evse_code},
        ),
        Say("Open payment page"),
        on.values["url"],
    )


def _held(on: Occasion) -> Reply:
    if on.by_wallet:
        return Say(
            "{hold} is reserved in the wallet; you pay only for what you use. I am starting {evse} "
            "now.",
            {"hold": on.hold, "evse": on.evse_code},
        )
    return Say(
        "{hold} is held on your card; you pay only for what you use. I am starting {evse} now.",
        {"hold": on.hold, "evse": on.evse_code},
    )


def _hold_failed(on: Occasion) -> Reply:
    if on.by_wallet:
        text = Say(
            "The wallet does not cover {hold} any more. Nothing is taken.", {"hold": on.hold}
        )
        return _next_step(on, text)
    return _next_step(
        on,
        Say("Your card did not allow the hold of {hold}. Nothing is charged.", {"hold": on.hold}),
    )


def _hold_expired(on: Occasion) -> Reply:
    return _next_step(on, Say("The payment page ran out before it was used. Nothing is charged."))


def _pay_timeout(on: Occasion) -> Reply:
    return _next_step(
        on,
        Say(
            "I waited for the payment for a while and have now freed {evse} for others. "
            "Nothing is charged.",
            {"evse": on.evse_code},
        ),
    )


def pay_button(session_id: int, due: Money) -> Option:
    """Asks for the payment of a debt; a stale one of a paid debt is answered, not obeyed."""
    query = urlencode({"do": "pay", "session": session_id})
    return Option(f"top_up_or_payment?{query}", Say("Pay {amount}", {"amount": due}))


def _debt(on: Occasion) -> Reply:
    return Choose(
        Say(
            "I could not collect {amount} for your charge at {evse} (bill {number}). Until it is "
            "paid no new charge can be started.",
            {"amount": on.due, "evse": on.evse_code, "number": on.bill_number},
        ),
        [pay_button(on.session_id, on.due)],
    )


def _pay_debt(on: Occasion) -> Reply:
    return Link(
        Say(
            "Please pay {amount} for your charge at {evse} (bill {number}) on the secure payment "
            "page. Then you can charge again.",
            {"amount": on.due, "evse": on.evse_code, "number": on.bill_number},
        ),
        Say("Open payment page"),
        on.values["url"],
    )


def _debt_paid(on: Occasion) -> Reply:
    return Say(
        "Thank you: {amount} for your charge at {evse} (bill {number}) is paid. You can charge "
        "again.",
        {
            "amount": on.money(on.facts.asked_minor or on.facts.bill_minor or 0),
            "evse": on.evse_code,
            "number": on.bill_number,
        },
    )


def _debt_unpaid(on: Occasion) -> Reply:
    return Choose(
        Say(
            "The payment of {amount} did not go through, and nothing was taken. Please try again, "
            "perhaps with another card.",
            {"amount": on.due},
        ),
        [pay_button(on.session_id, on.due)],
    )


def _corrected(on: Occasion) -> Reply:
    return Say(
        "The final meter reading of {evse} was lower than billed. I have corrected bill {number}: "
        "you owe nothing more.",
        {"evse": on.evse_code, "number": on.bill_number},
    )


def _refund(on: Occasion) -> Reply:
    """The session's own words; who has the refund's row tells it with reference and date."""
    return Say(
        "The final meter reading of {evse} was lower than billed. I am giving {amount} back to "
        "your card; your bank may take 5 to 10 days to show it.",
        {"evse": on.evse_code, "amount": on.money(int(on.values["amount_minor"]))},
    )


def _waived(on: Occasion) -> Reply:
    return Say("The amount is too small for your bank to take. This charge is on us.")


def _receipt(on: Occasion) -> Reply:
    assert on.bill_id is not None, "a receipt is told after its bill is made"
    return Receipt(on.bill_id)


# --- starting


def _plug_in(on: Occasion) -> Reply:
    minutes = max(1, on.facts.terms.limits.plug_in_timeout_s // 60)
    return Say(
        "{evse} is ready. Please plug in your cable within {minutes} minutes; charging starts by "
        "itself.",
        {"evse": on.evse_code, "minutes": minutes},
    )


def _start_slow(on: Occasion) -> Reply:
    return Say("{evse} is slow to answer. I keep trying.", {"evse": on.evse_code})


def _start_again(on: Occasion) -> Reply:
    return Say("{evse} did not begin to charge. I am trying once more.", {"evse": on.evse_code})


def _waiting_for_vehicle(on: Occasion) -> Reply:
    return Choose(
        Say(
            "{evse} is ready, but your vehicle is not taking energy yet. Please check that the "
            "plug is all the way in and no charging timer is set in the vehicle.",
            {"evse": on.evse_code},
        ),
        [stop_button(on.session_id)],
    )


def _withheld(on: Occasion) -> Reply:
    return Choose(
        Say(
            "{evse} is plugged in but gives no energy yet. I wait for it a little longer; if none "
            "comes, you pay nothing.",
            {"evse": on.evse_code},
        ),
        [stop_button(on.session_id)],
    )


def _started(on: Occasion) -> Reply:
    return Choose(
        Say(
            "Charging has started at {evse}, {station}. I will tell you when it ends; write "
            "“stop” at any time.",
            {"evse": on.evse_code, "station": on.station_name},
        ),
        [status_button(on.session_id), stop_button(on.session_id)],
    )


_WHY: Final[Mapping[str, Say]] = {
    "no_answer": Say("{evse} does not answer."),
    "offline": Say("{evse} has just gone offline."),
    "rejected": Say("{evse} refused to start."),
    "Occupied": Say("{evse} is in use by somebody else."),
    "Reserved": Say("{evse} is reserved for somebody else."),
    "Faulted": Say("{evse} reports a fault."),
    "Unavailable": Say("{evse} is out of service."),
    "faulted": Say("{evse} reports a fault."),
    "no_energy": Say("{evse} said yes, but no energy came, also not at the second try."),
    "withheld": Say("{evse} gave no energy."),
    "vehicle": Say("Your vehicle did not take any energy from {evse}."),
    "plug_in": Say("No cable was plugged in at {evse} in time."),
    "ended": Say("{evse} ended the charge before any energy came."),
    "hold_expired": Say("The hold on your card was released before {evse} could start."),
}


def _start_failed(on: Occasion) -> Reply:
    source = _WHY.get(on.values["why"], _WHY["rejected"])
    why = Say(source.text, {"evse": on.evse_code})
    if on.by_wallet:
        text = Say(
            "{why} You pay nothing, and the {hold} reserved in the wallet is free again.",
            {"why": why, "hold": on.hold},
        )
        return _way_on(on, text, again_button(on.evse_code))
    return _way_on(
        on,
        Say(
            "{why} You pay nothing, and the hold of {hold} is released now; your bank may take a "
            "few days to show it.",
            {"why": why, "hold": on.hold},
        ),
        again_button(on.evse_code),
    )


def _start_cancelled(on: Occasion) -> Reply:
    return Say(
        "The start at {evse} is cancelled. You pay nothing, and the hold of {hold} is released.",
        {"evse": on.evse_code, "hold": on.hold},
    )


# --- charging


def _hold_near(on: Occasion) -> Reply:
    return Choose(
        Say(
            "{energy} so far for {cost}. Charging stops by itself near the held {hold}.",
            {"energy": on.energy, "cost": on.cost, "hold": on.hold},
        ),
        [status_button(on.session_id), stop_button(on.session_id)],
    )


def _paused(on: Occasion) -> Reply:
    return Say(
        "{evse} has paused charging and goes on by itself. The pause costs nothing.",
        {"evse": on.evse_code},
    )


def _full(on: Occasion) -> Reply:
    tariff, begins = on.facts.terms.tariff, on.facts.idle_from
    values: dict[str, Value] = {"energy": on.energy, "cost": on.cost, "evse": on.evse_code}
    if begins is not None:
        text = Say(
            "Your vehicle takes no more energy: {energy} for {cost}. Please unplug at {evse} "
            "by {time}; after that staying plugged in costs {price}.",
            {**values, "time": on.moment(begins), "price": _idle_price(on)},
        )
    elif tariff.idle_if_waited:
        text = Say(
            "Your vehicle takes no more energy: {energy} for {cost}. Please unplug at {evse} "
            "when you can. Should somebody wait for the place, I tell you before staying costs "
            "anything.",
            values,
        )
    else:
        text = Say(
            "Your vehicle takes no more energy: {energy} for {cost}. Please unplug at {evse} "
            "when you can.",
            values,
        )
    return Choose(text, [status_button(on.session_id), stop_button(on.session_id)])


def _idle_price(on: Occasion) -> Value:
    """What staying plugged in costs, and the most it can."""
    tariff = on.facts.terms.tariff
    element = tariff.element("idle", on.facts.idle_from or on.now, State(w=0, ma=0))
    if element is None:
        return on.money(0)
    price = Rate(str(element.price), tariff.currency, element.per)
    if tariff.idle_cap is None:
        return price
    scale = exponent(tariff.currency)
    most = on.money(int(tariff.idle_cap.scaleb(scale)))
    return Say("{price}, at most {amount}", {"price": price, "amount": most})


def _idle_warning(on: Occasion) -> Reply:
    values: dict[str, Value] = {
        "evse": on.evse_code,
        "time": on.moment(on.facts.idle_from or on.now),
        "price": _idle_price(on),
    }
    if on.facts.terms.tariff.idle_if_waited:
        text = Say(
            "Somebody waits for {evse}. From {time} on staying plugged in costs {price}. Please "
            "unplug, or tap stop.",
            values,
        )
    else:
        text = Say(
            "From {time} on staying plugged in at {evse} costs {price}. Please unplug, or tap "
            "stop.",
            values,
        )
    return Choose(text, [stop_button(on.session_id)])


def _idle_start(on: Occasion) -> Reply:
    return Choose(
        Say(
            "Staying plugged in at {evse} costs {price} from now on. Please unplug, or tap stop.",
            {"evse": on.evse_code, "price": _idle_price(on)},
        ),
        [stop_button(on.session_id)],
    )


def _idle_ended(on: Occasion) -> Reply:
    lines = [each for each in on.facts.bill(on.now).lines if each.what == "idle"]
    return Say(
        "Staying plugged in at {evse} costs nothing more. It came to {amount} for {duration}.",
        {
            "evse": on.evse_code,
            "amount": on.money(sum(each.gross_minor for each in lines)),
            "duration": Amount(sum(int(each.quantity) for each in lines), "s"),
        },
    )


def _offline(on: Occasion) -> Reply:
    last = on.facts.readings[-1].at if on.facts.readings else on.now
    return Choose(
        Say(
            "I have lost contact with {evse}. Last known at {time}: {energy}. Your vehicle may go "
            "on charging; if {evse} stays silent, you pay only up to that reading.",
            {"evse": on.evse_code, "time": on.moment(last), "energy": on.energy},
        ),
        [stop_button(on.session_id)],
    )


def _back(on: Occasion) -> Reply:
    return Say("{evse} is back in contact.", {"evse": on.evse_code})


# --- ending


def _stopping(on: Occasion) -> Reply:
    return Say(
        "Stopping {evse}. Your bill is frozen at {energy}; the receipt follows.",
        {"evse": on.evse_code, "energy": on.energy},
    )


def _danger(on: Occasion) -> Reply:
    """Also whoever charges beside it must know why: danger was reported at their pile."""
    if on.facts.energy_wh() <= 0:
        return Say(
            "{evse} is switched off for your safety: danger was reported at this pile. Please "
            "move away from it. You pay nothing.",
            {"evse": on.evse_code},
        )
    return Say(
        "{evse} is switched off for your safety: danger was reported at this pile. Please move "
        "away from it. You pay only for the {energy} delivered ({cost}); the receipt follows.",
        {"evse": on.evse_code, "energy": on.energy, "cost": on.cost},
    )


def _stop_offline(on: Occasion) -> Reply:
    return Say(
        "{evse} is out of contact at the moment. The stop will be carried out as soon as it is "
        "back, and you will not pay for more than the {energy} known now. You may unplug.",
        {"evse": on.evse_code, "energy": on.energy},
    )


_STOPPED_BY: Final[Mapping[str, Say]] = {
    "limit": Say("This charge has reached its longest time and is ending."),
    "hold_limit": Say("This charge has reached the held {hold} and is ending."),
    "hold_expired": Say("The hold on your card is running out, so this charge is ending."),
}


def _stopped(on: Occasion) -> Reply:
    source = _STOPPED_BY.get(on.values["by"], _STOPPED_BY["limit"])
    return Say(
        "{why} You have {energy}; the receipt follows.",
        {"why": Say(source.text, {"hold": on.hold}), "energy": on.energy},
    )


def _already_stopping(on: Occasion) -> Reply:
    return Say(
        "{evse} is already stopping. Your bill does not grow any more.", {"evse": on.evse_code}
    )


def _already_stopped(on: Occasion) -> Reply:
    return Say("This charge at {evse} has already ended.", {"evse": on.evse_code})


def _ended(on: Occasion) -> Reply:
    return Say(
        "Charging at {evse} has ended with {energy}. The receipt follows.",
        {"evse": on.evse_code, "energy": on.energy},
    )


def _fault(on: Occasion) -> Reply:
    """What a fault costs us is said with it: fixed fees are not taken, nothing has to be asked."""
    fees = on.fees_spared()
    values: dict[str, Value] = {
        "evse": on.evse_code, "energy": on.energy, "cost": on.cost, "fees": on.money(fees),
        "hold": on.hold,
    }  # fmt: skip
    if fees > 0:
        text = Say(
            "{evse} reported a fault and charging has ended. I am sorry. You pay only for the "
            "{energy} delivered ({cost}); {fees} of fixed fees are not taken, and the rest of the "
            "held {hold} is released with the receipt. Please unplug and use another pile.",
            values,
        )
    else:
        text = Say(
            "{evse} reported a fault and charging has ended. I am sorry. You pay only for the "
            "{energy} delivered ({cost}), and the rest of the held {hold} is released with the "
            "receipt. Please unplug and use another pile.",
            values,
        )
    return _way_on(on, text)


def _ended_offline(on: Occasion) -> Reply:
    text = Say(
        "{evse} did not come back, so I have ended your charge at its last reading: {energy}, no "
        "start fee. I am sorry. Please unplug; it will be switched off when it is back.",
        {"evse": on.evse_code, "energy": on.energy},
    )
    return _way_on(on, text)


def _nothing_delivered(on: Occasion) -> Reply:
    if on.by_wallet:
        return Say(
            "No energy was delivered, so you pay nothing. The {hold} reserved in the wallet is "
            "free again.",
            {"hold": on.hold},
        )
    return Say(
        "No energy was delivered, so you pay nothing. The hold of {hold} is released now; your "
        "bank may take a few days to show it.",
        {"hold": on.hold},
    )


def _not_me_stopped(on: Occasion) -> Reply:
    return Say(
        "Thank you for telling me. The charge at {evse} is being stopped and you pay nothing; the "
        "hold of {hold} is released.",
        {"evse": on.evse_code, "hold": on.hold},
    )


def _not_me_noted(on: Occasion) -> Reply:
    return Say(
        "This charge at {evse} has ended already. Please write “agent” and a person will look "
        "into it.",
        {"evse": on.evse_code},
    )


def _next_step(on: Occasion, prompt: Say) -> Choose:
    return Choose(prompt, [again_button(on.evse_code), on.find])


def _way_on(on: Occasion, text: Say, *first: Option) -> Choose:
    """What is said where a pile has failed, with the nearest one that works."""
    if on.way is None:
        return Choose(text, [*first, on.find])
    text = Say("{text} {hint}", {"text": text, "hint": on.way.sentence})
    return Choose(text, [*first, on.way.nearest_button, on.find])


NOTICES: Final[Mapping[str, Callable[[Occasion], Reply]]] = {
    "pay": _pay, "held": _held, "hold_failed": _hold_failed, "hold_expired": _hold_expired,
    "pay_timeout": _pay_timeout, "debt": _debt, "pay_debt": _pay_debt, "debt_paid": _debt_paid,
    "debt_unpaid": _debt_unpaid, "corrected": _corrected,
    "refund": _refund, "waived": _waived,
    "receipt": _receipt, "plug_in": _plug_in, "start_slow": _start_slow,
    "start_again": _start_again, "waiting_for_vehicle": _waiting_for_vehicle,
    "started": _started, "start_failed": _start_failed, "start_cancelled": _start_cancelled,
    "hold_near": _hold_near, "paused": _paused, "full": _full, "idle_warning": _idle_warning,
    "idle_start": _idle_start, "idle_ended": _idle_ended, "offline": _offline, "back": _back,
    "danger": _danger, "withheld": _withheld,
    "stopping": _stopping, "stop_offline": _stop_offline, "stopped": _stopped,
    "already_stopping": _already_stopping, "already_stopped": _already_stopped,
    "ended": _ended, "fault": _fault,
    "ended_offline": _ended_offline, "nothing_delivered": _nothing_delivered,
    "not_me_stopped": _not_me_stopped, "not_me_noted": _not_me_noted,
}  # fmt: skip
