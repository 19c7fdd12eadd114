"""How scenarios write what is given and what ails."""

from __future__ import annotations

import re

from behaviour import Thing, Unknown

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(text: str) -> int:
    """`30s`, `10m`, `2h` or `1d` in seconds."""
    found = re.fullmatch(r"(\d+)([smhd])", text)
    if not found:
        raise Unknown(f"the duration `{text}`; write 30s, 10m, 2h or 1d")
    return int(found[1]) * UNITS[found[2]]


def only(thing: Thing, *known: str) -> None:
    """Fails for a key that is not known: nothing in a scenario is skipped."""
    for key in thing:
        if key not in known:
            raise Unknown(f"`{key}` of {next(iter(thing))}; known: {', '.join(known)}")
