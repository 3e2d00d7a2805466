"""One hold at Stripe: placing it, looking at it, capturing it, giving it back.

Nothing here touches the database. Each call ends in an `Outcome` built from an object retrieved
from Stripe, never from an event (docs.stripe.com/payments/place-a-hold-on-a-payment-method).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Literal

import stripe
import structlog

from bot.domain.pay_methods import KEPT
from bot.domain.payment import DEAD, TAKEN_LATER
from bot.errors import GiveUp, TryAgain
from bot.gateways.stripe_client import (
    again_if_stored,
    capture_key,
    from_stripe,
    hold_key,
    hold_ref,
    to_stripe,
    void_key,
    was_replayed,
)
from bot.store.charging import Hold

if TYPE_CHECKING:
    from stripe.params._payment_intent_create_params import PaymentIntentCreateParams
    from stripe.params._payment_intent_list_params import PaymentIntentListParams
    from stripe.params.checkout._session_create_params import SessionCreateParams

log = structlog.get_logger(__name__)

# Stripe prunes idempotency keys after 24 hours; a replay after that would be a second payment.
REPLAY_LIMIT: Final = timedelta(hours=20)
_PAGE_LIFE: Final = timedelta(minutes=30)  # the shortest Checkout allows
_PAGE_STEP: Final = timedelta(minutes=10)
_SHORTEST_HOLD: Final = timedelta(days=4, hours=18)  # Visa without the rider present
_FIND_LIMIT: Final = 500
_LIVE: Final = frozenset({"requires_capture", "succeeded", "canceled"})
_CARD_GONE: Final = frozenset({"resource_missing", "payment_method_unexpected_state"})
_MOVED_ON: Final = frozenset(
    {"payment_intent_unexpected_state", "charge_already_captured", "charge_expired_for_capture"}
)


@dataclass(frozen=True, slots=True)
class Card:
    """A card Stripe keeps for a rider; `label` is what riders see ("Visa 4242")."""

    customer: str
    payment_method: str
    label: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is true at Stripe now. `name` None: nothing to tell yet. `staff`: they must look."""

    name: str | None = None
    amount_minor: int | None = None
    reason: str | None = None
    url: str | None = None
    payment_intent: str | None = None
    checkout_session: str | None = None
    capture_before: datetime | None = None
    card: Card | None = None
    refund: str | None = None
    staff: str | None = None


@dataclass(frozen=True, slots=True)
class Payer:
    """What is needed of the rider and the place to ask for money."""

    customer: str | None
    payment_method: str | None
    locale: str | None  # Checkout's, None: the browser's
    title: str  # what the rider sees on the pay page,
    note: str  # and a line below it, in the rider's language
    return_url: str  # /done and /cancelled hang below it
    methods: tuple[str, ...] = ("card",)  # what the page offers


class HoldDesk:
    """The dealings about one hold; `hold` is a snapshot of its row, `now` an aware moment."""

    def __init__(
        self,
        client: stripe.StripeClient,
        hold: Hold,
        payer: Payer,
        now: datetime,
        attempt: int = 1,
    ) -> None:
        self._client, self._v1 = client, client.v1
        self._hold = hold
        self._payer = payer
        self._now = now
        self._attempt = attempt  # of capturing
        self._amount = to_stripe(hold.amount_minor, hold.currency)
        self._method: Literal["automatic", "manual"] = (
            "manual" if hold.purpose in TAKEN_LATER else "automatic"
        )

    # What the outbox asks for.

    def place(self) -> Outcome:
        """Hold the money: by the saved card if there is one, else by a page for the rider."""
        hold, payer = self._hold, self._payer
        if hold.payment_intent or hold.checkout_session:
            return self.look()  # delivered before
        if hold.state in DEAD:
            return Outcome()  # the void behind us on the stream looks for what a crash left
        try:
            if self._now - hold.created_at > REPLAY_LIMIT:
                return self._find() or Outcome("failed", reason="too_late")
            reason = "new_card"
            if payer.customer and payer.payment_method and hold.purpose != "card":
                outcome = self._charge_saved_card(payer.customer, payer.payment_method)
                if outcome.name != "declined":
                    return outcome
                reason = outcome.reason or "card_declined"
            page = self._open_page()
            return replace(page, reason=reason) if page.name == "needs_rider" else page
        except (
            stripe.InvalidRequestError,
            stripe.AuthenticationError,
            stripe.PermissionError,
        ) as error:
            # The rider is waiting at the pile: a clear no now, and the cause for staff.
            return Outcome("failed", reason=error.code or "refused", staff=str(error))

    def look(self) -> Outcome:
        """Retrieve the truth and move on to what the hold's state calls for."""
        state = self._hold.state
        if state in {"captured", "saved"}:
            return Outcome()
        wanted = "capture" if state == "capturing" else "void" if state in DEAD else "hold"
        return self._pursue(wanted) or Outcome()

    def capture(self) -> Outcome:
        """Take the frozen amount; the rest of the hold is released with it."""
        taken = self._hold.capture_minor
        if taken is None or taken < 0 or taken > self._hold.amount_minor:
            raise GiveUp(f"hold {self._hold.id}: cannot capture {taken}")
        staff = f"hold {self._hold.id}: nothing to capture at Stripe"
        return self._pursue("capture") or Outcome("failed", reason="nothing_held", staff=staff)

    def void(self) -> Outcome:
        """Give everything back; also what a crash left at Stripe without a trace in our row."""
        return self._pursue("void") or Outcome("void", amount_minor=0, reason="nothing_held")

    def release_stray(self, intent_id: str, known: str | None) -> None:
        """Cancel an authorisation of this hold that is not the one we go by."""
        if known is None and self._hold.state not in DEAD:
            return  # the page may be completing at this moment: its own check decides
        intent = self._retrieve(intent_id)
        if intent.status == "requires_capture" and _belongs(intent.metadata, self._hold):
            log.warning("stray_hold_released", hold_id=self._hold.id, payment_intent=intent_id)
            self._v1.payment_intents.cancel(
                intent_id, {}, {"idempotency_key": f"stray:{intent_id}"}
            )

    # Asking for the money.

    def saved_card_params(self, customer: str, payment_method: str) -> PaymentIntentCreateParams:
        """A hold without the rider present (merchant initiated)."""
        return {
            "amount": self._amount,
            "currency": self._hold.currency.lower(),
            "customer": customer,
            "payment_method": payment_method,
            "allowed_payment_method_types": ["card", "link"],
            "capture_method": self._method,
            "confirm": True,
            "off_session": True,
            "description": self._payer.title,
            "metadata": self._metadata(),
            "expand": ["latest_charge"],
        }

    def page_params(self, customer: str | None) -> SessionCreateParams:
        """A Checkout page that holds or takes the amount, or only keeps a card.

        Replays must carry the same parameters, so the expiry is counted from the row.
        """
        expires_at = self._hold.created_at + _PAGE_LIFE + _PAGE_STEP
        while expires_at < self._now + _PAGE_LIFE + timedelta(minutes=1):
            expires_at += _PAGE_STEP
        params: SessionCreateParams = {
            "mode": "setup" if self._hold.purpose == "card" else "payment",
            "allowed_payment_method_types": list(self._payer.methods),
            "client_reference_id": str(self._hold.id),
            "metadata": self._metadata(),
            "expires_at": int(expires_at.timestamp()),
            "success_url": f"{self._payer.return_url}/done",
            "cancel_url": f"{self._payer.return_url}/cancelled",
        }
        if self._hold.purpose == "card":
            params["setup_intent_data"] = {
                "description": self._payer.title,
                "metadata": self._metadata(),
            }
            params["currency"] = self._hold.currency.lower()
        else:
            self._add_price(params)
        if self._payer.locale:
            params["locale"] = self._payer.locale
        if customer:
            params["customer"] = customer
        else:
            params["customer_creation"] = "always"
        return params

    def _add_price(self, params: SessionCreateParams) -> None:
        params["line_items"] = [
            {
                "quantity": 1,
                "price_data": {
                    "currency": self._hold.currency.lower(),
                    "unit_amount": self._amount,
                    "product_data": {"name": self._payer.title, "description": self._payer.note},
                },
            }
        ]
        params["payment_intent_data"] = {
            "capture_method": self._method,
            "description": self._payer.title,
            "metadata": self._metadata(),
        }
        if KEPT.issuperset(self._payer.methods):
            params["payment_intent_data"]["setup_future_usage"] = "off_session"
        else:  # asked of a method that cannot be kept, it would take that method off the page
            params["payment_method_options"] = {"card": {"setup_future_usage": "off_session"}}

    def _metadata(self) -> dict[str, str]:
        hold = self._hold
        return {
            "hold_id": str(hold.id),
            "hold_ref": hold_ref(hold),
            "subject": hold.subject,
        }

    def _charge_saved_card(self, customer: str, payment_method: str) -> Outcome:
        """Outcome "declined" when the rider has to step in."""
        declined = Outcome("declined", reason="card_declined")
        try:
            intent = self._v1.payment_intents.create(
                self.saved_card_params(customer, payment_method),
                {"idempotency_key": hold_key(self._hold)},
            )
        except stripe.CardError as error:
            return replace(declined, reason=error.code)
        except stripe.IdempotencyError as error:
            # The rider's card changed between a crash and this replay: what stands, stands.
            return self._after_conflict(error) or declined
        except stripe.APIError as error:
            if not was_replayed(error):
                raise
            return self._find() or declined
        except stripe.InvalidRequestError as error:
            if error.code not in _CARD_GONE:
                raise
            return replace(declined, reason="card_gone")
        if intent.status not in _LIVE:
            return declined
        return self._settle(self._retrieve(intent.id), "hold") or declined

    def _open_page(self) -> Outcome:
        try:
            return self._create_page(self._payer.customer, ":page")
        except stripe.IdempotencyError as error:
            conflict = Outcome("failed", reason="conflict", staff=str(error))
            return self._after_conflict(error) or conflict
        except stripe.InvalidRequestError as error:
            if error.code != "resource_missing" or not self._payer.customer:
                raise
            return self._create_page(None, ":page:new")

    def _create_page(self, customer: str | None, step: str) -> Outcome:
        params = self.page_params(customer)
        page = again_if_stored(
            lambda key: self._v1.checkout.sessions.create(params, {"idempotency_key": key}),
            hold_key(self._hold, step),
        )
        return self._settle_page(page, "hold") or Outcome()

    def _after_conflict(self, error: stripe.IdempotencyError) -> Outcome | None:
        if error.http_status == 409:  # another worker is in the same call
            raise TryAgain("the same payment is being placed", after_s=2) from error
        return self._find()

    # Looking and moving on.

    def _pursue(self, wanted: str) -> Outcome | None:
        try:
            return self._pursue_known(wanted)
        except stripe.InvalidRequestError as error:
            if error.code != "resource_missing":
                raise
            # Another account, or a test account wiped: whatever it was, we can hold it no more.
            name = {"void": "void", "capture": "failed"}.get(wanted, "expired")
            staff = f"hold {self._hold.id}: Stripe does not know it: {error}"
            return Outcome(name, amount_minor=0, reason="gone", staff=staff)

    def _pursue_known(self, wanted: str) -> Outcome | None:
        if self._hold.payment_intent:
            return self._settle(self._retrieve(self._hold.payment_intent), wanted)
        if self._hold.checkout_session:
            page = self._v1.checkout.sessions.retrieve(
                self._hold.checkout_session,
                {"expand": ["payment_intent.latest_charge", "setup_intent.payment_method"]},
            )
            return self._settle_page(page, wanted)
        return self._find(wanted)

    def _retrieve(self, intent_id: str) -> stripe.PaymentIntent:
        return self._v1.payment_intents.retrieve(intent_id, {"expand": ["latest_charge"]})

    def _find(self, wanted: str = "hold") -> Outcome | None:
        """What a crash left at Stripe before our row knew of it."""
        since = int((self._hold.created_at - timedelta(minutes=5)).timestamp())
        if self._hold.purpose != "card":
            for intent in self._intents_since(since):
                if intent.status in _LIVE and _belongs(intent.metadata, self._hold):
                    return self._settle(self._retrieve(intent.id), wanted)
        pages = self._v1.checkout.sessions.list(
            {
                "created": {"gte": since},
                "limit": 100,
                "expand": ["data.payment_intent", "data.setup_intent.payment_method"],
            }
        )
        for page in islice(pages.auto_paging_iter(), _FIND_LIMIT):
            if page.metadata is not None and _belongs(page.metadata, self._hold):
                return self._settle_page(page, wanted)
        return None

    def _intents_since(self, since: int) -> Iterator[stripe.PaymentIntent]:
        """Of the rider's customer first, then all: another card may have come with another one."""
        everybody: PaymentIntentListParams = {"created": {"gte": since}, "limit": 100}
        if self._payer.customer:
            try:
                listed = self._v1.payment_intents.list(
                    {**everybody, "customer": self._payer.customer}
                )
                yield from islice(listed.auto_paging_iter(), _FIND_LIMIT)
            except stripe.InvalidRequestError as error:
                if error.code != "resource_missing":
                    raise
        listed = self._v1.payment_intents.list(everybody)
        yield from islice(listed.auto_paging_iter(), _FIND_LIMIT)

    def _settle_page(self, page: stripe.checkout.Session, wanted: str) -> Outcome | None:
        intent = page.payment_intent
        if isinstance(intent, str):
            intent = self._retrieve(intent)
        if intent is not None and intent.status in _LIVE:
            outcome = self._settle(intent, wanted)
            return replace(outcome, checkout_session=page.id) if outcome else None
        ours = Outcome(checkout_session=page.id)
        if self._hold.purpose == "card" and page.status == "complete":
            return self._settle_setup(page, ours, wanted)
        if page.status == "expired":
            name = "void" if wanted == "void" else "expired"
            return replace(ours, name=name, amount_minor=0, reason="page_expired")
        if page.status == "complete":
            if intent is None or intent.status != "requires_payment_method":
                return ours  # the bank is still thinking
            error = intent.last_payment_error  # it thought, and said no
            name, reason = "void" if wanted == "void" else "failed", getattr(error, "code", None)
            return replace(ours, name=name, amount_minor=0, reason=reason or "bank_refused")
        if wanted == "void":
            return self._expire_page(page)
        return replace(ours, name="needs_rider", amount_minor=self._hold.amount_minor, url=page.url)

    def _settle_setup(
        self, page: stripe.checkout.Session, ours: Outcome, wanted: str
    ) -> Outcome | None:
        """A card was entered on a page that only keeps one."""
        setup = page.setup_intent
        if isinstance(setup, str):
            setup = self._v1.setup_intents.retrieve(setup, {"expand": ["payment_method"]})
        if setup is None or setup.status != "succeeded":
            return ours  # the bank is still thinking
        method = setup.payment_method
        customer = _id(setup.customer)
        if not isinstance(method, stripe.PaymentMethod) or customer is None:
            return replace(ours, name="failed", reason="no_card")
        if wanted == "void":  # nobody wants it any more
            forget_card(self._client, method.id)
            return replace(ours, name="void", amount_minor=0)
        card = Card(customer, method.id, _label(method))
        return replace(ours, name="saved", amount_minor=0, card=card)

    def _expire_page(self, page: stripe.checkout.Session) -> Outcome:
        try:
            self._v1.checkout.sessions.expire(
                page.id, {}, {"idempotency_key": void_key(self._hold, ":page")}
            )
        except stripe.InvalidRequestError as error:
            # Paid or run out while we looked: the next look sees which.
            raise TryAgain(f"the pay page moved on: {error}", after_s=1) from error
        return Outcome("void", amount_minor=0, checkout_session=page.id)

    def _settle(self, intent: stripe.PaymentIntent, wanted: str) -> Outcome | None:
        ours = Outcome(payment_intent=intent.id)
        if intent.status == "succeeded":
            taken = from_stripe(intent.amount_received, self._hold.currency)
            kept = _card_to_keep(intent) if self._method == "automatic" else None
            return replace(ours, name="captured", amount_minor=taken, card=kept)
        if intent.status == "canceled":
            name = "void" if wanted == "void" else "expired"
            return replace(
                ours, name=name, amount_minor=0, reason=intent.cancellation_reason or "canceled"
            )
        if intent.status == "requires_capture":
            if wanted == "capture":
                return self._capture(intent)
            if wanted == "void":
                return self._cancel(intent)
            return self._held(intent)
        if wanted == "void":
            return self._cancel(intent)
        return None

    def _held(self, intent: stripe.PaymentIntent) -> Outcome:
        """The evidence before a pile is energised: status, amount, currency, capturable."""
        hold = self._hold
        if (
            intent.amount != self._amount
            or intent.amount_capturable < self._amount
            or intent.currency.upper() != hold.currency
        ):
            self._cancel(intent)
            held = f"{intent.amount_capturable} of {intent.amount} {intent.currency}"
            return Outcome(
                "failed",
                payment_intent=intent.id,
                reason="amount_mismatch",
                staff=f"hold {hold.id}: Stripe holds {held}, asked {self._amount} {hold.currency}",
            )
        return Outcome(
            "held",
            amount_minor=from_stripe(intent.amount_capturable, hold.currency),
            payment_intent=intent.id,
            capture_before=_capture_before(intent),
            card=_card_to_keep(intent),
        )

    def _capture(self, intent: stripe.PaymentIntent) -> Outcome:
        taken = to_stripe(self._hold.capture_minor or 0, self._hold.currency)
        if taken == 0:
            return replace(self._cancel(intent), reason="nothing_owed")
        intent_id = intent.id
        try:
            intent = again_if_stored(
                lambda key: self._v1.payment_intents.capture(
                    intent_id, {"amount_to_capture": taken}, {"idempotency_key": key}
                ),
                capture_key(self._hold, self._attempt),
            )
        except (stripe.InvalidRequestError, stripe.CardError) as error:
            if error.code == "amount_too_small":  # waived: Stripe cannot take so little
                return replace(self._cancel(intent), reason="below_minimum")
            if error.code in _MOVED_ON:
                raise TryAgain(f"the payment moved on: {error}", after_s=1) from error
            return Outcome(
                "failed",
                payment_intent=intent_id,
                reason=error.code or "refused",
                staff=f"hold {self._hold.id}: capture of {taken} refused: {error}",
            )
        return Outcome(
            "captured",
            amount_minor=from_stripe(intent.amount_received, self._hold.currency),
            payment_intent=intent_id,
        )

    def _cancel(self, intent: stripe.PaymentIntent) -> Outcome:
        try:
            again_if_stored(
                lambda key: self._v1.payment_intents.cancel(
                    intent.id, {}, {"idempotency_key": key}
                ),
                void_key(self._hold),
            )
        except stripe.InvalidRequestError as error:
            if error.code in _MOVED_ON:
                raise TryAgain(f"the payment moved on: {error}", after_s=1) from error
            # No for good: it lapses by itself at the latest, and staff look at it.
            return Outcome(
                "failed",
                payment_intent=intent.id,
                reason="void_refused",
                staff=f"hold {self._hold.id}: Stripe does not release it: {error}",
            )
        return Outcome("void", amount_minor=0, payment_intent=intent.id)


def forget_card(client: stripe.StripeClient, payment_method: str) -> None:
    """Stripe keeps the card no longer; one it does not know any more is forgotten already."""
    try:
        client.v1.payment_methods.detach(payment_method)
    except stripe.InvalidRequestError as error:
        log.info("card_was_gone", code=error.code)


def _belongs(metadata: Any, hold: Hold) -> bool:
    return "hold_ref" in metadata and bool(metadata["hold_ref"] == hold_ref(hold))


def _card_details(intent: stripe.PaymentIntent) -> Any | None:
    charge = intent.latest_charge
    details = getattr(charge, "payment_method_details", None)
    return getattr(details, "card", None)


def _capture_before(intent: stripe.PaymentIntent) -> datetime | None:
    """When the hold lapses by itself; what does not say so is taken for the shortest there is."""
    moment = getattr(_card_details(intent), "capture_before", None)
    if moment:
        return datetime.fromtimestamp(moment, UTC)
    made = getattr(intent.latest_charge, "created", None)
    return datetime.fromtimestamp(made, UTC) + _SHORTEST_HOLD if made else None


def _card_to_keep(intent: stripe.PaymentIntent) -> Card | None:
    """The card the rider let us keep on the pay page."""
    details = getattr(intent.latest_charge, "payment_method_details", None)
    customer, method = _id(intent.customer), _id(intent.payment_method)
    if details is None or details.type not in KEPT or not (customer and method):
        return None
    options = getattr(intent.payment_method_options, details.type, None)
    usage = intent.setup_future_usage or getattr(options, "setup_future_usage", None)
    return Card(customer, method, _label(details)) if usage == "off_session" else None


def _label(method: Any) -> str:
    """What riders know it by: "Visa 4242"."""
    card = getattr(method, "card", None)
    if card is None:
        return str(method.type).title()[:32]
    brand = str(getattr(card, "brand", None) or "card").replace("_", " ").title()
    return f"{brand} {getattr(card, 'last4', None) or ''}".strip()[:32]


def _id(reference: Any) -> str | None:
    return reference if isinstance(reference, str) else getattr(reference, "id", None)
