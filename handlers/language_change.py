"""Changing the language, by name or from a list."""

from __future__ import annotations

from bot.dialog.intents import intent
from bot.dialog.turn import Turn
from bot.replies import Choose, Option, Replies, Say

# Each in its own words, for those who cannot read the current language.
LANGUAGES = {
    "en": "English",
    "es": "Español",
    "pt-BR": "Português",
    "zh": "中文",
    "fr": "Français",
    "de": "Deutsch",
}
NAMES = {
    "en": ("english", "ingles", "inglés", "inglês", "anglais", "englisch", "英语", "英文", "英語"),
    "es": ("spanish", "español", "espanol", "castellano", "espagnol", "spanisch", "西班牙"),
    "pt-BR": ("portuguese", "português", "portugues", "portugais", "portugiesisch", "葡萄牙"),
    "zh": ("chinese", "中文", "汉语", "漢語", "chino", "chinês", "chinois", "chinesisch", "普通话"),
    "fr": ("french", "français", "francais", "francés", "francês", "französisch", "法语", "法文"),
    "de": ("german", "deutsch", "alemán", "aleman", "alemão", "allemand", "德语", "德文", "德語"),
}


@intent(
    "language_change",
    digression=True,
    words=("language", "idioma", "语言", "語言", "langue", "sprache"),
)
def change(turn: Turn) -> Replies:
    """The language named in the message or button, else the list."""
    said = turn.heard.text.casefold()
    named = [code for code, names in NAMES.items() if any(name in said for name in names)]
    chosen = turn.value("lang") or (named[0] if len(named) == 1 else None)
    if chosen not in LANGUAGES:
        return Choose(
            Say("Which language would you like?"),
            [Option(f"language_change?lang={c}", Say(name)) for c, name in LANGUAGES.items()],
            list_button=Say("Language"),
        )
    turn.rider.lang = chosen
    turn.rider.lang_chosen = True
    return Say("We now speak English.")
