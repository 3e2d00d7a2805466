"""Settings: frozen, read once from the environment, every missing or wrong name reported at once.

Settings are data (`FIELDS`), so that docs/settings.md, `./run check-settings` and the code can
never disagree.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bot.domain import setting_checks as checks
from bot.errors import PilebotError


class SettingsError(PilebotError):
    """Some settings are missing or wrong; the message names each of them."""


def setting(
    help_: str,
    default: Any = None,
    *,
    secret: bool = False,
    url: tuple[str, ...] = (),
    one_of: tuple[str, ...] = (),
    check: checks.Check | None = None,
    least: int = 0,
) -> Any:
    """A field of Settings: its documentation, its default (None: required), its URL schemes, the
    values it may have, what tells whether a value with a form of its own is right, and the least
    a number may be."""
    about = {"help": help_, "secret": secret, "url": url, "one_of": one_of, "check": check}
    about["least"] = least
    return field(metadata=about) if default is None else field(default=default, metadata=about)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that differs between two installations; the name in the environment is the
    field's name in capitals."""

    public_url: str = setting(
        "Address riders and providers reach the web process at; signatures are checked against it",
        url=("http", "https"),
    )
    console_url: str = setting(
        "Address staff reach the console at; https there makes its cookies secure",
        "http://127.0.0.1:8001", url=("http", "https"),
    )  # fmt: skip
    database_url: str = setting(
        "SQLAlchemy URL: postgresql+psycopg://… or sqlite:///file",
        secret=True,
        url=("sqlite", "postgresql+psycopg"),
    )
    redis_url: str = setting("Redis or Valkey", secret=True, url=("redis", "rediss", "unix"))
    mqtt_url: str = setting(
        "Broker: mqtt://user:password@host:port or mqtts://…", secret=True, url=("mqtt", "mqtts")
    )
    mqtt_piles_url: str = setting(
        "Where piles find the broker, as mqtts://mqtt.example.org:8883: shown to whoever adds a "
        "pile",
        "", url=("mqtt", "mqtts"),
    )  # fmt: skip
    mqtt_passwords_file: str = setting(
        "Mosquitto's password file, which the gateway keeps in step with the piles; empty: written "
        'by hand (docs/runbook.md, "Add a pile")',
        "",
    )
    secret_key: str = setting("At least 32 random characters; signs cookies and links", secret=True)
    secret_keys_before: str = setting(
        "Earlier SECRET_KEYs, with commas: second factors sealed under them still open",
        "", secret=True,
    )  # fmt: skip
    second_factor: str = setting(
        "Who needs one-time codes in the console: all; managers (finance, managers, admins); "
        "off (nobody: for the demo only)",
        "all", one_of=("all", "managers", "off"),
    )  # fmt: skip
    brand: str = setting("Name riders see", "Pilebot")
    default_country: str = setting(
        "ISO 3166 code where no station tells the country", "FI", check=checks.country
    )
    emergency_numbers: str = setting(
        "Emergency number by country, as FI:112,GB:999",
        "FI:112,US:911,GB:999,CN:119,BR:193",
        check=checks.emergency_numbers,
    )
    desk_tz: str = setting(
        "Time zone of the support desk's opening hours", "Europe/Helsinki", check=checks.zone
    )
    desk_assignment: str = setting(
        "pull: people take riders from the queue; push: the desk offers them one by one",
        "pull", one_of=("pull", "push"),
    )  # fmt: skip
    page_on_call: str = setting(
        "Who is paged when danger is reported, with commas: whatsapp:+358401234567, "
        "sms:+358401234567, mailto:name@example.com, https://… (JSON by POST); besides staff who "
        "have an address for emergencies. Every minute until somebody acknowledges",
        "", secret=True, check=checks.addresses,
    )  # fmt: skip
    page_managers: str = setting(
        "Who is paged as well when nobody has acknowledged for three minutes; as PAGE_ON_CALL",
        "", secret=True, check=checks.addresses,
    )  # fmt: skip
    sms_from: str = setting(
        "Twilio number for emergency SMS to staff; empty: their numbers are paged by WhatsApp", ""
    )
    mail_webhook_secret: str = setting(
        "Shared secret of inbound e-mail posted to <PUBLIC_URL>/webhooks/email; empty: that door "
        "is closed",
        "", secret=True,
    )  # fmt: skip
    smtp_url: str = setting(
        "Mail server for emergency e-mail to staff and answers to cases that came by e-mail: "
        "smtp://user:password@host:587 (STARTTLS where offered) or smtps://host:465; empty: no "
        "e-mail",
        "", secret=True, url=("smtp", "smtps"),
    )  # fmt: skip
    mail_from: str = setting("Sender of e-mail", "Pilebot <pilebot@localhost>")
    map_tiles: str = setting(
        "Tiles of the console's map, as https://tile.example.com/{z}/{x}/{y}.png; empty: the "
        "bundled streets of central Helsinki",
        "", url=("https", "http"),
    )  # fmt: skip
    map_credit: str = setting("Whom the map's tiles are by", "© OpenStreetMap contributors")
    support_hours: str = setting("What riders are told of the hours of the support staff", "24/7")

    twilio_account_sid: str = setting("Twilio account SID (AC…)")
    twilio_auth_token: str = setting("Primary auth token; webhook signatures use it", secret=True)
    twilio_api_key: str = setting("API key SID (SK…); empty: the account SID is used", "")
    twilio_api_secret: str = setting(
        "API key secret; empty: the auth token is used", "", secret=True
    )
    twilio_from: str = setting("WhatsApp sender, as whatsapp:+14155238886")
    twilio_verify_sid: str = setting(
        "Verify service (VA…) for one-time codes; empty: no code login", ""
    )
    twilio_api_url: str = setting(
        "Base address for all of Twilio's APIs; empty: Twilio's own (regions, proxies, emulators)",
        "", url=("http", "https"),
    )  # fmt: skip
    twilio_templates: str = setting(
        "Approved templates for use outside the 24-hour window, as receipt:en=HX…,receipt:es=HX…",
        "",
        check=checks.templates,
    )

    whatsapp_link_url: str = setting(
        "Base address of links that open a WhatsApp chat; empty: https://wa.me (emulators)",
        "", url=("http", "https"),
    )  # fmt: skip

    stripe_secret_key: str = setting("Stripe secret key (sk_…)", secret=True)
    stripe_webhook_secret: str = setting("Signing secret of the Stripe webhook", secret=True)
    stripe_api_url: str = setting(
        "Base address for Stripe's API; empty: Stripe's own", "", url=("http", "https")
    )
    payment_methods: str = setting(
        "What the payment page may offer, by Stripe's names, where a currency differs after its "
        "code: card,link;SGD:card,link,paynow,grabpay. Holds and deposits get those of them that "
        "can be captured later, wallets and plans all; the Stripe account must have them enabled",
        "card,link",
        check=checks.methods,
    )

    nlu_url: str = setting(
        "Rasa server, as http://127.0.0.1:5005; empty: buttons, codes and keywords only",
        "", url=("http", "https"),
    )  # fmt: skip
    nlu_token: str = setting("Rasa's --auth-token", "", secret=True)

    transcriber_url: str = setting(
        "Server that turns voice notes into text by POST /v1/audio/transcriptions, as "
        "https://api.openai.com or a whisper server of your own; empty: riders are asked to type",
        "", url=("http", "https"),
    )  # fmt: skip
    transcriber_key: str = setting("Its bearer token, where it wants one", "", secret=True)
    transcriber_model: str = setting("Its model", "whisper-1")
    transcriber_timeout_s: int = setting(
        "How long a voice note may take to become text", 20, least=1
    )

    media_max_bytes: int = setting("Largest photo accepted from a rider", 16_000_000, least=1)
    nlu_timeout_s: int = setting(
        "How long a message waits for Rasa before keywords decide", 2, least=1
    )
    job_offer_s: int = setting(
        "How long one technician may take to accept a job before the next one is asked",
        600,
        least=1,
    )
    fault_settle_s: int = setting(
        "A fault that a pile takes back within this time sends nobody out", 60
    )
    start_timeout_s: int = setting("How long a start may take until the meter moves", 60, least=1)
    command_timeout_s: int = setting(
        "How long a pile may take to answer a command, per try", 5, least=1
    )
    plug_in_timeout_s: int = setting(
        "How long after the yes a rider may take to plug in", 180, least=1
    )
    silent_after_s: int = setting(
        "A pile unheard for this long is shown as not confirmed", 300, least=1
    )
    silent_charging_s: int = setting(
        "A pile where a charge runs is offline, and its rider told, when it was unheard for this "
        "long although it was asked for a sign of life meanwhile",
        45,
        least=4,
    )
    silent_ticket_s: int = setting(
        "A pile that stays unconfirmed for this long gets a ticket, once; those of an outage are "
        "in its own",
        1800,
    )
    heartbeat_s: int = setting("Heartbeat interval told to piles at boot", 60, least=1)
    no_energy_s: int = setting(
        "A session without energy for this long ends free of charge", 300, least=1
    )
    max_session_s: int = setting("Longest session", 43_200, least=1)
    meter_pace: int = setting(
        "A meter that shows more than this many times what its socket can deliver is not believed: "
        "the charge ends, what was believed is billed, somebody is sent",
        2,
        least=1,
    )
    queue_near_s: int = setting(
        "How long a socket is held for whoever is next in line and at the station", 180, least=1
    )
    queue_far_s: int = setting("The same for whoever is somewhere else", 900, least=1)
    queue_snooze_s: int = setting("How long others in line go first after a snooze", 900)
    queue_misses: int = setting(
        "Offers in line let pass in silence that cost the place", 2, least=1
    )
    bay_blocked_s: int = setting(
        "How long nobody in line is offered a bay that a rider found blocked", 1800
    )
    booking_ahead_min: str = setting(
        "How many minutes ahead riders may book; by country where it differs, as 20160,GB:60",
        "20160",
        check=checks.minutes,
    )
    booking_shortest_min: str = setting(
        "Shortest booking in minutes; by country as above", "15", check=checks.minutes
    )
    booking_longest_min: str = setting(
        "Longest booking in minutes; by country as above", "240", check=checks.minutes
    )
    booking_late_min: str = setting(
        "How many minutes a booked bay is kept for a late rider; by country as above",
        "10",
        check=checks.minutes,
    )
    booking_cancel_min: str = setting(
        "Until how many minutes before the start cancelling a booking, or changing its start, "
        "costs nothing; by country as above",
        "15",
        check=checks.minutes,
    )
    booking_early_min: str = setting(
        "How many minutes before its start a booker may begin; by country as above",
        "10",
        check=checks.minutes,
    )
    booking_no_show_fee: str = setting(
        "What is taken of a booking's deposit when its rider does not come, in units of the "
        "currency, by country as above; 0: bookings have no deposit",
        "5,CN:20,JP:500,IN:100,BR:15",
        check=checks.amounts,
    )
    booking_no_shows: int = setting(
        "So many bookings without coming, and a rider may not book for a while; 0: never", 3
    )
    booking_pause_days: int = setting("How many days such a rider may not book", 7)
    refund_limits: str = setting(
        "What staff may give back alone, by role, in whole units of the currency; above it a "
        "second person approves",
        "agent:20,finance:200,manager:200",
        check=checks.role_limits,
    )
    dispute_hours: int = setting("How long staff have to decide on a contested charge", 24, least=1)
    not_me_s: int = setting('A charge that is "not me" within this time of its start is free', 600)
    outage_piles: int = setting(
        "So many piles of a station that fall silent or fault within ten minutes are one outage",
        3,
        least=1,
    )
    predict_risk_percent: int = setting(
        "A socket at least this likely to fail soon gets a preventive visit; see Predictions in "
        "the console for how often such warnings come true",
        50,
    )
    predict_days: int = setting(
        "How many days ahead such a failure is expected at most; as long a socket is left alone "
        "after a prediction came to its end",
        14,
    )
    predict_per_day: int = setting("At most so many preventive visits are called for in a day", 5)
    dispute_refund_max: int = setting(
        "A bill that is disputed and undecided after its clock is given back by itself up to this "
        "many whole units of the currency; above it a supervisor decides",
        30,
    )
    review_percent: int = setting(
        "Share of each person's finished work of a week, and of the bot's conversations, that is "
        "drawn at random for a review",
        5,
    )
    review_least: int = setting("How many of each are drawn at least", 2)
    review_most: int = setting("How many of each are drawn at most", 20)
    wallet: str = setting(
        "Prepaid wallets for riders. Keeping riders' money may need a licence where you are: off "
        "takes no new money and pays no new charge with it; what is there can be paid out",
        "on", one_of=("on", "off"),
    )  # fmt: skip
    top_up_bonuses: str = setting(
        "What a top-up adds as bonus, by currency, in whole units, as EUR:50:5,EUR:100:20 (who "
        "tops up 100 or more gets 20); empty: nothing",
        "",
        check=checks.bonuses,
    )
    pile_files_url: str = setting(
        "Where piles send logs and fetch firmware, as they reach this server; empty: PUBLIC_URL",
        "", url=("http", "https"),
    )  # fmt: skip
    pile_log_max_bytes: int = setting("Largest log accepted from a pile", 5_000_000)
    pile_log_kept_days: int = setting("How many days a pile's log is kept", 90)
    firmware_max_bytes: int = setting("Largest firmware that staff may add", 15_000_000)
    terms_version: str = setting("Version of the terms shown to new riders", "2026-11")
    terms_url: str = setting("Where the terms can be read; empty: <PUBLIC_URL>/terms", "")
    seller_name: str = setting("Legal name on receipts", "Pilebot Demo Oy")
    seller_address: str = setting("Address on receipts", "Mannerheimintie 1, 00100 Helsinki")
    seller_tax_id: str = setting("VAT number on receipts", "FI12345678")
    nps_scale: str = setting(
        "Scale of the question whether riders would recommend you; kept with each answer, figures "
        "never mix two",
        "0-10", one_of=("0-10", "1-10"),
    )  # fmt: skip
    invoice_prefix: str = setting(
        "How invoice numbers of that legal entity begin; others are made in the console", "INV"
    )
    ocpi_party: str = setting(
        "Three letters that name this operator in OCPI documents (party_id)",
        "PLB",
        check=checks.party,
    )
    support_contact: str = setting("Help contact on receipts", "this chat, any time")
    log_level: str = setting(
        "DEBUG, INFO, WARNING or ERROR", "INFO", one_of=("DEBUG", "INFO", "WARNING", "ERROR")
    )

    def secret_keys(self) -> tuple[str, ...]:
        """SECRET_KEY, and after it those that it replaced."""
        before = (key.strip() for key in self.secret_keys_before.split(","))
        return (self.secret_key, *filter(None, before))


FIELDS = fields(Settings)
_WHOLE = re.compile(r"[0-9]{1,12}")


def read(environ: Mapping[str, str]) -> Settings:
    """Settings from the environment; a value in a file may be given as NAME_FILE.

    Raises SettingsError that lists every problem.
    """
    values: dict[str, Any] = {}
    problems: list[str] = []
    for each in FIELDS:
        name = each.name.upper()
        raw = environ.get(name)
        if raw is None and (path := environ.get(f"{name}_FILE")):
            raw = Path(path).read_text(encoding="utf-8").strip()
        if raw is None:
            if each.default.__class__.__name__ == "_MISSING_TYPE":
                problems.append(f"{name} is missing: {each.metadata['help']}")
            continue
        problem = _problem(name, raw, each)
        if problem:
            problems.append(problem)
        else:
            values[each.name] = int(raw) if each.type == "int" else raw
    if len(values.get("secret_key", "x" * 32)) < 32:
        problems.append("SECRET_KEY is shorter than 32 characters")
    console = urlsplit(values.get("console_url", "http://127.0.0.1")).hostname
    if values.get("second_factor") == "off" and console not in ("127.0.0.1", "localhost", "::1"):
        problems.append("SECOND_FACTOR may be off only where CONSOLE_URL is this machine (demos)")
    if problems:
        raise SettingsError("\n".join(problems))
    settings = Settings(**values)
    lengths = settings.booking_shortest_min, settings.booking_longest_min
    if problems := [f"BOOKING_SHORTEST_MIN: {wrong}" for wrong in checks.booking_lengths(*lengths)]:
        raise SettingsError("\n".join(problems))
    return settings


def _problem(name: str, raw: str, each: Field[Any]) -> str | None:
    schemes, one_of = each.metadata["url"], each.metadata["one_of"]
    check, least = each.metadata["check"], each.metadata["least"]
    if each.type == "int" and not (_WHOLE.fullmatch(raw.strip()) and int(raw) >= least):
        return f"{name} must be a whole number{f' from {least}' if least else ''}, not {raw!r}"
    if schemes and raw and urlsplit(raw).scheme not in schemes:
        return f"{name} must begin with {' or '.join(f'{s}:' for s in schemes)}"
    if one_of and raw not in one_of:
        return f"{name} must be one of {', '.join(one_of)}, not {raw!r}"
    if check is not None and (problem := check(raw)):
        return f"{name}: {problem}"
    return None
