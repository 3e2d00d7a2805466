"""Actions with consequences: a preview with its form, then the order; a route for each kind."""

from __future__ import annotations

import secrets
from typing import Any

from flask import abort, flash, redirect, request, url_for
from markupsafe import Markup
from sqlalchemy import select

from bot.console.action_view import recent
from bot.console.addresses import inside
from bot.console.context import Console
from bot.console.fragments import fragment
from bot.console.guard import Me, Routes
from bot.domain import codes
from bot.domain.money import Money
from bot.domain.staff_actions import KINDS, Kind, read_amount
from bot.errors import PilebotError, Refused
from bot.gateways.translate import say
from bot.replies import Say
from bot.services import actions, reach, wallet
from bot.services.action_plans import NotPossible, Target, make_plan
from bot.services.audit import Actor
from bot.store.charging import ChargingSession
from bot.store.database import UnitOfWork
from bot.store.riders import Conversation
from bot.store.stations import Evse, Pile

_AT_ONLINE = ("soft_restart", "hard_restart", "get_log")  # what a pile in contact can be told
_SAID = {
    "waiting": "A second person has to approve this; you will see it here.",
    "running": "It is on its way; how it goes is shown here.",
    "done": "Done.",
}


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: GET and POST /actions/<kind> for each kind, and what is done to a pile."""
    for kind in KINDS.values():
        _add_kind(routes, console, kind)

    @routes.page("/piles/<pile_id>/actions", right="pile.read")
    def of_pile(pile_id: str) -> Any:
        seen = _pile(console, pile_id)
        return (seen, 200) if seen else abort(404)


def shared(console: Console) -> dict[str, Any]:
    """For all templates: `pile_actions(pile_id)`, what may be done to a pile and what was."""
    return {"pile_actions": lambda pile_id: _pile(console, pile_id)}


def _pile(console: Console, pile_id: str) -> Markup:
    me = console.me()
    with console.store.read() as work:
        pile = work.session.get(Pile, pile_id)
        if pile is None:
            return Markup("")
        possible = [KINDS["out_of_service" if pile.in_service else "in_service"]]
        if pile.online:
            possible = [*(KINDS[name] for name in _AT_ONLINE), *possible]
        return fragment(
            "console/pile_actions.html",
            pile_id=pile_id,
            kinds=[kind for kind in possible if me.may(kind.right)],
            sockets=_of_sockets(me, pile),
            running=_running(work, pile_id) if me.may("session.stop") else [],
            items=recent(work, me, pile_id=pile_id),
        )


def _of_sockets(me: Me, pile: Pile) -> list[tuple[Evse, list[Kind]]]:
    """What may be done to each socket."""
    found = []
    for evse in pile.evses:
        kinds = [KINDS["socket_out" if evse.in_service else "socket_in"]]
        if pile.online:
            kinds.insert(0, KINDS["unlock"])
        found.append((evse, [kind for kind in kinds if me.may(kind.right)]))
    return [(evse, kinds) for evse, kinds in found if kinds]


def _add_kind(routes: Routes, console: Console, kind: Kind) -> None:
    def form() -> Any:
        return _form(console, kind, {})

    def order() -> Any:
        return _order(console, kind)

    form.__name__, order.__name__ = f"{kind.name}_form", kind.name
    routes.page(f"/actions/{kind.path}", right=kind.right)(form)
    routes.action(f"/actions/{kind.path}", right=kind.right)(order)


def _running(work: UnitOfWork, pile_id: str) -> list[tuple[int, str]]:
    """Charges at a pile, and where."""
    rows = work.session.execute(
        select(ChargingSession.id, Evse.code)
        .join(Evse, Evse.id == ChargingSession.evse_id)
        .where(Evse.pile_id == pile_id, ChargingSession.open, ChargingSession.state != "stopping")
        .order_by(Evse.number)
    )
    return [(row[0], row[1]) for row in rows]


def _form(console: Console, kind: Kind, given: dict[str, str], status: int = 200) -> Any:
    """The preview; `given` is what stood in the form that was refused."""
    actor, plan, refused = console.me().actor(), None, ""
    with console.store.read() as work:
        target = _target(work, actor)
        try:
            plan = make_plan(work, console.settings, actor, kind, target)
        except PilebotError as error:
            refused = why(error)
        known = _sockets(work, target) if kind.name == "start" else []
    return console.page(
        "action_sheet" if console.wants_fragment() else "action",
        status,
        kind=kind,
        plan=plan,
        refused=refused,
        given=given,
        fields=_fields(kind, target),
        sockets=known,
        back=back(target.conversation_id),
        key=given.get("key") or secrets.token_urlsafe(18),
    )


def _order(console: Console, kind: Kind) -> Any:
    """Carry it out, or show the form again with the reason why not."""
    names = ("reason", "amount", "key", "force", "choice", "value")
    given = {name: request.form.get(name, "").strip() for name in names}
    if not given["key"]:
        abort(400)
    me = console.me()
    try:
        with console.store.begin() as work:
            target = _target(work, me.actor())
            amount = _amount(work, kind, target, given["amount"])
            action = actions.ask(
                work, console.settings, me.actor(), kind, target,
                reason=given["reason"], key=given["key"], amount=amount,
            )  # fmt: skip
            state, outcome = action.state, action.outcome
    except (NotPossible, Refused) as error:
        flash(why(error), "bad")
        return _form(console, kind, given, 409)
    if state in _SAID:
        flash(f"{kind.label}: {_SAID[state]}", "good")
    else:
        flash(f"{kind.label}: {outcome}", "bad")
    return redirect(back(target.conversation_id), 303)


def _amount(work: UnitOfWork, kind: Kind, target: Target, text: str) -> Money | None:
    if kind.name == "credit":
        conversation = work.session.get(Conversation, target.conversation_id or 0)
        rider_id = conversation.rider_id if conversation is not None else 0
        return read_amount(text, wallet.currency_of(work, rider_id) or "")
    if kind.name != "refund":
        return None
    session = work.session.get(ChargingSession, target.session_id or 0)
    currency = str(session.tariff["currency"]) if session is not None else ""
    return read_amount(text, currency)


def why(error: PilebotError) -> str:
    """Why something cannot be done, for staff; what would be told to riders is told in English."""
    return say("en", Say(error.text, error.values)) if isinstance(error, Refused) else str(error)


def _target(work: UnitOfWork, actor: Actor) -> Target:
    """What the form is about; what is out of somebody's reach is not found."""
    values = request.values
    conversation_id = values.get("conversation", type=int)
    if conversation_id is not None and not reach.may_read(work, actor, conversation_id):
        abort(404)
    session_id = values.get("session", type=int)
    if session_id is not None and conversation_id is None:
        conversation_id = _readable_conversation(work, actor, session_id)
    evse_id = values.get("evse", type=int)
    if code := values.get("code", ""):
        evse_id = _evse_of(work, code)
    template_id = values.get("template", type=int)
    return Target(
        conversation_id, session_id, values.get("pile") or None, evse_id, template_id,
        values.get("choice", "")[:80], values.get("value", "")[:200], values.get("force") == "1",
    )  # fmt: skip


def _readable_conversation(work: UnitOfWork, actor: Actor, session_id: int) -> int | None:
    """The conversation of a charge that was opened from its pile; None where it is out of reach."""
    return work.session.scalars(
        select(Conversation.id)
        .join(ChargingSession, ChargingSession.rider_id == Conversation.rider_id)
        .where(ChargingSession.id == session_id, reach.visible(actor))
    ).first()


def _evse_of(work: UnitOfWork, text: str) -> int | None:
    code = codes.parse(text)
    if code is None or code.evse_number is None:
        return None
    return work.session.scalars(select(Evse.id).where(Evse.code == str(code))).first()


def _fields(kind: Kind, target: Target) -> dict[str, str]:
    """The target as hidden fields."""
    named = {
        "conversation": target.conversation_id, "session": target.session_id,
        "pile": target.pile_id, "evse": target.evse_id,
        "choice": target.choice or None if kind.name == "set_setting" else None,
    }  # fmt: skip
    return {name: str(value) for name, value in named.items() if value is not None}


def _sockets(work: UnitOfWork, target: Target) -> list[str]:
    """Codes the rider was at, newest first: to pick from."""
    conversation = work.session.get(Conversation, target.conversation_id or 0)
    if conversation is None:
        return []
    rows = work.session.scalars(
        select(Evse.code)
        .join(ChargingSession, ChargingSession.evse_id == Evse.id)
        .where(ChargingSession.rider_id == conversation.rider_id)
        .order_by(ChargingSession.id.desc())
        .limit(20)
    )
    return list(dict.fromkeys(rows))[:5]


def back(conversation_id: int | None) -> str:
    """Where somebody came from: one of our own pages, else the conversation."""
    wanted = inside(request.values.get("next", "") or request.referrer or "", request.host)
    if wanted and not wanted.startswith("/actions/"):
        return wanted
    if conversation_id is not None:
        return f"/conversations/{conversation_id}"
    return url_for("console.inbox_page")
