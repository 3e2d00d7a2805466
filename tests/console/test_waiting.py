"""Lines, forecasts and power in the console: masked, with a reason, by those who may."""

from __future__ import annotations

from sqlalchemy import select

from bot.services.riders import rider_for
from bot.store.staff import Audit
from bot.store.stations import Evse, Station
from bot.store.waiting import FreeEstimate, HourForecast, Waiter
from tests.console.desk import Desk
from tests.world import World

RIDERS = ("+358409990021", "+358409990022")


def in_line(world: World) -> list[int]:
    with world.store.begin() as work:
        for evse in work.session.scalars(select(Evse)):
            evse.status = "Unavailable"
        station = work.session.scalars(select(Station)).one()
        rows = [
            Waiter(
                key=phone, rider_id=rider_for(work, "whatsapp", phone).id, station_id=station.id,
                connector_type="IEC_62196_T2", rank=number, joined_at=work.now,
            )
            for number, phone in enumerate(RIDERS)
        ]  # fmt: skip
        work.session.add_all(rows)
        work.session.flush()
        return [each.id for each in rows]


def test_a_line_is_seen_by_all_and_changed_by_the_desk_with_a_reason(
    world: World, desk: Desk
) -> None:
    first, second = in_line(world)
    agent, technician = desk.agent("agent"), desk.agent("technician")
    shown = technician.get("/waiting").text
    assert "Kamppi" in shown
    assert "Type 2" in shown
    assert RIDERS[0] not in shown
    assert RIDERS[0][-4:] not in shown or "•" in shown
    assert "To the front" not in shown
    assert "/conversations/" not in shown  # out of a technician's reach
    assert "/conversations/" in agent.get("/waiting").text
    assert technician.post(f"/waiting/{second}/front", reason="x").status_code == 403
    agent.post(f"/waiting/{second}/front", reason="")
    with world.store.read() as work:
        assert work.session.get_one(Waiter, second).rank == 1
    agent.post(f"/waiting/{second}/front", reason="Has a doctor's appointment")
    agent.post(f"/waiting/{first}/remove", reason="Asked by phone")
    with world.store.read() as work:
        assert work.session.get_one(Waiter, second).rank < 0
        assert work.session.get_one(Waiter, first).state == "removed"
        done = set(work.session.scalars(select(Audit.action)))
    assert {"queue_front", "queue_remove"} <= done
    assert "no longer in line" in _told(agent, f"/waiting/{first}/remove")
    world.settle()


def _told(agent: object, path: str) -> str:
    agent.post(path, reason="again")  # type: ignore[attr-defined]
    return str(agent.get("/waiting").text)  # type: ignore[attr-defined]


def test_forecasts_show_what_came_true_and_a_cap_is_the_managers(world: World, desk: Desk) -> None:
    with world.store.begin() as work:
        station = work.session.scalars(select(Station)).one()
        evse = work.session.scalars(select(Evse)).first()
        assert evse is not None
        for slot in range(6):
            work.session.add(
                FreeEstimate(
                    station_id=station.id, connector_type="IEC_62196_T2", slot=slot,
                    made_at=work.now, estimate_at=work.now, evse_id=evse.id, basis="history",
                    actual_at=work.now, error_s=540,
                )
            )  # fmt: skip
        hour = work.now.replace(minute=0, second=0, microsecond=0)
        work.session.add(
            HourForecast(
                station_id=station.id, hour_at=hour, made_at=work.now, expected=430, days=2,
                actual=500,
            )
        )  # fmt: skip
        station_id = station.id
    agent, manager = desk.agent("agent"), desk.agent("manager")
    assert "within 9 min" in agent.get("/forecasts").text
    shown = agent.get(f"/forecasts/{station_id}").text
    for part in ("+9 min", "43 %", "50 %", "little data", "off by 7 points"):
        assert part in shown
    assert agent.get("/forecasts/999").status_code == 404
    assert agent.post(f"/stations/{station_id}/cap", power_cap_kw="40").status_code == 403
    manager.post(f"/stations/{station_id}/cap", power_cap_kw="43,5")
    assert "43.5 kW" in manager.get(f"/stations/{station_id}").text
    manager.post(f"/stations/{station_id}/cap", power_cap_kw="much")
    manager.post(f"/stations/{station_id}/cap", power_cap_kw="-4")
    with world.store.read() as work:
        assert work.session.get_one(Station, station_id).power_cap_w == 43_500
    manager.post(f"/stations/{station_id}/cap", power_cap_kw="")
    with world.store.read() as work:
        assert work.session.get_one(Station, station_id).power_cap_w is None
    world.settle()
