"""The bridge between the rehearsal engine and the rehearsed account: one JSON object a line in, one out.

| `op` | members | answer `ok` |
|---|---|---|
| `reset` | `account`, `region`, `seed`, `now` | nothing |
| `given`, `ail` | `thing` | nothing |
| `call` | `now`, `service`, `api`, `request` | the answer |
| `validate` | `service`, `api`, `request` | nothing |
| `act` | `now`, `action`, `dimensions` | nothing |
| `command` | `now`, `document`, `host`, `parameters` | `[seconds, status]` |
| `script` | `script`, `handler`, `payload` | the payload |
| `advance` | `now`, `minute` | datapoints, if a minute ends |

Every answer also has `events` that were emitted, and `due`, the time of the next transition. An error is `error` with `code`, `message`
and `status` of AWS's answer, `raised` of a script, or `unknown` for what the rehearsal does not know. Times are milliseconds since 1970.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Iterator
from typing import Any

from world import World, failure, run_script


def answers(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    """Answers each request."""
    world: World | None = None
    for line in lines:
        request = json.loads(line)
        try:
            if request["op"] == "reset":
                if world:
                    world.close()
                world = World(request["account"], request["region"], request["seed"], request["now"])
                yield {"ok": None}
            elif request["op"] == "script":
                yield run_script(request["script"], request["handler"], request["payload"])
            elif world is None:
                yield {"error": {"unknown": "the first request must be `reset`"}}
            else:
                yield {**answer(world, request), "events": drained(world), "due": world.due()}
        except Exception as error:  # noqa: BLE001 - the engine decides what an error means
            yield {"error": failure(error), "events": drained(world) if world else [], "due": world and world.due()}


def answer(world: World, request: dict[str, Any]) -> dict[str, Any]:
    """One request, at its moment."""
    if "now" in request:
        world.advance(request["now"])
    match request["op"]:
        case "given":
            return {"ok": world.given(request["thing"])}
        case "ail":
            return {"ok": world.ail(request["thing"])}
        case "call":
            return {"ok": world.call(request["service"], request["api"], request["request"])}
        case "validate":
            world.validate(request["service"], request["api"], request["request"])
            return {"ok": None}
        case "act":
            return {"ok": world.act(request["action"], request["dimensions"])}
        case "command":
            return {"ok": world.command(request["document"], request["host"], request["parameters"])}
        case "advance":
            points = world.metrics() if request["minute"] else []
            return {"ok": [[p.namespace, p.name, p.dimensions, p.values, p.tags] for p in points]}
        case other:
            return {"error": {"unknown": f"the operation `{other}`"}}


def drained(world: World) -> list[dict[str, Any]]:
    """The events since the last answer."""
    events, world.events = world.events, []
    return events


def main() -> None:
    """Until the input ends."""
    # Nothing reaches AWS: moto answers every client. The names are what boto3 wants to sign with.
    os.environ.update(AWS_ACCESS_KEY_ID="rehearsal", AWS_SECRET_ACCESS_KEY="rehearsal", AWS_EC2_METADATA_DISABLED="true")
    # What people have set for their own work with AWS is not meant for this.
    for name in [each for each in os.environ if each.startswith(("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_SESSION_TOKEN"))]:
        del os.environ[name]
    # A fifth of the time went into looking for garbage among a million objects of modules that never become any.
    gc.freeze()
    gc.set_threshold(200_000, 20, 100)
    for each in answers(sys.stdin):
        sys.stdout.write(json.dumps(each, separators=(",", ":")) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
