"""Takes out of photos what they tell besides the picture: place, device, time, thumbnails.

Nothing is decoded, so nothing is lost and no hostile file is opened: JPEG segments, PNG and WebP
chunks that carry metadata are left out. Which way up a JPEG stands is kept.
"""

from __future__ import annotations

import struct
from typing import Final

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_PNG_DROPPED: Final = {b"eXIf", b"tEXt", b"zTXt", b"iTXt", b"tIME"}
_WEBP_DROPPED: Final = {b"EXIF", b"XMP "}
# APP1 (Exif, XMP), APP2 to APP13 (maker's notes, IPTC), APP15, comments; APP0 (JFIF) and APP14
# (Adobe's colours) say how to read the picture.
_JPEG_DROPPED: Final = {*range(0xE1, 0xEE), 0xEF, 0xFE}
_ORIENTATION: Final = 0x0112


def strip(data: bytes) -> bytes:
    """The picture without its metadata; what is no JPEG, PNG or WebP comes back as it is."""
    try:
        if data.startswith(b"\xff\xd8"):
            return _jpeg(data)
        if data.startswith(_PNG):
            return _png(data)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp(data)
    except (struct.error, IndexError):  # cut short: what there is, as it is
        return data
    return data


def _jpeg(data: bytes) -> bytes:
    kept, at, turned = [data[:2]], 2, 0
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xDA:  # the picture itself, to the end
            break
        length = struct.unpack(">H", data[at + 2 : at + 4])[0]
        segment = data[at : at + 2 + length]
        if marker == 0xE1 and segment[4:10] == b"Exif\x00\x00":
            turned = turned or _orientation(segment[10:])
        if (
            marker == 0xE2 and segment[4:16] == b"ICC_PROFILE\x00"
        ) or marker not in _JPEG_DROPPED:  # how its colours are meant
            kept.append(segment)
        at += 2 + length
    if 1 < turned <= 8:
        kept.insert(1, _turned(turned))
    return b"".join([*kept, data[at:]])


def _orientation(tiff: bytes) -> int:
    """How a picture is turned, 1 to 8; 0 where its metadata does not tell."""
    order = "<" if tiff[:2] == b"II" else ">"
    first = struct.unpack(order + "I", tiff[4:8])[0]
    count = struct.unpack(order + "H", tiff[first : first + 2])[0]
    for number in range(min(count, 200)):
        row = tiff[first + 2 + 12 * number : first + 14 + 12 * number]
        if struct.unpack(order + "H", row[:2])[0] == _ORIENTATION:
            return int(struct.unpack(order + "H", row[8:10])[0])
    return 0


def _turned(turned: int) -> bytes:
    """A segment that tells nothing but which way up."""
    row = struct.pack(">HHIHH", _ORIENTATION, 3, 1, turned, 0)
    body = b"Exif\x00\x00MM\x00\x2a" + struct.pack(">IH", 8, 1) + row + struct.pack(">I", 0)
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


def _png(data: bytes) -> bytes:
    kept, at = [_PNG], len(_PNG)
    while at + 12 <= len(data):
        length = struct.unpack(">I", data[at : at + 4])[0]
        if data[at + 4 : at + 8] not in _PNG_DROPPED:
            kept.append(data[at : at + 12 + length])
        at += 12 + length
    return b"".join(kept)


def _webp(data: bytes) -> bytes:
    kept, at = [], 12
    while at + 8 <= len(data):
        name, length = data[at : at + 4], struct.unpack("<I", data[at + 4 : at + 8])[0]
        whole = 8 + length + length % 2
        chunk = data[at : at + whole]
        if name == b"VP8X":  # its flags announce what follows: Exif is bit 3, XMP bit 2
            chunk = chunk[:8] + bytes([chunk[8] & ~0b1100]) + chunk[9:]
        if name not in _WEBP_DROPPED:
            kept.append(chunk)
        at += whole
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body
