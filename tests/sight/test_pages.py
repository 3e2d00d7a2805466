"""What goes on paper: receipts in every language, and sheets of stickers."""

import re
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

import pytest
from fontTools.ttLib import TTFont  # type: ignore[import-untyped] # ships no types
from fpdf import FPDF
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.codes import evse_code, read_payload
from bot.domain.invoices import Party
from bot.domain.money import Money
from bot.domain.pricing import Reading, Span, Usage, price
from bot.domain.restrictions import When
from bot.domain.tariffs import Element, Tariff
from bot.gateways import pdf_text, typefaces
from bot.gateways.labels import Label, labels_pdf
from bot.gateways.qr import decode
from bot.gateways.receipt_pdf import ReceiptView, receipt_pdf
from bot.gateways.receipts import summary
from bot.gateways.translate import LANGUAGES, LOCALE_DIR, say
from bot.services.billing import BillView

START = datetime(2026, 11, 20, 12, 40, 5, tzinfo=UTC)
SELLER = Party("Pilebot Demo Oy", "Mannerheimintie 1", "FI", "FI12345678", "this chat")
CHINESE = {"Receipt": "收据", "Energy": "电量", "Total": "合计", "Station": "充电站"}

needs_poppler = pytest.mark.skipif(
    not shutil.which("pdftotext") or not shutil.which("pdftoppm"), reason="needs poppler-utils"
)


def tariff(*more: Element) -> Tariff:
    evening = When(start=time(16), end=time(21))
    elements = (
        *more,
        Element("energy", Decimal("0.39"), "kwh", evening),
        Element("energy", Decimal("0.29"), "kwh"),
        Element("flat", Decimal("0.50"), "start"),
        Element("idle", Decimal("0.10"), "min"),
    )
    return Tariff("City AC", "EUR", "Europe/Helsinki", Decimal("25.5"), True, elements, "17")


def bill_view(rates: Tariff | None = None) -> BillView:
    rates = rates or tariff()
    end = START + timedelta(hours=3)
    readings = (Reading(START, 1_203_400), Reading(end, 1_224_737))
    idle = Span(end, end + timedelta(minutes=25, seconds=30))
    bill = price(rates, Usage(readings, (Span(START, end),), (idle,)))
    total = bill.total.amount_minor
    return BillView(
        bill_id=1, number="R-000042", issued_at=idle.end, session_id=812, rider_id=4,
        rider_name="Aino", station_name="Kamppi Ääkkönen", station_address="Urho Kekkosen katu 5",
        country="FI", pile_number="1023", evse_code="1023-27", connector_type="Type 2",
        tz="Europe/Helsinki", started_at=START, ended_at=end, meter_start_wh=1_203_400,
        meter_end_wh=1_224_737, energy_wh=21_337, charging_s=10_800, idle_s=1_530,
        ended_by="rider", tariff=rates, bill=bill, hold=Money(3000, "EUR"),
        captured=bill.total, released=Money(3000 - total, "EUR"), refunded=Money(0, "EUR"),
        payment_state="captured", payment_reference="pi_123", card_label="Visa 4242",
        transaction_id="6f1c2a7e-0d52-4a57-9c1e-23f1c2a7e0d5",
    )  # fmt: skip


def text_of(pdf: bytes) -> str:
    command = ["pdftotext", "-layout", "-", "-"]
    done = subprocess.run(command, input=pdf, capture_output=True, timeout=60, check=True)
    return re.sub(r"[\s\xa0]+", " ", done.stdout.decode())


def pages(pdf: bytes) -> int:
    return len(re.findall(rb"/Type /Page\b", pdf))


@needs_poppler
def test_a_receipt_says_everything() -> None:
    view = bill_view()
    text = text_of(receipt_pdf(ReceiptView(view, "Pilebot", SELLER, True), "en"))
    for part in (
        "Pilebot", "R-000042", "20 Nov 2026, 14:40 EET", "20 Nov 2026, 17:40 EET",
        "Kamppi Ääkkönen", "Urho Kekkosen katu 5", "1023-27", "Type 2",
        "1,203.4 kWh", "1,224.737 kWh", "21.337 kWh", "City AC · 17", "16:00–21:00",
        "€0.29/kWh", "€0.39/kWh", "0:25:30", "25.5 %", "Visa 4242", "€30.00", "812", "pi_123",
        "Simplified invoice", "Pilebot Demo Oy", "VAT number FI12345678",
        "Questions about this receipt? this chat",
    ):  # fmt: skip
        assert part in text, part
    bill = view.bill
    for minor in (
        *(line.gross_minor for line in bill.lines),
        bill.net_minor,
        bill.tax_minor,
        bill.gross_minor,
        view.released.amount_minor,
    ):
        assert f"€{minor / 100:.2f}" in text


@needs_poppler
def test_a_refund_is_shown_when_there_is_one() -> None:
    view = bill_view()
    assert "Refunded" not in text_of(receipt_pdf(ReceiptView(view, "Pilebot", SELLER, True), "en"))
    refunded = replace(view, refunded=Money(321, "EUR"))
    assert "Refunded €3.21" in text_of(
        receipt_pdf(ReceiptView(refunded, "Pilebot", SELLER, True), "en")
    )


@needs_poppler
def test_a_receipt_above_the_limit_says_how_to_get_an_invoice() -> None:
    text = text_of(receipt_pdf(ReceiptView(bill_view(), "Pilebot", SELLER, False), "en"))
    assert "Simplified" not in text
    assert "For a VAT invoice write INVOICE" in text


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_receipt_in_every_language(lang: str) -> None:
    view = ReceiptView(bill_view(), "Pilebot", SELLER, True)
    pdf = receipt_pdf(view, lang)
    assert pdf.startswith(b"%PDF-")
    assert pages(pdf) == 1
    assert pdf == receipt_pdf(view, lang)  # the same bill, the same bytes


@needs_poppler
def test_a_chinese_receipt_keeps_chinese_and_latin_apart() -> None:
    view = replace(bill_view(), station_name="中央火车站 Asema")
    pdf = receipt_pdf(
        ReceiptView(view, "Pilebot", SELLER, False), "zh", lambda text: CHINESE.get(text, text)
    )
    text = text_of(pdf)
    for part in ("收据", "合计", "电量 16:00–21:00", "充电站", "中央火车站 Asema", "€10.43"):
        assert part in text, part


@needs_poppler
def test_a_german_receipt_writes_numbers_the_german_way() -> None:
    text = text_of(receipt_pdf(ReceiptView(bill_view(), "Pilebot", SELLER, True), "de"))
    assert "21,337 kWh" in text
    assert "25,5 %" in text


@needs_poppler
@pytest.mark.parametrize(
    ("state", "says"),
    [
        ("captured", "is released."),
        ("capturing", "is released."),
        ("failed", "Not paid yet"),
        ("expired", "Not paid yet"),
    ],
)
def test_the_text_says_released_only_where_it_was_paid(state: str, says: str) -> None:
    text = say("en", summary(replace(bill_view(), payment_state=state)))
    assert says in text
    assert ("released" in text) == (says == "is released.")


def test_a_long_bill_goes_on_to_a_second_page() -> None:
    hours = tuple(
        Element("energy", Decimal("0.20") + hour, "kwh", When(start=time(hour), end=time(hour + 1)))
        for hour in range(23)
    )
    end = START + timedelta(hours=23)
    usage = Usage((Reading(START, 0), Reading(end, 23_000)), (Span(START, end),))
    rates = tariff(*hours)
    view = replace(bill_view(), tariff=rates, bill=price(rates, usage))
    pdf = receipt_pdf(ReceiptView(view, "Pilebot", SELLER, True), "en")
    assert pages(pdf) == 2
    text = text_of(pdf)
    assert all(f"{hour:02}:00–{hour + 1:02}:00" in text for hour in range(23))
    assert "Questions about this receipt?" in text


PDF = FPDF()
pdf_text.add_fonts(PDF)
words = st.text("abcdefgh -/_ßÄ充电站收据，\n", max_size=120)


@settings(deadline=None)
@given(words, st.floats(12, 80), st.booleans())
def test_text_is_broken_to_its_width_and_nothing_is_lost(
    text: str, width: float, bold: bool
) -> None:
    lines = list(pdf_text.lines_of(PDF, text, 9.5, bold, width))
    assert "".join("".join(lines).split()) == "".join(text.split())
    for line in lines:
        assert pdf_text.width_of(PDF, line, 9.5, bold=bold) <= width + 0.001


def letters(path: object) -> set[int]:
    with TTFont(path) as font:
        return set(font.getBestCmap())


def test_the_fonts_hold_every_letter_of_the_catalogues() -> None:
    latin = letters(typefaces.REGULAR)
    assert latin == letters(typefaces.BOLD)
    chinese = letters(typefaces.CHINESE)
    texts = [path.read_text(encoding="utf-8") for path in LOCALE_DIR.glob("*/LC_MESSAGES/*.po")]
    used = {character for text in texts for character in text if character.isprintable()}
    used |= set("äöåÄÖÅßñçãõ¿¡€£¥–—‘’“”„«»·…×0123456789电量收据充电站中央火车站，。？！：；（）")
    missing = {
        each for each in used if ord(each) not in (chinese if typefaces.is_chinese(each) else latin)
    }
    assert not missing


def test_the_fonts_are_small_enough_to_ship() -> None:
    files = list(typefaces.FOLDER.iterdir())
    assert sum(path.stat().st_size for path in files) < 2_500_000
    assert "SIL OPEN FONT LICENSE" in (typefaces.FOLDER / "OFL.txt").read_text(encoding="utf-8")


# Stickers -------------------------------------------------------------------------------------


def label(pile: str, evse: int, url: str = "https://pile.example") -> Label:
    return Label(evse_code(pile, evse), evse, "Type 2, 22 kW", url, "whatsapp:+14155238886")


def test_a_label_knows_its_addresses() -> None:
    ours = label("1023", 2, "https://pile.example/app/")
    assert ours.whatsapp_url == "https://wa.me/14155238886?text=1023-27"
    assert ours.short_url == "pile.example/app/p/1023-27"
    assert len(ours.whatsapp_url) < 60  # long payloads make codes that read worse


@needs_poppler
def test_a_printed_sheet_says_and_scans_what_it_should() -> None:
    labels = [label("1023", 1), label("1023", 2), label("104512", 11), label("1031", 1)]
    pdf = labels_pdf(labels, "Pilebot")
    assert pages(pdf) == 1
    text = text_of(pdf)
    for each in labels:
        assert each.code in text
        assert each.short_url in text
        assert f"Plug {each.evse_number}" in text
    command = ["pdftoppm", "-r", "150", "-png", "-"]
    sheet = subprocess.run(command, input=pdf, capture_output=True, timeout=60, check=True).stdout
    reading = decode(sheet, lambda payload: read_payload(payload, [], ["+14155238886"]))
    assert {str(code) for code in reading.codes} == {each.code for each in labels}


def test_four_stickers_a_page() -> None:
    assert pages(labels_pdf([label("1023", n) for n in range(1, 10)], "Pilebot")) == 3
