"""The answer to a call-back by e-mail: a link opens a page that asks, only its button answers.

Mail programs and scanners open links; they do not press buttons.
"""

from __future__ import annotations

from typing import Final

from flask import Blueprint, make_response, request
from werkzeug.wrappers import Response as AnyResponse

from bot.replies import Say
from bot.services import case_answers, case_talk, case_work
from bot.web.context import Site

_THANKS: Final = {
    "no": Say("I am sorry. A supervisor takes it up again."),
    "talk": Say("All right: a person writes to you about case {case}."),
}


def add_routes(routes: Blueprint, site: Site) -> None:
    """Routes: /case/<token>, GET asks and POST answers."""

    @routes.get("/case/<token>")
    def case_question(token: str) -> AnyResponse:
        chosen = request.args.get("answer", "")
        with site.store.read() as work:
            found = case_answers.asked(work, site.settings, token)
            number = found[0].id if found else 0
        page = site.page(
            "case_answer", 200 if number else 410, number=number, token=token,
            chosen=chosen if chosen in case_answers.ANSWERS else "",
        )  # fmt: skip
        return make_response(page)

    @routes.post("/case/<token>")
    def case_answer(token: str) -> AnyResponse:
        site.browser.check_csrf()
        answer = request.form.get("answer", "")
        with site.store.begin() as work:
            found = case_answers.asked(work, site.settings, token)
            good = (
                found is not None
                and answer in case_answers.ANSWERS
                and case_work.answered(work, site.settings, found[0], answer, by=found[1])
            )
            number = found[0].id if found else 0
            said = case_talk.noted(found[0]) if found and answer == "yes" else _THANKS.get(answer)
        if not good or said is None:
            return make_response(site.page("case_answer", 410, number=0, token=token, chosen=""))
        thanks = site.text(said.text, case=number)
        return make_response(site.page("case_answer", number=number, thanks=thanks, token=token))
