"""Danger is heard in every language; figurative and negated words are not danger."""

from __future__ import annotations

import pytest

from nlu.safety import is_danger


@pytest.mark.parametrize(
    "text",
    [
        "smoke is coming out", "FIRE!!!", "i got a shock from the handle", "sparks flying",
        "burning smell near pile 12", "the wire is bare", "battery swollen", "my kid is hurt",
        "should the plug feel that warm?", "it smells a bit funny like plastic", "cable melted",
        "not sure but I think I see smoke", "there's no fire but a lot of smoke",
        "sale humo", "me dio un toque", "huele a quemado", "la batería está hinchada",
        "hay chispas", "cable pelado", "¿es normal que el enchufe esté tan caliente?",
        "tá saindo fumaça", "levei um choque", "cheiro de queimado", "fio desencapado",
        "a tomada tá muito quente",
        "冒烟了", "着火了!", "我被电了一下", "有烧焦的味道", "电池鼓包", "插头这么烫正常吗",
        "電線露出來了", "冒煙", "摸着有点麻",
        "il y a de la fumée", "au feu", "j'ai pris une décharge", "ça sent le brûlé",
        "fil dénudé", "la prise est très chaude",
        "es raucht, da kommt Rauch", "Feuer!", "ich hab einen Stromschlag bekommen",
        "es riecht verbrannt", "der Akku ist aufgebläht", "der Stecker ist so heiß", "es brennt",
    ],
)  # fmt: skip
def test_danger(text: str) -> None:
    assert is_danger(text)


@pytest.mark.parametrize(
    "text",
    [
        "these prices are shocking", "I was shocked by the price", "you guys are on fire",
        "fire it up", "there is no smoke", "the cable is not hot", "burning question: how much",
        "my chevy spark needs a charge", "is there a no smoking sign", "what a price shock",
        "estoy que echo humo con el precio", "no sale humo", "feu vert", "pas de fumée",
        "kein Rauch", "Feuer und Flamme für euch", "das Licht brennt grün",
        "没有冒烟", "麻烦帮我开始充电", "充电到80%", "快没电了", "现在多少度电了", "气炸了",
        "start charging", "stop", "hello", "1023-27", "", "it's a hot day",
    ],
)  # fmt: skip
def test_no_danger(text: str) -> None:
    assert not is_danger(text)
