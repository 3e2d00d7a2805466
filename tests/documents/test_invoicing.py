"""Invoices over real rows: made once, numbered without gaps, credited, never changed."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select, text, update
from sqlalchemy.exc import DBAPIError

from bot.domain.invoices import load_paper
from bot.errors import Refused
from bot.gateways.invoice_pdf import TITLES
from bot.gateways.invoices import Invoices
from bot.replies import InvoicePaper
from bot.services import (
    billables,
    billing,
    buyers,
    credit_notes,
    entities,
    invoices,
    payment_results,
    payouts,
    plans,
    receipt_watch,
    refunds,
    wallet,
)
from bot.services.audit import Actor
from bot.settings import Settings
from bot.store.cases import Clock
from bot.store.charging import ChargingSession, Refund
from bot.store.database import make_engine
from bot.store.desk import ConversationMark
from bot.store.invoices import Invoice, InvoicedOrder, LegalEntity, ReceiptWatch
from bot.store.queues import Inbox
from bot.store.riders import Rider
from bot.store.staff import Staff
from bot.store.stations import Pile, Station
from tests.charging.world import SETTINGS, World
from tests.databases import with_tables
from tests.offers import add_plan_offer
from tests.wallet.world import answers, fill, give_card, paid


@pytest.fixture
def world(tmp_path: Any) -> World:
    engine = with_tables(make_engine(f"sqlite:///{tmp_path / 'invoices.db'}"))
    return World(engine)


def charge(world: World, number: int = 1, evse: int = 1, *, by_wallet: bool = False) -> int:
    """A whole charge, paid: 1 kWh, EUR 1.40."""
    session_id = world.says_yes(evse, key=f"yes-{number}")
    tx, start = f"T{number}", 5000 * number
    if not by_wallet:
        world.pays(session_id, "held")
    world.answers("start", "accepted")
    world.reports("Started", start, tx=tx, evse=evse)
    world.passes(60)
    world.reports("Updated", start + 1000, tx=tx, evse=evse)
    world.says_stop(session_id, key=f"stop-{number}")
    world.reports("Ended", start + 1000, tx=tx, state=None, reason="Remote", evse=evse)
    if not by_wallet:
        world.pays(session_id, "captured")
    world.passes(1200)  # soon after it the next would be the same charge
    return session_id


def company(world: World) -> None:
    with world.work() as work:
        buyers.keep(
            work, 1, business=True, name="Acme Oy", address="Road 1", number=None
        )  # fmt: skip


def make(world: World, *session_ids: int, key: str = "k") -> list[Invoice]:
    with world.work() as work:
        rider = work.session.get_one(Rider, 1)
        subjects = [f"session:{each}" for each in session_ids]
        return invoices.make(work, SETTINGS, rider, subjects, key=key)


def give_back(world: World, session_id: int, minor: int) -> int:
    """A refund that the provider has carried out."""
    with world.work() as work:
        hold = refunds.hold_with_money(work, session_id)
        assert hold is not None
        refund = refunds.give_back(work, hold.id, minor, reason="goodwill")
        assert refund is not None
        refund.state = "done"
        billing.post_refunded(work, refund, "rider:1")
        refund_id = refund.id
    world.drain()
    return refund_id


def every(world: World) -> list[Invoice]:
    with world.work() as work:
        return list(work.session.scalars(select(Invoice).order_by(Invoice.id)))


def test_an_invoice_holds_what_was_paid_and_comes_once(world: World) -> None:
    world.rider()
    first, second = charge(world, 1), charge(world, 2)
    company(world)
    (made,) = make(world, first, second)
    assert (made.number, made.kind, made.gross_minor) == ("INV-000001", "invoice", 280)
    paper = load_paper(made.body)
    assert paper.form == "full"
    assert made.net_minor + made.tax_minor == made.gross_minor
    assert [each.bill for each in paper.entries] == ["R-000001", "R-000002"]
    with pytest.raises(Refused):
        make(world, first, key="again")
    assert len(every(world)) == 1


def test_what_was_given_back_before_is_not_invoiced(world: World) -> None:
    world.rider()
    first = charge(world)
    give_back(world, first, 40)
    company(world)
    (made,) = make(world, first)
    assert made.gross_minor == 100
    with world.work() as work:  # the same refund told again credits nothing
        refund_id = work.session.scalars(select(Refund.id)).one()
        body = {"refund_id": refund_id, "subject": f"session:{first}"}
        credit_notes.on_refunded(work, SETTINGS, body)
    assert len(every(world)) == 1


def test_a_refund_makes_a_credit_note_by_itself(world: World) -> None:
    world.rider()
    first = charge(world)
    company(world)
    make(world, first)
    give_back(world, first, 40)
    give_back(world, first, 100)
    papers = every(world)
    assert [(each.number, each.gross_minor) for each in papers] == [
        ("INV-000001", 140), ("INV-C-000001", 40), ("INV-C-000002", 100),
    ]  # fmt: skip
    assert sum(each.tax_minor for each in papers[1:]) == papers[0].tax_minor
    assert {each.refers_to for each in papers[1:]} == {papers[0].id}
    assert [each for each in world.told() if isinstance(each, InvoicePaper)] == [
        InvoicePaper(papers[1].id), InvoicePaper(papers[2].id),
    ]  # fmt: skip
    with world.work() as work:
        assert credit_notes.is_credited(work, papers[0])


def fail(
    world: World, refund_id: int, settings: Settings = SETTINGS, outcome: str = "refund_failed"
) -> None:
    """The rider's bank does not take a refund."""
    with world.work() as work:
        refund = work.session.get_one(Refund, refund_id)
        body = {"hold_id": refund.hold_id, "refund_id": refund_id, "outcome": outcome}
        payment_results.on_payment_result(work, settings, body)
    world.drain()


def asked_back(world: World, session_id: int, minor: int) -> int:
    """A refund that the provider has not carried out."""
    with world.work() as work:
        hold = refunds.hold_with_money(work, session_id)
        assert hold is not None
        refund = refunds.give_back(work, hold.id, minor, reason="goodwill")
        assert refund is not None
        return refund.id


def test_a_refund_that_came_into_the_wallet_is_credited_too(world: World) -> None:
    world.rider()
    first, second = charge(world, 1), charge(world, 2)
    company(world)
    make(world, first)
    fail(world, asked_back(world, first, 40))
    fail(world, asked_back(world, second, 30))
    assert [(each.kind, each.gross_minor) for each in every(world)] == [
        ("invoice", 140), ("credit_note", 40),
    ]  # fmt: skip
    (later,) = make(world, second, key="later")
    assert later.gross_minor == 110, "what is in the wallet again is not invoiced"


def test_a_credited_refund_that_bounces_is_invoiced_again(world: World) -> None:
    world.rider()
    first, second = charge(world, 1), charge(world, 2)
    company(world)
    make(world, first)
    refunds_ = [asked_back(world, first, 40), asked_back(world, second, 100)]
    for each in refunds_:
        fail(world, each, outcome="refunded")
    make(world, second, key="less")
    for each in (*refunds_, *refunds_):  # the second time changes nothing
        fail(world, each, replace(SETTINGS, wallet="off"))
    papers = every(world)
    assert [(each.number, each.gross_minor, each.refers_to) for each in papers] == [
        ("INV-000001", 140, None), ("INV-C-000001", 40, papers[0].id), ("INV-000002", 40, None),
        ("INV-000003", 40, papers[0].id), ("INV-000004", 100, papers[2].id),
    ]  # fmt: skip
    assert papers[3].tax_minor == papers[1].tax_minor
    assert Invoices(world.store, "Pilebot")(papers[3].id, "en")[0].startswith(b"%PDF")
    with world.work() as work:
        assert [each.gross_minor for each in credit_notes.left_of(work, papers[0])] == [140]
        marked = work.session.scalars(select(ConversationMark.text)).all()
    assert any("INV-000003" in each and "INV-000001" in each for each in marked), "staff see it"
    assert sum("did not accept the" in each for each in world.heard()) == 2, "and riders"

    give_back(world, first, 140)  # by another way
    with world.work() as work:
        assert credit_notes.is_credited(work, papers[0])
        assert credit_notes.is_credited(work, papers[3]), "it belongs to the first"


def test_a_wallet_refund_is_credited_when_it_is_done(world: World) -> None:
    world.rider()
    fill(world, 1, 5000)
    session_id = charge(world, by_wallet=True)
    company(world)
    make(world, session_id)
    with world.work() as work:
        hold = refunds.hold_with_money(work, session_id)
        assert hold is not None
        refunds.give_back(work, hold.id, 40, reason="goodwill")
        told = select(Inbox.id).where(Inbox.kind == "invoice.refunded")
        assert work.session.scalars(told).first() is None, "not before the refund's own row"
    world.drain()
    assert [each.gross_minor for each in every(world)] == [140, 40]


def test_an_invoice_names_the_card_only_where_it_paid(world: World) -> None:
    world.rider()
    give_card(world)
    by_card = charge(world, 1)
    fill(world, 1, 5000)
    by_wallet = charge(world, 2, 2, by_wallet=True)
    assert world.hold(by_wallet).method == "wallet"
    company(world)
    (one,), (other,) = make(world, by_card), make(world, by_wallet, key="w")
    assert load_paper(one.body).paid_by == "Visa 4242"
    assert load_paper(other.body).paid_by == ""


def test_a_correction_credits_in_full_and_makes_anew(world: World) -> None:
    world.rider()
    first = charge(world)
    company(world)
    make(world, first)
    give_back(world, first, 40)
    old = every(world)[0]
    with world.work() as work:
        buyers.keep(work, 1, business=False, name="Ana", address="", number=None)
        rider = work.session.get_one(Rider, 1)
        credit_notes.correct(work, SETTINGS, rider, old.id, key="fix")
    papers = every(world)
    assert [(each.number, each.buyer, each.gross_minor) for each in papers] == [
        ("INV-000001", "Acme Oy", 140), ("INV-C-000001", "Acme Oy", 40),
        ("INV-C-000002", "Acme Oy", 100), ("INV-000002", "Ana", 100),
    ]  # fmt: skip
    assert load_paper(papers[3].body).form == "simplified"
    with world.work() as work, pytest.raises(Refused):
        rider = work.session.get_one(Rider, 1)
        credit_notes.correct(work, SETTINGS, rider, papers[0].id, key="fix-again")


def test_one_invoice_never_mixes_legal_entities(world: World) -> None:
    world.rider()
    first, second = charge(world, 1, 1), charge(world, 2, 2)
    with world.work() as work:
        work.session.add(
            Staff(id=1, login="m", name="M", role="manager", created_at=work.now)
        )  # fmt: skip
        work.session.add(
            Station(
                id=2, name="Espoo", address="Road 2", lat=60.2, lng=24.6, tz="Europe/Helsinki",
                country="FI", currency="EUR", tax_percent="25.5",
            )
        )  # fmt: skip
        work.session.flush()
        values = {"name": "Espoo Oy", "address": "Road 2", "country": "FI", "prefix": "ESP"}
        actor = Actor(1, "manager")
        entity = entities.save(work, actor, None, values)
        entities.give_stations(work, actor, entity.id, [2])
        work.session.add(Pile(id="P001031", number="1031", station_id=2, kind="ac"))
        work.session.flush()
        work.session.execute(text("UPDATE evse SET pile_id = 'P001031' WHERE id = 2"))
    company(world)
    made = make(world, first, second)
    assert [each.number for each in made] == ["INV-000001", "ESP-000001"]
    assert [load_paper(each.body).seller.name for each in made] == ["Pilebot Demo Oy", "Espoo Oy"]


def test_documents_cannot_be_changed(world: World) -> None:
    world.rider()
    company(world)
    (made,) = make(world, charge(world))
    with pytest.raises(DBAPIError), world.work() as work:
        work.session.execute(update(Invoice).values(gross_minor=1))
    with pytest.raises(DBAPIError), world.work() as work:
        work.session.execute(text("DELETE FROM invoice"))
    papers = Invoices(world.store, "Pilebot")
    first = papers(made.id, "en")[0]
    with world.work() as work:  # what is kept is what is sent, whatever changes around it
        work.session.execute(update(LegalEntity).values(name="Another Oy"))
    assert papers(made.id, "de")[0] == first


def test_many_who_make_the_same_invoice_get_one(engine: Engine) -> None:
    world = World(engine)
    world.rider()
    first, second = charge(world, 1), charge(world, 2)
    company(world)
    results: list[str] = []

    def press(number: int) -> None:
        try:
            make(world, first if number % 2 else second, key=f"press-{number}")
            results.append("made")
        except Refused:
            results.append("refused")

    threads = [threading.Thread(target=press, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["made"] * 2 + ["refused"] * 6
    assert [each.number for each in every(world)] == ["INV-000001", "INV-000002"]


def test_how_long_a_receipt_took_is_kept(world: World) -> None:
    world.rider()
    charge(world)
    with world.work() as work:
        ((row, bill, rider_id),) = receipt_watch.late(work)
        assert (bill.number, rider_id, row.accepted_at) == ("R-000001", 1, None)
        assert receipt_watch.waiting(work) == 1
        receipt_watch.accepted(work, 1)
    world.now += timedelta(seconds=9)
    with world.work() as work:
        receipt_watch.accepted(work, 1)  # sent once more
        times = receipt_watch.of_bill(work, 1)
        assert times is not None
        assert times.counted_s(work.now) == 1200
        assert receipt_watch.waiting(work) == 0
        assert len(receipt_watch.late(work)) == 1


def test_what_waits_here_before_the_bill_counts(world: World) -> None:
    world.rider()
    session = world.says_yes()
    world.charges(session)
    arrived = world.now
    world.now += timedelta(seconds=40)  # its inbox row was not served sooner
    world.reports("Ended", 3000, reason="Local", heard=arrived)
    with world.work() as work:
        assert receipt_watch.waiting(work) == 1, "late already"
        clock = work.session.scalars(select(Clock).where(Clock.name == "bill")).one()
        assert (clock.started_at, clock.due_at) == (arrived, arrived + timedelta(seconds=30))
        receipt_watch.accepted(work, 1)
        ((row, *_),) = receipt_watch.late(work)
        assert receipt_watch.times(row).counted_s(work.now) == 40


def test_a_pile_that_was_away_is_not_held_against_us_and_shown(world: World) -> None:
    world.rider()
    session = world.says_yes()
    world.charges(session)
    world.presence(online=False)
    world.says_stop(session)
    world.passes(25)
    with world.work() as work:
        receipt_watch.accepted(work, 1)
    world.passes(3600)
    world.presence(online=True)
    world.reports("Ended", 2000, reason="Remote", at=world.now - timedelta(seconds=3600))
    with world.work() as work:
        times = receipt_watch.of_bill(work, 1)
        assert times is not None
        assert times.heard == world.now
        assert times.since == times.billed, "billed without its word"
        assert (times.silent_s() or 0) >= 3600
        assert receipt_watch.late(work) == []


def test_a_receipt_in_time_is_not_on_the_list(world: World) -> None:
    world.rider()
    charge(world)
    with world.work() as work:
        row = work.session.get_one(ReceiptWatch, 1)
        row.billed_at = row.heard_at = world.now - timedelta(seconds=30)
        receipt_watch.accepted(work, 1)
        assert receipt_watch.late(work) == []


def test_the_last_month_is_the_stations_own(world: World) -> None:
    """Half past eleven on 31 October in UTC is November in Helsinki already."""
    world.rider()
    first = charge(world)
    with world.work() as work:
        late = world.now.replace(month=10, day=31, hour=22, minute=30)
        work.session.get_one(ChargingSession, first).ended_at = late
        found = billables.billable(work, SETTINGS, 1)
        assert billables.last_month(work, found) == []
        work.session.get_one(ChargingSession, first).ended_at = late.replace(hour=21)
        found = billables.billable(work, SETTINGS, 1)
        assert billables.last_month(work, found) == found


def test_settings_seller_becomes_an_entity_that_the_console_changes(world: World) -> None:
    with world.work() as work:
        first = entities.default(work, SETTINGS)
        again = entities.default(work, replace(SETTINGS, seller_name="Renamed Oy"))
        assert (first.id, again.name) == (again.id, "Pilebot Demo Oy")
        assert work.session.scalars(select(InvoicedOrder)).all() == []


def bought(world: World) -> int:
    """A plan that is paid: 20 kWh for 5.00, of it 1.02 VAT."""
    offer = add_plan_offer(world.store)
    with world.work() as work:
        plan_id = plans.buy(work, 1, offer, key="buy").id
    answers(world, f"plan:{plan_id}", "captured")
    return plan_id


def make_all(world: World, key: str = "all") -> list[Invoice]:
    with world.work() as work:
        subjects = [each.entry.subject for each in billables.billable(work, SETTINGS, 1)]
        rider = work.session.get_one(Rider, 1)
        return invoices.make(work, SETTINGS, rider, subjects, key=key)


def test_plans_are_invoiced_and_top_ups_get_a_receipt_without_tax(world: World) -> None:
    world.rider()
    company(world)
    session = charge(world)
    plan = bought(world)
    top_up = paid(world, 2000)
    invoice, receipt = make_all(world)
    assert [each.subject for each in load_paper(invoice.body).entries] == [
        f"session:{session}", f"plan:{plan}",
    ]  # fmt: skip
    assert (invoice.gross_minor, invoice.tax_minor) == (140 + 500, 28 + 102)
    assert (receipt.number, receipt.gross_minor, receipt.tax_minor) == ("INV-P-000001", 2000, 0)
    assert (load_paper(receipt.body).form, load_paper(receipt.body).entries[0].subject) == (
        "voucher", top_up,
    )  # fmt: skip
    data, name, said = Invoices(world.store, "Pilebot")(receipt.id, "en")
    assert data.startswith(b"%PDF")
    assert (name, said.values["title"]) == ("INV-P-000001.pdf", TITLES["invoice", "voucher"])
    with world.work() as work:
        assert billables.billable(work, SETTINGS, 1) == [], "each is on one document"


def test_a_returned_plan_and_a_pay_out_are_credited(world: World) -> None:
    world.rider()
    company(world)
    plan = bought(world)
    paid(world, 2000)
    make_all(world)
    with world.work() as work:
        plans.give_back(work, 1, plan)
        cash = wallet.balance(work, 1, "EUR").cash
        payouts.start(work, work.session.get_one(Rider, 1), cash, key="out")
    for refund_id in (1, 2):
        fail(world, refund_id, outcome="refunded")
    notes = every(world)[2:]
    assert [(each.number, each.gross_minor, each.tax_minor) for each in notes] == [
        ("INV-C-000001", 500, 102), ("INV-PC-000001", 2000, 0),
    ]  # fmt: skip
    fail(world, 2)  # the bank does not take the pay-out: it is in the wallet again
    assert [(each.number, each.gross_minor) for each in every(world)[4:]] == [
        ("INV-P-000002", 2000)
    ]  # fmt: skip
    for paper in every(world)[2:]:
        assert Invoices(world.store, "Pilebot")(paper.id, "en")[0].startswith(b"%PDF")


def test_a_plan_is_sold_by_who_sells_in_all_of_its_country(world: World) -> None:
    world.rider()
    company(world)
    with world.work() as work:
        work.session.add(Staff(id=1, login="m", name="M", role="manager", created_at=work.now))
        work.session.flush()
        values = {"name": "Suomi Oy", "address": "Road 2", "country": "FI", "prefix": "FIN"}
        actor = Actor(1, "manager")
        entity = entities.save(work, actor, None, values)
        entities.give_stations(work, actor, entity.id, [1])
    bought(world)
    paid(world, 2000)
    assert [each.number for each in make_all(world)] == ["FIN-000001", "INV-P-000001"]
