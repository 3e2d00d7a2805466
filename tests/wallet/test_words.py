"""The words that reach prepaid money in six languages, and a family's invitations."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, select

import handlers
from bot.dialog.engine import Engine as Dialog
from bot.dialog.intents import collect
from bot.errors import Refused
from bot.services import family
from bot.store.database import make_engine
from bot.store.riders import Rider, RiderAddress
from bot.store.wallet import WalletMember
from tests.charging.world import World
from tests.databases import with_tables
from tests.wallet.world import eur, fill

DIALOG = Dialog(collect(handlers))


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("autopay off", "auto_top_up_off"), ("stop auto top-up", "auto_top_up_off"),
        ("turn off autopay", "auto_top_up_off"), ("autopago no", "auto_top_up_off"),
        ("desactivar la recarga automática", "auto_top_up_off"),
        ("recarga automática não", "auto_top_up_off"), ("关闭自动充值", "auto_top_up_off"),
        ("recharge automatique non", "auto_top_up_off"), ("autopay aus", "auto_top_up_off"),
        ("désactiver la recharge automatique", "auto_top_up_off"),
        ("automatische Aufladung abschalten", "auto_top_up_off"), ("autopay", "auto_top_up"),
        ("autopay 10 50 150", "auto_top_up"), ("top up", "top_up"), ("top up 20", "top_up"),
        ("recargar 20", "top_up"), ("recarregar 20", "top_up"), ("充值50", "top_up"),
        ("recharger 20", "top_up"), ("20 euro aufladen", "top_up"), ("recargar 1023-27", None),
        ("recharger 1023", None), ("wallet", "wallet"), ("Mein Guthaben", "wallet"),
        ("refund balance", "pay_out"), ("提现", "pay_out"), ("guthaben auszahlen", "pay_out"),
        ("join ABCD2345", "family"), ("unirme ABCD2345", "family"), ("加入 ABCD2345", "family"),
        ("leave family", "family"), ("salir de la familia", "family"),
        ("sair da família", "family"), ("退出家庭", "family"), ("quitter la famille", "family"),
        ("Familie verlassen", "family"), ("family invite +358 40 123 4567", "family_invite"),
        ("family limit", "family_limit"), ("change limit", "family_limit"),
        ("change my family limit to 80", "family_limit"), ("cambiar el límite", "family_limit"),
        ("límite familia", "family_limit"), ("mudar limite da família", "family_limit"),
        ("alterar o limite para 50", "family_limit"), ("修改家庭额度", "family_limit"),
        ("家庭限额", "family_limit"), ("modifier la limite", "family_limit"),
        ("limite famille 80 €", "family_limit"), ("Familienlimit ändern", "family_limit"),
        ("Limit auf 80 ändern", "family_limit"), ("Limit ändern", "family_limit"),
        ("complaint about my bill", "complaint"), ("queja sobre mi factura", "complaint"),
        ("reclamação sobre a conta", "complaint"), ("我要投诉账单", "complaint"),
        ("réclamation sur ma facture", "complaint"), ("I have a complaint about the price",
        "complaint"), ("Beschwerde über meine Rechnung", "complaint"),
        ("complaint about sparks", None), ("complaint about smoke and my bill", None),
        ("stop", None), ("charge 1023-27", None), ("change", None),
    ],
)  # fmt: skip
def test_commands_in_six_languages(text: str, intent: str | None) -> None:
    assert DIALOG.named(text) == intent


@pytest.fixture
def engine(sqlite_url: str) -> Engine:
    return with_tables(make_engine(sqlite_url))


def test_only_the_invited_number_joins_and_nobody_is_in_two_families(engine: Engine) -> None:
    world = World(engine)
    for rider_id in (1, 2, 3):
        fill(world, world.rider(rider_id), 1000)
    with world.work() as work:
        work.session.add(
            RiderAddress(rider_id=2, kind="whatsapp", value="+358401111111", created_at=world.now)
        )
        work.session.flush()
        owner, friend, other = (work.session.get_one(Rider, number) for number in (1, 2, 3))
        asked = family.invite(work, owner, "EUR", eur(500), number="+358401111111")
        for who, said in ((other, "not valid"), (owner, "not valid")):
            with pytest.raises(Refused, match=said):
                family.accept(work, who, asked.code)
        assert family.accept(work, friend, asked.code.lower()).rider_id == 2
        with pytest.raises(Refused, match="not valid"):
            family.accept(work, other, asked.code)  # it works once
        second = family.invite(work, other, "EUR", eur(500))
        with pytest.raises(Refused, match="in a family already"):
            family.accept(work, friend, second.code)
        assert family.remove(work, other, asked.id) is None  # not theirs to remove
        assert family.remove(work, owner, asked.id) is not None
        assert family.accept(work, friend, second.code).state == "active"
        states = work.session.scalars(select(WalletMember.state).order_by(WalletMember.id)).all()
        assert states == ["removed", "active"]
