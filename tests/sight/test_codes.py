from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import codes
from bot.domain.codes import Mistyped, PileCode, evse_code, examine, find, parse, read_text

HOSTS = ("pile.example",)
NUMBERS = ("whatsapp:+1 (415) 523-8886",)

numbers = st.integers(1000, 999_999).map(str)
evses = st.integers(1, 99)
printed = st.builds(evse_code, numbers, evses)


@given(numbers, evses)
def test_what_is_printed_reads_back(number: str, evse: int) -> None:
    code = PileCode(number, evse)
    assert parse(str(code)) == code
    assert read_text(f"start {code} please") == (code,)
    assert codes.read_payload(str(code), HOSTS, NUMBERS) == code
    assert codes.read_payload(f"https://pile.example/p/{code}", HOSTS, NUMBERS) == code
    assert codes.read_payload(f"https://wa.me/14155238886?text=Hi+{code}", HOSTS, NUMBERS) == code


@given(printed, st.data())
def test_every_single_wrong_digit_is_noticed(code: str, data: st.DataObject) -> None:
    place = data.draw(st.sampled_from([i for i, c in enumerate(code) if c.isdigit()]))
    wrong = data.draw(st.sampled_from(sorted(set("0123456789") - {code[place]})))
    typed = code[:place] + wrong + code[place + 1 :]
    assert isinstance(examine(typed), Mistyped)
    assert parse(typed) is None
    assert codes.read_payload(typed, HOSTS, NUMBERS) is None
    assert read_text(f"charge at {typed}") == ()


@given(printed)
def test_every_swap_of_neighbours_is_noticed(code: str) -> None:
    places = [i for i, c in enumerate(code) if c.isdigit()]
    for left, right in pairwise(places):
        if code[left] == code[right]:
            continue
        typed = list(code)
        typed[left], typed[right] = code[right], code[left]
        assert isinstance(codes.examine("".join(typed)), codes.Mistyped)


@given(numbers, evses)
def test_a_code_without_its_dash_keeps_its_digits(number: str, evse: int) -> None:
    digits = evse_code(number, evse).replace("-", "")
    read = parse(digits)
    assert read is not None
    assert str(read).replace("-", "") == digits
    if len(number) == 4 and evse > 0:
        assert read == PileCode(number, evse)  # 4-digit pile numbers come first


@given(st.text())
def test_no_text_breaks_the_readers(text: str) -> None:
    examine(text)
    codes.read_payload(text, HOSTS, NUMBERS)
    for each in find(text):
        assert 0 <= each.start < each.end <= len(text)


@pytest.mark.parametrize(
    "text",
    ["1023-27", " 1023 27 ", "102327", "#1023-27", "＃１０２３－２７", "1023–27", "1023 — 27",
     "1023−27", "1023_27", "١٠٢٣-٢٧", "１０２３２７", "# 1023-27"],
)  # fmt: skip
def test_typed_forms(text: str) -> None:
    assert parse(text) == PileCode("1023", 2)


@pytest.mark.parametrize("text", ["1023", "#1023", " 1023 ", "１０２３", "№1023"])
def test_a_bare_pile_number(text: str) -> None:
    assert parse(text) == PileCode("1023", None)


@pytest.mark.parametrize("text", ["1023-28", "1023-2", "1032-27", "102-327", "1023 72", "1023127"])
def test_looks_like_ours_but_is_mistyped(text: str) -> None:
    assert isinstance(codes.examine(text), codes.Mistyped)


@pytest.mark.parametrize(
    "text", ["", "-", "12", "hello", "1023-27 now", "0102327", "12345678901", "10:23", "²³¹¹"],
)  # fmt: skip
def test_no_code_at_all(text: str) -> None:
    assert parse(text) is None


def test_codes_in_running_text() -> None:
    text = f"Not 1023-27, I am at {evse_code('1024', 1)} or #1031 (102327)"
    assert read_text(text) == (PileCode("1023", 2), PileCode("1024", 1), PileCode("1031"))


@pytest.mark.parametrize(
    "text",
    ["on 2026-11-20", "call +358 40 1023270", "I paid 1023,27", "1023:27", "9990010232700"],
)  # fmt: skip
def test_other_digits_in_running_text(text: str) -> None:
    assert read_text(text) == ()


def test_a_code_in_running_text_tells_its_place() -> None:
    text = "充电桩1023－27，谢谢"
    (only,) = find(text)
    assert text[only.start : only.end] == "1023－27"
    assert only.code == PileCode("1023", 2)


def test_a_mistyped_code_in_running_text_is_reported_but_not_read() -> None:
    assert [each.code for each in find("start 1023-28 now")] == [Mistyped("1023-28")]
    assert read_text("start 1023-28 now") == ()


@pytest.mark.parametrize(
    "payload",
    [
        "1023-27",
        "https://pile.example/p/1023-27",
        "HTTPS://PILE.EXAMPLE/P/1023-27",
        "http://pile.example:8080/p/1023-27/",
        "https://wa.me/14155238886?text=Charge%20at%201023-27",
        "https://wa.me/+14155238886?text=1023-27",
        "https://api.whatsapp.com/send?phone=14155238886&text=1023-27",
        "https://api.whatsapp.com/send/?text=1023-27&phone=%2B14155238886",
    ],
)
def test_our_stickers(payload: str) -> None:
    assert codes.read_payload(payload, HOSTS, NUMBERS) == PileCode("1023", 2)


@pytest.mark.parametrize(
    "payload",
    [
        "102327",
        "1023",
        "1023-28",
        "１０２３-２７",
        "https://pile.example/p/102327",
        "https://pile.example/p/1023",
        "https://pile.example/x/1023-27",
        "https://pile.example/p/1023-28",
        "https://pile.example.evil.test/p/1023-27",
        "https://pile.example@evil.test/p/1023-27",
        "https://evil.test/p/1023-27",
        "https://wa.me/19998887777?text=1023-27",
        "https://wa.me/?text=1023-27",
        "https://wa.me/14155238886",
        "https://wa.me/14155238886?text=1023-27+" + evse_code("1024", 1),
        "ftp://pile.example/p/1023-27",
        "javascript:alert(1)//pile.example/p/1023-27",
        "http://[",
        "",
    ],
)
def test_foreign_codes(payload: str) -> None:
    assert codes.read_payload(payload, HOSTS, NUMBERS) is None


def test_no_own_number_never_means_any_number() -> None:
    assert codes.read_payload("https://wa.me/?text=1023-27", (), ("",)) is None


@pytest.mark.parametrize(
    ("number", "evse"),
    [("123", 1), ("0123", 1), ("1234567", 1), ("1023", 0), ("1023", 100), ("x", 1)],
)  # fmt: skip
def test_codes_out_of_range_are_never_printed(number: str, evse: int) -> None:
    with pytest.raises(ValueError, match="no code for pile"):
        evse_code(number, evse)


def test_names() -> None:
    assert evse_code("1023", 2) == "1023-27"
    assert str(PileCode("1023")) == "1023"
    assert codes.pile_id("1023") == "P001023"
