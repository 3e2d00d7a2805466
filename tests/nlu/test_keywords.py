"""The core journey by keywords alone, in six languages, as while Rasa is away."""

from __future__ import annotations

import pytest

from bot.understanding import Understander
from nlu.understand import Nlu

understand: Understander = Nlu(None)

# intent: en, es, pt-BR, zh, fr, de
JOURNEY = {
    "find_pile": (
        "where is the nearest charger", "dónde hay un cargador cerca", "onde tem carregador perto",
        "附近哪里有充电桩", "où est la borne la plus proche", "wo ist die nächste Säule",
    ),
    "start_charge": (
        "please start charging", "inicia la carga", "começa a carregar", "开始充电",
        "démarre la charge", "starte das Laden",
    ),
    "charge_status": (
        "how long left until it is full", "cuánto le falta a mi carga", "quanto falta pra terminar",
        "充了多少了", "où en est ma charge", "wie weit ist meine Ladung",
    ),
    "stop_charge": (
        "please stop charging", "para la carga", "para a recarga", "停止充电",
        "arrêtez la charge", "Laden beenden",
    ),
    "invoice_or_receipt": (
        "can you send me the receipt", "mándame el recibo", "me manda o recibo", "把收据发给我",
        "envoyez-moi le reçu", "schick mir die Quittung",
    ),
    "help": ("help", "ayuda", "ajuda", "帮助", "aide", "Hilfe"),
    "language_change": (
        "change language", "cambiar idioma", "mudar idioma", "换语言", "changer de langue",
        "Sprache ändern",
    ),
    "human_handoff": (
        "I want to talk to a person", "quiero hablar con una persona",
        "quero falar com um atendente",
        "转人工", "je veux parler à quelqu'un", "ich will mit einem Menschen sprechen",
    ),
    "pricing_question": (
        "how much is it per kWh", "¿cuánto cuesta?", "quanto custa?", "多少钱一度", "c'est combien",
        "was kostet das",
    ),
    "refund": (
        "I want a refund", "quiero un reembolso", "quero reembolso", "我要退款",
        "je veux un remboursement", "ich will eine Erstattung",
    ),
    "report_fault": (
        "the charger is broken", "el cargador no funciona", "o carregador não funciona",
        "充电桩坏了", "la borne est en panne", "die Säule ist kaputt",
    ),
    "affirm": ("yes", "sí", "sim", "是", "oui", "ja"),
    "deny": ("no", "no gracias", "não", "不要", "non", "nein"),
    "greet": ("hello", "hola", "oi", "你好", "bonjour", "hallo"),
    "thanks_bye": ("thanks", "gracias", "obrigado", "谢谢", "merci", "danke"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("intent", "text"), [(intent, text) for intent, texts in JOURNEY.items() for text in texts]
)
def test_keywords_carry_the_core_journey(intent: str, text: str) -> None:
    assert understand(text).intent == intent


@pytest.mark.parametrize("change", [str.upper, str.title, lambda t: f"  {t}!! ", lambda t: f"{t}."])
@pytest.mark.parametrize("text", ["stop", "parar", "arrête", "stopp", "停止", "DETENER"])
def test_stop_is_heard_however_it_is_written(text: str, change: object) -> None:
    assert callable(change)
    meant = understand(change(text), context=frozenset(["session_active"]))
    assert (meant.intent, meant.confidence) == ("stop_charge", 1.0)


@pytest.mark.parametrize(
    ("text", "context", "intent"),
    [
        ("stop", [], "privacy_request"),
        ("STOP", [], "privacy_request"),
        ("unsubscribe", ["session_active"], "privacy_request"),
        ("stop", ["session_active"], "stop_charge"),
        ("stop", ["session_active", "asked_confirm:start_charge"], "stop_charge"),
        ("stop", ["asked_confirm:start_charge"], "deny"),
        ("stop", ["session_active", "asked_confirm:stop_charge"], "affirm"),
        ("parar", [], "stop_charge"),
        ("cancel", ["asked_confirm:start_charge"], "deny"),
        ("cancel", ["asked_confirm:cancel_booking"], "affirm"),
        ("cancel", ["has_booking"], "cancel_booking"),
        ("cancel", ["session_active"], "stop_charge"),
        ("cancelar", ["session_active", "has_booking"], "cancel_booking"),
        ("start", ["asked_confirm:start_charge"], "affirm"),
        ("start", [], "start_charge"),
        ("go", ["plugged_in"], "start_charge"),
        ("ready", ["plugged_in"], "start_charge"),
        ("yes please", ["asked_confirm"], "affirm"),
        ("👍", ["asked_confirm"], "affirm"),
        ("👎", ["asked_confirm"], "deny"),
    ],
)
def test_the_conversation_decides_the_ambiguous(text: str, context: list[str], intent: str) -> None:
    assert understand(text, context=frozenset(context)).intent == intent


@pytest.mark.parametrize("text", ["1023-27", "1023", "#1023", "A12", "12", " 1023-27. ", "102327"])
def test_a_bare_code_starts_a_charge(text: str) -> None:
    meant = understand(text)
    assert meant.intent == "start_charge"
    assert meant.entity("pile_code")


@pytest.mark.parametrize(
    "text",
    [
        "please don't stop charging", "no la pares", "não para a recarga", "别停", "n'arrête pas",
        "noch nicht aufhören",
    ],
)  # fmt: skip
def test_a_negated_stop_never_stops(text: str) -> None:
    assert understand(text, context=frozenset(["session_active"])).intent == "deny"


@pytest.mark.parametrize(
    "text",
    [
        "how do I stop a charge", "cómo se termina una sesión", "como eu encerro a recarga",
        "怎么结束充电", "comment arrêter la charge", "wie beende ich das Laden",
    ],
)  # fmt: skip
def test_a_question_about_stopping_is_not_a_stop(text: str) -> None:
    assert understand(text, context=frozenset(["session_active"])).intent == "faq_howto"


@pytest.mark.parametrize("text", ["可以带狗吗", "可以带狗么", "对面有厕所吗"])
def test_a_chinese_question_is_no_yes(text: str) -> None:
    """These words have no end to look for: "may I" and "opposite" begin as a yes does."""
    assert understand(text, context=frozenset(["asked_confirm:start_charge"])).intent != "affirm"


def test_a_confirmation_question_prefers_yes_and_no() -> None:
    asked = frozenset(["asked_confirm:start_charge"])
    assert understand("yes start it please", context=asked).intent == "affirm"
    assert understand("no I do not want to start", context=asked).intent == "deny"
