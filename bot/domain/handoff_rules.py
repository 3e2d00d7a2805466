"""When the bot calls a person by itself, besides being asked: pure rules over what was said.

Sources: reference console.md A4 (auto-handoff). The words are whole phrases in the shipped
languages; a phrase that is denied, asked about the future or meant in praise does not count.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

SAME_TIMES: Final = 3
FAILED_TIMES: Final = 2
# Asking these again and again is normal, or has an answer of its own.
_MAY_REPEAT: Final = frozenset(
    {"charge_status", "stop_charge", "greet", "affirm", "deny", "thanks_bye", "help", "answer",
     "human_handoff", "safety_emergency", "language_change"}
)  # fmt: skip
MONEY_INTENTS: Final = frozenset({"refund", "invoice_or_receipt", "pricing_question"})


@dataclass(frozen=True, slots=True)
class Signals:
    """What the rules look at. `earlier` are the rider's typed lines of the last minutes, newest
    first, without this one; `intents` what they were understood as; `failed` counts charges that
    did not start and stops that did not work since a person last had the chat."""

    text: str
    intent: str
    typed: bool
    earlier: Sequence[str] = ()
    intents: Sequence[str] = ()
    failed: int = 0


def call_person(signals: Signals) -> str | None:
    """The reason to fetch a person now, as in handoff_reasons; None when the bot goes on."""
    if signals.failed >= FAILED_TIMES:
        return "command_failed"
    if not signals.typed:
        return None
    if is_threat(signals.text):
        return "threat"
    if is_dispute(signals.text):
        return "dispute"
    if is_angry(signals.text):
        again = any(is_angry(line) for line in signals.earlier)
        money = bool(MONEY_INTENTS & {signals.intent, *signals.intents}) or speaks_of_money(
            signals.text
        )
        if again or money:
            return "angry"
    if _same_again(signals):
        return "repeated"
    return None


def _same_again(signals: Signals) -> bool:
    if signals.intent in _MAY_REPEAT:
        return False
    said = _plain(signals.text)
    before = [_plain(line) for line in signals.earlier[: SAME_TIMES - 1]]
    return bool(said) and len(before) == SAME_TIMES - 1 and all(line == said for line in before)


# --- words ---------------------------------------------------------------------------------------

_THREATS: Final = (
    # English
    r"(my|a|our) (lawyer|attorney|solicitor)", r"lawyers?( will| are|$)", r"(sue|suing) (you|u)\b",
    r"(take|taking) (you|this|it) to court", r"(see you|meet) in court", r"legal action",
    r"small claims", r"(to|tell|call|go to) the (press|media|newspapers?|police about you)",
    r"journalists?", r"(consumer (protection|authority|ombudsman)|ombudsman|trading standards)",
    r"report you to",
    r"post (this|it|about this) (everywhere|on (twitter|x|facebook|tiktok|reddit))",
    # Spanish, Portuguese
    r"(mi|un) abogad[oa]", r"(voy a|vamos a|les?|os) (demandar|denunciar)\w*",
    r"los voy a denunciar",
    r"(oficina del consumidor|organizacion de consumidores|profeco|facua)", r"a la prensa",
    r"(meu|um) advogad[oa]", r"process(ar|o) (voces|a empresa)", r"((n|a)o )?procon",
    r"reclame aqui", r"na justica", r"a imprensa",
    # French, German
    r"(mon|un|une) avocate?", r"porter plainte", r"\bdgccrf\b", r"que choisir", r"en justice",
    r"(a|la) presse\b", r"(mein|einen?) (rechts)?anwalt\w*", r"verklag\w+", r"vor gericht",
    r"anzeige erstatten", r"verbraucher(zentrale|schutz)", r"an die presse",
)  # fmt: skip
_THREATS_ZH: Final = ("律师", "律師", "起诉", "起訴", "法院", "消协", "消協", "12315", "曝光",
                      "媒体", "媒體", "工商局", "报警告你")  # fmt: skip

_DISPUTES: Final = (
    r"charged (me )?(twice|double|two times|2 times|again for)", r"double.?charged", r"overcharged",
    r"(wrongly|wrongfully|incorrectly|falsely) (charged|billed)", r"charge ?back",
    r"(dispute|contest) (the|this|that|my) (charge|payment|bill|amount)", r"billed (me )?twice",
    r"(charged|paid|took money) (me )?(for|but) "
    r"(nothing|no (energy|power|charge)|it (never|didn.?t))",
    r"(me )?(han|habeis|habian|has) cobrado (dos veces|doble|de mas|el doble)", r"doble cobro",
    r"cobro (indebido|duplicado|doble)", r"cobr(ado|aram|ou) (\w+ )?(duas vezes|em dobro|a mais)",
    r"cobranca (indevida|duplicada|em dobro)",
    r"(debite|preleve|facture)e? (deux fois|en double|trop)",
    r"double (debit|prelevement|facturation)", r"doppelt (abgebucht|berechnet|belastet|bezahlt)",
    r"(zweimal|zwei mal|zu viel|zuviel|falsch) (abgebucht|berechnet|belastet)",
)  # fmt: skip
_DISPUTES_ZH: Final = ("扣了两次", "扣了兩次", "多扣", "重复扣", "重複扣", "乱扣费", "亂扣費",
                       "多收费", "多收費", "扣错钱", "扣錯錢")  # fmt: skip

_ANGER: Final = (
    r"f+u+c+k\w*", r"\bwtf\b", r"bull ?shit", r"\bshit\b", r"(bloody|damn|fucking) (useless|thing)",
    r"useless", r"ridiculous", r"scam(mers?)?", r"thieves", r"rip.?off",
    r"(piece of|total) (crap|junk)",
    r"idiots?", r"stupid (bot|app|machine|thing|company)", r"worst (service|app|company)",
    r"disgrace",
    r"(i am|i'm|im) (so |really |very )?(angry|furious|pissed)", r"unacceptable", r"fed up",
    r"mierda", r"estafa(dores)?", r"ladrones", r"inutil(es)?", r"verguenza", r"una? burla",
    r"merda", r"golpe\b", r"ladroes", r"palhacada", r"porcaria", r"absurdo",
    r"merde", r"arnaque", r"voleurs?", r"nul a chier", r"honteux", r"inadmissible",
    r"scheiss\w*", r"betrug(er)?", r"abzocke", r"unverschamt\w*",
    r"frechheit", r"verarsch\w*",
)  # fmt: skip
_ANGER_ZH: Final = ("垃圾", "骗子", "騙子", "骗人", "騙人", "坑人", "坑爹", "他妈", "他媽", "傻逼",
                    "妈的", "媽的", "太差了", "气死", "氣死", "黑心")  # fmt: skip
_MONEY: Final = (
    r"money|refund|paid|pay(ment|ing)?|charged|bill(ed)?|invoice|price|cost|euros?|card|"
    r"dinero|reembolso|pagu?e|cobr\w+|factura|tarjeta|dinheiro|reembolso|pag(uei|amento)|cartao|"
    r"argent|rembours\w+|paye|facture|carte|geld|zuruck(zahlen|erstatt\w+)|bezahl\w*|rechnung|karte",
)  # fmt: skip
_MONEY_ZH: Final = ("钱", "錢", "退款", "扣费", "扣費", "付款", "账单", "帳單", "€", "$", "£", "¥")

# In front of a phrase these take its meaning: "I won't sue you", "will I be charged twice?".
_DENIED: Final = re.compile(
    r"\b(not|never|no|without|won.?t|don.?t|didn.?t|wasn.?t|isn.?t|aren.?t|haven.?t|hardly|"
    r"no quiero|nunca|sin|nao|sem|ne|pas|jamais|sans|nicht|kein\w*|nie|ohne)\b"
    r"(\W+\w+){0,4}\W*$"
)
_ASKED: Final = re.compile(
    r"\b(will|would|could|can|might|if|does|do|when|afraid|worried|worry|si|sera|seria|wird|werde|"
    r"wenn|falls)\b(\W+\w+){0,4}\W*$"
)


def is_threat(text: str) -> bool:
    """Lawyers, courts, authorities, press: announced, not denied."""
    return _says(text, _THREAT_RE, _THREATS_ZH)


def is_dispute(text: str) -> bool:
    """A charge that happened is disputed; asking whether it could happen is not."""
    return _says(text, _DISPUTE_RE, _DISPUTES_ZH, asked_is_no=True)


def is_angry(text: str) -> bool:
    """Insults, or shouting: most of a sentence in capitals."""
    return _says(text, _ANGER_RE, _ANGER_ZH) or is_shouted(text)


def is_shouted(text: str) -> bool:
    """At least three words and ten letters, nearly all capitals, where the script has them."""
    letters = [char for char in text if char.isalpha() and char.lower() != char.upper()]
    words = [word for word in re.findall(r"[^\W\d_]+", text) if len(word) > 1]
    upper = sum(char.isupper() for char in letters)
    return len(letters) >= 10 and len(words) >= 3 and upper >= 0.85 * len(letters)


def speaks_of_money(text: str) -> bool:
    """Whether money is in the sentence."""
    return _MONEY_RE.search(_plain(text)) is not None or any(word in text for word in _MONEY_ZH)


def _says(
    text: str, phrases: re.Pattern[str], chinese: Sequence[str], *, asked_is_no: bool = False
) -> bool:
    for word in chinese:
        at = text.find(word)
        if at >= 0 and not re.search(r"(不会|不會|没有|沒有|不是|不要|别|別|不用)$", text[:at]):
            return True
    plain = _plain(text)
    for found in phrases.finditer(plain):
        before = re.split(r"[.!?;\n]", plain[: found.start()])[-1]
        denied = _DENIED.search(before) or (asked_is_no and _ASKED.search(before))
        if not denied:
            return True
    return False


def _plain(text: str) -> str:
    """Small letters without accents, one space between words."""
    split = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(char for char in split if not unicodedata.combining(char))
    return " ".join(bare.replace("’", "'").split())


def _any_of(phrases: Sequence[str]) -> re.Pattern[str]:
    return re.compile(r"(?<!\w)(" + "|".join(phrases) + r")(?!\w)")


_THREAT_RE: Final = _any_of(_THREATS)
_DISPUTE_RE: Final = _any_of(_DISPUTES)
_ANGER_RE: Final = _any_of(_ANGER)
_MONEY_RE: Final = _any_of(_MONEY)
