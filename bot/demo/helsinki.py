"""The demo city: stations at real places of central Helsinki, their piles and what they charge.

Positions are from OpenStreetMap's view of the streets (© OpenStreetMap contributors, ODbL); the
stations themselves are made up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

TIMEZONE: Final = "Europe/Helsinki"
COUNTRY: Final = "FI"
CURRENCY: Final = "EUR"
TAX_PERCENT: Final = "25.5"

_NIGHT: Final = {"weekdays": [], "start": "22:00", "end": "07:00"}
_RUSH_HOUR: Final = {"weekdays": [0, 1, 2, 3, 4], "start": "15:00", "end": "18:00"}

# TariffVersion.body by name, read by bot/domain/tariffs.py; zone, currency and tax are the
# station's. Prices include tax.
TARIFFS: Final[Mapping[str, Mapping[str, Any]]] = {
    "E-bike by the hour": {
        "elements": [{"kind": "time", "price": "0.60", "per": "h", "step": 60}],
        "maximum": "3.00",
    },
    "AC day and night": {
        "elements": [
            {"kind": "energy", "price": "0.19", "per": "kwh", "when": _NIGHT},
            {"kind": "energy", "price": "0.29", "per": "kwh"},
            {"kind": "idle", "price": "0.05", "per": "min", "step": 60},
        ],
        "idle_grace_s": 1800,
        "idle_cap": "10.00",
        "idle_free": _NIGHT,
    },
    "DC fast": {
        "elements": [
            {"kind": "flat", "price": "0.50", "per": "start"},
            {"kind": "energy", "price": "0.55", "per": "kwh", "when": _RUSH_HOUR},
            {"kind": "energy", "price": "0.45", "per": "kwh"},
            {"kind": "idle", "price": "0.30", "per": "min", "step": 60},
        ],
        "idle_grace_s": 600,
        "idle_cap": "30.00",
    },
    "DC high power": {
        "elements": [
            {"kind": "flat", "price": "1.00", "per": "start"},
            {"kind": "energy", "price": "0.59", "per": "kwh"},
            {"kind": "idle", "price": "0.40", "per": "min", "step": 60},
        ],
        "idle_grace_s": 600,
        "idle_cap": "40.00",
    },
}


@dataclass(frozen=True, slots=True)
class PileType:
    """A model of pile: the connector type (OCPI's name, or "schuko") of each EVSE."""

    kind: str
    model: str
    max_power_w: int
    connectors: Sequence[str]
    tariff: str


_T2: Final = "IEC_62196_T2"
_CCS: Final = "IEC_62196_T2_COMBO"
_CHADEMO: Final = "CHADEMO"

BOX_8: Final = PileType("ebike_box", "Pyörä 8", 500, ["schuko"] * 8, "E-bike by the hour")
BOX_10: Final = PileType("ebike_box", "Pyörä 10", 500, ["schuko"] * 10, "E-bike by the hour")
BOX_12: Final = PileType("ebike_box", "Pyörä 12", 500, ["schuko"] * 12, "E-bike by the hour")
AC_11: Final = PileType("ac", "Katu 2×11", 11_000, [_T2] * 2, "AC day and night")
AC_1: Final = PileType("ac", "Katu 1×11", 11_000, [_T2], "AC day and night")
AC_22: Final = PileType("ac", "Katu 2×22", 22_000, [_T2] * 2, "AC day and night")
DC_50: Final = PileType("dc", "Pika 50", 50_000, [_CCS, _CHADEMO], "DC fast")
DC_150: Final = PileType("dc", "Pika 150", 150_000, [_CCS, _CCS], "DC high power")


@dataclass(frozen=True, slots=True)
class Place:
    """A station: its piles get the numbers from `first_number` on."""

    name: str
    address: str
    lat: float
    lng: float
    first_number: int
    piles: Sequence[PileType]
    directions: str
    rating_tenths: int
    rating_count: int
    open_hours: str = "24/7"
    power_cap_w: int | None = None  # shared by all its charges


STATIONS: Final = (
    Place(
        "Rautatientori", "Rautatientori, 00100 Helsinki", 60.1711, 24.9438, 1001,
        [AC_22, DC_50], "East side of the square, in front of the National Theatre.", 45, 212,
    ),
    Place(
        "Elielinaukio", "Elielinaukio 2, 00100 Helsinki", 60.1716, 24.9390, 1011,
        [DC_150, AC_22], "West of the railway station, next to the bus stops.", 42, 168,
    ),
    Place(
        "Lasipalatsi", "Mannerheimintie 22-24, 00100 Helsinki", 60.1704, 24.9369, 1021,
        [AC_22, BOX_10], "By the clock tower, on the side of the square.", 47, 301,
        power_cap_w=30_000,  # two cars at 22 kW must share
    ),
    Place(
        "Simonkenttä", "Simonkatu 9, 00100 Helsinki", 60.1690, 24.9356, 1031,
        [DC_50, AC_11], "Car park P-Simonkenttä, level -1, bays 1 to 4.", 41, 97, "06:00-24:00",
    ),
    Place(
        "Oodi", "Töölönlahdenkatu 4, 00100 Helsinki", 60.1736, 24.9379, 1041,
        [BOX_12, AC_11], "Under the roof on the side of the park.", 48, 254,
    ),
    Place(
        "Yrjönkatu", "Yrjönkatu 21, 00120 Helsinki", 60.1679, 24.9383, 1051,
        [AC_1], "Kerbside, across from the swimming hall.", 44, 61,  # soon full: try the line
    ),
    Place(
        "Vanha kirkkopuisto", "Lönnrotinkatu 6, 00120 Helsinki", 60.1665, 24.9391, 1061,
        [AC_11, BOX_8], "Kerbside, along the park.", 46, 83,
    ),
    Place(
        "Erottaja", "Erottajankatu 19, 00130 Helsinki", 60.1663, 24.9440, 1071,
        [DC_150], "On the island between the lanes, at the top of the Esplanadi.", 39, 140,
    ),
    Place(
        "Esplanadi", "Pohjoisesplanadi 31, 00100 Helsinki", 60.1678, 24.9473, 1081,
        [AC_22, BOX_8], "North side of the park, across from the Runeberg statue.", 47, 330,
    ),
    Place(
        "Aleksanterinkatu", "Aleksanterinkatu 30, 00100 Helsinki", 60.1689, 24.9478, 1091,
        [AC_22], "Kerbside, between Kluuvikatu and Fabianinkatu.", 43, 118,
    ),
    Place(
        "Mikonkatu", "Mikonkatu 8, 00100 Helsinki", 60.1696, 24.9454, 1101,
        [BOX_10], "Bicycle parking, one block south of the Ateneum.", 45, 77,
    ),
    Place(
        "Kaisaniemi", "Kaisaniemenkatu 5, 00100 Helsinki", 60.1713, 24.9474, 1111,
        [AC_11, DC_50], "Beside the metro entrance.", 40, 129,
    ),
    Place(
        "Senaatintori", "Unioninkatu 29, 00170 Helsinki", 60.1698, 24.9512, 1121,
        [AC_22], "West side of the square, in front of the university.", 46, 205,
    ),
    Place(
        "Kauppatori", "Eteläranta 20, 00130 Helsinki", 60.1671, 24.9521, 1131,
        [DC_50, BOX_8], "West end of the market, by the Havis Amanda fountain.", 44, 287,
    ),
    Place(
        "Kasarmitori", "Kasarmikatu 38, 00130 Helsinki", 60.1653, 24.9479, 1141,
        [AC_11, AC_11], "Kerbside around the square.", 45, 52,
    ),
    Place(
        "Bulevardi", "Bulevardi 14, 00120 Helsinki", 60.1652, 24.9398, 1151,
        [AC_22], "Kerbside, on the side of the even numbers.", 42, 66,
    ),
)  # fmt: skip
