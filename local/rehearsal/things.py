"""How scenarios write what is given and what ails."""

from __future__ import annotations

from behaviour import Thing, Unknown


def only(thing: Thing, *known: str) -> None:
    """Fails for a key that is not known: nothing in a scenario is skipped."""
    for key in thing:
        if key not in known:
            raise Unknown(f"`{key}` of {next(iter(thing))}; known: {', '.join(known)}")
