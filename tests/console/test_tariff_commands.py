"""`./run tariff-export` and `tariff-import` on a database of their own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import select

import app
from bot.commands import money
from bot.store.database import Store
from bot.store.staff import Staff
from bot.store.stations import Tariff, TariffProposal
from tests.world import World


@pytest.fixture
def store(world: World, monkeypatch: pytest.MonkeyPatch) -> Store:
    settings = world.settings
    monkeypatch.setattr(money, "settings_or_demos", lambda *_: settings)
    monkeypatch.setattr(money, "open_store", lambda _: world.store)
    with world.store.begin() as work:
        work.session.add(
            Staff(login="mia@example.com", name="Mia", role="manager", created_at=work.now)
        )
    return world.store


def test_a_tariff_goes_out_and_comes_in_for_approval(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with store.read() as work:
        name = work.session.scalars(select(Tariff.name)).first()
    assert name is not None
    assert app.main(["tariff-export", name]) == 0
    text = capsys.readouterr().out
    assert json.loads(text)["party_id"] == "PLB"
    file = tmp_path / "t.json"
    file.write_text(text)
    assert app.main(["tariff-import", str(file), "--tariff", name]) == 0
    assert "Nothing was changed" in capsys.readouterr().out
    staff = ["--staff", "mia@example.com", "--reason", "Spring prices"]
    for _ in range(2):  # the same file twice is one proposal
        assert app.main(["tariff-import", str(file), "--tariff", name, *staff]) == 0
    with store.read() as work:
        (row,) = work.session.scalars(select(TariffProposal))
        assert (row.state, row.reason) == ("waiting", "Spring prices")


def test_what_is_wrong_with_a_file_is_printed_by_path(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "t.json"
    file.write_text('{"currency": "EUR", "tax_included": "YES", "elements": [{}], "x": 1}')
    with store.read() as work:
        name = work.session.scalars(select(Tariff.name)).one()
    with pytest.raises(SystemExit, match="nothing was changed"):
        app.main(["tariff-import", str(file), "--tariff", name])
    assert "$.elements[0].price_components: must be a list" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="There is no tariff 'ZZ'"):
        app.main(["tariff-import", str(file), "--tariff", "ZZ"])
