"""Durations as scenarios write them."""

from __future__ import annotations

import re

from behaviour import Unknown

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(text: str) -> int:
    """`30s`, `10m`, `2h` or `1d` in seconds."""
    found = re.fullmatch(r"(\d+)([smhd])", text)
    if not found:
        raise Unknown(f"the duration `{text}`; write 30s, 10m, 2h or 1d")
    return int(found[1]) * UNITS[found[2]]
