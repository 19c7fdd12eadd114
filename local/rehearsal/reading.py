"""Reads of moto that are asked again and again: every minute, by every metric, of a workload in which mostly nothing happens."""

from __future__ import annotations

import copy
import json
from typing import Any

READS = ("describe_", "get_", "list_")


class Memory:
    """What measuring has read since something last happened. Only measuring relies on it: what changes things also reads them."""

    def __init__(self) -> None:
        self.measuring = False
        self.read: dict[str, Any] = {}


class Reader:
    """A boto3 client that need not ask moto again while nothing happens."""

    def __init__(self, client: Any, memory: Memory) -> None:
        self._client, self._memory = client, memory

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if not (self._memory.measuring and name.startswith(READS) and name not in ("get_paginator", "get_waiter")):
            return found

        def call(**request: Any) -> Any:
            service = self._client.meta.service_model.service_name
            key = f"{service} {name} {json.dumps(request, sort_keys=True, default=str)}"
            if key not in self._memory.read:
                self._memory.read[key] = found(**request)
            # Whoever asks may change what he gets.
            return copy.deepcopy(self._memory.read[key])

        return call
