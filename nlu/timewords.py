"""How riders write points and ranges of time in six languages: the patterns behind entity `time`.

A point is a day, a clock time, or both in either order ("tonight half 7", "Sonntag um 9"); two
points with a word for "to" between them are a range. What they mean is nlu-independent and stands
in bot/domain/times.py.
"""

from __future__ import annotations

import re
from typing import Final

_HOURS: Final = (
    "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|"
    "una|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|once|doce|"
    "uma|duas|tr[eê]s|quatro|sete|oito|nove|dez|onze|doze|"
    "une|deux|trois|quatre|cinq|sept|huit|neuf|dix|douze|"
    "ein|eins|zwei|drei|vier|f[uü]nf|sechs|sieben|acht|neun|zehn|elf|zw[oö]lf"
)
_H: Final = rf"(?:[01]?\d|2[0-4]|(?:{_HOURS})(?!\w))"
_MERIDIEM: Final = r"(?:[ap]\.?m\b\.?(?! ?\d))"
_DAY_PART: Final = (
    r"in the (?:morning|afternoon|evening)|at night|"
    r"de la (?:ma[nñ]ana|tarde|noche|madrugada)|da (?:manh[aã]|tarde|noite|madrugada)|"
    r"du (?:matin|soir)|de l'apr[eè]s-midi|"
    r"(?:morgens|abends|nachmittags|fr[uü]h|vormittags|nachts)"
)
_CLOCK: Final = (
    r"(?:"
    # 18:30, 18h30, 18.30 Uhr, 7:30pm
    rf"(?:[01]?\d|2[0-4])(?:[:h]|\.(?=[0-5]\d\s?(?:uhr|"
    rf"[ap]\.?m)))[0-5]\d(?:\s?{_MERIDIEM})?(?:\s?(?:uhr|hs|hrs|h)\b)?"
    # 7pm, 7 Uhr 30, 7 o'clock, 18h
    rf"|{_H}\s?(?:{_MERIDIEM}|uhr(?:\s?[0-5]?\d\b)?|o'?clock\b|hs\b|h(?![a-zà-ÿ\d]))"
    # half past ten, quarter to nine, ten to nine, half 7
    rf"|(?:half|(?:a )?quarter|five|ten|twenty|twenty[- ]five|[0-5]?\d) (?:past|to|before|"
    rf"after) {_H}(?! ?(?:%|per|min|hour|eur))"
    rf"|(?:half|(?:a )?quarter) (?:past|to)(?!\w)|half {_H}(?!\w)"
    rf"|(?:las |[àa]s )?{_H}(?:[:.h][0-5]\d)? (?:{_DAY_PART})"
    # las diez y media, dez e meia, las 8 menos cuarto
    rf"|(?:(?:a |para |pa |sobre |hasta |desde |tipo )?las? |[àa]s |pras? |para as |"
    rf"até as )?{_H} (?:y|e|menos|pras|menos un) (?:media|meia|cuarto|quarto|quinze|quince|"
    rf"veinte|vinte|diez|dez|cinco|pico|tanto)(?!\w)"
    rf"|(?<!\w)las {_H}(?:[:.h][0-5]\d)?(?!\w)(?! ?(?:veces|horas|%|personas|estaciones|"
    rf"cosas))|(?<!\w)(?:[àa]s|pras|até as|at[eé] [àa]s) {_H}(?:[:.h][0-5]\d)?(?!\w)"
    r"(?! ?(?:vezes|%))"
    # huit heures et demie, 8 heures du soir
    rf"|{_H} heures? (?:et (?:demie?|quart)|moins (?:le )?(?:quart|dix|vingt|cinq)|(?:du|"
    rf"de l')\s?(?:matin|soir|apr[eè]s-midi)|pile)"
    rf"|(?<!\w)(?:[àa]|vers|d[eè]s|avant|apr[eè]s|jusqu'[àa]) {_H} heures?(?!\w)"
    # halb elf, dreiviertel vier, viertel nach acht
    rf"|(?<!\w)(?:halb|dreiviertel|viertel) {_H}(?!\w)|(?:viertel|f[uü]nf|zehn|zwanzig|"
    rf"kurz) (?:vor|nach) (?:halb )?{_H}(?!\w)|viertel (?:vor|nach)(?!\w)"
    r"|noon|midday|midnight|mediod[ií]a(?: y media)?|medianoche|meio[- ]dia(?: e meia)?|"
    r"meia[- ]noite"
    r"|(?<!apr[eè]s[- ])midi(?: et demie?)?|minuit(?: et demie?)?|mittags?|mitternacht)"
)
_WEEKDAY: Final = (
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)day(?:s|'s)?|"
    r"(?:next|last|this|on|by|until|till|til|for|every|from) (?:mon|tues?|wed|thurs?|fri|sat|"
    r"sun)(?!\w)|"
    r"lunes|martes|mi[eé]rcoles|jueves|viernes|s[aá]bados?|domingos?|"
    r"segunda(?:-| )feira|ter[çc]a(?:(?:-| )feira)?|quarta(?:-| )feira|quinta(?:-| )feira|"
    r"sexta(?:(?:-| )feira)?|"
    r"(?:na|de|da|at[eé]|pra|para|é) (?P<wd_>segunda|quarta|quinta)(?![ -]?(?:vez|vaga|"
    r"op))(?!\w)|"
    r"(?:lun|mar|mercre|jeu|vendre|same)di|dimanche|"
    r"montags?|dienstags?|mittwochs?|donnerstags?|freitags?|samstags?|sonnabends?|sonntags?"
)
_DAY: Final = (
    r"(?:"
    r"today|tonight|tonite|2nite|day after tomorrow|tomorrow|tmrw|tmr|tomoro|tmoro|2moro|"
    r"2morrow|yesterday|"
    r"(?:this|last|next) (?:morning|afternoon|evening|night|week(?:end)?|month|year)|"
    r"(?:hoy|pasado mañana|pasado manana|(?<!la )(?<!las )(?<!de )mañana|ayer|antier|anteayer|"
    r"anoche)|"
    r"esta (?:noche|tarde|ma[nñ]ana)|(?:por |en )la (?:ma[nñ]ana|tarde|noche)|de madrugada|"
    r"(?:este |el |fin)?\s?finde|fin de semana|"
    r"(?:la )?(?:semana|noche) (?:pasada|que viene|pr[oó]xima)|(?:el )?(?:mes|a[nñ]o) (?:pasado|"
    r"que viene)|"
    r"hoje|hj|depois de amanh[ãa]|amanh[ãa]|ontem|anteontem|(?:essa|esta|hoje [àa]) (?:noite|"
    r"tarde)|essa semana|"
    r"(?:de|[àa]|da) (?:noite|tarde|madrugada|manh[aã])|(?:semana|m[eê]s|ano) (?:passad[ao]|"
    r"que vem)|"
    r"aujourd'?\s?hui|ajd|auj|apr[eè]s[- ]demain|demain|avant[- ]hier|hier(?: soir)?|"
    r"ce (?:soir|matin|week-?end|midi)|cet apr[eè]s[- ]midi|cette (?:nuit|semaine)|"
    r"(?:la semaine|le mois|l'an(?:n[eé]e)?) (?:derni[eè]re?|prochaine?)|(?:semaine|"
    r"mois) (?:derni[eè]re?|prochaine?)|"
    r"heute?(?: (?:abend|nacht|fr[uü]h|morgen|nachmittag|mittag))?|heut(?: abend)?|(?:ü|ue|"
    r"u)bermorgen|vorgestern|"
    r"gestern(?: abend)?|morgen(?= (?:fr[uü]h|abend|nachmittag|vormittag|mittag|um|ab|gegen|von|"
    r"zwischen|bis|\d))(?: (?:fr[uü]h|abend|nachmittag|vormittag|mittag))?|"
    r"(?<!guten )(?<!schönen )(?<!guden )(?<!moin )(?:bis |für |auf |erst |ab )morgen(?!\w)|"
    r"nachts|(?:(?:letzte|n[aä]chste|diese)[nsr]?|am) (?:woche|monat|jahr|wochenende)|monatsende|"
    rf"(?:(?:next|last|this|every|each|on|el|este|el pr[oó]ximo|al|no|na|am|diesen|n[aä]chsten|"
    rf"letzten|ce|le|lundi|pr[oó]xim[oa]) )?(?:{_WEEKDAY.replace('?P<wd_>', '?:')})"
    r"(?: (?:pasado|pr[oó]ximo|que viene|retrasado|passad[oa]|que vem|dernier|prochain|morning|"
    r"afternoon|evening|night|early|temprano|cedo|matin|soir|midi|apr[eè]s-midi|fr[uü]h|abend|"
    r"nachmittag|vormittag|(?:[àa]|por la|a la|de) (?:tarde|noite|noche|manh[ãa]|ma[nñ]ana)))?"
    r")"
)
_MONTH: Final = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|march|april|june|july|aug(?:ust)?|sept?(?:ember)?|"
    r"oct(?:ober)?|nov(?:ember)?|"
    r"dec(?:ember)?|"
    r"enero|febrero|marzo|abril|mayo|junio|julio|agosto|sep?tiembre|octubre|noviembre|diciembre|"
    r"janeiro|fevereiro|março|maio|junho|julho|setembro|outubro|novembro|dezembro|"
    r"janvier|f[eé]vrier|avril|juin|juillet|ao[uû]t|septembre|octobre|novembre|d[eé]cembre|"
    r"januar|februar|m[aä]rz|juni|juli|oktober|dezember)"  # "mai", "mars" and "may" mean more
)
_DATE: Final = (
    rf"(?:(?:the )?\d{{1,2}}(?:st|nd|rd|th|\.|er|º|°)?(?: of| de| do)? {_MONTH}(?:(?: of| de|"
    rf" do)? 20\d\d)?"
    rf"|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?(?!\d|:)"
    r"|(?:the )(?:\d{1,2}(?:st|nd|rd|th)|first|second|third|fifth|tenth)(?: of (?:the|this|"
    r"last) month)"
    r"|(?:el|le|am|dia|el d[ií]a|on the) \d{1,2}(?:\.|er|st|nd|rd|th)?(?= ?(?:a las|às|um|at|,|"
    r"\.|$))"
    r"|20\d\d-\d{2}-\d{2}|(?:[0-2]?\d|3[01])(?:/(?:0?\d|1[0-2])(?:/(?:20)?\d\d)?|\.(?:0\d|"
    r"1[0-2])\.(?:(?:20)?\d\d)?)(?=\.?(?:\s|[,;!?]))(?!\s?(?:€|eur|euros?|kwh|%|kw|usd))"
    r"|(?:im|vom|seit|f[uü]r|3\. ?|\d\. ?) ?mai|(?:en|de|mois de) (?:mars|mai)|in (?:may|march)"
    rf"|{_MONTH})"
)
_AT: Final = (
    r"(?: ?,? ?(?:at|around|about|by|a|a las|a eso de las|sobre las|tipo|[àa]s|as|l[áa] pelas|"
    r"pelas|"
    r"[àa]|vers|um|gegen|so gegen|ab|so um|@)? ?)"
)
_TO: Final = (
    r"(?: ?(?:-|–|—|to|till|til|until|and|a|hasta(?: las)?|y(?: las)?|at[eé](?: as| [àa]s)?|"
    r"[àa]s?|e(?: as)?|"
    r"et|jusqu'[àa]|bis|und) ?)"
)
_BARE: Final = rf"{_H}(?:[:.h][0-5]\d)?(?:\s?{_MERIDIEM}|\s?uhr|\s?h(?![a-z]))?"
_NOT_MORE: Final = (
    r"(?![\w%€£$])(?!\s?(?:%|[.,:/]\d|per ?cent|por ?cien|por ?cento|pour ?cent|prozent|k?wh\b|"
    r"kw\b|eur|"
    r"min|hour|hora|heure|stunde|std|stations?\b|piles?\b|\d))"
)
LATIN: Final = re.compile(
    rf"(?<![\w.,€$£-])(?:"
    # from 6 to 8, entre las 9 y las 11, zwischen 9 und 11
    rf"(?:{_DAY} )?(?:from|between|entre|desde|de|das|des|von|zwischen)(?: las| as|"
    rf" às)? {_BARE}{_TO}{_BARE}(?:\s?uhr)?{_NOT_MORE}"
    rf"|{_DAY}{_AT}{_BARE}{_TO}{_BARE}{_NOT_MORE}"
    rf"|{_CLOCK}{_TO}{_CLOCK}(?: {_DAY})?"
    rf"|(?:{_DAY}|{_DATE}){_AT}{_CLOCK}(?: (?:{_DAY_PART}))?"
    rf"|{_CLOCK}(?: (?:on |el |am |de |do |le )?(?:{_DAY}|{_DATE}))?"
    rf"|{_DAY}{_AT}{_BARE}{_NOT_MORE}"
    rf"|{_DAY}(?: (?:morning|afternoon|evening|night|temprano|cedo|matin|soir|fr[uü]h|abend))?"
    rf"|{_DATE})(?!\w)",
    re.IGNORECASE,
)
# A bare hour is a time only after a word that says so.
AFTER: Final = re.compile(
    rf"(?<!\w)(?:at|by|until|till?|around|about|before|after|hasta las|despu[eé]s de las|"
    rf"antes de las|um|gegen|"
    rf"so gegen|vers|avant|d[eè]s|l[áa] pelas|pelas|pras|since|from)"
    rf" (?P<span>{_H}(?:[.:h][0-5]\d)?)(?: ?ish)?{_NOT_MORE}(?! (?:euro|quid|buck|pound|dollar|"
    rf"more|other|of|different|times|in|säule|charger))",
    re.IGNORECASE,
)

_DAY_ZH: Final = (
    r"(?:今天|今日|今晚|今早|今夜|聽日|听日|明天|明早|明晚|明儿|明兒|后天|後天|昨天|昨晚|昨日|前天|大后天|"
    r"(?:上|下|这|這|本)?(?:个|個)?(?:周|週|星期|礼拜|禮拜)[一二三四五六日天末]|"
    r"(?:上|下|这|這|本)(?:个|個)?(?:周|週|星期|礼拜|禮拜|月)|去年|"
    r"(?:\d{1,2}|十[一二]|[一二三四五六七八九十])月(?:份|(?:\d{1,2}|[一二三四五六七八九十]{1,3})[日号號])?)"
)
_PART_ZH: Final = r"(?:早上|上午|中午|下午|晚上|夜里|夜裡|半夜|凌晨|傍晚|早晨|清晨)"
_HOUR_ZH: Final = r"(?:\d{1,2}|[一二两兩三四五六七八九十]{1,3})"
_REST_ZH: Final = r"(?:半|[一三]刻|整|钟|鐘|[一二三四五]?十?[一二三四五六七八九]?分|\d{1,2}分?)?"
_CLOCK_ZH: Final = (
    rf"(?:{_PART_ZH}?{_HOUR_ZH}"
    rf"(?:点|點)(?!儿|兒|都|也|反应|力){_REST_ZH}|{_PART_ZH}?\d{{1,2}}[:：][0-5]\d)"
)
CHINESE: Final = re.compile(
    rf"{_DAY_ZH}的?{_PART_ZH}?(?:{_CLOCK_ZH}(?:到{_CLOCK_ZH})?)?"
    rf"|{_PART_ZH}{_CLOCK_ZH}(?:(?:到|至|-){_CLOCK_ZH})?(?:以后|以後|之后|之後|之前|以前|左右)?"
    rf"|{_CLOCK_ZH}(?:到|至|-){_CLOCK_ZH}"
    # "一点" is also "a little": an hour of one needs a word beside it
    r"|(?<![一不有快慢早晚好差多少大高低便小贵貴远遠近])(?:\d{1,2}|十[一二]|[二两兩三四五六七八九十])(?:点|點)(?!儿|兒)"
    rf"{_REST_ZH}(?:左右|前|后|後|之前)?|一[点點](?:半|钟|鐘|整|\d\d)|{_PART_ZH}|\d{{1,2}}：[0-5]\d"
    r"|(?<=[㐀-鿿])\d{1,2}:[0-5]\d(?!\d)|(?<!\d)\d{1,2}:[0-5]\d(?=[㐀-鿿])"
)
