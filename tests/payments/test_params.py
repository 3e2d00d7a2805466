"""Every parameter we send, checked against the types of the very SDK version we use."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import UnionType
from typing import (
    Any,
    Generic,
    Literal,
    NotRequired,
    Required,
    TypeVar,
    Union,
    get_args,
    get_origin,
)

import pytest
from stripe._request_options import RequestOptions
from typing_extensions import get_type_hints, is_typeddict

from bot.domain.pay_methods import MANUAL, offered, read_methods
from bot.gateways.stripe_client import TIMEOUT_S, client_for
from bot.gateways.stripe_holds import HoldDesk, Payer
from bot.gateways.stripe_refunds import refund_params
from bot.store.charging import Hold, Refund
from tests.payments.conftest import make_settings

T = TypeVar("T")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


# Options of the call that the SDK would also take among the parameters: not ours.
_OPTIONS = RequestOptions.__annotations__


def shape(module: str, name: str) -> Any:
    """A TypedDict of the SDK's parameters."""
    return getattr(importlib.import_module(f"stripe.params.{module}"), name)


def problems(value: Any, expected: Any, where: str) -> list[str]:
    """How `value` breaks the type `expected`; literals are enums even where `str` is allowed."""
    origin, inner = get_origin(expected), get_args(expected)
    if origin in (NotRequired, Required):
        return problems(value, inner[0], where)
    if origin in (Union, UnionType):
        return _union_problems(value, inner, where)
    if origin is Literal:
        return [] if value in inner else [f"{where}: {value!r} is not allowed"]
    if origin is list:
        if not isinstance(value, list):
            return [f"{where}: not a list"]
        numbered = ((f"{where}[{index}]", each) for index, each in enumerate(value))
        return [found for place, each in numbered for found in problems(each, inner[0], place)]
    if origin is dict:
        good = isinstance(value, dict) and all(
            isinstance(key, str) and isinstance(item, str) for key, item in value.items()
        )
        return [] if good else [f"{where}: not a dict of strings"]
    if is_typeddict(expected):
        return _dict_problems(value, expected, where)
    if isinstance(expected, type):
        fits = type(value) is expected
        return [] if fits else [f"{where}: {value!r} is not {expected.__name__}"]
    return [f"{where}: do not know how to check {expected!r}"]


def _union_problems(value: Any, options: tuple[Any, ...], where: str) -> list[str]:
    enums = tuple(option for option in options if get_origin(option) is Literal)
    if isinstance(value, str) and enums:
        options = enums
    found = [problems(value, option, where) for option in options]
    return [] if any(not each for each in found) else found[0]


def _dict_problems(value: Any, expected: Any, where: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{where}: not a dict"]
    names = {"UntypedStripeObject": _Untyped, "StripeContext": str, "Mapping": Mapping}
    module = vars(importlib.import_module(expected.__module__))
    hints = get_type_hints(expected, module, names, include_extras=True)
    known = hints.keys() - _OPTIONS.keys()
    found = [
        f"{where}.{name}: missing"
        for name, hint in hints.items()
        if name not in value and not _may_be_absent(hint)
    ]
    for name, item in value.items():
        place = f"{where}.{name}"
        found += problems(item, hints[name], place) if name in known else [f"{place}: unknown"]
    return found


def _may_be_absent(hint: Any) -> bool:
    origin: Any = get_origin(hint)
    return origin is NotRequired


class _Untyped(Generic[T]):
    pass


INTENT = shape("_payment_intent_create_params", "PaymentIntentCreateParams")
SESSION = shape("checkout._session_create_params", "SessionCreateParams")
REFUND = shape("_refund_create_params", "RefundCreateParams")


def a_hold() -> Hold:
    return Hold(
        id=7, subject="session:3", session_id=3, purpose="hold", rider_id=1, seq=1,
        attempt=1, captures=0, amount_minor=2000, currency="EUR", state="creating",
        payment_intent="pi_1", created_at=NOW, updated_at=NOW,
    )  # fmt: skip


PAYER = Payer(
    customer="cus_1", payment_method="pm_1", locale="pt-BR", title="Pilebot 1023-27",
    note="Held on your card.", return_url="https://example.com/pay/x",
)  # fmt: skip


def desk(payer: Payer = PAYER, hold: Hold | None = None, now: datetime = NOW) -> HoldDesk:
    return HoldDesk(client_for(make_settings()), hold or a_hold(), payer, now)


def test_saved_card_parameters_fit_the_sdk() -> None:
    assert problems(desk().saved_card_params("cus_1", "pm_1"), INTENT, "intent") == []


@pytest.mark.parametrize("customer", ["cus_1", None])
@pytest.mark.parametrize("locale", ["en", "es", "pt-BR", "zh", "fr", "de", None])
def test_page_parameters_fit_the_sdk(customer: str | None, locale: str | None) -> None:
    params = desk(replace(PAYER, locale=locale)).page_params(customer)
    assert problems(params, SESSION, "page") == []


def test_what_pays_a_debt_is_taken_at_once_and_fits_the_sdk() -> None:
    hold = a_hold()
    hold.purpose = "debt"
    card = desk(hold=hold).saved_card_params("cus_1", "pm_1")
    page = desk(hold=hold).page_params(None)
    assert card["capture_method"] == page["payment_intent_data"]["capture_method"] == "automatic"
    assert problems(card, INTENT, "intent") == problems(page, SESSION, "page") == []


def test_a_page_that_only_keeps_a_card_fits_the_sdk() -> None:
    hold = a_hold()
    hold.purpose, hold.amount_minor = "card", 0
    for customer in ("cus_1", None):
        page = desk(hold=hold).page_params(customer)
        assert page["mode"] == "setup"
        assert "line_items" not in page
        assert problems(page, SESSION, "page") == []


@pytest.mark.parametrize("purpose", ["hold", "deposit", "debt", "sale"])
@pytest.mark.parametrize("raw", ["card,link", "card,paynow,paypal", "card,klarna,alipay,grabpay"])
def test_every_purpose_and_method_fits_the_sdk(purpose: str, raw: str) -> None:
    hold = a_hold()
    hold.purpose = purpose
    methods = offered(read_methods(raw), purpose, "EUR")
    page = desk(replace(PAYER, methods=methods), hold).page_params("cus_1")
    assert problems(page, SESSION, "page") == []
    manual = page["payment_intent_data"]["capture_method"] == "manual"
    assert manual == (purpose in {"hold", "deposit"})
    assert not manual or MANUAL.issuperset(page["allowed_payment_method_types"])
    card = desk(hold=hold).saved_card_params("cus_1", "pm_1")
    assert problems(card, INTENT, "intent") == []


def test_the_methods_we_know_are_stripes() -> None:
    page = desk(replace(PAYER, methods=tuple(sorted(MANUAL)))).page_params(None)
    assert problems(page, SESSION, "page") == []


def test_refund_parameters_fit_the_sdk() -> None:
    refund = Refund(id=1, hold_id=7, amount_minor=5, currency="EUR", created_at=NOW)
    assert problems(refund_params(a_hold(), refund), REFUND, "refund") == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"payment_method_types": ["card"]}, "unknown"),  # gone since API 2026-10-28
        ({"capture_method": "by_hand"}, "not allowed"),
        ({"amount": "2000"}, "is not int"),
        ({"confirm": "true"}, "is not bool"),
        ({"metadata": {"hold_id": 7}}, "dict of strings"),
        ({"allowed_payment_method_types": ["crad"]}, "not allowed"),
    ],
)
def test_the_checker_sees_what_is_wrong(change: dict[str, Any], told: str) -> None:
    params = desk().saved_card_params("cus_1", "pm_1") | change
    (problem,) = problems(params, INTENT, "intent")
    assert told in problem


def test_the_checker_sees_what_is_missing() -> None:
    params: dict[str, Any] = dict(desk().saved_card_params("cus_1", "pm_1"))
    del params["currency"]
    assert problems(params, INTENT, "intent") == ["intent.currency: missing"]


@pytest.mark.parametrize("late_s", [0, 60, 539, 541, 1200, 36_000])
def test_page_lives_at_least_half_an_hour_from_whenever_it_is_made(late_s: int) -> None:
    now = NOW + timedelta(seconds=late_s)
    expires_at = desk(now=now).page_params(None)["expires_at"]
    assert 31 * 60 <= expires_at - now.timestamp() <= 41 * 60


def test_replay_soon_after_carries_the_same_parameters() -> None:
    soon = NOW + timedelta(minutes=8)
    assert desk().page_params("cus_1") == desk(now=soon).page_params("cus_1")


def test_client_retries_and_has_a_time_limit_below_the_outbox_lease() -> None:
    client = client_for(make_settings(STRIPE_API_URL="http://127.0.0.1:9/"))
    options = client._requestor._options
    assert options.max_network_retries == 2
    assert options.base_addresses["api"] == "http://127.0.0.1:9"
    assert TIMEOUT_S * 3 + 4 < 60
