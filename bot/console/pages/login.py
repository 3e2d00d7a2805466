"""Logging in and out: password, second factor, the first time, and the link of a new account."""

from __future__ import annotations

from typing import Any

from flask import abort, g, make_response, redirect, request, url_for
from werkzeug.wrappers import Response

from bot.console.addresses import inside
from bot.console.context import Console
from bot.console.guard import PUBLIC, Routes
from bot.console.qr import svg
from bot.services import (
    audit,
    passwords,
    sealed,
    second_factor,
    staff_accounts,
    staff_login,
    staff_sessions,
)
from bot.services.staff_login import Entered, TooSoon, Wrong
from bot.store.staff import Staff, StaffSession

_WRONG = "Login or password is not right."
_WRONG_CODE = "That code is not right, or was used already. Wait for the next one."
_UNREADABLE = "Your second factor cannot be read any more. Ask an admin to reset it."


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /login, /login/code, /login/enrol, /logout, /set-up/<token>, /healthz."""
    door = console.doorman

    @routes.page("/login", right=PUBLIC)
    def form() -> Any:
        if g.me is None and door.session() is not None:
            return redirect(_next_of_pending(console), 303)
        return console.page("login", next=inside(request.args.get("next", "")), login="")

    @routes.action("/login", right=PUBLIC)
    def enter() -> Any:
        login, target = request.form.get("login", ""), inside(request.form.get("next", ""))
        try:
            entered = staff_login.log_in(
                console.store, console.settings, login, request.form.get("password", ""),
                door.visitor(),
            )  # fmt: skip
        except TooSoon as soon:
            return _again(console, login, target, f"Too many tries. Try again {_wait(soon)}.")
        except Wrong:
            return _again(console, login, target, _WRONG)
        _end_session_before(console)
        return _onward(console, entered, target)

    @routes.page("/login/code", right=PUBLIC)
    def code() -> Any:
        staff, _ = _pending(console)
        if not staff.totp_secret:
            return redirect(url_for("console.login_enrol"), 303)
        return console.page("login_code", next=inside(request.args.get("next", "")))

    @routes.action("/login/code", right=PUBLIC)
    def give_code() -> Any:
        _, session = _pending(console)
        target = inside(request.form.get("next", ""))
        try:
            entered = staff_login.give_code(
                console.store, console.settings, session, request.form.get("code", ""),
                door.visitor(),
            )  # fmt: skip
        except (TooSoon, Wrong, sealed.CannotOpen) as error:
            return console.page("login_code", 400, next=target, problem=_code_problem(error))
        return _onward(console, entered, target)

    @routes.page("/login/enrol", right=PUBLIC)
    def enrol() -> Any:
        staff, session = _pending(console)
        if staff.totp_secret:
            return redirect(url_for("console.login_code"), 303)
        return _enrol_page(console, staff, session)

    @routes.action("/login/enrol", right=PUBLIC)
    def confirm_enrol() -> Any:
        staff, session = _pending(console)
        if staff.totp_secret:
            return redirect(url_for("console.login_code"), 303)
        secret = enrol_secret(console, staff, session)
        with console.store.begin() as work:
            staff = work.session.get_one(Staff, staff.id, with_for_update=True)
            if staff.totp_secret:
                abort(409)
            codes = second_factor.enrol(
                work, console.settings, staff, secret, request.form.get("code", "")
            )
            if codes is not None:
                audit.record(work, None, "factor.enrolled", f"staff:{staff.id}")
                staff_sessions.revoke(work, staff_id=staff.id, session_id=session.id)
                entered = staff_login.enter(
                    work, console.settings, staff, door.visitor(), second_factor_given=True
                )
        if codes is None:
            return _enrol_page(console, staff, session, problem=_WRONG_CODE)
        response = make_response(console.page("recovery_codes", codes=codes, at_login=True))
        _let_in(console, response, entered)
        return response

    @routes.action("/logout", right=PUBLIC)
    def logout() -> Any:
        _end_session_before(console)
        response = redirect(url_for("console.login_form"), 303)
        door.let_out(response)
        response.headers["Clear-Site-Data"] = '"storage"'  # drafts are riders' business
        return response

    @routes.page("/set-up/<token>", right=PUBLIC)
    def set_up(token: str) -> Any:
        with console.store.read() as work:
            staff = staff_accounts.from_link(work, console.settings, token)
        return console.page("set_up", 200 if staff else 404, staff=staff)

    @routes.action("/set-up/<token>", right=PUBLIC)
    def finish_set_up(token: str) -> Any:
        password = request.form.get("password", "")
        with console.store.read() as work:
            staff = staff_accounts.from_link(work, console.settings, token)
        if staff is None:
            return console.page("set_up", 404, staff=None)
        problem = passwords.weakness(password, staff.login, staff.name)
        if problem is None and password != request.form.get("again", ""):
            problem = "The two are not the same."
        if problem:
            return console.page("set_up", 400, staff=staff, problem=problem)
        hashed = passwords.hash_password(password)
        with console.store.begin() as work:
            staff = staff_accounts.from_link(work, console.settings, token, lock=True)
            if staff is None:
                abort(404)
            staff_accounts.set_password(work, staff, hashed)
            audit.record(work, None, "password.set", f"staff:{staff.id}")
            entered = staff_login.enter(work, console.settings, staff, door.visitor())
        _end_session_before(console)
        return _onward(console, entered, "")

    @routes.page("/healthz", right=PUBLIC)
    def healthz() -> Any:
        return {"ok": True}


def enrol_secret(console: Console, staff: Staff, session: StaffSession) -> str:
    """The secret this session may enrol with: made from the session, so nothing waits anywhere."""
    return second_factor.secret_for(console.settings.secret_key, staff, session)


def _pending(console: Console) -> tuple[Staff, StaffSession]:
    """Who gave the password and not yet the second factor; anybody else is sent on."""
    found = console.doorman.session()
    if found is None or found[1].totp_at is not None:
        abort(redirect(url_for("console.login_form" if found is None else "console.inbox_page")))
    return found


def _next_of_pending(console: Console) -> str:
    staff, _ = _pending(console)
    view = "console.login_code" if staff.totp_secret else "console.login_enrol"
    return url_for(view, next=inside(request.args.get("next", "")) or None)


def _onward(console: Console, entered: Entered, target: str) -> Response:
    """After a right password or code: in, or to what is still needed."""
    if entered.next != "in":
        view = "console.login_code" if entered.next == "code" else "console.login_enrol"
        response = redirect(url_for(view, next=target or None), 303)
        console.doorman.let_in(response, entered.token)
        return response
    response = redirect(target or url_for("console.inbox_page"), 303)
    _let_in(console, response, entered)
    return response


def _let_in(console: Console, response: Response, entered: Entered) -> None:
    console.doorman.let_in(response, entered.token)
    console.doorman.remember_device(response, entered.staff)


def _end_session_before(console: Console) -> None:
    if found := console.doorman.session():
        with console.store.begin() as work:
            staff_sessions.revoke(work, staff_id=found[0].id, session_id=found[1].id)


def _again(console: Console, login: str, target: str, problem: str) -> Any:
    return console.page("login", 400, login=login[:120], next=target, problem=problem)


def _enrol_page(console: Console, staff: Staff, session: StaffSession, problem: str = "") -> Any:
    secret = enrol_secret(console, staff, session)
    return console.page(
        "login_enrol",
        400 if problem else 200,
        staff=staff,
        secret=secret,
        qr=svg(second_factor.app_address(console.settings, staff, secret)),
        problem=problem,
    )


def _code_problem(error: Exception) -> str:
    if isinstance(error, TooSoon):
        return f"Too many wrong codes. Try again {_wait(error)}."
    return _UNREADABLE if isinstance(error, sealed.CannotOpen) else _WRONG_CODE


def _wait(soon: TooSoon) -> str:
    return staff_login.in_words(soon.wait)
