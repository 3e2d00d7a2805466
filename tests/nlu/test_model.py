"""The real Rasa model: trained when needed, served over HTTP, and asked."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from nlu.rasa import Rasa
from nlu.server import is_ready, python, running
from nlu.train import current_model, train
from nlu.understand import Nlu

pytestmark = [
    pytest.mark.skipif(python() is None, reason="Rasa is not installed: no .venv-nlu"),
    pytest.mark.xdist_group("rasa"),
    pytest.mark.timeout(300),
]

SENTENCES = [
    ("hey there, any free chargers around the station?", "find_pile", ()),
    ("busco un cargador que esté libre ahora", "find_pile", ()),
    ("book a charger for tomorrow 8am please", "book_pile", ()),
    ("ich möchte meine Reservierung für morgen stornieren", "cancel_booking", ("has_booking",)),
    ("pode cancelar minha reserva de hoje", "cancel_booking", ("has_booking",)),
    ("quanto falta pra terminar a recarga?", "charge_status", ("session_active",)),
    ("请把发票发给我", "invoice_or_receipt", ()),
    ("帮我启动一下这个充电桩", "start_charge", ("plugged_in",)),
    ("la borne ne marche pas du tout", "report_fault", ()),
    ("je voudrais parler à un conseiller", "human_handoff", ()),
    ("I was charged twice, please refund one payment", "refund", ()),
    ("how much does it cost per kWh at night", "pricing_question", ()),
    ("order me a large pizza with extra cheese", "out_of_scope", ()),
]


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[str, str]]:
    with running(train(lambda _: None)) as url_and_token:
        yield url_and_token


def test_the_trained_model_is_found_again(served: tuple[str, str]) -> None:
    assert current_model() == train(pytest.fail)


def test_sentences_of_every_language_are_understood(served: tuple[str, str]) -> None:
    nlu = Nlu(Rasa(*served, timeout_s=10.0))
    meant = {text: nlu(text, context=frozenset(facts)) for text, _, facts in SENTENCES}
    assert {text: one.intent for text, one in meant.items()} == {t: i for t, i, _ in SENTENCES}
    assert {one.engine for one in meant.values()} == {"rasa"}


def test_the_server_lets_nobody_in_without_its_token(served: tuple[str, str]) -> None:
    url, _ = served
    assert not is_ready(url, "wrong")
    assert httpx.delete(f"{url}/model").status_code == 401
    assert httpx.post(f"{url}/model/parse", json={"text": "hi"}).status_code == 401
