"""The team: people and how they work, accounts, opening hours and holidays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, Final
from zoneinfo import ZoneInfo

from flask import abort, flash, redirect, request, url_for
from sqlalchemy import case, func, select

from bot.console.context import Console
from bot.console.guard import Me, Routes
from bot.domain.paging import WrongAddress
from bot.domain.rights import ROLES
from bot.services import desk, second_factor, shifts, staff_accounts, team
from bot.services.staff_accounts import NotAllowed
from bot.services.team import Hours, WrongHours
from bot.store.database import UnitOfWork
from bot.store.riders import Conversation
from bot.store.staff import Staff

DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_WEEKDAYS: Final = 5
ROLES_TOLD: Final = {
    "agent": "Answers riders: own chats and the queue",
    "technician": "Looks after piles and incidents",
    "finance": "Bills, refunds, approvals",
    "manager": "Everything of the desk, tariffs, incidents",
    "admin": "Accounts and the audit log; cannot move money",
}


def add_routes(routes: Routes, console: Console) -> None:
    """Routes below /team."""

    @routes.page("/team", right="team.manage")
    def page() -> Any:
        with console.store.read() as work:
            by_role = case({role: at for at, role in enumerate(reversed(ROLES))}, value=Staff.role)
            people = work.session.scalars(
                select(Staff).order_by(Staff.active.desc(), by_role, func.lower(Staff.name))
            ).all()
            chats = _open_chats(work)
            roster = shifts.roster(work, console.settings)
            absent = {each.staff.id for each in roster.now if not desk.is_here(work, each.staff)}
        return console.page(
            "team", people=people, chats=chats, languages=team.LANGUAGES, roster=roster,
            absent=absent, zone=ZoneInfo(console.settings.desk_tz),
        )  # fmt: skip

    @routes.page("/team/<int:staff_id>", right="team.manage")
    def person(staff_id: int) -> Any:
        return _person(console, staff_id)

    @routes.action("/team/<int:staff_id>", right="team.manage")
    def save_person(staff_id: int) -> Any:
        capacity = request.form.get("capacity", "")
        try:
            with console.store.begin() as work:
                staff = work.session.get(Staff, staff_id) or abort(404)
                team.set_person(
                    work,
                    console.me().actor(),
                    staff.id,
                    name=request.form.get("name", ""),
                    langs=request.form.getlist("langs"),
                    skills=request.form.getlist("skills"),
                    capacity=int(capacity) if capacity.isdecimal() else staff.capacity,
                    page_address=request.form.get("page_address", staff.page_address),
                )
        except WrongAddress as wrong:
            flash(f"Nothing was saved: the address for emergencies is {wrong}.", "bad")
        else:
            flash("Saved.", "good")
        return _to_person(staff_id)

    @routes.action("/team/<int:staff_id>/shifts", right="team.manage")
    def save_shifts(staff_id: int) -> Any:
        try:
            week = {
                day: team.read_shift(
                    request.form.get(f"begins-{day}", ""), request.form.get(f"ends-{day}", "")
                )
                for day in range(len(DAYS))
                if request.form.get(f"on-{day}") == "on"
            }
        except WrongHours as wrong:
            flash(str(wrong), "bad")
        else:
            with console.store.begin() as work:
                if work.session.get(Staff, staff_id) is None:
                    abort(404)
                shifts.change(work, console.me().actor(), staff_id, week)
            flash("Saved.", "good")
        return _to_person(staff_id)

    @routes.page("/team/new", right="staff.manage")
    def new() -> Any:
        return console.page("team_new", roles=ROLES_TOLD, typed={})

    @routes.action("/team/new", right="staff.manage")
    def create() -> Any:
        me = console.me()
        typed = {name: request.form.get(name, "") for name in ("login", "name", "role")}
        if not console.fresh_factor(me):
            return console.page("team_new", 403, roles=ROLES_TOLD, typed=typed)
        try:
            with console.store.begin() as work:
                staff = staff_accounts.create(work, me.actor(), **typed)
                link = staff_accounts.link(console.settings, staff, work.now)
        except NotAllowed as no:
            return console.page("team_new", 400, roles=ROLES_TOLD, typed=typed, problem=str(no))
        return console.page("team_link", staff=staff, link=link)

    @routes.action("/team/<int:staff_id>/role", right="staff.manage")
    def role(staff_id: int) -> Any:
        wanted = request.form.get("role", "")
        return _change(
            console,
            staff_id,
            lambda work, me, why: staff_accounts.change_role(
                work, me.actor(), staff_id, wanted, why
            ),
            "The role is changed; they log in anew.",
        )

    @routes.action("/team/<int:staff_id>/active", right="staff.manage")
    def active(staff_id: int) -> Any:
        wanted = request.form.get("active") == "yes"
        return _change(
            console,
            staff_id,
            lambda work, me, why: staff_accounts.set_active(
                work, me.actor(), staff_id, wanted, why
            ),
            "The account is open again." if wanted else "The account is closed.",
        )

    @routes.action("/team/<int:staff_id>/factor", right="staff.manage")
    def reset_factor(staff_id: int) -> Any:
        return _change(
            console,
            staff_id,
            lambda work, me, why: staff_accounts.reset_factor(work, me.actor(), staff_id, why),
            "The second factor is reset: they set one up at the next login.",
        )

    @routes.action("/team/<int:staff_id>/link", right="staff.manage")
    def new_link(staff_id: int) -> Any:
        links: list[tuple[Staff, str]] = []

        def reset(work: UnitOfWork, me: Me, why: str) -> None:
            staff = staff_accounts.reset_password(work, me.actor(), staff_id, why)
            links.append((staff, staff_accounts.link(console.settings, staff, work.now)))

        back = _change(console, staff_id, reset, "")
        if not links:
            return back
        return console.page("team_link", staff=links[0][0], link=links[0][1])

    @routes.page("/team/hours", right="team.manage")
    def hours() -> Any:
        return _hours(console)

    @routes.action("/team/hours", right="team.manage")
    def save_hours() -> Any:
        try:
            week = None if request.form.get("when") == "always" else _week_of_form()
        except WrongHours as wrong:
            return _hours(console, problem=str(wrong))
        with console.store.begin() as work:
            team.set_week(work, console.me().actor(), week)
        flash("The hours are saved.", "good")
        return redirect(url_for("console.team_hours"), 303)

    @routes.action("/team/hours/days", right="team.manage")
    def save_day() -> Any:
        try:
            day = date.fromisoformat(request.form.get("date", ""))
            what = request.form.get("what", "closed")
            chosen = None if what == "usual" else team.CLOSED
            if what == "open":
                chosen = team.read_hours(
                    request.form.get("opens", ""), request.form.get("closes", "")
                )
        except ValueError:
            return _hours(console, problem="Choose a date.")
        except WrongHours as wrong:
            return _hours(console, problem=str(wrong))
        with console.store.begin() as work:
            team.set_special_day(work, console.me().actor(), day, chosen)
        flash("Saved." if chosen else "That day is as usual again.", "good")
        return redirect(url_for("console.team_hours"), 303)


def _change(
    console: Console,
    staff_id: int,
    do: Callable[[UnitOfWork, Me, str], None],
    done: str,
) -> Any:
    """A change of somebody's account: with a reason, a fresh factor, and told."""
    me = console.me()
    reason = request.form.get("reason", "").strip()
    if not reason:
        flash("Say why: it is kept in the audit log.", "bad")
    elif console.fresh_factor(me):
        try:
            with console.store.begin() as work:
                do(work, me, reason)
        except NotAllowed as no:
            flash(str(no), "bad")
        else:
            if done:
                flash(done, "good")
    return _to_person(staff_id)


def _person(console: Console, staff_id: int) -> Any:
    with console.store.read() as work:
        staff = work.session.get(Staff, staff_id) or abort(404)
        chats = _open_chats(work).get(staff.id, 0)
        left = second_factor.recovery_codes_left(work, staff.id)
        week = shifts.of(work, staff.id)
    return console.page(
        "team_person",
        staff=staff,
        chats=chats,
        codes_left=left,
        languages=team.LANGUAGES,
        skills=team.SKILLS,
        roles=ROLES_TOLD,
        capacity_max=team.CAPACITY_MAX,
        week=[(name, week.get(day)) for day, name in enumerate(DAYS)],
        clock=team.clock_time,
    )


def _hours(console: Console, problem: str = "") -> Any:
    with console.store.read() as work:
        week, special = team.week(work), team.special_days(work)
        today = work.now.date()
    shown = week or [Hours(8 * 60, 18 * 60)] * _WEEKDAYS + [team.CLOSED] * 2
    return console.page(
        "team_hours",
        400 if problem else 200,
        always=week is None,
        week=list(zip(DAYS, shown, strict=True)),
        special=[(day, DAYS[day.weekday()], hours) for day, hours in special if day >= today],
        clock=team.clock_time,
        today=today.isoformat(),
        problem=problem,
    )


def _week_of_form() -> list[Hours]:
    return [
        team.read_hours(request.form.get(f"opens-{day}", ""), request.form.get(f"closes-{day}", ""))
        if request.form.get(f"open-{day}") == "on"
        else team.CLOSED
        for day in range(len(DAYS))
    ]


def _open_chats(work: UnitOfWork) -> dict[int, int]:
    """How many chats each person has in hand."""
    rows = work.session.execute(
        select(Conversation.owner_id, func.count())
        .where(Conversation.owner == "human", Conversation.status != "resolved")
        .group_by(Conversation.owner_id)
    )
    return {staff_id: count for staff_id, count in rows if staff_id is not None}


def _to_person(staff_id: int) -> Any:
    return redirect(url_for("console.team_person", staff_id=staff_id), 303)
