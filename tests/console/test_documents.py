"""The register of invoices, legal entities, late receipts and feedback, as staff see them."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from bot.domain.invoices import Entry, Paper, Party, dump_paper
from bot.domain.pricing import TaxSum
from bot.services import entities
from bot.store.feedback import Feedback
from bot.store.invoices import Invoice, LegalEntity
from bot.store.riders import Rider
from bot.store.staff import Audit
from bot.store.stations import Station
from tests.console.desk import Desk
from tests.world import World


def an_invoice(world: World) -> int:
    taxes = (TaxSum("25.5", 717, 183, 900),)
    with world.store.begin() as work:
        work.session.add(Rider(id=7, created_at=work.now, name="Ana", lang="en"))
        work.session.flush()
        entity = entities.default(work, world.settings)
        at = work.now.isoformat()
        entry = Entry("session:1", "charge", at, "Europe/Helsinki", "Kamppi", "1023-27", "R-000001",
                      3000, 60, taxes)  # fmt: skip
        paper = Paper(
            "invoice", "full", entities.party(entity), Party("=Acme +358401234567 Oy"), "EUR",
            (entry,), taxes, "Europe/Helsinki",
        )  # fmt: skip
        row = Invoice(
            key="k", kind="invoice", entity_id=entity.id, rider_id=7, number="INV-000001",
            created_at=work.now, currency="EUR", net_minor=717, tax_minor=183, gross_minor=900,
            buyer=paper.buyer.name, lang="en", body=dump_paper(paper),
        )  # fmt: skip
        work.session.add(row)
        work.session.flush()
        return row.id


def test_the_register_is_searched_downloaded_and_exported(world: World, desk: Desk) -> None:
    invoice_id = an_invoice(world)
    paula = desk.agent("manager")
    page = paula.get("/invoices?q=acme").text
    assert "INV-000001" in page
    assert "9.00" in page
    assert "+358401234567" not in page
    assert "INV-000001" not in paula.get("/invoices?q=nobody").text
    assert paula.get("/invoices?q=rider:7").text.count("INV-000001") == 1
    assert paula.get(f"/invoices/{invoice_id}/pdf").content.startswith(b"%PDF")
    assert paula.get("/invoices/late").status_code == 200
    csv = paula.post("/invoices/export", q="").text
    assert "INV-000001,invoice" in csv
    assert ",'=Acme" in csv
    assert "+358401234567" not in csv
    with world.store.read() as work:
        actions = set(work.session.scalars(select(Audit.action)))
    assert {"invoice_read", "invoices_export"} <= actions


def test_a_manager_makes_an_entity_and_gives_it_stations(world: World, desk: Desk) -> None:
    paula = desk.agent("manager")
    given = {"name": "Espoo Oy", "address": "Road 2", "country": "fi", "prefix": "ESP",
             "tax_id": "FI 1234567-8", "contact": "", "simplified_limit": "400"}  # fmt: skip
    with world.store.read() as work:
        station_id = work.session.scalars(select(Station.id)).first()
    assert paula.post("/entities/save", **given, station=str(station_id)).status_code == 303
    assert "Espoo Oy" in paula.get("/entities").text
    with world.store.read() as work:
        row = work.session.scalars(select(LegalEntity).where(LegalEntity.prefix == "ESP")).one()
        assert (row.tax_id, row.simplified_limit_minor) == ("FI12345678", 400_00)
        assert work.session.get_one(Station, station_id).legal_entity_id == row.id
    assert "Espoo Oy" in paula.get(f"/entities/{row.id}").text
    twice = paula.post("/entities/save", **given)
    assert twice.status_code == 422
    assert "already numbers" in twice.text
    wrong = paula.post("/entities/save", **{**given, "prefix": "NEW", "tax_id": "FI1"})
    assert "VAT numbers of that country" in wrong.text


def test_feedback_shows_scales_apart_and_masks_comments(world: World, desk: Desk) -> None:
    with world.store.begin() as work:
        work.session.add(Rider(id=7, created_at=work.now, name="Ana"))
        work.session.flush()
        for number, (low, score) in enumerate([(0, 10), (0, 6), (1, 9)]):
            work.session.add(
                Feedback(
                    kind="nps", subject=f"session:{number}", rider_id=7, by_rider=False,
                    scale_low=low, scale_high=10, asked_at=work.now,
                    answered_at=work.now - timedelta(days=1), score=score,
                    text="call +358401234567" if score == 6 else "",
                )
            )  # fmt: skip
    paula = desk.agent("manager")
    page = paula.get("/feedback").text
    assert "0–10" in page
    assert "1–10" in page
    assert "+0" in page
    assert "+100" in page
    assert "+358401234567" not in page
    csv = paula.post("/feedback/export", days="28", station="").text
    assert csv.count("nps") == 3
    assert "+358401234567" not in csv
