"""Bring a rider's text to one plain form; shared by the service and the Rasa process (stdlib only).

Case, width, accents, traditional Chinese characters, stretched letters and digits are levelled,
because riders type fast and on every kind of keyboard.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_TRADITIONAL: Final = (
    "電电樁桩動动機机車车開开關关啟启結结終终單单價价錢钱費费還还這这個个請请問问幫帮員员沒没無无"
    "時时間间點点嗎吗麼么樣样裡里裏里邊边附附進进過过現现場场導导線线頭头壞坏壓压閃闪煙烟燒烧燙烫"
    "發发傷伤觸触漏漏裸裸爆爆鼓鼓預预約约訂订變变換换語语言言設设備备號号碼码查查詢询歷历紀纪錄录"
    "帳账戶户餘余額额儲储值值優优惠惠券券會会員员積积分分退退款款發发票票開开據据投投訴诉評评論论"
    "謝谢聯联繫系係系轉转離离來来對对錯错幾几兩两萬万裝装準准務务業业從从應应該该讓让說说話话"
    "認认識识標标長长門门東东後后當当給给給给買买賣卖貴贵滿满擋挡佔占線线號号響响屏屏顯显示示"
    "網网絡络連连綁绑紅红綠绿藍蓝燈灯罵骂鎖锁隱隐私私刪删除除資资料料權权條条協协議议氣气聞闻"
    "臭臭濕湿極极熱热歲岁聽听見见願愿壹一貳二參三"
)  # pairs: a traditional character and its simplified form
_SIMPLIFY: Final = {
    ord(old): new for old, new in zip(_TRADITIONAL[::2], _TRADITIONAL[1::2], strict=True)
}
_STRETCHED: Final = re.compile(r"([^\W\d_])\1{2,}")
_CODE: Final = re.compile(r"(?<![\w-])\d{4,6}-\d{2,3}(?![\w-])")
_DIGIT_RUN: Final = re.compile(r"\d+")
_CJK: Final = re.compile(r"([\u3400-\u9fff\uf900-\ufaff])")
_SPACES: Final = re.compile(r"\s+")
_APOSTROPHES: Final = str.maketrans({"’": "'", "‘": "'", "`": "'", "´": "'"})


def plain(text: str) -> str:
    """Lower case, NFKC, simplified characters, no accents, single spaces; keeps the digits."""
    text = unicodedata.normalize("NFKC", text.translate(_APOSTROPHES)).lower()
    text = text.translate(_SIMPLIFY).replace("ß", "ss")
    bare = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    return _SPACES.sub(" ", _STRETCHED.sub(r"\1\1", bare)).strip()


def for_model(text: str) -> str:
    """The form that the classifier learns from: codes and numbers become marks, each Chinese
    character is a word of its own."""
    marked = _CODE.sub(" xcodex ", plain(text))
    marked = _DIGIT_RUN.sub(lambda run: "0" * min(len(run[0]), 5), marked)
    return _SPACES.sub(" ", _CJK.sub(r" \1 ", marked)).strip()
