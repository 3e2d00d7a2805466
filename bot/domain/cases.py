"""Cases: what somebody told us, who has it, what must happen until it is closed; pure rules.

    new ──► assigned ◄──► waiting_rider | waiting_site        (each of them ──► done)
     ▲         ▲                                                        │
     │         └──── "no" or "talk" to the call-back, staff ◄───────────┤
     └ opened                                   "yes", or asked twice without an answer ──► closed

"Done" is our word; only the rider's consent, or silence to two call-backs, closes a case.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

Status = Literal["new", "assigned", "waiting_rider", "waiting_site", "done", "closed"]
STATUSES: Final[Mapping[str, str]] = {
    "new": "New", "assigned": "Assigned", "waiting_rider": "Waiting rider",
    "waiting_site": "Waiting site", "done": "Done", "closed": "Closed",
}  # fmt: skip
BOARD: Final = ("new", "assigned", "waiting_rider", "waiting_site", "done")
OPEN: Final = ("new", "assigned", "waiting_rider", "waiting_site")
_MOVES: Final[Mapping[str, frozenset[str]]] = {
    "new": frozenset({"assigned", "waiting_rider", "waiting_site", "done"}),
    "assigned": frozenset({"waiting_rider", "waiting_site", "done"}),
    "waiting_rider": frozenset({"assigned", "waiting_site", "done"}),
    "waiting_site": frozenset({"assigned", "waiting_rider", "done"}),
    "done": frozenset({"assigned", "closed"}),
    "closed": frozenset({"assigned"}),
}

KINDS: Final[Mapping[str, str]] = {
    "fault": "Fault", "incident": "Incident", "billing": "Billing", "blocked_bay": "Blocked bay",
    "privacy": "Privacy", "complaint": "Complaint", "crisis": "Crisis",
}  # fmt: skip
SOURCES: Final[Mapping[str, str]] = {
    "whatsapp": "WhatsApp", "web": "Web chat", "console": "Console", "email": "E-mail",
    "phone": "Phone", "in_person": "In person", "partner": "Partner", "pile": "Pile",
    "system": "By itself",
}  # fmt: skip
BY_HAND: Final = ("phone", "in_person", "email")  # what staff enter for who is in no chat
TEAMS: Final[Mapping[str, str]] = {
    "support": "Support", "technical": "Technical", "finance": "Finance", "site": "Site care",
    "safety": "Safety",
}  # fmt: skip
PRIORITIES: Final[Mapping[int, str]] = {
    1: "P1 safety", 2: "P2 stuck now", 3: "P3 money", 4: "P4 other",
}  # fmt: skip

CALL_BACK_AFTER: Final = timedelta(hours=24)  # after the fix; a second time a day after the first
CALL_BACKS: Final = 2  # then silence counts as consent
UPDATE_EVERY: Final = timedelta(hours=24)  # the rider hears of an open case at least this often
LEVELS: Final[Mapping[int, str]] = {1: "a supervisor", 2: "the regional head"}
SUPERVISOR_AT: Final = 3  # contacts about one case
CONTACTS_APART: Final = timedelta(hours=1)  # lines of a chat that are closer are one contact


@dataclass(frozen=True, slots=True)
class Topic:
    """A code of the second level: its class (the first), what kind of case it makes, how urgent."""

    class_: str
    title: str
    kind: str
    priority: int = 4
    team: str = "support"


CLASSES: Final[Mapping[str, str]] = {
    "technical": "Technical", "fee": "Fee", "service": "Service", "safety": "Safety",
}  # fmt: skip
# The ten rows that riders choose from, in their order; staff can set any of TOPICS. A coupon that
# was not taken is named in words, or under REFUND.
RIDER_TOPICS: Final = (
    "wont_charge", "cant_stop", "broken", "bill_wrong", "refund_missing", "blocked", "site_care",
    "hazard", "wiring", "other",
)  # fmt: skip
TOPICS: Final[Mapping[str, Topic]] = {
    "wont_charge": Topic("technical", "Does not charge", "fault", 4, "technical"),
    "cant_stop": Topic("technical", "Cannot stop, cable stuck", "fault", 2, "technical"),
    "broken": Topic("technical", "Pile or cable broken", "fault", 4, "technical"),
    "power_lost": Topic("technical", "Power lost in a charge", "fault", 2, "technical"),
    "outage": Topic("technical", "Many piles out", "incident", 2, "technical"),
    "bill_wrong": Topic("fee", "Bill is wrong", "billing", 3, "finance"),
    "refund_missing": Topic("fee", "Refund not received", "billing", 3, "finance"),
    "coupon_invalid": Topic("fee", "Coupon not taken", "billing", 3, "finance"),
    "paid_twice": Topic("fee", "Paid twice", "billing", 3, "finance"),
    "payment_failed": Topic("fee", "Payment failed", "billing", 3, "finance"),
    "meter": Topic("fee", "Meter doubted", "billing", 3, "technical"),
    "blocked": Topic("service", "Bay blocked", "blocked_bay", 4, "site"),
    "site_care": Topic("service", "Dirty or damaged site", "complaint", 4, "site"),
    "staff": Topic("service", "Staff or answer", "complaint"),
    "privacy": Topic("service", "Personal data", "privacy"),
    "other": Topic("service", "Something else", "complaint"),
    "visit_missed": Topic("technical", "Nobody came to a visit", "complaint", 4, "technical"),
    "threat": Topic("service", "Press, lawyers or authorities", "crisis", 2),
    "group": Topic("service", "Several riders at once", "crisis", 2),
    "hazard": Topic("safety", "Danger", "incident", 1, "safety"),
    "wiring": Topic("safety", "Unsafe wiring", "incident", 1, "safety"),
}
DANGER: Final = frozenset({"hazard", "wiring"})  # what starts the safety line
_BY_KIND: Final[Mapping[str, str]] = {
    "fault": "broken", "incident": "hazard", "billing": "bill_wrong", "blocked_bay": "blocked",
    "privacy": "privacy", "complaint": "other", "crisis": "threat",
}  # fmt: skip


def topic_of_kind(kind: str) -> str:
    """The code of a case that nobody has classified yet."""
    return _BY_KIND.get(kind, "other")


def may_move(now: str, to: str) -> bool:
    """Whether a case may go from one status to another."""
    return to in _MOVES.get(now, frozenset())


# --- what a case must know -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of a case as far as it can be routed."""

    person: str
    contact: str
    place: str  # the pile, or words that tell where
    problem: str
    has_time: bool = True
    needs_place: bool = True  # a question about personal data happens nowhere


def missing(told: Told) -> tuple[str, ...]:
    """Which facts are lacking, in words for staff; a case that lacks one cannot be routed."""
    facts = (
        ("person", told.person), ("contact", told.contact),
        ("pile or place", told.place if told.needs_place else "-"),
        ("problem", told.problem), ("time", "-" if told.has_time else ""),
    )  # fmt: skip
    return tuple(name for name, value in facts if not value.strip())


def needs_place(code: str) -> bool:
    """Whether a case of this code happened at a pile or a site."""
    return code not in (
        "privacy", "staff", "coupon_invalid", "other", "refund_missing", "threat"
    )  # fmt: skip


def lacks_result(cause: str, fix: str, result: str) -> tuple[str, ...]:
    """What a solved case still has to say."""
    said = (("cause", cause), ("fix", fix), ("result", result))
    return tuple(name for name, text in said if not text.strip())


def is_grave(kind: str, code: str) -> bool:
    """Danger, an outage or a crisis: a manager's to end."""
    return kind in ("incident", "crisis") or code in DANGER


def open_key(kind: str, *, person: str, pile_id: str | None) -> str:
    """One open case for a person, a pile and a kind: another report of it is the same case."""
    return f"{person}|{pile_id or '-'}|{kind}"[:160]


# --- who gets it ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Route:
    """Where cases go: "" and None mean any. The most precise one that fits is taken."""

    class_: str
    country: str
    station_id: int | None
    team: str
    owner_id: int | None


def route(
    routes: Sequence[Route], code: str, *, country: str, station_id: int | None
) -> tuple[str, int | None]:
    """The team, and where the route names one the owner, of a case."""
    topic = TOPICS[code]

    def fits(each: Route) -> bool:
        return (
            each.class_ in ("", topic.class_)
            and each.country in ("", country)
            and each.station_id in (None, station_id)
        )

    def weight(each: Route) -> tuple[bool, bool, bool]:
        return (each.station_id is not None, bool(each.country), bool(each.class_))

    found = max(filter(fits, routes), key=weight, default=None)
    return (found.team, found.owner_id) if found else (topic.team, None)


def clocks_of(kind: str, code: str) -> tuple[str, ...]:
    """The promises that begin with a case, besides the desk's own goals."""
    if code == "outage":
        return ("on_site",)
    if code == "power_lost":  # a call at once, and somebody who repairs it
        return ("urgent", "fault_response")
    if code in ("group", "visit_missed"):  # nobody waits for an answer
        return ()
    if code in DANGER:
        return ("urgent",)
    if kind == "fault":
        return ("fault_response", "first_reply")
    if code in ("bill_wrong", "paid_twice", "meter"):
        return ("dispute", "first_reply")
    return ("first_reply",)


def clocks_again(kind: str, code: str) -> tuple[str, ...]:
    """The promises that begin anew when a case is taken up again: a minute's call is about the
    moment it happened in, and whoever comes back is answered by a person."""
    again = [name for name in clocks_of(kind, code) if name != "urgent"]
    return tuple(dict.fromkeys((*again, "first_reply")))


def counts_as_contact(last: datetime | None, now: datetime) -> bool:
    """Whether a further line in a chat that people have is one more time a rider had to ask: lines
    of one hour are one."""
    return last is None or now - last >= CONTACTS_APART


def supervisor_reason(*, contacts: int, answered_no: bool, missed: str) -> str:
    """Why a case goes to a supervisor; "" when it need not."""
    if answered_no:
        return "The rider says it is not solved."
    if missed:
        return f"Deadline missed: {missed}."
    if contacts >= SUPERVISOR_AT:
        return f"The rider wrote about it {contacts} times."
    return ""


# --- riders' words -------------------------------------------------------------------------------

WIRING_WORDS: Final = (
    "unsafe wiring", "dangerous wiring", "bad wiring", "private wiring", "illegal wiring",
    "unsafe wires", "loose wire", "bare wire", "bare cable", "exposed wire", "exposed cable",
    "hanging wires", "wires are loose", "wires hanging",
    "cableado inseguro", "cableado peligroso", "cableado privado", "cableado ilegal",
    "cables sueltos", "cable suelto", "cable pelado", "cables pelados", "cables expuestos",
    "instalacion electrica insegura", "instalacion electrica peligrosa", "enganche ilegal",
    "fiacao insegura", "fiacao perigosa", "fiacao exposta", "fiacao particular", "fios soltos",
    "fio solto", "fios desencapados", "fio desencapado", "fios expostos", "cabo desencapado",
    "ligacao clandestina", "instalacao eletrica perigosa",
    "cablage dangereux", "fils denudes", "fil denude", "cable denude", "fils qui pendent",
    "branchement sauvage", "branchement prive", "installation electrique dangereuse",
    "unsichere verkabelung", "unsichere leitung", "gefahrliche verkabelung",
    "private verkabelung", "lose kabel", "lose drahte", "blanke kabel", "blanke drahte",
    "blankes kabel", "freiliegende kabel",
    "私拉电线", "私接电线", "乱接电线", "飞线", "电线裸露", "裸露的电线",
    "电线松", "接线不安全", "线路不安全",
)  # fmt: skip
_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "wiring": WIRING_WORDS,
    "cant_stop": (
        "cannot stop", "can't stop", "cant stop", "won't stop", "wont stop", "cable stuck",
        "cable is stuck", "stuck cable", "no puedo parar", "cable atascado", "nao para",
        "cabo preso", "ne s'arrete pas", "cable coince", "lasst sich nicht stoppen",
        "kabel steckt fest", "kabel klemmt", "停不了", "拔不出",
    ),
    "wont_charge": (
        "won't charge", "wont charge", "does not charge", "doesn't charge", "not charging",
        "no carga", "nao carrega", "ne charge pas", "ladt nicht", "充不了", "不充电",
    ),
    "bill_wrong": (
        "bill is wrong", "wrong bill", "wrong amount", "overcharged", "charged too much",
        "charged twice", "factura incorrecta", "cobro de mas", "cobraram a mais",
        "conta errada", "facture fausse", "trop facture", "rechnung ist falsch", "falsche rechnung",
        "zu viel berechnet", "账单错误", "多收",
    ),
    "refund_missing": (
        "refund has not", "refund not", "no refund", "reembolso no", "reembolso nao",
        "pas de remboursement", "keine erstattung", "没退款", "退款没",
    ),
    "coupon_invalid": (
        "coupon", "voucher", "cupon", "cupom", "bon de reduction", "gutschein", "优惠券",
    ),
    "blocked": (
        "blocked", "blocking", "parked in", "my bay", "bloquead", "bloqueia", "bloque", "zugeparkt",
        "blockiert", "被占", "堵住",
    ),
    "site_care": ("dirty", "rubbish", "trash", "sucio", "basura", "sujo", "lixo", "sale", "dechets",
                  "schmutzig", "mull", "垃圾桶", "很脏"),
    "broken": (
        "broken", "damaged", "out of order", "defect", "does not work", "doesn't work", "roto",
        "averiad", "quebrad", "cassee", "en panne", "kaputt", "defekt", "坏了",
    ),
}  # fmt: skip
# What they are only about, where nothing above names what is wrong with it.
_ABOUT: Final[Mapping[str, tuple[str, ...]]] = {
    "refund_missing": (
        "my refund", "the refund", "reembolso", "remboursement", "erstattung", "退款",
    ),
    "bill_wrong": (
        "my bill", "the bill", "a bill", "last bill", "billing", "the price", "the amount",
        "the cost", "factura", "la cuenta", "mi cuenta", "cobro", "conta de", "minha conta",
        "a conta", "cobranca", "fatura", "facture", "le prix", "le montant", "rechnung",
        "abrechnung", "den preis", "账单", "费用", "收费", "扣费",
    ),
}  # fmt: skip


def topic_in(text: str) -> str | None:
    """The code that a rider's words name, or None: then they choose from the list."""
    split = unicodedata.normalize("NFKD", text.casefold().replace("’", "'"))
    plain = "".join(char for char in split if not unicodedata.combining(char))
    for code, words in (*_WORDS.items(), *_ABOUT.items()):
        for word in words:
            if not word.isascii():
                if word in text:
                    return code
            elif re.search(rf"(?<!\w){re.escape(word)}", plain):
                return code
    return None
