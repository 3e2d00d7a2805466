"""Replies as riders see them: WhatsApp's limits, every language, values by locale."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.money import Money
from bot.gateways import translate
from bot.gateways.contents import content_of
from bot.gateways.render import Context, FileRef, render, shorten, split_text
from bot.gateways.templates import fill, numbered, read_mapping
from bot.gateways.translate import LANGUAGES, escape_marks, language, say, show
from bot.replies import (
    Amount,
    Choose,
    Document,
    Link,
    MapPicture,
    Moment,
    Option,
    Picture,
    Pin,
    Rate,
    Receipt,
    Reply,
    Say,
    Value,
)
from tests.messaging.conftest import PNG, make_settings

CONTEXT = Context(
    stored=lambda media_id: FileRef(f"https://x/media/{media_id}", "image/png", "a.png"),
    keep=lambda data, kind, name: FileRef(f"https://x/media/{name}", kind, name),
    draw_map=lambda picture: PNG,
    receipt=lambda bill_id, lang: (b"%PDF", f"receipt-{bill_id}.pdf", Say("Your receipt.")),
    invoice=lambda invoice_id, lang: (b"%PDF", f"{invoice_id}.pdf", Say("Your invoice.")),
)
LONG = "Kauppakeskuksen pysäköintihallin sähköauton latauspaikka "


def options(count: int, title: str = "Place {n}", detail: str | None = None) -> list[Option]:
    return [
        Option(
            f"=v{n}", Say(title, {"n": n}), Say(detail, {"n": n}) if detail is not None else None
        )
        for n in range(count)
    ]


REPLIES: list[Reply] = [
    Say("Hello."),
    Say(LONG * 200),
    Say("a" * 5000),
    Choose(Say("Start?"), options(1)),
    Choose(Say("Start?"), options(3)),
    Choose(Say(LONG * 40), options(3, LONG, LONG)),
    Choose(Say("Where?"), options(4, LONG)),
    Choose(Say("Where?"), options(10, LONG + "{n}", LONG * 3)),
    Choose(Say("Where?"), options(23), Say("Choose one of these many places")),
    Choose(Say(LONG * 60), options(11, "Same")),
    Choose(Say("Nothing near."), []),
    Link(Say(LONG * 30), Say("Add your card to pay safely"), "https://pay.example/abc"),
    Pin(60.1, 24.9, "Kamppi", "Street 1"),
    MapPicture(60.1, 24.9, (), Say(LONG * 30)),
    Picture(3, Say("The entrance")),
    Document(3, "invoice.pdf", Say("Your invoice.")),
    Receipt(5),
]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("reply", REPLIES, ids=lambda reply: type(reply).__name__)
def test_every_message_keeps_whatsapps_limits(reply: Reply, lang: str) -> None:
    messages = render(reply, lang, CONTEXT)
    assert messages
    for message in messages:
        interactive = message["kind"] in ("buttons", "list", "link")
        assert len(message["text"]) <= (1024 if interactive else 1600)
        assert message["text"] or message["kind"] in ("document", "image")
        rows = message.get("options", [])
        assert len(rows) <= (3 if message["kind"] == "buttons" else 10)
        assert len({row["title"] for row in rows}) == len(rows)
        for row in rows:
            assert 1 <= len(row["title"]) <= (20 if message["kind"] == "buttons" else 24)
            assert 1 <= len(row.get("description", "x")) <= 72
        assert 1 <= len(message.get("button", "x")) <= 20
        assert 1 <= len(message.get("link", {}).get("title", "x")) <= 20
        if interactive:
            assert all(content_of(message).variables.values())


def test_up_to_three_options_are_buttons_and_more_are_a_list() -> None:
    kinds = [render(Choose(Say("?"), options(n)), "en", CONTEXT)[0]["kind"] for n in (1, 3, 4, 10)]
    assert kinds == ["buttons", "buttons", "list", "list"]


def test_no_option_is_lost_when_there_are_more_than_a_list_holds() -> None:
    pages = render(Choose(Say("Where?"), options(23)), "en", CONTEXT)
    assert [len(page["options"]) for page in pages] == [10, 10, 3]
    assert [row["id"] for page in pages for row in page["options"]] == [f"=v{n}" for n in range(23)]


def test_what_does_not_fit_on_a_button_stands_in_the_question() -> None:
    choice = Choose(
        Say("Which one?"),
        [
            Option("=1", Say("Kamppi Garage Level Two"), Say("350 m")),
            Option("=2", Say("Forum"), Say("500 m")),
        ],
    )
    (message,) = render(choice, "en", CONTEXT)
    assert message["text"] == "Which one?\n\nKamppi Garage Level Two: 350 m\nForum: 500 m"
    assert [row["title"] for row in message["options"]] == ["Kamppi Garage Level…", "Forum"]


def test_a_row_title_that_was_cut_is_said_in_full_below() -> None:
    (message,) = render(Choose(Say("?"), options(4, LONG)), "en", CONTEXT)
    assert message["options"][0]["title"] == "Kauppakeskuksen…"
    assert message["options"][0]["description"] == LONG.strip()


def test_equal_titles_are_told_apart() -> None:
    (message,) = render(Choose(Say("?"), options(4, "Same")), "en", CONTEXT)
    titles = [row["title"] for row in message["options"]]
    assert titles == ["Same", "Same (2)", "Same (3)", "Same (4)"]


def test_a_payload_that_whatsapp_would_cut_is_refused() -> None:
    with pytest.raises(ValueError, match="payload"):
        render(Choose(Say("?"), [Option("x" * 201, Say("a"))]), "en", CONTEXT)


def test_a_receipt_is_its_summary_and_then_the_pdf() -> None:
    text, pdf = render(Receipt(5), "en", CONTEXT)
    assert text == {"kind": "text", "text": "Your receipt."}
    assert pdf["media"] == {
        "url": "https://x/media/receipt-5.pdf", "type": "application/pdf", "name": "receipt-5.pdf",
    }  # fmt: skip


def test_a_map_that_cannot_be_drawn_leaves_its_caption() -> None:
    def broken(_: MapPicture) -> bytes:
        raise OSError("no font")

    context = Context(CONTEXT.stored, CONTEXT.keep, broken, CONTEXT.receipt, CONTEXT.invoice)
    picture = MapPicture(60.1, 24.9, (), Say("Around you"))
    assert render(picture, "en", context) == [{"kind": "text", "text": "Around you"}]


# Splitting and shortening


def test_a_text_is_cut_at_the_end_of_a_paragraph() -> None:
    first, second = "one " * 20, "two " * 20
    assert split_text(f"{first.strip()}\n\n{second}", 120) == [first.strip(), second.strip()]


@given(text=st.text("ab .\n。", max_size=400), limit=st.integers(10, 60))
def test_splitting_keeps_every_word_and_the_limit(text: str, limit: int) -> None:
    pieces = split_text(text, limit)
    assert all(len(piece) <= limit for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


@given(text=st.text(max_size=100), limit=st.integers(5, 72))
def test_shortening_keeps_the_limit_and_leaves_short_texts_alone(text: str, limit: int) -> None:
    short = shorten(text, limit)
    assert len(short) <= limit
    if len(" ".join(text.split())) <= limit:
        assert short == " ".join(text.split())


# Languages and values

NOON = datetime(2026, 11, 20, 12, 2, tzinfo=UTC)
SHOWN: list[tuple[Value, str, str]] = [
    (Money(240, "EUR"), "€2.40", "2,40 €"),
    (Money(-240, "EUR"), "-€2.40", "-2,40 €"),
    (Money(123456789, "EUR"), "€1,234,567.89", "1.234.567,89 €"),
    (Money(500, "JPY"), "JP¥500", "500 ¥"),
    (Money(1500, "KWD"), "KWD1.500", "1,500 KWD"),
    (Moment(NOON, "Europe/Helsinki"), "14:02", "14:02"),
    (Moment(NOON, "America/New_York", "date_time"), "20 Nov 2026, 07:02", "20.11.2026, 07:02"),
    (Amount(7253, "wh"), "7.253 kWh", "7,253 kWh"),
    (Amount(350, "wh"), "0.35 kWh", "0,35 kWh"),
    (Amount(0, "wh"), "0 kWh", "0 kWh"),
    (Amount(250, "w"), "250 W", "250 W"),
    (Amount(3680, "w"), "3.7 kW", "3,7 kW"),
    (Amount(45, "s"), "45 s", "45 s"),
    (Amount(720, "s"), "12 min", "12 min"),
    (Amount(3900, "s"), "1 h 5 min", "1 h 5 min"),
    (Amount(7200, "s"), "2 h", "2 h"),
    (Amount(7, "m"), "7 m", "7 m"),
    (Amount(347, "m"), "350 m", "350 m"),
    (Amount(1840, "m"), "1.8 km", "1,8 km"),
    (Amount(80, "percent"), "80%", "80 %"),
    (Rate("0.29", "EUR", "kwh"), "€0.29/kWh", "0,29 €/kWh"),
    (Rate("0.2945", "EUR", "min"), "€0.2945/min", "0,2945 €/min"),
    (Rate("5", "EUR", "h"), "€5.00/h", "5,00 €/h"),
    (1234, "1,234", "1.234"),
    ("Kamppi", "Kamppi", "Kamppi"),
]


@pytest.mark.parametrize(("value", "english", "german"), SHOWN)
def test_values_are_shown_as_the_language_writes_them(
    value: Value, english: str, german: str
) -> None:
    assert show("en", value).replace("\xa0", " ") == english
    assert show("de", value).replace("\xa0", " ") == german
    for lang in LANGUAGES:
        assert show(lang, value)


def test_an_unknown_unit_is_an_error() -> None:
    with pytest.raises(ValueError, match="furlong"):
        show("en", Amount(1, "furlong"))


@pytest.mark.parametrize(
    ("tag", "shipped"),
    [("pt", "pt-BR"), ("pt_PT", "pt-BR"), ("zh-Hant", "zh"), ("EN-us", "en"), ("fi", "en"),
     ("", "en"), (None, "en"), ("de", "de")],
)  # fmt: skip
def test_any_tag_finds_a_shipped_language(tag: str | None, shipped: str) -> None:
    assert language(tag) == shipped


@pytest.fixture
def catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / "pt_BR" / "LC_MESSAGES" / "pilebot.po"
    path.parent.mkdir(parents=True)
    monkeypatch.setattr(translate, "LOCALE_DIR", tmp_path)
    translate._catalogue.cache_clear()
    yield path
    translate._catalogue.cache_clear()


def test_translations_come_from_the_catalogue_with_values_in_their_own_order(
    catalogue: Path,
) -> None:
    catalogue.write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n'
        'msgid "Pile {pile} costs {price}."\nmsgstr "Por {price} é sua a pilha {pile}."\n\n'
        'msgid "Yes"\nmsgstr "Sim"\n\nmsgid "No"\nmsgstr ""\n\n'
        '#, fuzzy\nmsgid "Maybe"\nmsgstr "Talvez"\n',
        encoding="utf-8",
    )
    saying = Say("Pile {pile} costs {price}.", {"pile": "1023", "price": Money(240, "EUR")})
    assert say("pt", saying).replace("\xa0", " ") == "Por € 2,40 é sua a pilha 1023."
    assert say("pt-BR", Say("{a}", {"a": Say("Yes")})) == "Sim"
    assert say("pt-BR", Say("No")) == "No"
    assert say("pt-BR", Say("Maybe")) == "Maybe"
    assert say("es", Say("Yes")) == "Yes"


def test_braces_of_people_are_not_placeholders() -> None:
    assert say("en", Say("Use {this} and {} and {0} {text}", {"text": "{this}"})) == (
        "Use {this} and {} and {0} {this}"
    )


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("*bold*", "∗bold∗"), ("_it_ ~no~ `x`", "＿it＿ ∼no∼ ˋxˋ"), ("a_b*c", "a_b*c"),
        ("2 * 3", "2 ∗ 3"), ("https://x.fi/a_b?c=_d_", "https://x.fi/a_b?c=_d_"), ("李_*", "李＿∗"),
    ],
)  # fmt: skip
def test_marks_of_riders_do_not_format_our_text(written: str, shown: str) -> None:
    assert escape_marks(written) == shown
    assert say("en", Say("*Hello* {name}", {"name": written})) == f"*Hello* {shown}"


# Templates for the closed window


def test_a_template_is_found_by_what_is_said_and_by_language() -> None:
    settings = make_settings(
        twilio_templates="notice:en=HX1, notice:pt-BR=HX2,receipt:en=HX3,broken,x:y"
    )
    assert read_mapping(settings.twilio_templates)["notice", "pt-BR"] == "HX2"
    text = render(Say("Pile 1\n\nis   free."), "en", CONTEXT)
    notice = fill(settings, "pt", text)
    assert notice is not None
    assert (notice.sid, notice.variables) == ("HX2", {"1": "Pile 1 is free."})
    receipt = fill(settings, "fr", render(Receipt(5), "fr", CONTEXT))
    assert receipt is not None
    assert receipt.sid == "HX3"
    assert receipt.variables == {"1": "Your receipt.", "2": "https://x/media/receipt-5.pdf"}
    # No "link" template is mapped: the notice has to do.
    link = fill(settings, "en", render(REPLIES[11], "en", CONTEXT))
    assert link is not None
    assert link.sid == "HX1"
    assert fill(make_settings(), "en", text) is None


@pytest.mark.parametrize("reply", REPLIES, ids=lambda reply: type(reply).__name__)
def test_every_reply_fits_into_a_template(reply: Reply) -> None:
    settings = make_settings(twilio_templates="notice:en=HX1,receipt:en=HX3,link:en=HX4")
    filled = fill(settings, "en", render(reply, "en", CONTEXT))
    assert filled is not None
    assert len(filled.text) <= 1024
    for value in filled.variables.values():
        assert value.strip()
        assert "\n" not in value


def test_placeholders_become_numbers_in_the_order_they_stand() -> None:
    assert numbered("Open {url} for {text}!") == ("Open {{1}} for {{2}}!", ["url", "text"])
