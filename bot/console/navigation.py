"""The console's sections, as far as somebody's role opens them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from flask import current_app, request, url_for

from bot.console.guard import Me


@dataclass(frozen=True, slots=True)
class Section:
    """A section: its first page's endpoint, the right it needs, where it shows."""

    label: str
    icon: str
    endpoint: str
    right: str
    on_phone: bool = False
    live: str = ""  # what its counter hangs on (data-live)
    count_endpoint: str = ""


SECTIONS: Final = (
    Section(
        "Inbox", "inbox", "inbox_page", "conversation.read", True, "conversation", "inbox_count"
    ),
    Section("Tickets", "ticket", "tickets_page", "case.read", True, "case", "tickets_count"),
    Section("Incidents", "siren", "incidents_page", "incident.read", True),
    Section("Jobs", "wrench", "jobs_page", "job.read", False, "job", "jobs_count"),
    Section("Piles", "plug-zap", "piles_page", "pile.read", True),
    Section(
        "Approvals",
        "shield-check",
        "approvals_page",
        "refund.approve",
        False,
        "action",
        "approvals_count",
    ),
    Section(
        "Disputes", "undo-2", "disputes_page", "dispute.read", False, "dispute", "disputes_count"
    ),
    Section("Mentions", "at-sign", "mentions_page", "self", False, "mention", "mentions_count"),
    Section("Stations", "map-pin", "stations_page", "station.read"),
    Section("Bookings", "calendar", "bookings_page", "booking.read"),
    Section("Lines", "users", "waiting_page", "station.read"),
    Section("Forecasts", "chart-line", "forecasts_page", "station.read"),
    Section("Tariffs", "receipt", "tariffs_page", "tariff.read"),
    Section("Coupons", "gift", "coupons_page", "coupon.read"),
    Section("Meter checks", "search", "meters_page", "meter.read"),
    Section("Plans", "wallet", "plans_page", "plan.edit"),
    Section("Figures", "chart-line", "figures_page", "figures.read"),
    Section("Promises", "clock", "promises_page", "promise.read"),
    Section("Invoices", "receipt", "invoices_page", "invoice.read"),
    Section("Feedback", "check-check", "feedback_page", "feedback.read"),
    Section("Canned replies", "reply", "canned_page", "canned.edit"),
    Section("Partners", "key-round", "partners_page", "partner.manage"),
    Section("Team", "users", "team_page", "team.manage"),
    Section("Audit", "history", "audit_page", "audit.read"),
    Section("More", "menu", "more_page", "self", True),
)


@dataclass(frozen=True, slots=True)
class Item:
    """A section as a page shows it."""

    label: str
    icon: str
    url: str
    here: bool
    on_phone: bool
    live: str
    count_url: str
    count: int | str


def items(me: Me | None) -> list[Item]:
    """The sections this person may open, those that exist."""
    if me is None:
        return []
    return [_item(one) for one in SECTIONS if me.may(one.right) and _exists(one.endpoint)]


def _exists(endpoint: str) -> bool:
    return f"console.{endpoint}" in current_app.view_functions


def _item(one: Section) -> Item:
    url = url_for(f"console.{one.endpoint}")
    counted = one.count_endpoint if one.count_endpoint and _exists(one.count_endpoint) else ""
    first = "/" + request.path.strip("/").split("/", 1)[0]
    return Item(
        one.label, one.icon, url, first == url, one.on_phone, one.live if counted else "",
        url_for(f"console.{counted}") if counted else "", "",
    )  # fmt: skip
