"""Danger words in six languages: smoke, fire, shock, heat, bare wires, swollen batteries, injury.

Understated and uncertain forms count ("should the plug feel that warm?"); figurative
("shocking prices") and negated ones ("no smoke") do not: they are blanked out first. A false
alarm costs a question, a miss may cost a life, so doubtful words are in.
"""

from __future__ import annotations

import re
from typing import Final

from nlu.normalise import plain

# All patterns are matched against the plain form: lower case, no accents, simplified Chinese.
_HARMLESS: Final = (
    # English
    r"\bfire (?:up|it up|away|exits?|extinguishers?|insurance|proof|drill|stick|emoji)\b",
    r"\bfire(?:fox|proof|works?|wall)\b|\b(?:is|was|so) fire (?:bro|man|app|ngl)\b",
    r"\b(?:you|u|guys|team|prices? (?:is|are)|sale is) (?:are |is |were )?(?:all )?on fire\b",
    r"\b(?:apps?|bot|chat|website|service|sales?|prices?|song|playlist|beat|outfit) (?:is|are|was) "
    r"(?:so |totally |literally |really )?(?:on )?fire\b",
    r"\bshock(?:ing|ingly)\b|\bshock(?:ed)? (?:at|by|with|about|to (?:see|hear|find)|that|how)\b"
    r"(?!.{0,20}\b(?:plug|cable|handle|charger|connector|pile|metal|wire|socket)\b)",
    r"\b(?:what|such|quite|price|bill|sticker|culture) (?:a |an )?shock\b(?! from)",
    r"\bburn(?:ing|s|ed|t)? (?:question|through|money|cash|a hole|bridges|out|rubber on)\b",
    r"\b(?:hot|warm) (?:weather|day|summer|deal|food|drink|coffee|meal|chocolate|water|topic)\b",
    r"\b(?:weather|day|outside|sun) (?:is|it'?s|was)? ?(?:so |too |very )?(?:hot|warm)\b",
    r"\b(?:no|non) ?smoking\b|\bsmok(?:e|ing) (?:area|break|room|zone|weed|a cig\w*)\b",
    r"\b(?:chevy|chevrolet) spark\b|\bspark(?:ling|led joy|s? joy)\b|\bmelt(?:s|ed)? my (?:heart|brain)\b",
    r"\b(?:hurts?|hurting) (?:my|the|your) (?:wallet|feelings|budget|pocket|eyes|head)\b",
    r"\b(?:blow|blew|explod\w+) (?:up )?my (?:mind|phone|head)\b|\bprices? (?:have |are )?explod\w+",
    r"\b(?:kitchen|bathroom|sink|tap|roof|toilet|info|data|password)\b.{0,20}\bleak\w*",
    r"\bleaked? (?:data|password|info|email)\w*",
    # Spanish, Portuguese
    r"\bhech[oa] humo\b|\b(?:que |estoy )?ech(?:o|ando) humo\b|\bvende humo\b|\bvendehumos\b",
    r"\b(?:cabeza|cabeca|precios?|precos?)\b.{0,15}\b(?:explota|explod|estalla|va a explotar)\w*",
    r"\b(?:precios?|precos?|tarifas?) (?:de choque|chocantes?)\b|\bchoque (?:de realidade|cultural)\b",
    r"\bfogo (?:esse|essa|isso|viu|hein|de palha)\b|\b(?:que|e) fogo\b(?!.{0,12}(?:carregador|cabo))",
    r"\bbuena chispa\b|\bcon chispa\b|\bsin chiste\b",
    # French, German
    r"\bfeux? (?:vert|rouge|orange|de signalisation|tricolore)\b|\bfeu d'artifice\b",
    r"\b(?:prix|tarifs?|facture)\b.{0,20}\b(?:brul|explos|flamb)\w+|\bexplose(?:r|nt)? (?:les prix|mon budget)",
    r"\bbrul(?:e|er) (?:d'envie|les etapes)\b|\bchaude? (?:ambiance|recommandation)\b",
    r"\bfeuer und flamme\b|\bfeuer(?:werk|loscher)\w*|\brauch(?:er|en verboten|verbot|frei)\w*",
    r"\b(?:licht|lampe|led|lichter)\b.{0,6}\bbrenn\w+|\bbrenn\w+ (?:das|ein|die) (?:licht|lampe|led)\b",
    r"\bbrennend interessiert\b|\bbrennende frage\b|\bheisse[rns]? (?:tipp|deal|kaffee|thema)\b",
    # Chinese
    r"麻烦|充电|气炸|肺都?炸|炸锅|火爆|气得冒火|火气|好火|(?<![着起失])火了|发火|冒火[^星花苗].{0,2}态度|打爆|爆款|爆满|爆火"
    r"|刷爆|火锅|火车|烫头|麻辣|膨胀的?价",
)
_DANGER_NOUNS: Final = (
    r"(?:smok\w*|fire|flames?|sparks?|sparking|shocks?|hot|warm|injur\w+|hurt|burn\w*|smell\w*|leak\w*|"
    r"humo|fuego|chispas?|calient\w+|herid\w+|quemad\w+|fumaca|fogo|faiscas?|quentes?|ferid\w+|"
    r"fumee|feu|flammes?|etincelles?|chaude?s?|bless\w+|brul\w+|"
    r"rauch|feuer|funken|flammen|heiss|warm|verletzt\w*|verbrannt|brennt)"
)
_NEGATED: Final = (
    rf"\b(?:no|not|nor|without|isn'?t|wasn'?t|aren'?t|didn'?t|doesn'?t|never)(?: (?:on|any|a|really|the|that|very|so|too|"
    rf"even|visible|been))?(?: (?:on|very|the))? {_DANGER_NOUNS}",
    rf"\b(?:no hay|sin|ni|no sale|no es|no esta|ningun\w*|nada de|nao tem|sem|nem|nao ha|nao esta"
    rf"|nao ta|nenhum\w*)(?: (?:muy|tan|muito|tao|mas|mais|nada de))? {_DANGER_NOUNS}",
    rf"\b(?:pas de|pas d'|pas la moindre|pas|sans|ni|aucune?|kein\w*|ohne|weder|noch|nicht)(?: (?:tres|si|trop|sehr|so|zu))? ?"
    rf"{_DANGER_NOUNS}",
    r"(?:没有?|不|无|沒)(?:再)?(?:冒烟|着火|起火|火花|受伤|触电|漏电|烫|发烫|鼓包|烧焦|爆炸)",
    r"一点(?:火星子?|火花|烟)(?:都|也)?没有?",
)

_PART: Final = (
    r"\b(?:plugs?|cables?|connectors?|handles?|chargers?|piles?|box|sockets?|gun|wires?|lead|adapter|"
    r"battery|pack|machine|unit|station)\b"
)
_PART_ES: Final = (
    r"\b(?:enchufes?|cables?|conector(?:es)?|manguera|cargador(?:es)?|poste|aparato|caja|bateria|"
    r"pistola|manija|plugues?|cabos?|conectores|tomadas?|carregador(?:es)?|caixa|maquina)\b"
)
_PART_FR: Final = r"\b(?:prises?|cables?|connecteurs?|bornes?|poignee|pistolet|boitier|batterie)\b"
_PART_DE: Final = (
    r"\b(?:stecker|kabel|griff|saule|ladesaule|kasten|dose|akku|batterie|gerat|box|station)\b"
)
_DANGER: Final = (
    # Smoke, fire, explosion
    r"\bsmok(?:e|es|ing|ey|y)\b|\bfire\b|\bflames?\b|\bhaze\b|\bcaught fire|\bblaz(?:e|ing)\b",
    r"\bexplo(?:d|s)\w+|\b(?:loud|big) (?:bang|pop)\b|\b(?:a|went) (?:pop|bang)\b"
    r"|\bpopping\b(?! (?:in|out|over|to|up|down|round|into|back)\b)"
    r"|\bflash(?:es|ed)?\b.{0,10}\b(?:inside|from|out of|in the (?:box|charger|socket))\b",
    r"\b(?:humo|humea|humareda|fuego|incendi\w+|en llamas|llamaradas?|neblina|fumac\w+|fogo|labaredas?)\b",
    r"\bem chamas\b|\b(?:explot|estall|explodi|explos)\w+",
    r"\b(?:fumee|incendie|flammes?|brouillard)\b|\bfume\b|\b(?:au|en|prend|pris|le|du|mis) feu\b|^feu\b",
    r"\b(?:a|ca|qui) (?:brule|crame)\b|\bca brule\b",
    r"\b(?:rauch\w*|qualm\w*|feuer|flammen|es brennt|brennt|nebel)\b|\bgeknallt\b|\bexplodiert\b",
    r"冒烟|烟雾|浓烟|黑烟|白烟|出烟|着火|着了火|起火|失火|火灾|火苗|明火|冒火|烧起来|烧着|燃烧|爆炸|炸了"
    r"|飘出点?雾|冒雾|火光|有火|在烧(?!水)|(?<!发)烧了(?!水)",
    # Smell, scorch, melt
    r"\b(?:smell\w*|stink\w*|stank|pongs?|odou?r|reek\w*|whiff)\b.{0,40}\b(?:burn\w*|melt\w*|plastic|"
    r"rubber|gas|funny|odd|strange|weird|chemical|electric\w*|smok\w+|fishy|toast\w*|acid)\b",
    r"\b(?:burn\w*|melt\w*|plastic|rubber|gas|chemical|strange|weird|odd|acid)\b.{0,15}\b(?:smell\w*|"
    r"stink\w*|odou?r|pongs?)\b",
    r"\bmelt(?:ed|ing|s)?\b|\b(?:scorch|char|singe)(?:ed|d|ing)\b|\boverheat\w*|\bburning up\b",
    r"\b(?:huele|olor|apesta\w*|oliendo|cheiro|cheira\w*|fede\w*)\b.{0,30}\b(?:quema\w*|plastico|goma|"
    r"gas|raro|humo|chamusc\w+|queimad\w*|borracha|estranho|fumaca|quimico)\b",
    r"\b(?:derret\w+|derriti\w+|chamusc\w+|sobrecalent\w+|superaquec\w+|fundio|fundido)\b",
    r"\b(?:sent|odeur|pue|sens)\b.{0,25}\b(?:brul\w*|crame|plastique|caoutchouc|gaz|bizarre|roussi|fumee)\b",
    r"\bfondu\w*\b|\bfond\b|\bsurchauff\w+|\bodeur (?:bizarre|de)\b",
    r"\b(?:riecht|stinkt|geruch|gestank|mieft)\b.{0,30}\b(?:verbrannt\w*|verschmort\w*|plastik|gummi|gas|"
    r"komisch|rauch|angebrannt|verkokelt)\b|\b(?:verschmort|verkohlt|verkokelt|angekokelt)\w*",
    r"\b(?:plastik|brand|gas|gummi|schmor)geruch\b|\bgeschmolzen\b|\bschmilzt\b|\bschmort\b|\buberhitz\w+",
    r"烧焦|焦味|焦糊|糊味|糊了|烧糊|塑料味|胶皮味|焦胶皮|怪味|臭味|融化|熔化|烧化|化了|煤气味|发黑",
    # Shock, sparks, leakage current
    r"\belectrocut\w*|\belectric(?:al|ity)? shock|\b(?:a|mild|small|little|nasty|got|got a|bad) shock\b",
    r"\bshock(?:ed|s)?\b.{0,25}" + _PART + r"|" + _PART + r".{0,25}\bshock(?:ed|s)?\b",
    r"\bshock(?:ed|s) (?:me|him|her|us|my)\b|\bzap(?:ped|s|ping)?\b|\bjolt\w*|\btingl\w+|\bbuzzed me\b",
    r"\bspark(?:s|ed|ing)?\b|\barc(?:ing|ed)\b|\bcrackl\w+|\bhiss\w*|\bfizz\w+",
    r"\bcurrent (?:is )?(?:coming|passing|in the body|leak\w*)|\blive (?:wire|metal|casing)\b",
    r"\b(?:me|le|te|nos|lhe) (?:dio|pego|da|pega|deu|da|pegou) (?:un |una |la |um |uma )?(?:toque|corriente|"
    r"descarga|calambre|chispazo|latigazo|choque|choquinho)\b",
    r"\b(?:electrocut|eletrocut)\w+|\bcalambr\w+|\bchispa\w*|\bfaisca\w*|\bchoque(?:s)? eletrico",
    r"\b(?:descarga|choque|corriente) (?:electrica|eletric[oa]|al tocar|ao tocar|no|en la mano)\b",
    r"\b(?:levei|tomei|tomou|levou|leve|toma|da|dando|deu) (?:um |uma )?(?:choque|choquinho|descarga)\b",
    r"\brecib\w+ (?:una )?descarga\b|\b(?:cosquill\w+|hormiguea?\w*|formig(?:amento|ando))\b|\bpasa corriente\b",
    r"\b(?:pris|prend|recu|mis) (?:une? |le )?(?:petite? |grosse )?(?:decharge|jus|coup de jus|chataigne)\b",
    r"\bune (?:petite )?decharge\b|\bcoup de jus\b|\belectrocut\w+|\betincelle\w*|\bpicot\w+|\bgresill\w+",
    r"\bstromschlag\w*|\belektrisiert\b|\b(?:schlag|stromstoss|eine) (?:bekommen|gekriegt|gewischt)\b",
    r"\bgewischt (?:bekommen|gekriegt)\b|\bfunken\b|\bes funkt\b|\bkribbel\w*|\bgekribbelt\b|\bknistert\b",
    r"触电|被电|电到|电了(?:一下|我|手|他|她)|电击|漏电|麻了|发麻|有点麻|麻一下|麻手|(?:摸|碰|手|被).{0,8}打了一下|火花|火星"
    r"|噼里啪啦|滋滋|冒电",
    # Heat at a part
    _PART + r".{0,30}\b(?:hot|warm|boiling|burning|toasty|glowing|roasting)\b",
    r"\b(?:hot|warm|boiling|toasty)\b.{0,15}" + _PART + r"|\btoo hot to (?:touch|hold)\b",
    _PART_ES + r".{0,30}\b(?:calient\w*|hirviendo|ardiendo|quema\w*|quentes?|quentinh\w+|fervendo|esquent\w+)",
    r"\b(?:calient\w*|quentes?|ardiendo)\b.{0,20}" + _PART_ES,
    r"\b(?:quema|arde|queima)(?:ndo)? (?:al |la |a |ao |los |o )(?:toc\w+|mano|mao|dedos?|encostar)",
    _PART_FR + r".{0,30}\b(?:chaude?s?|brulante?s?|bouillante?s?|brule)\b",
    r"\b(?:chaude?s?|brulante?s?)\b.{0,15}" + _PART_FR,
    _PART_DE + r".{0,30}\b(?:heiss\w*|warm\w*|gluh\w+)\b",
    r"\b(?:heiss\w*|gluhend\w*)\b.{0,20}" + _PART_DE,
    r"烫手|很烫|太烫|这么烫|好烫|发烫|烫得|烫死|滚烫|过热|超热|很热|太热|这么热|有点烫",
    # Wires and broken casings
    r"\b(?:bare|exposed|naked|frayed|live|open|loose|dangling|hanging|cut) (?:\w+ )?(?:wir\w+|cables?|copper)\b",
    r"\b(?:wir\w+|cables?|copper)\b.{0,30}\b(?:exposed|bare|showing|visible|sticking|hanging|frayed|dangling"
    r"|split open|peel\w+)\b|\bcopper\b",
    r"\b(?:cables?|hilos?|alambres?|fios?|fiacao)\b.{0,25}\b(?:pelad\w+|expuest\w+|al aire|desencapad\w+|"
    r"expost\w+|descascad\w+|a mostra)\b|\bdesencapad\w+|\bcables? (?:rot|suelt)os? colgando|\bcobres?\b",
    r"\b(?:fils?|cables?)\b.{0,20}\b(?:denud\w+|a nu|nus?|apparents?|qui pend\w*)\b|\bdenude\w*|\bcuivre\b",
    r"\b(?:kabel|draht|drahte|leitung)\b.{0,25}\b(?:blank\w*|offen\w*|liegt frei|hangt raus)\b"
    r"|\bblanke?[rsn]? (?:kabel|draht\w*|leitung)\b|\bkupfer\w*\b",
    r"裸露|露出来|露铜|露在外|破皮|铜.{0,4}看见|铜丝|线断了?露|电线.{0,5}露|电线.{0,5}破|电线掉",
    # Batteries and liquids
    r"\b(?:swoll|swell|bulg|bloat|puff|balloon)\w*|\b(?:batter\w+|pack|cells?)\b.{0,25}\b(?:leak\w*|drip\w*|hiss\w*)",
    r"\bleak\w*\b.{0,20}\b(?:batter\w+|acid|gas|fluid|charger|oil)\b|\b(?:gas|acid|coolant) (?:is )?leak\w*",
    r"\bwater\b.{0,20}\b(?:in|inside|into|gets? in\w*|dripping)\b.{0,15}" + _PART,
    r"\bbateria\b.{0,30}\b(?:hinch|infl|gote|fuga|chorre|estuf|inch|vaz|perd)\w*|\b(?:hinchad|estufad)[ao]\b",
    r"\b(?:vazamento|fuga) (?:de )?(?:gas|gaz|liquido|acido|na bateria)\b|\bagua\b.{0,12}\b(?:dentro|adentro|en el enchufe|na tomada)\b",
    r"\bbatterie\b.{0,20}\b(?:gonfl\w+|fuit|fuite|coule|suinte)\b|\b(?:gonfl\w+|fuite)\b.{0,15}\b(?:batterie|gaz)\b",
    r"\beau dans\b|\b(?:akku|batterie)\b.{0,25}\b(?:aufgeblaht|geblaht|aufgequollen|dick|lauft aus|undicht|tropft)\b",
    r"\baufgeblaht\b|\bwasser (?:in|im)\b.{0,15}" + _PART_DE,
    r"鼓包|鼓起|鼓了|膨胀|胀气|漏液|漏气|流液|进水|嗡嗡响",
    # People
    r"\b(?:somebody|someone|person|people|man|woman|kid|child|boy|girl|friend|rider|he|she|i|i'm|im|got|is)\b"
    r".{0,12}\b(?:hurt|injured|bleeding|unconscious|electrocuted)\b|\binjur(?:y|ed|ies)\b|\bambulance\b",
    r"\bburn(?:ed|t)? (?:my|his|her|me|on my)\b|\b(?:hand|finger|arm|skin)s?\b.{0,12}\bburn\w*",
    r"\b(?:herid[oa]s?|lesionad[oa]s?|quemadura|me queme|inconsciente|ambulancia|ferid[oa]s?|machuc\w+)\b",
    r"\b(?:quemo|queimou|queimei)\b.{0,10}\b(?:mano|mao|dedo|dedos)\b",
    r"\bbless(?:e|es|ee|ure)\b|\bbrulure\b|\bbrule la main\b|\bambulance\b",
    r"\bverletzt\w*|\bblutet\b|\bbewusstlos\b|\bkrankenwagen\b|\bhand verbrannt\b|\bfinger verbrannt\b",
    r"受伤|烧伤|烫伤|晕倒|流血|救护车|救命",
    # Understated forms of all the above
    r"\bchemical\b|\beyes? (?:sting|burn|water)\w*|\blive parts?\b|\bcracked open\b|\b(?:arm|hand|fingers?|leg)s?\b.{0,10}"
    r"\bnumb\b|\bglow(?:s|ing)?\b.{0,25}(?:vent|inside|behind|box|charger|plug)|\b(?:torn|ripped|severed) (?:\w+ )?(?:cable|wire)s?\b"
    r"|\bpopped\b.{0,15}\b(?:in|inside|loud\w*)\b|\b(?:collapsed|fainted|passed out|unresponsive)\b"
    r"|\b(?:adapter|plug|cable|connector)\b.{0,20}\b(?:brown|soft|bubbl\w+|deformed|black)\b|\belectricity through\b",
    r"\bolor quimico\b|\bcheiro quimico\b|\b(?:me )?(?:arden|ardem|pican) (?:los |os )?(?:ojos|olhos)\b|\bolhos ardem\b"
    r"|\b(?:partes|piezas) vivas\b|\b(?:brazo|braco|mano|mao)\b.{0,8}\b(?:dorm\w+|adormec\w+)|\bdurmio el brazo\b"
    r"|\badormeceu\b|\bbril[lh]\w* (?:naranja|laranja)\b|\bcab(?:le|o)s? (?:rot|rasgad|cortad|arrancad)[oa]s?\b"
    r"|\b(?:trono|estourou|reventou|revento)\b|\bdesmay\w+|\bdesmai\w+|\bsiseo\b|\bchiando\b"
    r"|\bpas(?:o|ou) corriente\b|\bpassou corrente\b|\bcorriente por\b|\bcarca[sz]+a\b.{0,10}\b(?:abierta|aberta|rota|quebrada)\b",
    r"\bodeur chimique\b|\byeux qui (?:piquent|brulent)\b|\bsous tension\b|\bengourdi\w*|\blueur\b.{0,20}\b(?:derriere|dans)\b"
    r"|\b(?:cable|fil)s? (?:arrache|coupe|dechire|sectionne)s?\b|\bclaque (?:tres )?fort\b|\bevanoui\w*|\binconscient\w*"
    r"|\bbatterie\b.{0,25}\bsiffle\w*|\bcourant (?:m'est|est) passe\b",
    r"\bchemischer? geruch\b|\baugen brennen\b|\bspannungsfuhrend\w*|\bgehause (?:ist )?(?:offen|gebrochen|kaputt)\b"
    r"|\b(?:arm|hand|finger) (?:ist |sind )?taub\b|\bglimm\w+|\b(?:abgerissen|gerissen|durchtrennt)\w* kabel\b"
    r"|\bumgekippt\b|\bohnmachtig\b|\bzischt\b|\bstrom durch\b|\blaut geknallt\b",
    r"化学味|熏眼|带电的?$|没知觉|失去知觉|脚下一阵麻|一阵麻|橙色的光|断掉的电[缆线]|断了的电[缆线]|砰的一声|嘶嘶|倒在.{0,5}旁|昏倒|昏迷"
    r"|发软|变软|外壳.{0,3}裂",
    # A few words of languages we do not speak: danger must not wait for a translator
    r"пожар|дым|горит|искр|حريق|دخان|आग|धुआं|धुआँ|火事|感電|ไฟไหม้|ควัน|불이|화재|연기|yangin|duman|pozar",
)  # fmt: skip
_HARMLESS_RE: Final = re.compile("|".join((*_HARMLESS, *_NEGATED)))
_NEGATED_RE: Final = re.compile("|".join(_NEGATED))
_DANGER_RE: Final = re.compile("|".join(_DANGER))


def is_danger(text: str) -> bool:
    """Whether a message tells of, or hints at, danger to people."""
    return _DANGER_RE.search(_HARMLESS_RE.sub(" ~ ", plain(text))) is not None


def is_denied(text: str) -> bool:
    """Whether a message says that there is no danger, and has no word of any."""
    return _NEGATED_RE.search(plain(text)) is not None and not is_danger(text)
