"""Where piles send logs and fetch firmware: signed addresses, made for one order each.

PUT or POST /pile-files/<token>   a log, once: 201; 403 not ours, 410 used or expired, 413 too large
GET          /pile-files/<token>   a firmware, also in ranges: 200 or 206; 403, 410
"""

from __future__ import annotations

import io

from flask import Blueprint, Response, request, send_file
from werkzeug.exceptions import RequestEntityTooLarge

from bot.services import pile_files
from bot.services.pile_files import Closed
from bot.settings import Settings
from bot.store.database import Store


def blueprint(store: Store, settings: Settings) -> Blueprint:
    """The routes; whoever has an address needs no other login."""
    pages = Blueprint("pile_files", __name__, url_prefix=pile_files.PATH)

    @pages.errorhandler(Closed)
    def closed(error: Closed) -> tuple[str, int]:
        return str(error), error.code

    @pages.route("/<token>", methods=["PUT", "POST"])
    def log(token: str) -> tuple[str, int]:
        with store.read() as work:
            pile_files.expect_log(work, settings, token)
        most = settings.pile_log_max_bytes
        request.max_content_length = most
        try:
            data = request.get_data(cache=False)
        except RequestEntityTooLarge:
            return f"At most {most} bytes.", 413
        if not data:
            return "Send the file as the body.", 400
        with store.begin() as work:
            pile_files.keep_log(work, settings, token, data)
        return "Thank you.", 201

    @pages.get("/<token>")
    def firmware(token: str) -> Response:
        with store.read() as work:
            image = pile_files.image_of(work, settings, token)
            data, digest = image.data, image.sha256
        answer = send_file(
            io.BytesIO(data), mimetype="application/octet-stream", as_attachment=True,
            download_name="firmware.bin", etag=digest, conditional=True, max_age=0,
        )  # fmt: skip
        answer.headers["Cache-Control"] = "private, no-store"
        return answer

    return pages
