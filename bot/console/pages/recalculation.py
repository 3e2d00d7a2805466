"""A bill side by side with its fresh computation, and the correction of the difference."""

from __future__ import annotations

import secrets
from typing import Any

from flask import abort, flash, redirect, request, url_for

from bot.console import tariff_words
from bot.console.context import Console
from bot.console.guard import Routes
from bot.console.pages.actions import why
from bot.domain.money import exponent
from bot.domain.staff_actions import KINDS, plain
from bot.errors import Refused
from bot.services import actions, recalculation
from bot.services.action_plans import NotPossible, Target
from bot.services.recalculation import Recalculation
from bot.store.database import UnitOfWork


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /charges/<id>/bill and …/correct."""

    @routes.page("/charges/<int:session_id>/bill", right="bill.recalculate")
    def page(session_id: int) -> Any:
        return _page(console, session_id, request.args.get("by", ""), {})

    @routes.action("/charges/<int:session_id>/bill/correct", right="bill.recalculate")
    def correct(session_id: int) -> Any:
        form = request.form
        by, key = form.get("by", ""), form.get("key", "")
        if not key:
            abort(400)
        try:
            with console.store.begin() as work:
                me, found = console.me().actor(), _found(work, session_id, by)
                action = actions.asked_before(work, me, key)
                if action is None and not found.too_much.amount_minor:
                    raise NotPossible(
                        "A bill is never raised afterwards: the rider agreed to no more than it "
                        "says. There is nothing to give back."
                        if found.too_little.amount_minor
                        else "The rider was not billed too much by these prices."
                    )
                action = action or actions.ask(
                    work, console.settings, me, KINDS["refund"], Target(session_id=session_id),
                    reason=form.get("reason", ""), key=key, amount=found.too_much,
                    more={"correct": by},
                )  # fmt: skip
                waits = action.state == "waiting"
        except (NotPossible, Refused) as error:
            flash(why(error), "bad")
            return _page(console, session_id, by, dict(form), 409)
        said = "A second person has to approve it." if waits else "The money is on its way."
        flash(f"Correction: {said}", "good")
        return redirect(url_for("console.recalculation_page", session_id=session_id), 303)


def _found(work: UnitOfWork, session_id: int, by: str) -> Recalculation:
    found = recalculation.recalculate(work, session_id, by)
    return found if found is not None else abort(404)


def _page(
    console: Console, session_id: int, by: str, given: dict[str, str], status: int = 200
) -> Any:
    with console.store.read() as work:
        found = _found(work, session_id, by)
        options = [("", f"The pinned prices, version {found.session.tariff.get('version') or '–'}")]
        for each in recalculation.versions(work, found.session):
            options.append((str(each.id), f"Version {each.id}, from {each.valid_from:%Y-%m-%d}"))
    scale = exponent(found.printed.currency)
    rows = []
    for pair, printed, fresh in zip(found.pairs, *_sides(found, scale), strict=True):
        difference = tariff_words.amount(pair.difference, scale) if pair.differs else ""
        rows.append({"printed": printed, "fresh": fresh, "difference": difference,
                     "differs": pair.differs})  # fmt: skip
    values = {
        "printed": tariff_words.amount(found.printed.gross_minor, scale),
        "fresh": tariff_words.amount(found.fresh.gross_minor, scale),
        "credited": tariff_words.amount(found.printed.gross_minor - found.before_minor, scale),
        "too_much": plain(found.too_much) if found.too_much.amount_minor else "",
        "too_little": plain(found.too_little) if found.too_little.amount_minor else "",
    }
    return console.page(
        "recalculation", status, found=found, rows=rows, options=options, given=given,
        currency=found.printed.currency, key=given.get("key") or secrets.token_urlsafe(18),
        **values,
    )  # fmt: skip


def _sides(found: Recalculation, scale: int) -> tuple[list[Any], list[Any]]:
    """The lines of both sides in words, None where there is none."""
    told = []
    for bill, lines in (
        (found.printed, [each.printed for each in found.pairs]),
        (found.fresh, [each.fresh for each in found.pairs]),
    ):
        words = dict(zip(map(id, bill.lines), tariff_words.bill_lines(bill, scale), strict=True))
        told.append([None if each is None else words[id(each)] for each in lines])
    return told[0], told[1]
