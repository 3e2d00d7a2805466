"""Puts the stand-in together: one Flask app and the postman's threads."""

from __future__ import annotations

from flask import Flask

from bot.demo.twilio_standin import phones, rest
from bot.demo.twilio_standin.config import Config
from bot.demo.twilio_standin.faults import Faults
from bot.demo.twilio_standin.ledger import Ledger
from bot.demo.twilio_standin.postman import Postman


def create_app(config: Config) -> tuple[Flask, Postman]:
    """The app, and its postman already at work."""
    ledger = Ledger(config.data)
    faults = Faults()
    postman = Postman(ledger, config)
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = 64_000_000
    app.register_blueprint(rest.blueprint(ledger, config, faults))
    app.register_blueprint(phones.blueprint(ledger, config, faults, postman))

    @app.get("/healthz")
    def healthz() -> str:
        return "ok"

    postman.start()
    return app, postman
