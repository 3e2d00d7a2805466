"""QR codes inside pages, as SVG without a style of its own."""

from __future__ import annotations

import segno
from markupsafe import Markup


def svg(text: str) -> Markup:
    """A QR code as inline SVG: dark on white in both themes, as cameras want it."""
    code = segno.make(text, error="m", micro=False)
    drawn: str = code.svg_inline(
        border=3, dark="#000", light="#fff", omitsize=True, svgclass="qr", lineclass=None
    )
    return Markup(drawn)  # noqa: S704 - segno's own markup; the text is only in the dots
