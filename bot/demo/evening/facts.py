"""What really happened, as those who did it know it: the report holds the service against this."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(slots=True)
class Visit:
    """A rider's charge. `end`: how it was meant to end. Times are seconds since the epoch."""

    phone: str
    code: str
    end: str
    money: str = "usual"
    agreed_at: float = 0.0
    over_at: float = 0.0
    problem: str = ""


@dataclass(slots=True)
class Trouble:
    """Something that broke. `visits` are the charges it touches, `others` those beside it."""

    number: int
    kind: str
    pile_id: str
    station: str
    at: float = 0.0
    repaired_at: float = 0.0
    over_at: float = 0.0  # the pile could be used again
    visits: list[Visit] = field(default_factory=list)
    others: list[Visit] = field(default_factory=list)


@dataclass(slots=True)
class Facts:
    """All of an evening; threads add to it."""

    size: str
    sockets: int
    seed: int
    began_at: float = 0.0
    ended_at: float = 0.0
    visits: list[Visit] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, *, visit: Visit | None = None, trouble: Trouble | None = None) -> None:
        """Note a charge or something broken."""
        with self._lock:
            if visit is not None:
                self.visits.append(visit)
            if trouble is not None:
                self.troubles.append(trouble)

    def problem(self, text: str) -> None:
        """Somebody on stage could not do their part: nothing is proven then."""
        with self._lock:
            self.problems.append(text)

    def write(self, path: Path) -> None:
        """Keep it beside the report."""
        told: dict[str, Any] = {
            "size": self.size, "sockets": self.sockets, "seed": self.seed,
            "began_at": self.began_at, "ended_at": self.ended_at, "problems": self.problems,
            "visits": [asdict(each) for each in self.visits],
            "troubles": [asdict(each) for each in self.troubles],
        }  # fmt: skip
        path.write_text(json.dumps(told, indent=1), encoding="utf-8")


def read(path: Path) -> Facts:
    """What `write` kept."""
    told = json.loads(path.read_text(encoding="utf-8"))
    told["visits"] = [Visit(**each) for each in told["visits"]]
    told["troubles"] = [
        Trouble(**{**each, "visits": [Visit(**one) for one in each["visits"]],
                   "others": [Visit(**one) for one in each["others"]]})
        for each in told["troubles"]
    ]  # fmt: skip
    return Facts(**told)
