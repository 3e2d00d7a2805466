"""What the demo's bot has learned to answer: five questions in the six languages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

# Each: {language: (question, answer)}.
ANSWERS: Final[Sequence[Mapping[str, tuple[str, str]]]] = (
    {
        "en": (
            "Can I charge in the rain?",
            "Yes. Plugs and sockets are made for rain and snow. Only do not plug in what is "
            "damaged or stands in water.",
        ),
        "es": (
            "¿Puedo cargar con lluvia?",
            "Sí. Las tomas están hechas para la lluvia y la nieve. Solo no conectes nada que "
            "esté dañado o dentro del agua.",
        ),
        "pt-BR": (
            "Posso carregar na chuva?",
            "Sim. As tomadas são feitas para chuva e neve. Só não conecte o que estiver "
            "danificado ou dentro da água.",
        ),
        "zh": (
            "下雨天可以充电吗？",
            "可以。插头和插座能防雨雪。但请不要使用损坏或泡在水里的设备。",
        ),
        "fr": (
            "Puis-je charger sous la pluie ?",
            "Oui. Les prises sont faites pour la pluie et la neige. Ne branchez simplement "
            "rien d'abîmé ou qui est dans l'eau.",
        ),
        "de": (
            "Kann ich bei Regen laden?",
            "Ja. Stecker und Dosen sind für Regen und Schnee gebaut. Stecken Sie nur nichts "
            "ein, was beschädigt ist oder im Wasser steht.",
        ),
    },
    {
        "en": (
            "Do I need my own cable?",
            "At AC piles and e-bike boxes yes, bring your own. DC piles have a cable of their own.",
        ),
        "es": (
            "¿Necesito mi propio cable?",
            "En los puntos de corriente alterna y las cajas de bicis, sí. Los de corriente "
            "continua tienen el suyo.",
        ),
        "pt-BR": (
            "Preciso do meu próprio cabo?",
            "Nos pontos de corrente alternada e nas caixas de bicicletas, sim. Os de corrente "
            "contínua têm o deles.",
        ),
        "zh": (
            "需要自带充电线吗？",
            "交流桩和电动自行车充电箱需要自带线。直流桩自带充电线。",
        ),
        "fr": (
            "Ai-je besoin de mon propre câble ?",
            "Aux bornes en courant alternatif et aux boîtiers pour vélos, oui. Les bornes en "
            "courant continu ont le leur.",
        ),
        "de": (
            "Brauche ich ein eigenes Kabel?",
            "An Wechselstromsäulen und Radboxen ja. Gleichstromsäulen haben ein eigenes Kabel.",
        ),
    },
    {
        "en": (
            "May I stay after the charge has ended?",
            "A little while. When an idle fee begins is in the price that you see before you "
            "start, and I write to you before it does.",
        ),
        "es": (
            "¿Puedo quedarme después de cargar?",
            "Un rato. El precio que ves antes de empezar dice cuándo hay un cargo por "
            "ocupación, y te escribo antes.",
        ),
        "pt-BR": (
            "Posso ficar depois de carregar?",
            "Um pouco. O preço que você vê antes de começar diz quando há taxa de ocupação, e "
            "eu escrevo antes.",
        ),
        "zh": (
            "充完电以后可以继续停吗？",
            "可以停一会儿。占位费何时开始，充电前显示的价格里有说明，开始收费前我会提醒您。",
        ),
        "fr": (
            "Puis-je rester après la charge ?",
            "Un petit moment. Le prix affiché avant le départ dit quand commencent les frais "
            "d'occupation, et je vous écris avant.",
        ),
        "de": (
            "Darf ich nach dem Laden stehen bleiben?",
            "Eine Weile. Ab wann eine Standgebühr anfällt, steht im Preis, den Sie vor dem "
            "Start sehen, und ich schreibe Ihnen vorher.",
        ),
    },
    {
        "en": (
            "Can two vehicles charge at one pile?",
            "Yes, where it has two sockets: each has a code of its own. One rider charges one "
            "vehicle at a time.",
        ),
        "es": (
            "¿Pueden cargar dos vehículos en un punto?",
            "Sí, si tiene dos tomas: cada una tiene su código. Cada persona carga un vehículo "
            "a la vez.",
        ),
        "pt-BR": (
            "Dois veículos podem carregar em um ponto?",
            "Sim, se ele tiver duas tomadas: cada uma tem seu código. Cada pessoa carrega um "
            "veículo por vez.",
        ),
        "zh": (
            "一个充电桩可以同时充两辆车吗？",
            "有两个插座的可以，每个插座有自己的编码。每位用户一次只能充一辆车。",
        ),
        "fr": (
            "Deux véhicules peuvent-ils charger à une borne ?",
            "Oui, si elle a deux prises : chacune a son code. Chacun charge un véhicule à la fois.",
        ),
        "de": (
            "Können zwei Fahrzeuge an einer Säule laden?",
            "Ja, wenn sie zwei Dosen hat: jede hat ihren eigenen Code. Jeder lädt ein Fahrzeug "
            "auf einmal.",
        ),
    },
    {
        "en": (
            "Is the electricity green?",
            "It comes from the city's grid. The site's tariff says whether it is renewable.",
        ),
        "es": (
            "¿La electricidad es verde?",
            "Viene de la red de la ciudad. La tarifa del lugar dice si es de origen renovable.",
        ),
        "pt-BR": (
            "A eletricidade é verde?",
            "Ela vem da rede da cidade. A tarifa do local diz se é de fonte renovável.",
        ),
        "zh": (
            "用的是绿电吗？",
            "电来自城市电网。站点的价格说明里会写明是否为可再生能源。",
        ),
        "fr": (
            "L'électricité est-elle verte ?",
            "Elle vient du réseau de la ville. Le tarif du site dit si elle est renouvelable.",
        ),
        "de": (
            "Ist der Strom grün?",
            "Er kommt aus dem Netz der Stadt. Der Tarif des Standorts sagt, ob er erneuerbar ist.",
        ),
    },
)
