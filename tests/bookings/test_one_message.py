"""Bookings and top-ups asked for in one message, in six languages, understood by rules alone."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import select

from bot.store.bookings import Booking
from bot.store.wallet import TopUp
from tests.bookings.chat import Chat
from tests.bookings.world import World, at

EVENING = at("2026-11-20T16:30")  # 18:30 in Helsinki
MORNING = at("2026-11-21T07:00")


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("book 1023-16 18:30 for an hour", EVENING),
        ("please book 1023-16 tomorrow at 9am for 1 hour", MORNING),
        ("I want to book 1023-16 at 18:30 for 1 hour", EVENING),
        ("reservar 1023-16 mañana a las 9 de la mañana por 1 hora", MORNING),
        ("reserva 1023-16 hoy a las 18:30 por una hora", EVENING),
        ("quiero reservar 1023-16 a las 18:30 durante 1 hora", EVENING),
        ("reservar 1023-16 amanhã às 9h por 1 hora", MORNING),
        ("quero reservar 1023-16 às 18:30 por uma hora", EVENING),
        ("réserver 1023-16 demain à 9h pour 1 heure", MORNING),
        ("je voudrais réserver 1023-16 à 18h30 pour une heure", EVENING),
        ("1023-16 heute um 18:30 für 1 Stunde buchen", EVENING),
        ("reserviere 1023-16 morgen früh um 9 Uhr für eine Stunde", MORNING),
        ("预订1023-16 明天上午9点 1小时", MORNING),
        ("预约1023-16今晚6点半一个小时", EVENING),
        ("帮我预订1023-16明天早上9点充一个小时", MORNING),
    ],
)
def test_a_booking_in_one_message(world: World, text: str, when: datetime) -> None:
    chat = Chat(world)
    said = chat.says(text)
    assert "1023-16 at Kamppi" in said and "[Yes, book]" in said
    chat.taps("Yes, book")
    with world.work() as work:
        row = work.session.scalars(select(Booking)).one()
        assert (row.evse_id, row.starts_at) == (1, when)
        assert (row.ends_at - row.starts_at).total_seconds() == 3600


@pytest.mark.parametrize(
    ("text", "yes"),
    [("top up 20", "yes"), ("recargar 20", "sí"), ("quero adicionar 20 reais ao saldo", "sim"),
     ("给钱包充值20", "是"),
     ("recharger mon compte de 20", "oui"), ("Guthaben aufladen mit 20", "ja")],
)  # fmt: skip
def test_a_top_up_in_one_message_is_answered_by_yes(world: World, text: str, yes: str) -> None:
    chat = Chat(world)
    said = chat.says(text)
    if "reais" in text:  # another currency than the rider's: said so, nothing is taken
        assert "[Yes, top up]" not in said
        return
    assert "[Yes, top up]" in said
    assert "One moment" in chat.says(yes)
    with world.work() as work:
        assert work.session.scalars(select(TopUp.amount_minor)).one() == 2000
