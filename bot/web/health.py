"""/healthz (the process lives), /readyz (each dependency, truly asked) and /metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from flask import Blueprint, Response, jsonify
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from bot.domain.session import FINAL, STATES
from bot.store.charging import ChargingSession, Hold
from bot.store.database import Store
from bot.store.queues import Inbox, Outbox
from bot.store.riders import Conversation
from bot.store.stations import Pile

# Of holds: what is over is never counted, there is ever more of it.
PENDING = ("creating", "waiting", "held", "capturing", "voiding")
# Asks a dependency and raises when it does not answer.
Probe = Callable[[], object]


def blueprint(
    store: Store, *, needed: Mapping[str, Probe], optional: Mapping[str, Probe]
) -> Blueprint:
    """`needed` dependencies make /readyz 503 when away; `optional` ones are only reported."""
    pages = Blueprint("health", __name__)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Figures(store))

    @pages.get("/healthz")
    def healthz() -> Response:
        return jsonify(ok=True)

    @pages.get("/readyz")
    def readyz() -> tuple[Response, int]:
        state = {name: _ask(probe) for name, probe in {**needed, **optional}.items()}
        ready = all(state[name] == "ok" for name in needed)
        return jsonify(ready=ready, **state), 200 if ready else 503

    @pages.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)

    return pages


def _ask(probe: Probe) -> str:
    try:
        probe()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
        return f"{type(error).__name__}: {error}"[:200]
    return "ok"


class Figures(Collector):
    """Figures read from the database at each scrape: the same whichever process answers."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def collect(self) -> Iterator[Metric]:
        """Counts by state, and how long the oldest waiting row has waited."""
        with self._store.read() as work:
            count = work.session.execute
            for table, name in ((Inbox, "inbox"), (Outbox, "outbox")):
                rows = GaugeMetricFamily(
                    f"pilebot_{name}_rows", f"Rows of the {name} by state", labels=["state"]
                )
                for state, number in count(
                    select(table.state, func.count())
                    .where(table.state.in_(("open", "failed")))
                    .group_by(table.state)
                ):
                    rows.add_metric([state], number)
                yield rows
            oldest = work.session.scalar(
                select(func.min(Inbox.available_at)).where(
                    Inbox.state == "open", Inbox.available_at <= work.now
                )
            )
            waited = (work.now - oldest).total_seconds() if oldest else 0.0
            yield GaugeMetricFamily(
                "pilebot_inbox_oldest_seconds", "Age of the oldest due inbox row", value=waited
            )
            for title, name, label, statement in (
                ("Charging sessions that are not over, by state", "sessions", "state",
                 select(ChargingSession.state, func.count())
                 .where(ChargingSession.state.in_(set(STATES) - FINAL))
                 .group_by(ChargingSession.state)),
                ("Holds that are not over, by state", "holds", "state",
                 select(Hold.state, func.count())
                 .where(Hold.state.in_(PENDING))
                 .group_by(Hold.state)),
                ("Conversations by owner", "conversations", "owner",
                 select(Conversation.owner, func.count()).group_by(Conversation.owner)),
                ("Piles by presence", "piles", "online",
                 select(Pile.online, func.count()).group_by(Pile.online)),
            ):  # fmt: skip
                family = GaugeMetricFamily(f"pilebot_{name}", title, labels=[label])
                for value, number in count(statement):
                    family.add_metric([str(value).lower()], number)
                yield family
