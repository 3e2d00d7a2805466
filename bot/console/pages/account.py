"""One's own account: password, second factor, devices, preferences."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, g, make_response, redirect, request, url_for
from markupsafe import Markup
from sqlalchemy import select

from bot.console.context import Console
from bot.console.fragments import fragment
from bot.console.guard import Routes
from bot.console.pages.login import enrol_secret
from bot.console.qr import svg
from bot.services import (
    audit,
    passwords,
    preferences,
    second_factor,
    staff_login,
    staff_sessions,
)
from bot.services.browsers import browser_name
from bot.store.database import UnitOfWork
from bot.store.staff import Staff, StaffSession


def add_routes(routes: Routes, console: Console) -> None:
    """Routes below /account."""
    door = console.doorman

    @routes.page("/account", right="self")
    def page() -> Any:
        return _page(console)

    @routes.action("/account/password", right="self")
    def password() -> Any:
        me = console.me()
        new, again = request.form.get("new", ""), request.form.get("again", "")
        try:
            staff_login.check_password(console.store, me.staff_id, request.form.get("now", ""))
        except staff_login.TooSoon as soon:
            wait = staff_login.in_words(soon.wait)
            return _page(console, password_problem=f"Too many tries. Try again {wait}.")
        except staff_login.Wrong:
            return _page(console, password_problem="Your present password is not right.")  # noqa: S106 - a text
        staff = own_row(console)
        problem = passwords.weakness(new, staff.login, staff.name)
        if problem is None and new != again:
            problem = "The two new ones are not the same."
        if problem:
            return _page(console, password_problem=problem)
        hashed = passwords.hash_password(new)
        with console.store.begin() as work:
            staff = work.session.get_one(Staff, me.staff_id)
            staff.password_hash, staff.password_set_at = hashed, work.now
            ended = _end_others(work, me.staff_id, me.session_id)
            audit.record(work, me.actor(), "password.changed", f"staff:{staff.id}")
        flash(f"Your password is changed. {_devices(ended)}", "good")
        response = _back()
        door.remember_device(response, staff)
        return response

    @routes.page("/account/second-factor", right="self")
    def factor() -> Any:
        return _factor_page(console)

    @routes.action("/account/second-factor", right="self")
    def enrol() -> Any:
        me = console.me()
        staff = own_row(console)
        # With a factor already: only with a code of the old one, or just after giving one.
        if staff.totp_secret and not console.fresh_factor(me):
            return redirect(url_for("console.account_factor"), 303)
        _, session = door.session() or abort(401)
        secret = enrol_secret(console, staff, session)
        with console.store.begin() as work:
            staff = work.session.get_one(Staff, me.staff_id, with_for_update=True)
            typed = request.form.get("new_code", "")
            codes = second_factor.enrol(work, console.settings, staff, secret, typed)
            if codes is not None:
                audit.record(work, me.actor(), "factor.enrolled", f"staff:{staff.id}")
                _end_others(work, me.staff_id, me.session_id)
        if codes is None:
            return _factor_page(console, "That code is not right. Wait for the next one.")
        return _codes_page(console, codes)

    @routes.action("/account/recovery-codes", right="self")
    def recovery_codes() -> Any:
        me = console.me()
        if not console.fresh_factor(me):
            return _back()
        with console.store.begin() as work:
            staff = work.session.get_one(Staff, me.staff_id)
            if not staff.totp_secret:
                abort(409)
            codes = second_factor.new_recovery_codes(work, staff)
            audit.record(work, me.actor(), "factor.new_codes", f"staff:{staff.id}")
        return _codes_page(console, codes)

    @routes.action("/account/devices/<int:session_id>/end", right="self")
    def end_device(session_id: int) -> Any:
        me = console.me()
        with console.store.begin() as work:
            ended = staff_sessions.revoke(work, staff_id=me.staff_id, session_id=session_id)
            if ended:
                audit.record(work, me.actor(), "session.ended", f"session:{session_id}")
        flash("That device is logged out." if ended else "It was logged out already.", "good")
        return _back()

    @routes.action("/account/devices/end-others", right="self")
    def end_others() -> Any:
        me = console.me()
        with console.store.begin() as work:
            ended = _end_others(work, me.staff_id, me.session_id)
            audit.record(work, me.actor(), "session.ended_others", after={"count": ended})
        flash(_devices(ended) or "There was no other device.", "good")
        return _back()

    @routes.action("/account/devices/mine", right="self")
    def acknowledge() -> Any:
        with console.store.begin() as work:
            staff_login.acknowledge_devices(work, console.me().staff_id)
        flash("Good to know.", "good")
        return _back()

    @routes.action("/account/preferences", right="self")
    def prefer() -> Any:
        try:
            chosen = preferences.from_form(request.form)
        except ValueError as error:
            flash(str(error), "bad")
            return _back()
        with console.store.begin() as work:
            staff = work.session.get_one(Staff, console.me().staff_id, with_for_update=True)
            staff.preferences = {**staff.preferences, **chosen}
        flash("Saved.", "good")
        return _back()


def shared(console: Console) -> dict[str, Any]:
    """For all templates: the field for a fresh second factor, and what is new of one's account."""

    def factor_field() -> Markup:
        """Inside a form whose action asks `console.fresh_factor`; nothing while it is fresh."""
        me = g.me
        now = console.store.clock()
        fresh = me.factor_at is not None and now - me.factor_at <= staff_login.FRESH
        by_code = fresh or bool(own_row(console).totp_secret)
        return fragment("console/factor_field.html", fresh=fresh, by_code=by_code)

    def new_devices() -> int:
        """How many logins from new devices this person has not looked at."""
        return len(g.me.preferences.get(staff_login.UNSEEN, [])) if g.me else 0

    return {"factor_field": factor_field, "new_devices": new_devices}


def own_row(console: Console) -> Staff:
    """The row of the person behind this request."""
    found = console.doorman.session()
    assert found is not None
    return found[0]


def _page(console: Console, password_problem: str = "") -> Any:
    me = console.me()
    unseen = me.preferences.get(staff_login.UNSEEN, [])
    with console.store.read() as work:
        staff = work.session.get_one(Staff, me.staff_id)
        open_sessions = work.session.scalars(
            select(StaffSession)
            .where(
                StaffSession.staff_id == me.staff_id,
                StaffSession.revoked_at.is_(None),
                StaffSession.totp_at.is_not(None),
                StaffSession.expires_at > work.now,
            )
            .order_by(StaffSession.seen_at.desc())
        ).all()
        devices = [
            {
                "id": each.id,
                "name": browser_name(each.browser),
                "ip": each.ip,
                "since": each.created_at,
                "seen": each.seen_at,
                "here": each.id == me.session_id,
                "new": each.id in unseen,
            }
            for each in open_sessions
            if not staff_sessions.is_idle(staff, each, work.now)
        ]
        left = second_factor.recovery_codes_left(work, me.staff_id)
    return console.page(
        "account",
        400 if password_problem else 200,
        staff=staff,
        devices=devices,
        unseen=len(unseen),
        codes_left=left,
        chosen=preferences.of(me.preferences),
        keys=preferences.KEYS,
        password_problem=password_problem,
        must_have=second_factor.is_needed(console.settings, staff),
    )


def _factor_page(console: Console, problem: str = "") -> Any:
    found = console.doorman.session()
    assert found is not None
    staff, session = found
    secret = enrol_secret(console, staff, session)
    return console.page(
        "account_factor",
        400 if problem else 200,
        staff=staff,
        secret=secret,
        qr=svg(second_factor.app_address(console.settings, staff, secret)),
        problem=problem,
    )


def _codes_page(console: Console, codes: list[str]) -> Any:
    return make_response(console.page("recovery_codes", codes=codes, at_login=False))


def _end_others(work: UnitOfWork, staff_id: int, session_id: int) -> int:
    return staff_sessions.revoke(work, staff_id=staff_id, but=session_id)


def _devices(ended: int) -> str:
    if not ended:
        return ""
    return f"{ended} other device{'s are' if ended > 1 else ' is'} logged out."


def _back() -> Any:
    return redirect(url_for("console.account_page"), 303)
