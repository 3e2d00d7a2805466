"""python -m bot.demo.twilio_standin: serve the stand-in until told to stop."""

from __future__ import annotations

import argparse
import logging
import os
from pathlib import Path

from werkzeug.serving import make_server

from bot.demo.twilio_standin.app import create_app
from bot.demo.twilio_standin.config import Config


def main() -> None:
    """Options may also come from the environment, under the names the bot's settings have."""
    parser = argparse.ArgumentParser(prog="twilio_standin", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--base-url", default="", help="address others reach it at")
    parser.add_argument("--data", type=Path, required=True, help="folder of its SQLite file")
    parser.add_argument(
        "--webhook", required=True, help="#rc=3&rp=all is added when it has no fragment"
    )
    parser.add_argument("--status", default="")
    parser.add_argument("--pace", type=float, default=0.4, help="seconds from sent to delivered")
    for name in ("account_sid", "auth_token", "from", "verify_sid"):
        known = os.environ.get(f"TWILIO_{name.upper()}")
        option = "--" + name.replace("_", "-")
        parser.add_argument(option, dest=name, default=known, required=known is None)
    options = parser.parse_args()
    config = Config(
        base_url=options.base_url or f"http://{options.host}:{options.port}",
        data=options.data / "twilio.sqlite",
        # Without an override Twilio tries once; we ask for more, as the README tells operators to.
        webhook=options.webhook + ("" if "#" in options.webhook else "#rc=3&rp=all"),
        status=options.status,
        account_sid=options.account_sid,
        auth_token=options.auth_token,
        sender=getattr(options, "from"),
        verify_sid=options.verify_sid,
        pace_s=options.pace,
    )
    app, _ = create_app(config)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    make_server(options.host, options.port, app, threaded=True).serve_forever()


if __name__ == "__main__":
    main()
