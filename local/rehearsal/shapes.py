"""Answers in the API's own shapes: checked against botocore's models, and made plain for JSON."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any

from behaviour import Unknown
from botocore.model import ListShape, MapShape, Shape, StructureShape

SCALARS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "boolean": (bool,),
    "float": (int, float),
    "double": (int, float),
    "timestamp": (datetime, str),
    "blob": (bytes, str),
}


def check_answer(place: str, shape: Shape | None, value: Any) -> None:
    """Fails where a behaviour answers what the service could not: an unknown member, or a value of another type."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        for name, item in value.items():
            if name not in shape.members:
                raise Unknown(f"{place}: `{name}` is no member of {shape.name}")
            check_answer(f"{place}.{name}", shape.members[name], item)
    elif isinstance(shape, ListShape) and isinstance(value, list):
        for index, item in enumerate(value):
            check_answer(f"{place}[{index}]", shape.member, item)
    elif isinstance(shape, MapShape) and isinstance(value, dict):
        for name, item in value.items():
            check_answer(f"{place}.{name}", shape.value, item)
    elif shape is None:
        if value:
            raise Unknown(f"{place} answers nothing, found {value!r}")
    elif not isinstance(value, SCALARS.get(shape.type_name, ())):
        raise Unknown(f"{place}: {value!r} is no {shape.type_name}")


def plain(value: Any) -> Any:
    """A value as JSON has it: times as RFC 3339 in UTC, bytes in base 64."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if hasattr(value, "read"):
        return plain(value.read())
    return value
