"""The launcher's own endpoints: JSON below `/_healstack/`, all else goes to ministack.

A stand-in registers what tests may ask of it or tell it. An answer is about one account and region: `account` (12
digits; ministack's own when absent) and `region`, from the body of a POST or the query of a GET. Whatever is wrong
with a request is answered with 400 and `{"error": ..}`: a test that mistypes a name must not pass."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

AsgiApp = Callable[[dict[str, Any], Any, Any], Awaitable[None]]

DEFAULT_ACCOUNT = "000000000000"


class BadRequest(Exception):
    """What is wrong with a request; the text is the answer."""


@dataclass(frozen=True)
class Request:
    """A control request: whom it is about, and its members (the query of a GET, the body of a POST)."""

    account: str
    region: str
    members: dict[str, Any]

    @property
    def scope(self) -> tuple[str, str]:
        """Account and region."""
        return self.account, self.region

    def text(self, name: str) -> str:
        """A member that must be there and be a string that is not empty."""
        value = self.members.get(name)
        if not isinstance(value, str) or not value:
            raise BadRequest(f"`{name}` must be a string")
        return value

    def mappings(self, name: str) -> list[dict[str, Any]]:
        """A member that must be a list of mappings."""
        value = self.members.get(name)
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise BadRequest(f"`{name}` must be a list of mappings")
        return value


Answer = Callable[[Request], Any]


class Router:
    """Which function answers which method and path."""

    def __init__(self, enter_scope: Callable[[str, str], Any]) -> None:
        """`enter_scope(account, region)` is a context manager under which ministack's stores are that account's."""
        self._enter_scope = enter_scope
        self._scoped: dict[tuple[str, str], Answer] = {}
        self._plain: dict[str, Callable[[], Any]] = {}

    def plain(self, path: str, answer: Callable[[], Any]) -> None:
        """A GET that is about no account."""
        self._plain[path] = answer

    def get(self, path: str, answer: Answer) -> None:
        """A GET about one account and region."""
        self._scoped["GET", path] = answer

    def post(self, path: str, answer: Answer) -> None:
        """A POST about one account and region."""
        self._scoped["POST", path] = answer

    def answer(self, method: str, path: str, query: str, body: bytes) -> tuple[int, Any]:
        """Status and JSON value for a request below `/_healstack/`."""
        if method == "GET" and path in self._plain:
            return 200, self._plain[path]()
        handler = self._scoped.get((method, path))
        if handler is None:
            return 404, {"error": f"{method} {path} is no endpoint of the local AWS"}
        try:
            request = parse(query, body)
            with self._enter_scope(*request.scope):
                return 200, handler(request)
        except BadRequest as error:
            return 400, {"error": str(error)}

    def wrap(self, app: AsgiApp) -> AsgiApp:
        """ministack's ASGI application with these endpoints before it."""

        async def wrapped(scope: dict[str, Any], receive: Any, send: Any) -> None:
            if scope["type"] != "http" or not scope.get("path", "").startswith("/_healstack/"):
                await app(scope, receive, send)
                return
            body, more = b"", True
            while more:
                message = await receive()
                body, more = body + message.get("body", b""), message.get("more_body", False)
            query = scope.get("query_string", b"").decode()
            status, value = self.answer(scope["method"], scope["path"], query, body)
            content = json.dumps(value, default=str).encode()
            headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": content})

        return wrapped


def parse(query: str, body: bytes) -> Request:
    """A request from its query and body; a body's members win."""
    members: dict[str, Any] = {name: values[-1] for name, values in parse_qs(query).items()}
    if body:
        try:
            content = json.loads(body)
        except ValueError as error:
            raise BadRequest(f"the body is not JSON: {error}") from error
        if not isinstance(content, dict):
            raise BadRequest("the body must be a JSON object")
        members.update(content)
    account, region = str(members.get("account", DEFAULT_ACCOUNT)), members.get("region")
    if not re.fullmatch(r"\d{12}", account):
        raise BadRequest(f"`account` must be 12 digits, found `{account}`")
    if not isinstance(region, str) or not region:
        raise BadRequest("`region` is missing")
    return Request(account, region, members)
