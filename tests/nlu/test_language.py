"""The language of a text is guessed, or left open."""

from __future__ import annotations

import pytest

from nlu.language import guess_language


@pytest.mark.parametrize(
    ("lang", "texts"),
    [
        ("en", ["where can I charge my bike", "thanks", "is there a free charger near here?"]),
        ("es", ["quiero cargar mi moto", "hola", "¿cuánto cuesta?", "dónde hay un cargador"]),
        ("pt-BR", ["quero carregar minha moto", "não sei", "obrigado", "onde tem carregador aqui"]),
        ("zh", ["附近哪里可以充电", "停止", "請幫我開始充電", "你好", "A12 有空吗"]),
        ("fr", ["je veux recharger mon vélo", "bonjour", "où est la borne", "merci"]),
        ("de", ["ich möchte mein Rad laden", "danke", "wo ist die nächste Säule", "hallo"]),
    ],
)
def test_sentences_tell_their_language(lang: str, texts: list[str]) -> None:
    assert {text: guess_language(text) for text in texts} == dict.fromkeys(texts, lang)


@pytest.mark.parametrize("text", ["", "ok", "1023-27", "👍", "stop", "12", "A12", "Kamppi", "..."])
def test_a_text_that_does_not_tell_is_left_open(text: str) -> None:
    assert guess_language(text) is None


@pytest.mark.parametrize("text", ["помогите", "مرحبا", "नमस्ते"])
def test_languages_we_do_not_speak_are_left_open(text: str) -> None:
    assert guess_language(text) is None
