"""Make the console's icon sheet from Lucide's files: python make_icons.py FOLDER_OF_SVG_FILES

Lucide is under the ISC licence: npm package lucide-static 1.62.0, folder icons/.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

NAMES = [
    "archive",
    "arrow-right-left",
    "battery-charging",
    "bell",
    "bot",
    "calendar",
    "chart-line",
    "check",
    "check-check",
    "chevron-down",
    "chevron-left",
    "chevron-right",
    "circle-alert",
    "circle-check",
    "circle-help",
    "clock",
    "copy",
    "credit-card",
    "download",
    "ellipsis",
    "external-link",
    "eye",
    "file-text",
    "filter",
    "gift",
    "hand",
    "hash",
    "history",
    "inbox",
    "info",
    "key-round",
    "keyboard",
    "languages",
    "link",
    "list",
    "lock",
    "log-out",
    "map",
    "map-pin",
    "menu",
    "messages-square",
    "moon",
    "paperclip",
    "pause",
    "phone",
    "play",
    "plug-zap",
    "plus",
    "power",
    "receipt",
    "refresh-cw",
    "rotate-ccw",
    "search",
    "send",
    "settings",
    "shield-check",
    "siren",
    "smartphone",
    "star",
    "sticky-note",
    "sun",
    "tag",
    "ticket",
    "trash-2",
    "triangle-alert",
    "undo-2",
    "unlock",
    "user",
    "user-plus",
    "users",
    "volume-2",
    "volume-x",
    "wifi",
    "wifi-off",
    "wrench",
    "x",
    "zap",
    "thermometer",
    "unplug",
    "wallet",
    "reply",
    "at-sign",
    "image",
    "mic",
    "chart-pie",
    "coins",
    "gauge",
    "hourglass",
    "network",
    "package",
    "trending-up",
]
TARGET = Path(__file__).resolve().parents[2] / "bot" / "console" / "static" / "icons.svg"


def main(folder: Path) -> None:
    """Write one <symbol> for each icon."""
    symbols = []
    for name in sorted(NAMES):
        drawn = (folder / f"{name}.svg").read_text(encoding="utf-8")
        inner = re.search(r"<svg[^>]*>(.*)</svg>", drawn, re.DOTALL)
        assert inner, name
        shapes = " ".join(inner[1].split())
        symbols.append(f'<symbol id="{name}" viewBox="0 0 24 24">{shapes}</symbol>')
    body = "\n".join(symbols)
    head = "<!-- Icons of Lucide (lucide.dev), ISC licence; made by docs/tools/make_icons.py -->"
    TARGET.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg">\n{head}\n{body}\n</svg>\n', encoding="utf-8"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
