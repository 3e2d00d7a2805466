"""Keywords in six languages: short unmistakable messages, and the fallback while Rasa is away.

Everything is matched in the plain form (lower case, no accents, simplified Chinese).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from nlu.normalise import plain

_YES: Final = """yes|y|yeah|yea|yep|yup|yess|ya|ok|okay|okey|okie|k|sure|go ahead|go on|correct|
confirm|confirmed|do it|yes please|ok yes|yes ok|of course|sounds good|agreed|alright|si|sip|claro|
vale|dale|ok dale|de acuerdo|confirmo|por supuesto|si por favor|si claro|orale|sale|hazlo|sim|isso|
claro que sim|pode ser|pode|beleza|ta bom|com certeza|confirma|sim por favor|bora|fechado|ss|是|是的|
好|好的|好啊|好吧|可以|行|对|对的|嗯|嗯嗯|确认|确定|同意|没问题|要|要的|oui|ouais|ouep|d'accord|
bien sur|vas-y|ok d'accord|je confirme|ca marche|entendu|oui s'il vous plait|oui merci|ja|jo|jap|
klar|genau|ja bitte|passt|einverstanden|in ordnung|jawohl|naturlich|mach das|ja klar|ok ja|👍|✅|👌|🆗"""
_NO: Final = """no|n|nope|nah|no thanks|no thank you|not now|never mind|nevermind|don't|dont|no way|
no gracias|mejor no|ahora no|no quiero|nel|todavia no|nao|nao obrigado|nao obrigada|nn|agora nao|
melhor nao|nao quero|ainda nao|不|不是|不要|不用|不用了|不行|不了|算了|不对|不好|non|non merci|nan|
pas maintenant|surtout pas|pas encore|nein|nein danke|nee|no danke|lieber nicht|jetzt nicht|
noch nicht|noe|👎|❌|🚫"""
_STOP: Final = """stop|stop it|stop now|stop charging|stop charge|stop please|pls stop|please stop|
end|end charge|end charging|end session|finish|finish charging|terminate|halt|stop the charge|
stop the session|stop session|parar|para|pare|parar carga|para la carga|parar la carga|detener|
deten|detener carga|detente|detener la carga|terminar|termina|terminar carga|finalizar|finaliza|
alto|parar recarga|para a recarga|parar a recarga|pare a recarga|encerrar|encerra|
encerrar recarga|interromper|parar de carregar|停|停止|停止充电|停下|停下来|结束|结束充电|停充|
别充了|不充了|关闭充电|断电|终止|arret|arreter|arrete|arretez|stoppe|stopper|arrete la charge|
arreter la charge|arretez la charge|fin de charge|terminer|stop la charge|stopp|stoppen|beenden|
anhalten|aufhoren|laden stoppen|laden beenden|ladung beenden|ladung stoppen|ladevorgang beenden|
stoppe das laden|halt an|schluss|🛑|✋|⏹"""
# Without a running session these are a wish not to be written to, as carriers define it.
_OPT_OUT: Final = """stop|stopall|stop all|unsubscribe|opt out|optout|opt-out|stopp|arret"""
_ALWAYS: Final = {
    "privacy_request": """stopall|stop all|unsubscribe|opt out|optout|opt-out|stop messaging me|
stop messages|stop texting me|delete my data|delete my account|darme de baja|darse de baja|
borrar mi cuenta|borrar mis datos|descadastrar|apagar minha conta|退订|注销|注销账户|注销账号|
删除我的数据|desabonner|me desabonner|desinscription|supprimer mon compte|abmelden|
konto loschen|mein konto loschen|meine daten loschen""",
    "start_charge": """start|start charging|start charge|begin|begin charging|resume|charge|
charge now|start now|start it|iniciar|iniciar carga|inicia|empezar|empieza|empezar a cargar|cargar|
comenzar|comenzar carga|iniciar recarga|comecar|comeca|carregar|ligar|comecar recarga|开始|开始充电|
启动|充电|我要充电|开充|继续充电|demarrer|demarre|commencer|commencer la charge|demarrer la charge|
lancer|lancer la charge|charger|starten|laden|laden starten|ladung starten|beginnen|starte|
starte das laden|los|▶|▶️|🔌|⚡""",
    "charge_status": """status|my status|charge status|charging status|progress|how much so far|
estado|mi estado|estado de carga|como va|como va mi carga|progreso|andamento|como ta|como esta|
status da recarga|状态|进度|充电状态|充电进度|充了多少|充了多少了|statut|etat|avancement|
etat de la charge|ou en est ma charge|ladestand|stand|ladestatus|fortschritt""",
    "find_pile": """find|map|near me|find charger|find a charger|nearby|nearest|charger near me|
chargers near me|charging station|stations|where|buscar|cerca|cerca de mi|mapa|cargadores|
estaciones|donde cargar|encontrar|perto|perto de mim|carregadores|estacoes|onde carregar|附近|
找桩|充电桩|找充电桩|地图|附近充电桩|附近的充电桩|哪里充电|哪里可以充电|pres de moi|a proximite|
carte|bornes|trouver|trouver une borne|ou charger|in der nahe|karte|ladestation|ladestationen|
saule finden|finden|wo laden|suche|suchen|🗺|📍""",
    "invoice_or_receipt": """receipt|my receipt|invoice|bill|recibo|mi recibo|factura|comprobante|
boleta|ticket|nota|nota fiscal|comprovante|meu recibo|收据|发票|开发票|小票|账单|recu|mon recu|
facture|justificatif|quittung|beleg|rechnung|meine rechnung|bon|🧾""",
    "help": """help|help me|menu|main menu|options|info|?|??|what can you do|ayuda|ayudame|opciones|
menu principal|que puedes hacer|ajuda|me ajuda|opcoes|o que voce faz|帮助|帮帮我|菜单|求助|使用帮助|
你能做什么|aide|aidez-moi|aide-moi|hilfe|hilf mir|optionen|was kannst du|commands|❓|ℹ️""",
    "human_handoff": """agent|human|operator|person|real person|support|talk to a human|
talk to agent|customer service|representative|live agent|talk to someone|agente|humano|persona|
operador|asesor|soporte|hablar con una persona|hablar con alguien|atencion al cliente|atendente|
pessoa|falar com atendente|falar com alguem|suporte|falar com uma pessoa|人工|转人工|客服|人工客服|
真人|找客服|conseiller|humain|un agent|un conseiller|parler a quelqu'un|service client|
assistance|mitarbeiter|mensch|berater|kundenservice|kundendienst|jemanden sprechen|☎️|📞""",
    "language_change": """language|change language|lang|english|english please|in english|idioma|
espanol|castellano|en espanol|cambiar idioma|espanol por favor|portugues|em portugues|
mudar idioma|portugues por favor|lingua|语言|中文|说中文|换语言|切换语言|英文|英语|langue|francais|
en francais|changer de langue|francais svp|sprache|deutsch|auf deutsch|sprache andern|
deutsch bitte|🌐|chinese|spanish|french|german|portuguese""",
    "pricing_question": """price|prices|cost|tariff|how much is it|what does it cost|rates|precio|
precios|tarifa|tarifas|cuanto cuesta|preco|precos|quanto custa|valor|价格|多少钱|收费|怎么收费|prix|
tarif|tarifs|c'est combien|combien ca coute|preis|preise|was kostet das|wie teuer|kosten|💰|💶""",
    "refund": """refund|refund me|refund please|money back|my money back|i want a refund|reembolso|
devolucion|quiero un reembolso|estorno|quero reembolso|退款|我要退款|退钱|remboursement|
rembourser|remboursez-moi|erstattung|ruckerstattung|geld zuruck""",
    "report_fault": """broken|not working|doesn't work|does not work|it's broken|report a problem|
report fault|out of order|no funciona|roto|averia|descompuesto|quebrado|nao funciona|com defeito|
坏了|故障|报修|用不了|en panne|ne marche pas|ca marche pas|cassee|kaputt|defekt|
funktioniert nicht|geht nicht|storung""",
    "order_history": """history|my orders|orders|my bookings|my charges|past charges|historial|
mis pedidos|mis cargas|mis reservas|historico|meus pedidos|minhas recargas|我的订单|订单|历史记录|
我的预约|historique|mes commandes|mes recharges|mes reservations|verlauf|meine ladungen|
meine buchungen|bestellungen""",
    "book_pile": """book|reserve|book a charger|reservar|reserva|预约|预定|我要预约|reserver|
reservieren|buchen""",
    "cancel_booking": """cancel booking|cancel my booking|cancel reservation|cancelar reserva|
cancela mi reserva|cancela minha reserva|取消预约|annuler ma reservation|annuler la reservation|
reservierung stornieren|buchung stornieren|stornieren|unbook""",
    "top_up_or_payment": """pay|pay now|wallet|balance|top up|my balance|topup|pagar|saldo|recargar saldo|
cartera|monedero|carteira|付款|支付|充值|钱包|余额|payer|solde|portefeuille|bezahlen|guthaben|aufladen""",
    "greet": """hi|hello|hey|hiya|hi there|hello there|good morning|good evening|good afternoon|
hola|buenas|buenos dias|buenas tardes|buenas noches|oi|ola|bom dia|boa tarde|boa noite|你好|您好|
嗨|哈喽|早上好|晚上好|bonjour|salut|bonsoir|coucou|hallo|guten tag|guten morgen|guten abend|moin|
servus|👋""",
    "thanks_bye": """thanks|thank you|thx|ty|bye|goodbye|thank you so much|thanks a lot|cheers|gracias|
muchas gracias|adios|chao|obrigado|obrigada|muito obrigado|valeu|tchau|谢谢|多谢|再见|拜拜|merci|
merci beaucoup|au revoir|danke|vielen dank|danke schon|tschuss|🙏""",
}  # fmt: skip


def _split(words: str) -> list[str]:
    return [word for word in words.replace("\n", "").split("|") if word]


YES: Final = frozenset(_split(_YES))
NO: Final = frozenset(_split(_NO))
STOP: Final = frozenset(_split(_STOP))
OPT_OUT: Final = frozenset(_split(_OPT_OUT))
_EXACT: Final = {word: intent for intent, words in _ALWAYS.items() for word in _split(words)}
_CANCEL: Final = frozenset(
    _split("cancel|cancelar|cancela|cancele|取消|annuler|annule|abbrechen|j'annule")
)
_READY: Final = frozenset(
    _split(
        """plugged in|ready|im ready|i'm ready|go|connected|done|its in|it's in|conectado|enchufado|
listo|ya esta|ya conecte|ya enchufe|conectei|pronto|plugado|ja conectei|插好了|插上了|好了|branche|
c'est branche|pret|prete|eingesteckt|angesteckt|fertig|bereit"""
    )
)
_TRIM: Final = re.compile(r"^[\s!.,;:¡¿。，、！？…~-]+|[\s!.,;:。，、！…~-]+$")
_SPICE: Final = re.compile(
    r"^(?:please|pls|plz|por favor|porfa|bitte|svp|stp|请|麻烦|hey|ok|okay) |"
    r" (?:please|pls|plz|por favor|porfa|pfv|bitte|svp|stp|s'il (?:vous|te) plait|now|ya|ja|jetzt|"
    r"maintenant|agora|ahora|lah|mate|sir|man)$"
)


def exact(text: str, context: frozenset[str]) -> str | None:
    """The intent of a short unmistakable message, decided by what the conversation knows."""
    words = _bare(text)
    for form in dict.fromkeys((words, _SPICE.sub("", words))):
        intent = _exact(form, context)
        if intent is not None:
            return intent
    return None


def _bare(text: str) -> str:
    return _TRIM.sub("", plain(text)) or plain(text)


def _exact(words: str, context: frozenset[str]) -> str | None:
    active = "session_active" in context
    asked = next((fact for fact in context if fact.startswith("asked_confirm")), None)
    if words in STOP:
        return _stop(words, active, asked)
    if words in _CANCEL:
        return _cancel(context, active, asked)
    if asked is not None and _EXACT.get(words) == asked.partition(":")[2] != "":
        return "affirm"  # "start" when we asked "Start at 0.29?"
    if words in YES:
        return "affirm"
    if words in NO:
        return "deny"
    if words in _READY and "plugged_in" in context:
        return "start_charge"
    return _EXACT.get(words)


def _stop(words: str, active: bool, asked: str | None) -> str:
    if asked == "asked_confirm:stop_charge":
        return "affirm"
    if active:
        return "stop_charge"
    if asked is not None:
        return "deny"
    return "privacy_request" if words in OPT_OUT else "stop_charge"


def _cancel(context: frozenset[str], active: bool, asked: str | None) -> str:
    if asked is not None:
        return "affirm" if asked == "asked_confirm:cancel_booking" else "deny"
    return "stop_charge" if active and "has_booking" not in context else "cancel_booking"


# Ordered: the first rule that matches names the intent, the second the secondary one. They are
# for whole sentences while Rasa is away, and a second opinion while it is there.
_RULES: Final[tuple[tuple[str, str], ...]] = (
    (
        "deny",
        r"\b(?:don'?t|do not|please don'?t) (?:\w+ )?(?:stop|end|finish|cut|cancel|switch|turn)\b"
        r"|\bkeep (?:it )?(?:charging|going|running)\b|\blet it (?:keep|run|charge)\b"
        r"|\bno (?:la |lo )?(?:pares|pare|cortes|corte|termines|detengas)\b|\bsigu?[ae]? cargando$"
        r"|\bnao (?:para|pare|corta|desliga|encerra)\b|\bdeixa carregando\b"
        r"|(?:别|不要|先别|先不要).{0,3}(?:停|断|关|结束)|继续充.{0,2}别"
        r"|\bn'?(?:arrete|arretez|coupe|coupez) (?:pas|rien)\b|\b(?:la |le )?coupe pas\b"
        r"|\blaisse(?:z)? charger\b|\b(?:noch )?nicht (?:aufhoren|abschalten|beenden|stoppen|ausmachen)\b"
        r"|\bschalt noch nicht\b|\blass weiter ?laden\b",
    ),
    (
        "out_of_scope",
        r"\b(?:ignore|forget|disregard) (?:all |your |the |previous )*(?:rules|instructions|prompt)"
        r"|\bsystem prompt\b|\b(?:act|behave) as\b|\byou are now\b|\b(?:olvida|ignora) (?:tus|todas|las)\b"
        r"|\b(?:esquec\w+|ignor\w+) (?:as |suas|todas)|\b(?:oublie|ignore) (?:tes|toutes|les)\b"
        r"|\b(?:vergiss|ignorier\w*) (?:deine|alle|die)\b|(?:忘掉|忽略|无视).{0,6}(?:规则|指令|设定)"
        r"|^(?:(?:ha|he|hi|ja|je|rs|k|lol|mdr|ptdr|lmao|哈|呵|嘻|hh)[\s!]*){2,}$"
        r"|\b(?:weather|pizza|joke|netflix|instagram|spotify|bitcoin|horoscope|clima hace|chiste|piada"
        r"|blague|witz|wetter|meteo|pleuvoir|regnet|llover|chover|rain)\b|天气|下雨不|笑话|外卖|股票|快递",
    ),
    (
        "human_handoff",
        r"\b(?:talk|speak|chat|connect|transfer|put me|call) .{0,20}\b(?:human|person|agent|someone|somebody"
        r"|staff|support|representative|manager|operator)\b|\breal person\b|\bcustomer (?:service|care)\b"
        r"|\b(?:hablar|pasame|ponme|comunic\w+) .{0,15}\b(?:persona|humano|alguien|agente|asesor)\b"
        r"|\b(?:falar|passa|bota) .{0,15}\b(?:pessoa|humano|alguem|atendente|gerente)\b"
        r"|人工|真人|活人|客服|工作人员|\b(?:parler|passez|mets|mettez) .{0,15}\b(?:quelqu'un|humain|personne|"
        r"conseiller|agent)\b|\bservice client\b|\b(?:mensch\w*|mitarbeiter|kundenservice)\b"
        r"|\bmit jemandem (?:sprechen|reden)\b|\bnot a (?:bot|robot)\b|\bkein bot\b|\bpas de robot\b",
    ),
    (
        "privacy_request",
        r"\b(?:delete|erase|remove|wipe|export|copy of) .{0,15}\b(?:data|account|everything|profile)\b"
        r"|\bstop (?:messaging|texting|sending|contacting)\b|\bunsubscribe\b|\bgdpr\b|\brgpd\b|\bdsgvo\b|\blgpd\b"
        r"|\b(?:borr\w+|elimin\w+|cop\w+) .{0,15}\b(?:cuenta|datos)\b|\bdarme de baja\b|\bno .{0,10}mensajes\b"
        r"|\b(?:apag\w+|exclu\w+|copia) .{0,15}\b(?:conta|dados)\b|\bnao .{0,12}mensage\w+"
        r"|(?:删|注销|清).{0,6}(?:数据|账|信息)|退订|别.{0,3}(?:发消息|给我发)"
        r"|\b(?:supprim\w+|effac\w+|copie) .{0,15}\b(?:compte|donnees)\b|\bplus de (?:messages|pub)\b"
        r"|\b(?:losch\w*|kopie) .{0,18}\b(?:konto|daten)\b|\bkeine (?:nachrichten|werbung) mehr\b",
    ),
    (
        "language_change",
        r"\b(?:speak|talk|write|reply|switch|change|continue|in) .{0,12}\b(?:english|spanish|french|german|"
        r"chinese|mandarin|portuguese|italian)\b|\bchange (?:the )?language\b"
        r"|\b(?:en|habl\w+|cambia\w*) .{0,8}\b(?:ingles|espanol|castellano|frances|aleman|portugues)\b"
        r"|\b(?:em|fala\w*|muda\w*) .{0,8}\b(?:ingles|espanhol|frances|alemao|portugues)\b"
        r"|(?:说|用|讲|换|改成|切换到?)(?:简体|繁体)?(?:中文|英文|英语|法语|德语|西班牙语|普通话|粤语)"
        r"|\b(?:en|parl\w+|passe\w*) .{0,8}\b(?:anglais|francais|espagnol|allemand|portugais|l'anglais)\b"
        r"|\b(?:auf|sprich\w*|red\w*|konnen wir) .{0,8}\b(?:englisch|deutsch|spanisch|franzosisch)\b",
    ),
    (
        "faq_howto",
        r"\bhow (?:do|does|can|would|to|should|one)\b(?! (?:i|we) (?:get|have) (?:my|a) refund)"
        r"|\bwhat (?:happens|if|does .* mean)\b|(?<!where )\bcan i (?:use|leave|charge)\b|\bpolicy\b"
        r"|\bcomo (?:se |puedo |funciona|empiezo|hago|cargo|escaneo|cancelo|comeco|faco|encerro|eu|posso)"
        r"|\bque pasa si\b|\bo que acontece\b|怎么(?:用|充|开始|结束|扫|弄|操作|取消|预约)|咋(?:弄|结束|用)|万一"
        r"|\bcomment\b|\bque se passe\b|\bwie (?:starte|funktioniert|beende\w*|scanne|storniere|kann|mache)\b"
        r"|\bwas (?:passiert|bedeutet|tun)\b",
    ),
    (
        "refund",
        r"\brefund\w*|\bmoney back\b|\b(?:deposit|payment|it|money) .{0,12}back\b|\breimburs\w+|\breembols\w+"
        r"|\b(?:devuelv\w+|devolv\w+|devolucion|estorn\w+|reintegr\w+)\b|\bde volta\b|退款|退钱|退回|退给我|退费|退我"
        r"|\brembours\w+|\brend(?:s|ez)(?:-moi)? .{0,12}(?:argent|caution)|\b(?:zuruck)?erstatt\w*"
        r"|\bgeld .{0,10}(?:zuruck|wieder)|\bkaution .{0,15}(?:zuruck|frei)",
    ),
    (
        "invoice_or_receipt",
        r"\breceipts?\b|\binvoices?\b|\bproof of payment\b|\brecibo\b|\bfactura\b|\bcomprobante\b|\bboleta\b"
        r"|\bnota fiscal\b|\bcomprovante\b|发票|收据|小票|凭证|票据|\bfactures?\b|\brecu\b(?! une)|\bjustificatif\b"
        r"|\bquittung\b|\bbeleg\b|\bdie rechnung\b|\brechnung (?:mit|fur|auf|bitte|nochmal)\b",
    ),
    (
        "coupon_or_membership",
        r"\b(?:coupon|promo|voucher|discount|membership|subscription|points|cashback|cupon|cupom|descuento|"
        r"desconto|suscripcion|assinatura|membresia|puntos|pontos|vale|abonnement|reduction|fidelite|"
        r"gutschein\w*|rabatt\w*|abo|monatsabo|treuepunkte|mitglied\w*)\b|优惠|积分|套餐|会员|包月|折扣",
    ),
    (
        "modify_booking",
        r"\b(?:move|change|reschedule|postpone|shift|push|extend|swap|edit|modify) .{0,25}\b(?:booking|"
        r"reservation|slot)\b|\breschedule\b|\b(?:cambi\w+|muev\w+|mover|retras\w+|modific\w+|adelant\w+|"
        r"mud\w+|troc\w+|adi\w+|remarc\w+|alter\w+) .{0,20}\b(?:reserva\w*|turno|horario|cita)\b|\breprogram\w+"
        r"|预约.{0,6}(?:改|换|推迟|提前|延)|改.{0,4}预约|改期|挪到"
        r"|\b(?:chang\w+|decal\w+|repouss\w+|modifi\w+|avanc\w+|deplac\w+) .{0,15}\b(?:reservation|resa|creneau)\b"
        r"|\b(?:ander[nt]?|andere|verleg\w*|leg) .{0,25}\b(?:reservierung|buchung|termin)\b"
        r"|\b(?:reservierung|buchung|termin)\b.{0,25}\b(?:andern|verlegen|vorziehen|verlangern)\b"
        r"|\bverschieb\w*|\bverschoben\b|\bumbuch\w*",
    ),
    (
        "cancel_booking",
        r"\b(?:cancel|drop|scrap|delete|release|call off|void) .{0,20}\b(?:booking|reservation|slot|spot)\b"
        r"|\bno longer need .{0,12}\b(?:slot|booking|reservation|spot)\b|\b(?:cancel\w*|anul\w+|quit\w+|borra\w*|"
        r"desmarc\w+|tira\w*|apaga\w*) .{0,15}\b(?:reserva\w*|turno|horario|lugar)\b|\bdesmarca\b"
        r"|取消.{0,4}(?:预约|预定)|预约.{0,6}(?:取消|不要|作废|退)|\bannul\w+ .{0,15}\b(?:reservation|resa|creneau)\b"
        r"|\b(?:stornier\w*|losch\w*|absag\w*) ?.{0,20}\b(?:reservierung|buchung|termin)\b"
        r"|\b(?:reservierung|buchung|termin)\b.{0,25}\b(?:stornier\w*|absag\w*|loschen|cancel\w*)"
        r"|\b(?:booking|reservation|slot)\b.{0,25}\bcancel\w*",
    ),
    (
        "book_pile",
        r"\b(?:book|reserve|prebook)\b|\b(?:make|need) a (?:booking|reservation)\b|\bsave me a (?:place|spot)\b"
        r"|\breserv(?:ar|ame|a|e|o|er|ez|ier\w*)\b|\bapart\w+ (?:uno|un)\b|\bapuntame\b|\bagend\w+"
        r"|预约|预定|订一个|留个位|\bgarde-moi\b|\bcreneau\b|\bbuch(?:e|en)?\b",
    ),
    (
        "order_history",
        r"\b(?:my|past|previous|last) (?:\w+ )?(?:orders|charges|sessions|bookings|transactions|history)\b"
        r"|\bhistory\b|\bhow much (?:have|did) i (?:spen[dt]|pa(?:y|id))\b|\bwhen is my booking\b"
        r"|\bhistorial\b|\bmis (?:cargas|pedidos|reservas|ultimas)\b|\bhistorico\b|\bminhas (?:recargas|ultimas)\b"
        r"|历史|我的订单|消费记录|上次充电|\bhistorique\b|\bmes (?:recharges|dernieres|commandes|charges)\b"
        r"|\bverlauf\b|\bmeine (?:letzten|buchungen|ladungen|bestellungen)\b",
    ),
    (
        "report_fault",
        r"\b(?:broken|out of order|not working|doesn'?t work|does not work|won'?t (?:start|charge|come)|faulty|"
        r"vandali[sz]ed|stuck|jammed|blocking|blocked|offline|dead|damaged|error)\b|\bcut out\b"
        r"|\b(?:no funciona|rot[oa]|descompuest\w+|averia\w*|trabad\w+|no (?:arranca|carga|sale)|ocupando|falla|"
        r"no suelta|muert[oa])\b|\b(?:nao funciona|quebrad\w+|defeito|travad\w+|nao (?:inicia|solta|sai|carrega)|"
        r"mort[oa])\b|坏了|故障|用不了|不工作|报错|占位|拔不出|没反应|启动不了|充不了|死机|离线|跳了"
        r"|\b(?:en panne|cass\w+|marche pas|ne fonctionne|coince\w*|bloque|hors service)\b"
        r"|\b(?:kaputt|defekt|funktioniert nicht|geht nicht|klemmt|blockiert|storung|startet nicht|ladt nicht)\b",
    ),
    (
        "complaint",
        r"\b(?:terrible|worst|awful|useless|ridiculous|disappoint\w+|unhappy|rip ?off|complain\w*|lousy|rude|"
        r"disgrace|overcharged)\b|\b(?:pesimo|verguenza|queja|estafa|robo|molest[oa]|horrible|"
        r"pessimo|vergonha|reclamacao|palhacada|decepcionad\w+)\b|投诉|太差|垃圾|骗|坑人|太坑|差劲"
        r"|\b(?:nul|honte|arnaque|mecontent\w*|decu\w*|reclamation|lamentable)\b"
        r"|\b(?:frechheit|abzocke|unverschamt|enttauscht|beschwer\w+|schlechter service)\b",
    ),
    (
        "top_up_or_payment",
        r"\btop ?up\b|\bmy card\b|\bwallet\b|\bbalance\b|\bpay(?:ment)?\b(?! of)|\bdeclined\b"
        r"|\b(?:saldo|tarjeta|pagar|monedero|pago|cartao|carteira|pagamento|pix|credito)\b|充值|余额|钱包|付款|支付"
        r"|\b(?:solde|payer|paiement|portefeuille|ma carte)\b|\b(?:guthaben|zahl\w*|bezahl\w*|karte wurde)\b",
    ),
    (
        "pricing_question",
        r"\bhow much (?:is|does|to|for|per|would|will)\b|\b(?:price|cost|tariff|rate|fee)s?\b|\bcheaper\b"
        r"|\bcuanto (?:cuesta|sale|vale|cobr\w+|es)\b|\bprecios?\b|\btarifas?\b|\bquanto (?:custa|sai|e|fica|cobra)\b"
        r"|\bprecos?\b|多少钱|价格|收费|怎么收|电价|\bcombien (?:ca |coute|pour|l'heure)|\bprix\b|\btarifs?\b"
        r"|\b(?:was kostet|wie teuer|preise?|kosten|gunstiger|billiger)\b",
    ),
    (
        "change_session",
        r"\b(?:make it|change|raise|increase|reduce|cap|limit|only|aim|up) .{0,12}(?:\d+ ?(?:%|percent|kwh)|to)\b"
        r"|\binstead of full\b|\b\d+ ?% instead\b|\bhasta (?:el )?\d+|\bate \d+ ?%|\bsube\w* (?:al|a|pra) ?\d+"
        r"|(?:充到|改成|改到|目标).{0,6}(?:\d+|百分之|[一二三四五六七八九]成)|\bjusqu'?a \d+|\bbis (?:zu )?\d+ ?(?:%|prozent)"
        r"|\bauf \d+ ?(?:%|prozent)",
    ),
    (
        "charge_status",
        r"\b(?:still charging|how (?:is|'s|s) (?:it|my)|how long (?:left|till|until)|how much longer|is it (?:done|full|"
        r"charging)|how many kwh|percentage|progress|status)\b|\bhow'?s it going\b|\bwhen will it\b"
        r"|\b(?:como va|cuanto (?:le )?(?:falta|lleva|va)|sigue cargando|ya termino|que porcentaje|estado)\b"
        r"|\b(?:como (?:ta|esta|vai)|quanto (?:falta|ja)|ainda ta|ja terminou|porcentagem)\b"
        r"|充了多少|多久.{0,3}(?:充)?满|还要多久|进度|充到.{0,3}(?:百分之)?几|充满了没|还在充|什么时候.{0,3}(?:好|完|充)"
        r"|\b(?:ou en est|en est ou|combien de temps|ca charge|c'est fini|quel pourcentage|avancement)\b"
        r"|\b(?:wie weit|wie lange noch|ladt es|ist es fertig|wieviel prozent|ladestand|wann ist es)\b",
    ),
    (
        "stop_charge",
        r"\b(?:stop|end|finish|terminate|cut|kill|halt|switch off|turn off|shut)\b"
        r"|\b(?:para|parar|pare|deten\w*|termin\w+|finaliz\w+|corta\w*|apaga\w*|desconect\w+)\b"
        r"|\b(?:encerr\w+|deslig\w+|interromp\w+)\b|停|结束|断电|关掉|关了|别充|不充"
        r"|\b(?:arret\w+|stoppe\w*|coupe\w*|eteins|debranch\w+|fin de)\b"
        r"|\b(?:stopp\w*|beend\w*|aufhoren|ausschalten|abbrechen|mach aus|schalt ab)\b",
    ),
    (
        "find_pile",
        r"\b(?:where|near(?:est|by|me)?|closest|find|free|available|map|directions)\b"
        r"|\b(?:donde|cerca\w*|busc\w+|libres?|disponibles?|mapa|ubicacion|encontrar)\b"
        r"|\b(?:onde|perto|procur\w+|livres?|disponive\w+|proxim\w+|acha\w*)\b|附近|哪里|哪儿|最近的|空的|有空|找.{0,4}桩|空位|在哪"
        r"|\b(?:ou (?:puis|est|charger|je)|pres d|proche|proximite|libre|dispo\w*|cherche|trouver)\b"
        r"|\b(?:wo|nahe|nachste\w*|frei\w*|verfugbar|such\w*|finden)\b",
    ),
    (
        "start_charge",
        r"\b(?:start|begin|charge|resume|activate|unlock|turn on|switch on|plugged in|power up)\b"
        r"|\b(?:inici\w+|empiez\w+|empez\w+|arranca\w*|prend[ea]n?|activ\w+|carg(?:ar|a|ue)|enciend\w+|conectad\w*)\b"
        r"|\b(?:comec\w+|liga\w*|ativ\w+|carreg(?:ar|a|ue)|libera|aciona)\b|开始|启动|充电|开充|打开|通电|解锁|插好"
        r"|\b(?:demarr\w+|commenc\w+|lance\w*|allum\w+|recharg\w+|charg(?:er|e)|branche)\b"
        r"|\b(?:start\w*|lad(?:e|en)|aktivier\w*|einschalten|anschalten|eingesteckt|leg los)\b",
    ),
    (
        "help",
        r"\bhelp\b|\bayuda\w*|\bayudame\b|\bajuda\b|帮|\baide[rz]?\b|\bhilfe\b|\bhelfen\b|\bhilf\b",
    ),
    (
        "thanks_bye",
        r"\b(?:thanks?|thank you|thx|bye|gracias|adios|obrigad[oa]|valeu|tchau|merci|au revoir|danke|tschuss)\b|谢|再见|拜拜",
    ),
    (
        "greet",
        r"^(?:hi|hello|hey|good (?:morning|evening|afternoon|day)|hola|buen[oa]s|oi|ola|bom dia|boa (?:tarde|noite)|"
        r"bonjour|salut|bonsoir|hallo|guten (?:tag|morgen|abend)|moin|servus)\b|^(?:你好|您好|哈喽|嗨)",
    ),
    (
        "affirm",
        r"^(?:yes|yeah|yep|sure|ok|okay|si|claro|dale|vale|sim|oui|ouais|ja|klar|genau)\b"
        r"|^(?:好|是的|行|可以|对)(?!.*[吗么])",  # 可以带狗吗 asks whether one may
    ),
    ("deny", r"^(?:no|nope|not|nao|non|nein|nee|nicht)\b|^(?:不|别)"),
)  # fmt: skip
_COMPILED: Final = tuple((intent, re.compile(pattern)) for intent, pattern in _RULES)


def scored(text: str) -> list[str]:
    """Intents whose keywords stand in a sentence, the most telling first."""
    words = plain(text)
    return _unique(intent for intent, pattern in _COMPILED if pattern.search(words))


# Other trades and their companies, which bots are written to by mistake …
_FOREIGN: Final = re.compile(
    r"\b(?:netflix|spotify|disney|hbo|prime video|canal ?\+?|dazn|movistar|vodafone|telcel|telekom|o2|orange"
    r"|sfr|free mobile|claro|tim|vivo|airtel|jio|mtn|starhub|singtel|verizon|uber|bolt|lyft|grab|gojek|didi|cabify"
    r"|rappi|ifood|glovo|deliveroo|doordash|lieferando|just eat|zomato|swiggy|amazon|mercado libre|aliexpress"
    r"|ebay|zalando|shein|temu|shopee|lazada|flipkart|dhl|ups|fedex|hermes|dpd|correos|correios|la poste|colissimo"
    r"|chronopost|ryanair|easyjet|lufthansa|iberia|renfe|sncf|deutsche bahn|deutschlandticket|airbnb|booking\.com"
    r"|instagram|facebook|tiktok|youtube|snapchat|tinder|paypal account|bitcoin|crypto|ikea|lidl|aldi|walmart|tesco"
    r"|shell|petrol|gasoline|diesel|gasolin[ae]s?|gasolinera|gasoil|essence|sp ?9[58]|e10|benzin|sprit|tankstelle"
    r"|sim ?card|sim|passport|pasaporte|passeport|reisepass|visa application|dentist|doctor'?s appointment|plumber"
    r"|fontanero|encanador|plombier|klempner|homework|deberes|essay|dissertation|hausaufgaben|licao de casa"
    r"|horoscope|horoscopo|lottery|loteria|loterie|lotto|football|futbol|futebol|fussball|soccer|cricket|match result"
    r"|restaurant table|tisch fur|mesa para|table pour|pizza|burger|sushi|haircut|friseurtermin|speeding (?:fine|ticket)"
    r"|parking (?:fine|ticket)|knollchen|ordnungsamt|contravention|multa de transito|forward (?:this|to)|(?:pass|send)"
    r" (?:this |it )?(?:on )?to \d+|reenvia\w*|repass[ae]|fais tourner|an \d+ (?:leute|freunde|kontakte)"
    r"|\d+ (?:contacts|contactos|contatos|people|friends|amigos|amis|personnes))\b"
    r"|爱奇艺|优酷|腾讯视频|网飞|淘宝|天猫|京东|拼多多|美团|饿了么|滴滴|抖音|快手|小红书|微博|支付宝账|移动卡|联通|电信卡|顺丰|圆通"
    r"|中通|快递|外卖|包间|餐厅|订桌|机票|火车票|高铁|12306|酒店|汽油|柴油|加油站|加油|罚单|红单|违章|彩票|星座|转发|作业|论文"
    r"|家里停电|小区停电|手机卡|护照|挂号"
)
# … unless the message is about charging all the same.
_OURS: Final = re.compile(
    r"\b(?:charg\w*|piles?|chargepoint|plug\w*|sockets?|connectors?|cable|kwh|kw|ev|evs|evse|station|session|bay"
    r"|carg(?:a|ar|ador|adores|ando|ue)|recarg\w*|carreg\w*|eletroposto|enchuf\w*|tomada|poste|borne\w*|prise"
    r"|recharg\w*|branch\w*|cable|saule\w*|lade\w*|lad(?:en|ung)|geladen|stecker|kabel|wallbox|xpile)\b"
    r"|充|桩|枪|插|电站"
)


def is_foreign(text: str) -> bool:
    """Whether a message names another trade or company and nothing of ours."""
    words = plain(text)
    return _FOREIGN.search(words) is not None and _OURS.search(words) is None


def _unique(intents: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(intents))
