"""What the repository promises of itself: nothing is added by halves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

import app  # noqa: F401 - it marks the commands
import handlers
import migrations
from bot.commands.registry import COMMANDS
from bot.dialog.intents import collect
from bot.gateways.catalogues import LOCALES, path_of, sentences
from bot.store.database import make_engine
from bot.store.tables import Base
from tests.databases import *  # noqa: F403 - pytest finds fixtures by their names here

ROOT = Path(__file__).resolve().parents[1]
SCENARIOS = ROOT / "tests" / "scenarios"
INTENTS = collect(handlers)
# What needs staff beside the rider: test_actions.py, test_jobs.py and test_technicians.py.
BESIDE = {
    "agree_start", "job", "job_check_in", "job_done", "job_nothing", "job_part", "job_part_back",
    "job_photo", "job_photo_back", "job_photo_turn", "my_jobs", "rate_visit",
}  # fmt: skip
# Not said by riders: the engine or the message job name these themselves.
INTERNAL = {
    *BESIDE, "answer", "appeal_no_show", "bay_blocked", "my_bookings", "on_my_way",
    "card_number", "case_answer", "case_status", "my_cases", "promise",
    "unclear", "unsupported", "photo_unread",
    "buy_plan", "check_meter", "plans", "return_plan", "not_me", "photo_choice", "web_login",
    "queue", "queue_accept", "queue_blocked", "queue_leave", "queue_snooze",
    "wallet", "top_up", "auto_top_up", "auto_top_up_off", "family", "family_invite", "family_limit",
    "pay_out", "start_later", "later_cancel", "usual", "usual_on", "usual_off",
    "invoice", "my_invoices", "correct_invoice", "invoice_details",
    "feedback_comment", "order_details", "faq", "knowledge", "unsafe_wiring",
}  # fmt: skip
# Served by a handler of another name, whose transcript shows them.
SHOWN_IN = {
    "buy_plan": "plans", "return_plan": "plans",
    "auto_top_up_off": "auto_top_up", "family_invite": "family",
    "affirm": "start_not_now", "answer": "start_not_now", "deny": "start_not_now",
    "out_of_scope": "unclear",
    "photo_choice": "two_codes", "queue_accept": "queue", "queue_snooze": "queue_silence",
    "queue_leave": "queue_silence", "later_cancel": "start_later", "usual_on": "usual",
    "usual_off": "usual", "thanks_bye": "greet", "my_cases": "case_status",
    "case_answer": "case_status", "my_bookings": "cancel_booking", "on_my_way": "book_pile",
    "my_invoices": "invoice", "correct_invoice": "invoice", "invoice_details": "invoice",
    "feedback_comment": "rate_or_feedback", "faq": "knowledge",
}  # fmt: skip
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@pytest.mark.parametrize("intent", sorted(set(INTENTS) - BESIDE))
def test_every_intent_has_a_transcript(intent: str) -> None:
    assert (SCENARIOS / f"{SHOWN_IN.get(intent, intent)}.txt").exists()


@pytest.mark.parametrize("intent", sorted(set(INTENTS) - INTERNAL))
def test_every_intent_has_examples_in_every_language(intent: str) -> None:
    for lang in ("en", "es", "pt-BR", "zh", "fr", "de"):
        assert (ROOT / "nlu" / "data" / lang / f"{intent}.yml").exists(), lang


def test_sentences_inside_another_ones_call_are_found() -> None:
    """A Say among the options of a Refused was left untranslated once."""
    assert ("handlers/invoice.py", "My invoices") in set(sentences())


@pytest.mark.parametrize("locale", LOCALES)
def test_every_sentence_is_translated_with_its_placeholders(locale: str) -> None:
    with path_of(locale).open("rb") as file:
        known = {str(m.id): str(m.string) for m in read_po(file) if m.id}
    for source, sentence in sentences():
        translated = known.get(sentence)
        assert translated, f"{source}: {sentence!r} is not translated; run `./run texts`"
        wanted, found = (set(_PLACEHOLDER.findall(text)) for text in (sentence, translated))
        assert wanted == found, f"{sentence!r}: placeholders differ in {translated!r}"
    assert set(known) <= {sentence for _, sentence in sentences()}, "run `./run texts`"


_COMMAND = re.compile(r"[A-ZÀ-Þ]{2,}(?: [A-ZÀ-Þ]{2,})*|[“„«]\s?([^”“»]+?)\s?[”“»]")


def _commands(text: str) -> set[str]:
    """The intents of the words that a sentence tells riders to write."""
    meant = {word: name for name, each in collect(handlers).items() for word in each.words}
    said = {(found[1] or found[0]).casefold() for found in _COMMAND.finditer(text)}
    return {meant[word] for word in said & meant.keys()}


@pytest.mark.parametrize("locale", LOCALES)
def test_what_a_sentence_tells_to_write_works_as_translated(locale: str) -> None:
    with path_of(locale).open("rb") as file:
        known = {str(m.id): str(m.string) for m in read_po(file) if m.id}
    told = {sentence for sentence in known if re.search(r"\b[Ww]rite\b", sentence)}
    assert any(_commands(sentence) for sentence in told)
    for sentence in told:
        assert _commands(known[sentence]) >= _commands(sentence), known[sentence]


def test_spanish_calls_riders_by_one_form() -> None:
    """ "tú" throughout; "su" is left for what is somebody else's."""
    usted = re.compile(
        r"\b(usted|escriba|envíe|elija|pague|añada|introduzca|recargue|comparta|pregunte|quite|pida"
        r"|reenvíe|indique|confirme|haga|¿puede|¿quiere|¿desea"
        r"|su (?:tarjeta|saldo|banco|factura|familia|cuenta|recibo)|sus (?:cargas|facturas))\b",
        re.IGNORECASE,
    )
    with path_of("es").open("rb") as file:
        said = [str(each.string) for each in read_po(file) if each.id]
    formal = [each for each in said if usted.search(each)]
    assert [each for each in formal if each not in {"Su factura"}] == []  # that of a charge


def test_the_migrations_make_the_tables_of_the_code(empty_database_url: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    engine = make_engine(empty_database_url)
    migrations.upgrade(engine)
    migrations.upgrade(engine)  # again is harmless
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_the_readme_names_only_commands_that_exist() -> None:
    named = set(re.findall(r"\./run ([a-z][a-z-]+)", (ROOT / "README.md").read_text("utf-8")))
    shell = set(re.findall(r"^  ([a-z]+)\)", (ROOT / "run").read_text("utf-8"), re.MULTILINE))
    assert named <= {*COMMANDS, *shell, "demo", "evening", "help"}


def test_production_never_imports_the_demo() -> None:
    # commands: where the environment has no settings, a demo beside it lends its own
    folders = [each for each in (ROOT / "bot").iterdir() if each.name not in ("demo", "commands")]
    sources = [path for folder in folders for path in folder.rglob("*.py")]
    for path in [*sources, *(ROOT / "handlers").glob("*.py"), *(ROOT / "devices").rglob("*.py")]:
        assert "bot.demo" not in path.read_text("utf-8"), path
