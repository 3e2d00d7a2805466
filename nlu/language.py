"""Guess the language of a rider's text from its script, letters and small words."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from nlu.normalise import plain

LANGUAGES: Final = ("en", "es", "pt-BR", "zh", "fr", "de")

# Frequent small words and words of this trade, plain form (no accents). A word that stands in
# several languages counts for each and so decides nothing on its own.
_WORDS: Final = {
    "en": """the is are am was it its i i'm im my me you your to of and in on at for with this
    that not no don't dont can't can could would please pls how where what when why which much
    many need want have has from near nearest stop start charge charging charger thanks thank
    yes hello hi hey book cancel help receipt refund price free until till now again there here
    still any some been be do does did get got good morning evening agent human broken smoke
    car bike status money back speak""",
    "es": """el la los las un una es esta estoy estan que de en y por para con mi me tu se lo le
    no si como donde cuando cuanto cuanta cual cargar carga cargador cargando quiero necesito
    hola gracias buenos buenas dias por favor parar para empieza empezar recibo factura reserva
    cancela cancelar ayuda hay muy ya pero mas esto eso ahora cerca libre del al dinero hasta
    puedo tengo hablar persona precio estado detener idioma humo dale vale""",
    "pt-BR": """o a os as um uma e esta ta to que de em no na do da por para pra com meu minha
    me voce nao sim como onde quando quanto qual carregar carga carregador recarga carregando
    quero preciso ola oi obrigado obrigada bom boa dia tarde favor parar para comeca iniciar
    recibo nota reserva cancela cancelar ajuda tem muito ja mas mais isso agora perto livre
    dinheiro ate posso tenho falar pessoa preco encerra idioma fumaca aqui eu vaga liga""",
    "fr": """le la les un une est et que qui de des du en y pour avec mon ma mes me tu vous je
    j'ai c'est il elle on pas ne non oui comment ou quand combien quel quelle charger charge
    recharge borne veux besoin bonjour salut merci svp s'il plait arreter arrete arretez commence
    demarre recu facture reservation annule annuler aide y a tres deja mais plus ca cela
    maintenant pres libre argent jusqu'a peux parler quelqu'un prix langue fumee au aux dans
    sur une d'accord""",
    "de": """der die das ein eine einen ist und ich mein meine mir mich du sie wir es nicht kein
    keine ja nein wie wo wann wieviel viel welche laden ladung saule lade ladestation mochte
    brauche will hallo danke bitte stopp stoppen beenden starte starten quittung rechnung
    reservierung storniere stornieren hilfe gibt sehr schon aber mehr jetzt nahe frei geld bis
    kann mit fur auf an am im zu zum von den dem hier da sprechen mensch preis sprache rauch
    guten morgen was noch habe hab""",
}
_LEXICON: Final = {
    word: [lang for lang, words in _WORDS.items() if word in words.split()]
    for words in _WORDS.values()
    for word in words.split()
}
_CJK: Final = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_WORD: Final = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_LETTERS: Final = (
    (re.compile(r"[ñ¿¡]"), "es"),
    (re.compile(r"[ãõ]"), "pt-BR"),
    (re.compile(r"[ßäü]|[^q]ö"), "de"),
    (re.compile(r"[œèùûîêë]|\b[cjlnd]['’]"), "fr"),
)
# Words that mean the same in several of our languages, or are typed by everybody.
_ANYONE: Final = frozenset(
    ["ok", "okay", "stop", "status", "menu", "info", "no", "hi", "lol", "refund", "email", "ciao"]
)


def guess_language(text: str) -> str | None:
    """One of LANGUAGES, or None when the text does not tell ("ok", "1023-27")."""
    chinese = len(_CJK.findall(text))
    words = _WORD.findall(plain(_CJK.sub(" ", text)))
    if chinese and chinese * 2 >= len(words):
        return "zh"
    if not words or all(word in _ANYONE for word in words):
        return None
    votes: Counter[str] = Counter()
    for word in words:
        homes = _LEXICON.get(word, ())
        for lang in homes:
            votes[lang] += 6 // len(homes)
    lower = text.lower()
    for letters, lang in _LETTERS:
        votes[lang] += 5 * bool(letters.search(lower))
    ranked = votes.most_common(2)
    if not ranked or ranked[0][1] < 3:
        return None
    if len(ranked) > 1 and ranked[0][1] == ranked[1][1]:
        return None
    return ranked[0][0]
