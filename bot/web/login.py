"""Logging in to the web chat: by a one-time code to the phone, or by a link from WhatsApp."""

from __future__ import annotations

import re
from datetime import timedelta

from flask import Blueprint, Response, make_response, redirect, request, url_for
from itsdangerous import BadSignature, URLSafeTimedSerializer
from werkzeug.wrappers import Response as AnyResponse

from bot.domain.codes import PileCode, parse
from bot.domain.contacts import phone_number
from bot.errors import Refused, TryAgain
from bot.gateways import verify
from bot.gateways.translate import say
from bot.replies import Say
from bot.services import weblogin
from bot.services.riders import rider_for
from bot.store import inbox
from bot.store.database import UnitOfWork
from bot.store.limits import allow
from bot.web.context import Site

WINDOW = timedelta(minutes=10)
STARTS_PER_PHONE = 3
STARTS_PER_ADDRESS = 20
CHECKS_PER_PHONE = 5
_CODE = re.compile(r"[0-9]{4,10}")


def add_routes(routes: Blueprint, site: Site) -> None:
    """Put the login pages on the site."""
    browser = site.browser
    by_code = bool(site.settings.twilio_verify_sid)
    sealed = URLSafeTimedSerializer(site.settings.secret_key, salt="login-phone")

    @routes.get("/login")
    def login() -> AnyResponse:
        code = _pile_code(request.args.get("code", ""))
        if browser.rider() is not None:
            return redirect(url_for("site.chat"))
        return make_response(site.page("login", code=code, by_code=by_code))

    @routes.post("/login")
    def start() -> AnyResponse:
        browser.check_csrf()
        code = _pile_code(request.form.get("pile", ""))
        typed = request.form.get("phone", "")[:40]
        phone = phone_number(typed)
        channel = "sms" if request.form.get("channel") == "sms" else "whatsapp"

        def again(problem: Say, status: int = 422) -> Response:
            text = say(browser.language(), problem)
            page = site.page(
                "login", status, code=code, by_code=by_code, typed=typed,
                problem=text,
            )  # fmt: skip
            return make_response(page)

        if phone is None:
            return again(Say("Please type your number with its country code, as +358 40 123 4567."))
        with site.store.begin() as work:
            free = _may_start(work, phone)
        if not free:
            return again(Say("That were too many codes. Please wait ten minutes."), 429)
        try:
            verify.start_code(site.settings, phone, channel=channel)
        except Refused as refused:
            return again(Say(refused.text, refused.values))
        except TryAgain:
            return again(Say("The code could not be sent just now. Please try again."), 503)
        return make_response(
            site.page("login_code", seal=sealed.dumps(phone), phone=phone, code=code)
        )

    @routes.post("/login/code")
    def check() -> AnyResponse:
        browser.check_csrf()
        seal = request.form.get("seal", "")
        code = _pile_code(request.form.get("pile", ""))
        try:
            phone = str(sealed.loads(seal, max_age=int(WINDOW.total_seconds())))
        except BadSignature:
            return redirect(url_for("site.login", code=code))

        def again(problem: Say, status: int) -> Response:
            text = say(browser.language(), problem)
            page = site.page("login_code", status, seal=seal, phone=phone, code=code, problem=text)
            return make_response(page)

        with site.store.begin() as work:
            free = allow(work, f"login-check:{phone}", limit=CHECKS_PER_PHONE, window=WINDOW)
        if not free:
            return again(Say("That were too many tries. Please wait ten minutes."), 429)
        digits = re.sub(r"\s", "", request.form.get("digits", ""))
        try:
            right = _CODE.fullmatch(digits) and verify.check_code(site.settings, phone, digits)
        except Refused as refused:
            return again(Say(refused.text, refused.values), 422)
        except TryAgain:
            return again(Say("The code could not be checked just now. Please try again."), 503)
        if not right:
            return again(
                Say("That is not the code we sent. Please check it, or ask for a new one."), 422
            )
        with site.store.begin() as work:
            rider_id = rider_for(work, "whatsapp", phone).id
        return _enter(site, rider_id, code)

    @routes.get("/login/<token>")
    def link(token: str) -> AnyResponse:
        with site.store.read() as work:
            good = weblogin.link_is_good(work, token)
        return make_response(site.page("login_link", 200 if good else 410, good=good, token=token))

    @routes.post("/login/<token>")
    def use_link(token: str) -> AnyResponse:
        browser.check_csrf()
        with site.store.begin() as work:
            rider_id = weblogin.use_link(work, token)
        if rider_id is None:
            return make_response(site.page("login_link", 410, good=False, token=token))
        return _enter(site, rider_id, "")

    @routes.post("/logout")
    def logout() -> AnyResponse:
        browser.check_csrf()
        response = redirect(url_for("site.start_page"), code=303)
        browser.log_out(response)
        return response


def say_code(work: UnitOfWork, rider_id: int, code: PileCode, *, source_id: str) -> None:
    """The rider's first line in the web chat: the code of the pile they stand at."""
    inbox.put(
        work,
        source="web",
        source_id=source_id,
        stream=f"rider:{rider_id}",
        kind="web.message",
        body={"text": str(code)},
    )


def _enter(site: Site, rider_id: int, code: str) -> AnyResponse:
    """Open a session and go on to the chat, with the pile's code as the first line."""
    with site.store.begin() as work:
        token = weblogin.open_session(work, rider_id)
        pile = parse(code)
        if pile is not None:
            say_code(work, rider_id, pile, source_id=f"enter:{token[:16]}")
    response = redirect(url_for("site.chat"), code=303)
    site.browser.log_in(response, token)
    return response


def _may_start(work: UnitOfWork, phone: str) -> bool:
    by_phone = allow(work, f"login:{phone}", limit=STARTS_PER_PHONE, window=WINDOW)
    network = f"login-from:{request.remote_addr}"
    return allow(work, network, limit=STARTS_PER_ADDRESS, window=WINDOW) and by_phone


def _pile_code(text: str) -> str:
    """The canonical form of a pile code that travels through the login, or ""."""
    code = parse(text[:40])
    return str(code) if code is not None else ""
