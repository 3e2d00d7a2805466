"""Carries webhooks to the bot and messages to the phones, in order and with Twilio's retries."""

from __future__ import annotations

import json
import threading
import time
from typing import Any, Final
from urllib.parse import parse_qs, urldefrag

import requests
import structlog
from twilio.request_validator import RequestValidator

from bot.demo.twilio_standin.config import Config
from bot.demo.twilio_standin.ledger import INBOUND_LANES, OUTBOUND_LANES, Ledger, Row, parsed

log = structlog.get_logger()

CONNECT_S: Final = 5
READ_S: Final = 15
RETRY_AFTER_S: Final = (1.0, 4.0, 9.0)  # all tries within about 15 s
MEDIA_MAX: Final = 16_000_000
WINDOW_S: Final = 24 * 3600
_STEPS: Final = ("sent", "delivered", "read")


class Postman:
    """A few threads, each with the tasks of its own phones."""

    def __init__(self, ledger: Ledger, config: Config) -> None:
        self._ledger = ledger
        self._config = config
        self._stop = threading.Event()
        self._validator = RequestValidator(config.auth_token)
        self.async_errors: list[int] = []  # codes the next messages fail with

    def start(self) -> None:
        """Begin to work; what an earlier process left undone is done first."""
        for lane in range(INBOUND_LANES + OUTBOUND_LANES):
            threading.Thread(target=self._work, args=(lane,), daemon=True).start()

    def stop(self) -> None:
        """Let the threads end after what they are doing."""
        self._stop.set()
        with self._ledger.changed:
            self._ledger.changed.notify_all()

    def _work(self, lane: int) -> None:
        session = requests.Session()
        while not self._stop.is_set():
            with self._ledger.changed:
                task = self._ledger.row(
                    "SELECT * FROM task WHERE lane = ? ORDER BY due, id LIMIT 1", lane
                )
                wait_s = 30.0 if task is None else task["due"] - time.time()
                if task is None or wait_s > 0:
                    self._ledger.changed.wait(wait_s)
                    continue
            self._do(session, task)

    def _do(self, session: requests.Session, task: Row) -> None:
        message = self._ledger.message(task["sid"])
        assert message is not None, "messages are never deleted"
        carry = self._webhook if task["kind"] == "webhook" else self._deliver
        try:
            again = carry(session, message, task["step"])
        except Exception:
            log.exception("twilio_standin_task_failed", sid=task["sid"], kind=task["kind"])
            again = None
        with self._ledger.write():
            self._ledger.run("DELETE FROM task WHERE id = ?", task["id"])
            if again is not None:
                self._ledger.add_task(
                    task["kind"],
                    message["phone"],
                    task["sid"],
                    due=time.time() + again,
                    step=task["step"] + 1,
                )

    def _webhook(self, session: requests.Session, message: Row, tried: int) -> float | None:
        """Post an inbound message; seconds until the next try, or None when that is over."""
        url, fragment = urldefrag(self._config.webhook)
        override = {name: values[0] for name, values in parse_qs(fragment).items()}
        params = parsed(message["params"])
        problem = self._post(session, url, params, token=f"{message['sid']}")
        if problem is None:
            if message["problem"]:
                with self._ledger.write():
                    self._ledger.change_message(message["sid"], problem=None)
            return None
        with self._ledger.write():
            self._ledger.change_message(message["sid"], problem=f"11200: webhook {problem}")
        policy = override.get("rp", "ct")
        retried = problem == "ct" or policy in ("all", problem)
        if not retried or tried >= min(int(override.get("rc", "1")), len(RETRY_AFTER_S)):
            return None
        return RETRY_AFTER_S[tried]

    def _post(
        self, session: requests.Session, url: str, params: dict[str, Any], token: str
    ) -> str | None:
        """None when it was taken, else what went wrong in the words of Twilio's retry policies:
        "ct" (no connection), "rt" (no answer in time), "4xx" or "5xx"."""
        headers = {
            "X-Twilio-Signature": self._validator.compute_signature(url, params),
            "I-Twilio-Idempotency-Token": token,
            "User-Agent": "TwilioProxy/1.1",
        }
        try:
            answer = session.post(
                url, data=params, headers=headers, timeout=(CONNECT_S, READ_S),
                allow_redirects=False,
            )  # fmt: skip
        except requests.Timeout as error:
            return "ct" if isinstance(error, requests.ConnectTimeout) else "rt"
        except requests.RequestException:
            return "ct"
        return None if answer.ok else f"{answer.status_code // 100}xx"

    def _deliver(self, session: requests.Session, message: Row, step: int) -> float | None:
        """Take an outbound message one status further; seconds until the next one."""
        if message["status"] == "failed":
            return None
        error = self._obstacle(session, message) if step == 0 else None
        if error is not None:
            self._announce(session, message, "failed", *error)
            return None
        self._announce(session, message, _STEPS[step])
        steps = len(_STEPS) - _is_sms(message)  # nobody tells that an SMS was read
        return self._config.pace_s if step + 1 < steps else None

    def _obstacle(self, session: requests.Session, message: Row) -> tuple[int, str] | None:
        """Why WhatsApp does not take this message: (code, text)."""
        if self.async_errors:
            return self.async_errors.pop(0), "Failure asked for through /demo/faults"
        params = parsed(message["params"])
        if params.get("invalid"):
            return 63021, f"Channel invalid content error: {params['invalid']}"
        if _is_sms(message):
            return None
        if not params.get("approved") and not self._window_open(message["phone"]):
            return 63016, "Failed to send freeform message because you are outside the window"
        if params.get("media") and not self._fetch(session, message, params["media"][0]):
            return 63019, "Media failed to download"
        return None

    def _window_open(self, phone: str) -> bool:
        heard = self._ledger.row("SELECT heard_at FROM phone WHERE number = ?", phone)
        return heard is not None and time.time() - heard[0] < WINDOW_S

    def _fetch(self, session: requests.Session, message: Row, url: str) -> bool:
        """Fetch the file as Twilio does and keep a copy, which is what the phone then shows."""
        if self._ledger.row("SELECT sid FROM media WHERE message_sid = ?", message["sid"]):
            return True
        try:
            answer = session.get(url, timeout=(CONNECT_S, READ_S))
        except requests.RequestException:
            return False
        kind = answer.headers.get("Content-Type", "").split(";")[0]
        if not answer.ok or not kind or len(answer.content) > MEDIA_MAX:
            return False
        chat = parsed(message["chat"])
        name = chat["media"]["name"]
        with self._ledger.write():
            sid = self._ledger.add_media(message["sid"], kind, name, answer.content)
            chat["kind"] = "image" if kind.startswith("image/") else "document"
            url = f"{self._config.base_url}/demo/media/{sid}"
            chat["media"] = {"url": url, "type": kind, "name": name}
            self._ledger.change_message(message["sid"], chat=json.dumps(chat))
        return True

    def _announce(
        self,
        session: requests.Session,
        message: Row,
        status: str,
        code: int | None = None,
        text: str | None = None,
    ) -> None:
        """Note the status, then call back (best effort, as Twilio's status callbacks are)."""
        with self._ledger.write():
            columns: dict[str, Any] = {"status": status, "error_code": code, "error_message": text}
            if status == "sent":
                columns["sent"] = time.time()
                self._ledger.run(
                    "UPDATE phone SET typing_until = 0 WHERE number = ?", message["phone"]
                )
            self._ledger.change_message(message["sid"], **columns)
        callback = message["callback"] or self._config.status
        if not callback or message["hidden"]:
            return
        params = {
            "MessageSid": message["sid"],
            "SmsSid": message["sid"],
            "AccountSid": self._config.account_sid,
            "From": message["sender"],
            "To": message["recipient"],
            "MessageStatus": status,
            "SmsStatus": status,
            "ApiVersion": "2010-04-01",
            "ChannelPrefix": "whatsapp",
            "ChannelInstallSid": "XE" + self._config.account_sid[2:],
            **({"EventType": "READ"} if status == "read" else {}),
            **({"ErrorCode": str(code), "ChannelStatusMessage": text} if code else {}),
        }
        self._post(session, urldefrag(callback)[0], params, token=f"{message['sid']}:{status}")


def _is_sms(message: Row) -> bool:
    return not message["recipient"].startswith("whatsapp:")
