"""What riders and staff call a plug, by OCPI's ConnectorType."""

from __future__ import annotations

from typing import Final

CONNECTORS: Final = {
    "IEC_62196_T2": "Type 2",
    "IEC_62196_T2_COMBO": "CCS 2",
    "CHADEMO": "CHAdeMO",
    "DOMESTIC_F": "Schuko",
    "schuko": "Schuko",
}
