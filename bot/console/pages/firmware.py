"""Firmware: the files of each model, and roll-outs, first to one pile, then to the rest."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, Final

from flask import abort, flash, redirect, render_template, request, url_for
from sqlalchemy import select

from bot.console.context import Console
from bot.console.guard import Routes
from bot.domain import firmware as rules
from bot.errors import PilebotError
from bot.services import rollouts
from bot.services.pile_plans import why_no_update
from bot.store.database import UnitOfWork
from bot.store.remote import Firmware, Rollout
from bot.store.staff import Staff
from bot.store.stations import Pile

_SHOWN: Final = 30
STATES: Final = {
    "first": ("One pile tries it", "info"), "tried": ("Waits for your word", "warn"),
    "rest": ("The rest follows", "info"), "done": ("Done", "good"), "stopped": ("Stopped", "bad"),
}  # fmt: skip


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /firmware and what is done with files and roll-outs."""
    _add_pages(routes, console)
    _add_actions(routes, console)


def _add_pages(routes: Routes, console: Console) -> None:
    @routes.page("/firmware", right="pile.log")
    def page() -> Any:
        with console.store.read() as work:
            names = _names(work)
            values: dict[str, Any] = {
                "images": [(each, names.get(each.staff_id or 0, "")) for each in _images(work)],
                "rollouts": _rollouts(work), "models": _models(work), "states": STATES,
                "most": console.settings.firmware_max_bytes // 1_000_000,
            }  # fmt: skip
        if console.wants_fragment():
            return render_template("console/firmware_live.html", **values)
        return console.page("firmware", **values)

    @routes.page("/firmware/<int:firmware_id>/roll-out", right="firmware.manage")
    def begin(firmware_id: int) -> Any:
        """Which pile tries it: the form, with what stands against each."""
        with console.store.read() as work:
            image = work.session.get(Firmware, firmware_id)
            if image is None:
                abort(404)
            piles = work.session.scalars(
                select(Pile).where(Pile.model == image.model).order_by(Pile.number)
            ).all()
            found = [(each, why_no_update(work, each)) for each in piles]
            values: dict[str, Any] = {
                "image": image, "able": [pair for pair in found if not pair[1]],
                "unable": [pair for pair in found if pair[1]], "total": len(piles),
                "key": secrets.token_urlsafe(12),
            }  # fmt: skip
            return console.page("firmware_begin", **values)

    @routes.page("/firmware/roll-outs/<int:rollout_id>", right="pile.log")
    def one(rollout_id: int) -> Any:
        with console.store.read() as work:
            rollout = work.session.get(Rollout, rollout_id)
            if rollout is None:
                abort(404)
            image = work.session.get_one(Firmware, rollout.firmware_id)
            others = select(Pile.id).where(
                Pile.model == image.model, Pile.firmware != image.version
            )
            names = _names(work)
            values: dict[str, Any] = {
                "rollout": rollout, "image": image, "state": STATES[rollout.state],
                "rows": rollouts.updates(work, rollout_id), "words": rules.words,
                "tone": rules.tone, "by": names.get(rollout.asked_by, ""),
                "confirmed_by": names.get(rollout.confirmed_by or 0, ""),
                "others": len(work.session.scalars(others).all()),
                "stands": rollouts.standing(work, rollout_id), "at_once": rules.AT_ONCE,
                "failures": rules.FAILURES,
            }  # fmt: skip
            name = "rollout_live" if console.wants_fragment() else "rollout"
            return console.page(name, **values)


def _add_actions(routes: Routes, console: Console) -> None:
    def do(act: Callable[[UnitOfWork], str], good: str) -> Any:
        """Carry out; `act` answers where to go."""
        try:
            with console.store.begin() as work:
                where = act(work)
            flash(good, "good")
        except PilebotError as error:
            flash(str(error), "bad")
            where = request.referrer or url_for("console.firmware_page")
        return redirect(where, 303)

    @routes.action("/firmware/add", right="firmware.manage")
    def add() -> Any:
        form, sent = request.form, request.files.get("file")
        data = sent.read(console.settings.firmware_max_bytes + 1) if sent is not None else b""

        def act(work: UnitOfWork) -> str:
            rollouts.add(
                work, console.settings, console.me().actor(), model=form.get("model", "")[:60],
                version=form.get("version", ""), note=form.get("note", ""), data=data,
            )  # fmt: skip
            return url_for("console.firmware_page")

        return do(act, "Added. No pile gets it by itself.")

    @routes.action("/firmware/<int:firmware_id>/withdraw", right="firmware.manage")
    def withdraw(firmware_id: int) -> Any:
        def act(work: UnitOfWork) -> str:
            reason = request.form.get("reason", "")
            rollouts.withdraw(work, console.me().actor(), firmware_id, reason=reason)
            return url_for("console.firmware_page")

        return do(act, "Withdrawn: no further pile gets it.")

    @routes.action("/firmware/<int:firmware_id>/start", right="firmware.manage")
    def start(firmware_id: int) -> Any:
        def act(work: UnitOfWork) -> str:
            made = rollouts.start(
                work, console.settings, console.me().actor(), firmware_id,
                request.form.get("pile", "")[:48], reason=request.form.get("reason", ""),
                key=request.form.get("key", "")[:40] or secrets.token_urlsafe(12),
            )  # fmt: skip
            return url_for("console.firmware_one", rollout_id=made.id)

        return do(act, "The first pile is told.")

    @routes.action("/firmware/roll-outs/<int:rollout_id>/confirm", right="firmware.manage")
    def confirm(rollout_id: int) -> Any:
        def act(work: UnitOfWork) -> str:
            rollouts.confirm(work, console.me().actor(), rollout_id)
            return url_for("console.firmware_one", rollout_id=rollout_id)

        return do(act, "The rest follows, each pile when it is idle.")

    @routes.action("/firmware/roll-outs/<int:rollout_id>/stop", right="firmware.manage")
    def stop(rollout_id: int) -> Any:
        def act(work: UnitOfWork) -> str:
            reason = request.form.get("reason", "")
            rollouts.stop(work, console.me().actor(), rollout_id, reason=reason)
            return url_for("console.firmware_one", rollout_id=rollout_id)

        return do(act, "Stopped: no further pile begins.")


def _images(work: UnitOfWork) -> list[Firmware]:
    rows = select(Firmware).order_by(Firmware.withdrawn_at.is_not(None), Firmware.id.desc())
    return list(work.session.scalars(rows.limit(_SHOWN)))


def _rollouts(work: UnitOfWork) -> list[tuple[Rollout, Firmware, Any]]:
    rows = work.session.execute(
        select(Rollout, Firmware)
        .join(Firmware, Firmware.id == Rollout.firmware_id)
        .order_by(Rollout.id.desc())
        .limit(_SHOWN)
    )
    return [(row[0], row[1], rollouts.standing(work, row[0].id)) for row in rows]


def _models(work: UnitOfWork) -> list[tuple[str, str]]:
    names = work.session.scalars(select(Pile.model).distinct().order_by(Pile.model))
    return [(name, name) for name in names if name]


def _names(work: UnitOfWork) -> dict[int, str]:
    return {row.id: row.name for row in work.session.execute(select(Staff.id, Staff.name))}
