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
    group: str = ""  # folded with others of this name; none: always in sight
    also: tuple[str, ...] = ()  # first parts of other addresses that belong to it


MORE: Final = Section("More", "menu", "more_page", "self", True)
SECTIONS: Final = (
    Section(
        "Inbox",
        "inbox",
        "inbox_page",
        "conversation.read",
        True,
        "conversation",
        "inbox_count",
        also=("conversations", "riders"),
    ),
    Section(
        "Tickets",
        "ticket",
        "tickets_page",
        "case.read",
        True,
        "case",
        "tickets_count",
        also=("ticket-routes",),
    ),
    Section("Incidents", "siren", "incidents_page", "incident.read", True),
    Section("Jobs", "wrench", "jobs_page", "job.read", False, "job", "jobs_count"),
    Section(
        "Piles",
        "plug-zap",
        "piles_page",
        "pile.read",
        True,
        "stale",
        "piles_count",
        also=("limits",),
    ),
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
        "Disputes",
        "undo-2",
        "disputes_page",
        "dispute.read",
        False,
        "dispute",
        "disputes_count",
        also=("charges",),
    ),
    Section("Mentions", "at-sign", "mentions_page", "self", False, "mention", "mentions_count"),
    Section("Stations", "map-pin", "stations_page", "station.read", group="Network"),
    Section("Bookings", "calendar", "bookings_page", "booking.read", group="Network"),
    Section("Lines", "hourglass", "waiting_page", "station.read", group="Network"),
    Section("Forecasts", "trending-up", "forecasts_page", "station.read", group="Network"),
    Section("Maintenance", "refresh-cw", "visits_page", "visit.read", group="Upkeep"),
    Section(
        "Certificates",
        "lock",
        "certificates_page",
        "visit.read",
        False,
        "certificate",
        "certificates_count",
        group="Upkeep",
    ),
    Section(
        "Predictions",
        "thermometer",
        "predictions_page",
        "job.read",
        False,
        "watch",
        "predictions_count",
        group="Upkeep",
    ),
    Section("Firmware", "download", "firmware_page", "pile.log", group="Upkeep"),
    Section("Meter checks", "gauge", "meters_page", "meter.read", group="Upkeep"),
    Section("Tariffs", "receipt", "tariffs_page", "tariff.read", group="Money"),
    Section("Coupons", "gift", "coupons_page", "coupon.read", group="Money"),
    Section("Plans", "package", "plans_page", "plan.edit", group="Money"),
    Section(
        "Invoices",
        "file-text",
        "invoices_page",
        "invoice.read",
        False,
        "receipts",
        "invoices_count",
        group="Money",
        also=("entities",),
    ),
    Section("Figures", "chart-line", "figures_page", "figures.read", group="Results"),
    Section("Changes", "arrow-right-left", "policies_page", "policy.read", group="Setup"),
    Section("Promises", "clock", "promises_page", "promise.read", group="Results"),
    Section("Feedback", "star", "feedback_page", "feedback.read", group="Results"),
    Section("Complaints", "archive", "reports_page", "report.read", group="Quality"),
    Section("Root causes", "tag", "causes_page", "cause.read", group="Quality"),
    Section(
        "Reviews",
        "eye",
        "reviews_page",
        "review.read",
        False,
        "review",
        "reviews_count",
        group="Quality",
    ),
    Section(
        "Questions",
        "circle-help",
        "questions_page",
        "knowledge.read",
        group="Quality",
        also=("knowledge",),
    ),
    Section("Canned replies", "reply", "canned_page", "canned.edit", group="Setup"),
    Section("Partners", "key-round", "partners_page", "partner.manage", group="Setup"),
    Section("Team", "users", "team_page", "team.manage", group="Setup"),
    Section("Audit", "history", "audit_page", "audit.read", group="Setup"),
    MORE,
)
GROUPS: Final = {
    "Network": "network",
    "Upkeep": "zap",
    "Money": "coins",
    "Results": "chart-pie",
    "Quality": "check-check",
    "Setup": "settings",
}


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
    group: str


@dataclass(frozen=True, slots=True)
class Group:
    """Sections that stand together; those without a label are always in sight."""

    label: str
    icon: str
    items: list[Item]

    @property
    def here(self) -> bool:
        """Whether the page belongs to one of them."""
        return any(each.here for each in self.items)


def items(me: Me | None) -> list[Item]:
    """The sections this person may open, those that exist."""
    if me is None:
        return []
    return [_item(one) for one in SECTIONS if me.may(one.right) and _exists(one.endpoint)]


def groups(me: Me | None) -> list[Group]:
    """The same by group, without "More", which is for who has no room for these."""
    more = url_for(f"console.{MORE.endpoint}")
    mine = [each for each in items(me) if each.url != more]
    found = [
        Group(label, icon, [each for each in mine if each.group == label])
        for label, icon in {"": "", **GROUPS}.items()
    ]
    return [each for each in found if each.items]


def _exists(endpoint: str) -> bool:
    return f"console.{endpoint}" in current_app.view_functions


def _item(one: Section) -> Item:
    url = url_for(f"console.{one.endpoint}")
    counted = one.count_endpoint if one.count_endpoint and _exists(one.count_endpoint) else ""
    first = request.path.strip("/").split("/", 1)[0]
    here = f"/{first}" == url or first in one.also
    return Item(
        one.label, one.icon, url, here, one.on_phone, one.live if counted else "",
        url_for(f"console.{counted}") if counted else "", "", one.group,
    )  # fmt: skip
