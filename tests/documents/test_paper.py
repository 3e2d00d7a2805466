"""Invoices on paper: what stands on them, in every language, and names from right to left."""

from __future__ import annotations

import io
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from fpdf import FPDF
from PIL import Image, ImageChops

from bot.domain.invoices import Entry, Paper, Party, add_up
from bot.domain.pricing import TaxSum
from bot.gateways import pdf_text
from bot.gateways.invoice_pdf import InvoiceView, invoice_pdf
from bot.gateways.translate import LANGUAGES

AT = datetime(2026, 11, 20, 22, 30, tzinfo=UTC)  # the next day in Helsinki
TAXES = (TaxSum("25.5", 717, 183, 900),)
ENTRY = Entry(
    "session:1", "charge", AT.isoformat(), "Europe/Helsinki", "Kamppi", "1023-27", "R-000001",
    30_000, 3600, TAXES,
)  # fmt: skip
PLAN = Entry(
    "plan:4", "plan", AT.isoformat(), "Europe/Helsinki", "Month 50 kWh",
    taxes=(TaxSum("10", 1000, 100, 1100),),
)  # fmt: skip
PAPER = Paper(
    kind="invoice",
    form="full",
    seller=Party("Pilebot Demo Oy", "Mannerheimintie 1", "FI", "FI12345678", "this chat"),
    buyer=Party("Acme Oy", "Road 1, 00100 Helsinki", "FI", "FI87654321"),
    currency="EUR",
    entries=(ENTRY, PLAN),
    taxes=add_up([ENTRY.taxes, PLAN.taxes]),
    tz="Europe/Helsinki",
    paid_by="Visa 4242",
)

pytestmark = pytest.mark.skipif(
    not shutil.which("pdftotext") or not shutil.which("pdftoppm"), reason="needs poppler-utils"
)


def draw(paper: Paper, lang: str = "en") -> bytes:
    return invoice_pdf(InvoiceView("INV-000007", AT, "Pilebot", paper), lang)


def text_of(pdf: bytes) -> str:
    command = ["pdftotext", "-layout", "-", "-"]
    done = subprocess.run(command, input=pdf, capture_output=True, timeout=60, check=True)
    return " ".join(done.stdout.decode().replace("\xa0", " ").split())


def picture_of(pdf: bytes) -> Image.Image:
    command = ["pdftoppm", "-r", "60", "-gray", "-png", "-"]
    done = subprocess.run(command, input=pdf, capture_output=True, timeout=60, check=True)
    return Image.open(io.BytesIO(done.stdout))


def test_a_full_invoice_says_what_the_law_wants() -> None:
    text = text_of(draw(PAPER))
    for part in (
        "Invoice", "INV-000007", "Date of issue 21 Nov 2026", "Seller", "Pilebot Demo Oy",
        "FI12345678", "Buyer", "Acme Oy", "FI87654321", "Road 1", "Date of supply",
        "Charging 30 kWh, 1023-27, Kamppi", "R-000001", "Plan Month 50 kWh", "21 Nov 2026",
        "VAT 10 % on €10.00", "VAT 25.5 % on €7.17", "€1.83", "€17.17", "€2.83", "€20.00",
        "Paid by Visa 4242",
    ):  # fmt: skip
        assert part in text, part


def test_a_credit_note_names_its_invoice() -> None:
    note = replace(
        PAPER, kind="credit_note", refers_to="INV-000001", refers_at=AT.isoformat(),
        reason="refund",
    )  # fmt: skip
    text = text_of(draw(note))
    assert "Credit note" in text
    assert "Credit for invoice INV-000001 of 21 Nov 2026. Money given back." in text
    assert "Nothing is left to pay" not in text


@pytest.mark.parametrize("lang", LANGUAGES)
def test_an_invoice_in_every_language_is_always_the_same(lang: str) -> None:
    first = draw(PAPER, lang)
    assert first == draw(PAPER, lang)
    text = text_of(first)
    assert "{" not in text
    assert "Acme Oy" in text


def test_many_orders_go_on_to_further_pages() -> None:
    entries = tuple(replace(ENTRY, bill=f"R-{number:06d}") for number in range(40))
    text = text_of(draw(replace(PAPER, entries=entries)))
    assert all(f"R-{number:06d}" in text for number in range(40))
    assert "Total" in text


def test_arabic_is_joined_and_stands_from_right_to_left() -> None:
    pdf = FPDF()
    pdf_text.add_fonts(pdf)
    word = "محمد"
    joined = pdf_text.width_of(pdf, word, 20)
    apart = sum(pdf_text.width_of(pdf, letter, 20) for letter in word)
    assert abs(joined - apart) > 0.1  # letters in their joined forms are others than alone
    runs = pdf_text.runs_of("שלום abc עולם")
    assert [each.text for each in runs if each.text.strip()] == ["עולם", "abc", "שלום"]
    words = [each.text.strip() for each in pdf_text.runs_of("to: محمد, Road km")]
    assert words == ["to:", "محمد", ", Road km"]


@pytest.mark.parametrize("name", ["شركة الشحن (المحدودة)", "חברת טעינה בע״מ", "快充有限公司"])
def test_a_company_of_another_script_is_drawn(name: str) -> None:
    """Not as empty boxes: each differs from a name of letters that no font has."""
    paper = replace(PAPER, buyer=replace(PAPER.buyer, name=name))
    unknown = replace(PAPER, buyer=replace(PAPER.buyer, name="\U00012345" * len(name)))
    shown, boxes = picture_of(draw(paper)), picture_of(draw(unknown))
    assert ImageChops.difference(shown, boxes).getbbox() is not None
    first, last = name.split()[0], name.split()[-1]
    text = text_of(draw(paper))
    assert first in text
    assert last.strip("()") in text
