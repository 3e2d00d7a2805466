"""Where a form may lead back to: pages of the console, nothing else."""

from __future__ import annotations

from urllib.parse import urlsplit


def inside(target: str, host: str = "") -> str:
    """The path and query of a page of ours; "" for what leads elsewhere or is no address.

    `host`: ours, where whole addresses are good too (a browser's Referer).
    """
    try:
        parts = urlsplit(target)
    except ValueError:  # "http://[": no address at all
        return ""
    ours = parts.scheme in ("", "http", "https") and parts.netloc in ("", host)
    # Browsers read "/\\" like "//": the name of a host follows.
    if not ours or not parts.path.startswith("/") or parts.path.startswith("//") or "\\" in target:
        return ""
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
