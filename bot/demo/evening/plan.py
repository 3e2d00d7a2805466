"""What an evening consists of: sites, charges, what breaks when, and what must follow; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

TOLD_WITHIN_S: Final = 60.0
CURRENCY: Final = "EUR"
START_FEE: Final = "0.50"  # what a fault spares the rider
KWH: Final = "0.59"
RIDER: Final = "+4477009000{:02d}"  # numbers kept free for fiction by Ofcom
TECHNICIAN: Final = "+4477009008{:02d}"
ON_CALL: Final = "+447700900901"
MANAGER_PHONE: Final = "+447700900902"


@dataclass(frozen=True, slots=True)
class Kind:
    """One way of breaking. `told`: what a rider it touches must read, one of these.

    `money`: "energy" (we broke it off: energy only), "nothing" (it never began) or "usual".
    `reach`: whom it touches: the socket, the pile, the site. `job`: somebody is sent out.
    """

    name: str
    told: tuple[str, ...]
    money: str
    reach: str = "socket"
    job: bool = False
    danger: bool = False
    starts: bool = True  # the charge runs before it breaks
    alone: bool = False  # nobody can charge beside it: the whole pile is deaf
    hands_off: bool = False  # the rider's chat goes to people, so that they are done for today
    fault: str = ""  # the simulator's name, where the pile itself reports it
    often: tuple[int, int] = (1, 1)  # in the whole evening, in a small one


_FAULT: Final = "reported a fault"
_LOST: Final = "I have lost contact"
_DANGER: Final = "for your safety"
_FREE: Final = "You pay nothing"
KINDS: Final[Mapping[str, Kind]] = {
    each.name: each
    for each in (
        Kind("no energy", (_FREE, "gives no energy"), "nothing", starts=False, hands_off=True,
             fault="NoEnergy", often=(3, 1)),
        Kind("no answer", (_FREE, "slow to answer"), "nothing", starts=False, hands_off=True,
             alone=True, often=(2, 1)),
        Kind("silent pile", (_LOST,), "usual", reach="pile", hands_off=True),
        Kind("site outage", (_LOST, "Several piles at"), "energy", reach="site"),
        Kind("over-temperature", (_FAULT, _DANGER), "energy", reach="pile", job=True,
             danger=True, fault="OverTemp"),
        Kind("ground fault", (_FAULT, _DANGER), "energy", reach="pile", job=True, danger=True,
             fault="GroundFault", often=(2, 1)),
        Kind("smoke message", ("Move away now", _DANGER), "energy", reach="pile", danger=True,
             hands_off=True),
        Kind("emergency stop", (_FAULT,), "energy", job=True, fault="EmergencyStop",
             often=(3, 1)),
        Kind("cable lock", (_FAULT,), "energy", job=True, fault="ConnectorLock", often=(2, 1)),
        Kind("door open", (_FAULT,), "energy", reach="pile", job=True, fault="DoorOpen"),
        Kind("flapping", (_FAULT,), "energy", job=True, fault="ConnectorLock"),
        Kind("refused start", (_FREE, "fault"), "nothing", starts=False, job=True, hands_off=True,
             fault="EmergencyStop", often=(2, 1)),
        Kind("power loss", (_LOST,), "energy", reach="pile", often=(2, 1)),
        Kind("line cut", (_LOST,), "usual", reach="pile", often=(2, 1)),
        Kind("meter jump", (_FAULT,), "energy", job=True, fault="MeterJump"),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Size:
    """How large an evening is, and how fast.

    `piles` of each site, the last site being the one whose power fails (the others have one each:
    several that fail at one site would be an outage, too); `settings` differ from
    the defaults, `policies` (clock → seconds) from the promises: both are told in the report.
    """

    name: str
    piles: tuple[int, ...]
    sockets: int
    sessions: int
    riders: int
    at_once: int  # charges beside those that break
    troubles_at_once: int
    speed: float
    charge_s: float  # how long an undisturbed charge runs
    workers: int
    settings: Mapping[str, str]
    policies: Mapping[str, int]
    column: int  # of Kind.often

    def troubles(self) -> list[Kind]:
        """What breaks: the site first, while all of it is free, repeats one after the other."""
        rounds = max(kind.often[self.column] for kind in KINDS.values())
        found = [
            kind
            for number in range(rounds)
            for kind in KINDS.values()
            if number < kind.often[self.column]
        ]
        return sorted(found, key=lambda kind: kind.reach != "site")

    def sites(self) -> list[dict[str, Any]]:
        """The stations, as bot/services/inventory.py takes them in."""
        found, number = [], 2001
        for place, count in enumerate(self.piles):
            found.append(self._site(place, number, count))
            number += count
        return found

    def _site(self, place: int, number: int, count: int) -> dict[str, Any]:
        socket = {"connector_type": "IEC_62196_T2", "max_power_w": 22_000, "tariff": "Evening"}
        return {
            "name": f"Evening {place + 1}", "address": f"Iltakatu {place + 1}, Helsinki",
            "lat": 60.16 + place / 100, "lng": 24.93, "tz": "Europe/Helsinki", "country": "FI",
            "currency": CURRENCY, "tax_percent": "25.5",
            "piles": [
                {"number": str(number + offset), "kind": "ac", "model": "Ilta 2×22",
                 "evses": [socket] * self.sockets}
                for offset in range(count)
            ],
        }  # fmt: skip

    def inventory(self) -> dict[str, Any]:
        """The sites and what they charge: energy and a fee for the start."""
        elements = [
            {"kind": "flat", "price": START_FEE, "per": "start"},
            {"kind": "energy", "price": KWH, "per": "kwh"},
        ]
        tariff = {"name": "Evening", "currency": CURRENCY, "body": {"elements": elements}}
        return {"tariffs": [tariff], "stations": self.sites()}


WHOLE: Final = Size(
    name="whole", piles=(*[1] * 26, 4), sockets=2, sessions=200, riders=90, at_once=10,
    troubles_at_once=6, speed=30, charge_s=12, workers=2,
    settings={"JOB_OFFER_S": "30", "NO_ENERGY_S": "60"},
    policies={"fault_response": 80}, column=0,
)  # fmt: skip
SMALL: Final = Size(
    name="small", piles=(*[1] * 12, 2), sockets=1, sessions=18, riders=24, at_once=2,
    troubles_at_once=14, speed=60, charge_s=3, workers=1,
    settings={"JOB_OFFER_S": "9", "SILENT_CHARGING_S": "14", "NO_ENERGY_S": "8",
              "START_TIMEOUT_S": "8", "COMMAND_TIMEOUT_S": "2", "FAULT_SETTLE_S": "2"},
    policies={"fault_response": 10, "urgent": 10}, column=1,
)  # fmt: skip
SIZES: Final[Mapping[str, Size]] = {each.name: each for each in (WHOLE, SMALL)}
