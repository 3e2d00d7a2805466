"""The pages a rider sees around paying: ours after Checkout, and the stand-in's own."""

from __future__ import annotations

import re

import httpx
import pytest

from bot.gateways.payments import pay_token
from bot.services import weblogin
from tests.payments.conftest import World


def return_page(world: World, hold_id: int, what: str = "done") -> httpx.Response:
    token = pay_token(world.settings, hold_id)
    return httpx.get(f"{world.settings.public_url}/pay/{token}/{what}")


def test_coming_back_before_the_event_asks_for_a_look_once(world: World) -> None:
    world.lose_events()
    hold = world.hold(world.rider())
    world.place(hold)
    world.pay(hold)
    for _ in range(3):
        page = return_page(world, hold.id)
        assert page.status_code == 200
        assert "One moment" in page.text
        assert page.headers["Refresh"] == "3; url=?look=1"
    assert len(world.effects()) == 1
    world.work_off()
    assert world.outcomes(hold) == ["needs_rider", "held"]


def test_held_money_is_shown_with_the_way_back(world: World) -> None:
    hold = world.hold(world.rider("pm_card_visa"), 2050)
    world.place(hold)
    page = return_page(world, hold.id)
    assert "Payment held" in page.text
    assert "€20.50" in page.text
    assert "https://wa.me/14155238886" in page.text
    assert "Refresh" not in page.headers
    assert "<script" not in page.text
    assert not re.search(r"\sstyle=|<style", page.text)


def test_rider_of_the_web_chat_goes_back_there(world: World) -> None:
    rider, stranger = world.rider("pm_card_visa"), world.rider()
    hold = world.hold(rider)
    world.place(hold)
    address = f"{world.settings.public_url}/pay/{pay_token(world.settings, hold.id)}/done"
    for visitor, goes_to_chat in ((rider, True), (stranger, False)):
        with world.store.begin() as work:
            token = weblogin.open_session(work, visitor.id)
        page = httpx.get(address, headers={"Cookie": f"pilebot={token}"})
        assert ('class="button" href="/chat"' in page.text) is goes_to_chat


def test_dead_hold_says_that_nothing_is_charged(world: World) -> None:
    hold = world.hold(world.rider())
    world.place(hold)
    world.set(hold, state="void")
    assert "Nothing is charged" in return_page(world, hold.id).text


def test_cancelled_offers_the_page_again_while_it_is_open(world: World) -> None:
    hold = world.hold(world.rider())
    result = world.place(hold)
    assert result["url"] in return_page(world, hold.id, "cancelled").text
    world.set(hold, state="expired")
    assert result["url"] not in return_page(world, hold.id, "cancelled").text


@pytest.mark.parametrize("token", ["1", "MQ.x", "%00", "a" * 3000])
@pytest.mark.parametrize("what", ["done", "cancelled"])
def test_made_up_addresses_lead_nowhere(world: World, token: str, what: str) -> None:
    response = httpx.get(f"{world.settings.public_url}/pay/{token}/{what}")
    assert response.status_code == 404
    assert world.effects() == []


def test_page_speaks_the_riders_language_not_the_browsers(world: World) -> None:
    hold = world.hold(world.rider("pm_card_visa"))
    world.place(hold)
    token = pay_token(world.settings, hold.id)
    page = httpx.get(
        f"{world.settings.public_url}/pay/{token}/done", headers={"Accept-Language": "de"}
    )
    assert '<html lang="en">' in page.text


def submit(world: World, url: str, **form: str) -> httpx.Response:
    return httpx.post(url, data=form)


def test_pay_page_takes_a_card_and_leads_back(world: World) -> None:
    hold = world.hold(world.rider(), 1500)
    url = world.place(hold)["url"]
    page = httpx.get(url)
    assert "€15.00" in page.text
    assert "Pilebot 1023-27" in page.text
    assert "4242424242424242" in page.text
    assert "<script" not in page.text
    paid = submit(world, url, action="pay", card="4242 4242 4242 4242")
    assert paid.status_code == 303
    assert paid.headers["Location"].endswith("/done")
    assert httpx.get(paid.headers["Location"]).status_code == 200
    world.deliver("check", hold)
    assert world.outcomes(hold) == ["needs_rider", "held"]


def test_pay_page_declines_and_lets_the_rider_try_again(world: World) -> None:
    hold = world.hold(world.rider())
    url = world.place(hold)["url"]
    for form in ({"action": "decline"}, {"action": "pay", "card": "4000000000009995"},
                 {"action": "pay", "card": "1234"}, {"action": "pay", "card": "<b>"}):  # fmt: skip
        page = submit(world, url, **form)
        assert page.status_code == 402
        assert 'role="alert"' in page.text
        assert "<b>" not in page.text
    assert submit(world, url, action="pay").status_code == 303


def test_pay_page_asks_for_the_bank(world: World) -> None:
    rider = world.rider()
    hold = world.hold(rider)
    url = world.place(hold)["url"]
    card = "4000002500003155"
    asked = submit(world, url, action="pay", card=card)
    assert "Confirm with your bank" in asked.text
    assert "could not confirm" in submit(world, url, action="refuse", card=card).text
    assert submit(world, url, action="approve", card=card).status_code == 303
    world.deliver("check", hold)
    assert world.outcomes(hold) == ["needs_rider", "held"]
    # Set up once with the bank, this card works without the rider from now on.
    again = world.hold(rider)
    assert world.place(again)["outcome"] == "held"


def test_pay_page_cancel_leads_back_and_keeps_the_page(world: World) -> None:
    hold = world.hold(world.rider())
    url = world.place(hold)["url"]
    assert submit(world, url, action="cancel").headers["Location"].endswith("/cancelled")
    assert submit(world, url, action="pay").status_code == 303


def test_finished_pages_cannot_be_paid_again(world: World) -> None:
    hold = world.hold(world.rider())
    url = world.place(hold)["url"]
    submit(world, url, action="pay")
    assert httpx.get(url).status_code == 303
    assert submit(world, url, action="pay").status_code == 402
    assert len(world.intents()) == 1
    assert httpx.get(url.replace("cs_test_", "cs_test_x")).status_code == 404
