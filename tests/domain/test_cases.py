"""Cases: moves, facts, routes, who escalates, and what riders' words name."""

from __future__ import annotations

import pytest

from bot.domain import cases
from bot.domain.cases import BOARD, CLASSES, KINDS, RIDER_TOPICS, TEAMS, TOPICS, Route, Told
from bot.domain.clocks import KINDS as CLOCKS
from bot.domain.contacts import points_in


def test_every_code_has_a_class_a_kind_a_team_and_clocks() -> None:
    for code, topic in TOPICS.items():
        assert topic.class_ in CLASSES
        assert topic.kind in KINDS
        assert topic.team in TEAMS
        assert set(cases.clocks_of(topic.kind, code)) <= set(CLOCKS)
        assert {f"p{topic.priority}_first", f"p{topic.priority}_resolve"} <= set(CLOCKS)
    assert len(RIDER_TOPICS) <= 10
    assert {cases.topic_of_kind(kind) for kind in KINDS} <= set(TOPICS)


@pytest.mark.parametrize(
    ("now", "to", "ok"),
    [
        ("new", "assigned", True), ("new", "closed", False), ("assigned", "closed", False),
        ("done", "closed", True), ("done", "assigned", True), ("closed", "assigned", True),
        ("closed", "done", False), ("waiting_site", "waiting_rider", True), ("done", "new", False),
    ],
)  # fmt: skip
def test_moves(now: str, to: str, ok: bool) -> None:
    assert cases.may_move(now, to) is ok


def test_only_done_leads_to_closed_and_all_open_ones_to_done() -> None:
    assert [now for now in cases.STATUSES if cases.may_move(now, "closed")] == ["done"]
    assert [now for now in BOARD if cases.may_move(now, "done")] == list(cases.OPEN)


def test_what_is_missing() -> None:
    assert cases.missing(Told("", " ", "", "", has_time=False)) == (
        "person", "contact", "pile or place", "problem", "time",
    )  # fmt: skip
    assert cases.missing(Told("Aino", "+358", "", "My data", needs_place=False)) == ()
    assert cases.lacks_result("x", " ", "") == ("fix", "result")


def test_the_most_precise_route_wins() -> None:
    routes = [
        Route("", "", None, "support", None), Route("technical", "", None, "technical", 1),
        Route("technical", "FI", None, "technical", 2), Route("", "", 5, "site", 3),
    ]  # fmt: skip
    assert cases.route(routes, "broken", country="FI", station_id=4) == ("technical", 2)
    assert cases.route(routes, "broken", country="SE", station_id=4) == ("technical", 1)
    assert cases.route(routes, "broken", country="FI", station_id=5) == ("site", 3)
    assert cases.route(routes, "other", country="FI", station_id=4) == ("support", None)
    assert cases.route([], "bill_wrong", country="FI", station_id=4) == ("finance", None)


def test_who_goes_to_a_supervisor() -> None:
    reason = cases.supervisor_reason
    assert reason(contacts=2, answered_no=False, missed="") == ""
    assert "3 times" in reason(contacts=3, answered_no=False, missed="")
    assert "not solved" in reason(contacts=1, answered_no=True, missed="")
    assert "On site" in reason(contacts=1, answered_no=False, missed="On site")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("the cable is stuck, help", "cant_stop"), ("Ladekabel klemmt", None),
        ("Das Kabel klemmt", "cant_stop"), ("the car does not charge", "wont_charge"),
        ("My bill is wrong!", "bill_wrong"), ("la factura incorrecta", "bill_wrong"),
        ("una plaza bloqueada", "blocked"), ("C'est très sale", "site_care"),
        ("充电桩坏了", "broken"), ("Die Säule ist kaputt", "broken"), ("I am unhappy", None),
        ("it is on sale", "site_care"), ("unbroken", None),
        ("complaint about my bill", "bill_wrong"), ("queja sobre la factura", "bill_wrong"),
        ("reclamação sobre minha conta", "bill_wrong"), ("投诉账单", "bill_wrong"),
        ("réclamation sur ma facture", "bill_wrong"), ("投诉退款", "refund_missing"),
        ("Beschwerde über die Rechnung", "bill_wrong"), ("my refund is late", "refund_missing"),
        ("the broken pile took my bill", "broken"), ("a bilingual sign", None),
    ],
)  # fmt: skip
def test_topics_in_riders_words(text: str, code: str | None) -> None:
    assert cases.topic_in(text) == code


@pytest.mark.parametrize(
    ("kind", "code", "again"),
    [("fault", "broken", ("fault_response", "first_reply")),
     ("fault", "power_lost", ("fault_response", "first_reply")),
     ("billing", "bill_wrong", ("dispute", "first_reply")),
     ("incident", "hazard", ("first_reply",)), ("incident", "outage", ("on_site", "first_reply")),
     ("complaint", "other", ("first_reply",))],
)  # fmt: skip
def test_what_is_promised_to_who_comes_back(kind: str, code: str, again: tuple[str, ...]) -> None:
    assert cases.clocks_again(kind, code) == again


@pytest.mark.parametrize(
    ("text", "points"),
    [("Call +358 40 123 4567 or 00358401234567.", {"+358401234567"}),
     ("Mail Aino@Example.com.", {"aino@example.com"}), ("pile 1023-27 since 040 1234567", set()),
     ("a@b.fi,c@d.fi", {"a@b.fi", "c@d.fi"}), ("", set())],
)  # fmt: skip
def test_numbers_and_addresses_in_a_text(text: str, points: set[str]) -> None:
    assert points_in(text) == points
