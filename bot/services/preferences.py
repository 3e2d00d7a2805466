"""What each person of the staff may set for themselves: looks, sounds and keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

THEMES: Final = ("auto", "light", "dark")
SOUNDS: Final = ("queue", "mine", "off")  # emergencies sound whatever is chosen

# Of Staff.preferences; what is missing there is as here. "keymap" holds only what was remapped,
# by the names of KEYS.
DEFAULTS: Final[Mapping[str, Any]] = {
    "theme": "auto",
    "sounds": "queue",
    "keys": True,
    "keymap": {},
}

# Single keys of the console: name -> (what it does, its key).
KEYS: Final[Mapping[str, tuple[str, str]]] = {
    "next": ("Next conversation", "j"),
    "previous": ("Previous conversation", "k"),
    "take_over": ("Take over", "t"),
    "hand_back": ("Hand back to the bot", "b"),
    "reply": ("Write a reply", "r"),
    "note": ("Write a note", "n"),
    "resolve": ("Resolve", "e"),
    "snooze": ("Snooze", "z"),
    "assign": ("Assign", "a"),
    "label": ("Label", "l"),
    "help": ("Show the keys", "?"),
}


def of(kept: Mapping[str, Any]) -> dict[str, Any]:
    """Somebody's preferences with everything that was never set as by default."""
    return {**DEFAULTS, **{key: value for key, value in kept.items() if key in DEFAULTS}}


def from_form(form: Mapping[str, str]) -> dict[str, Any]:
    """Preferences as a form sends them; what is not known falls back to the default.

    Keys come as "key-take_over": one character each. Raises ValueError when two share one.
    """
    theme, sounds = form.get("theme", ""), form.get("sounds", "")
    keymap: dict[str, str] = {}
    for name, (_, usual) in KEYS.items():
        typed = form.get(f"key-{name}", usual).strip().casefold()[:1]
        if typed and typed != usual:
            keymap[name] = typed
    pressed = [keymap.get(name, usual) for name, (_, usual) in KEYS.items()]
    if len(set(pressed)) < len(pressed):
        raise ValueError("Two actions have the same key.")
    return {
        "theme": theme if theme in THEMES else DEFAULTS["theme"],
        "sounds": sounds if sounds in SOUNDS else DEFAULTS["sounds"],
        "keys": form.get("keys") == "on",
        "keymap": keymap,
    }


def keyboard(kept: Mapping[str, Any]) -> dict[str, Any]:
    """What the page's script needs: whether single keys are on, and each key with what it does.

    `press` is the key to press, `key` the usual one, by which elements of pages are marked.
    """
    chosen = of(kept)
    rows = [
        {"name": name, "what": what, "key": usual, "press": chosen["keymap"].get(name, usual)}
        for name, (what, usual) in KEYS.items()
    ]
    return {"on": chosen["keys"], "sounds": chosen["sounds"], "rows": rows}
