"""Let only those who may talk to kws studio: this machine, or whoever has the token.

A page of another site can make a browser send requests here. They are refused by what the browser
says of their origin; where names are rebound to this machine (DNS rebinding), by the Host header.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

FOREIGN = ("cross-site", "same-site")  # the latter: another port of this machine, for instance
COOKIE_SECONDS = 30 * 86_400
POLICY_VIOLATION = 1008  # close code of a WebSocket
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:;"
        " media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches an address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True)
class Access:
    """Hold who may ask: programs of this machine, or with a token whoever brings it."""

    token: str | None
    secure: bool  # over TLS
    port: int

    @property
    def cookie(self) -> str:
        """Return the name of the cookie; ports of one machine share their cookies."""
        return f"kws_studio_{self.port}"

    def refusal(self, scope: Scope) -> Response | None:
        """Return the answer to a request that is refused; None for one that may go on."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if self.token is None and not is_loopback(_host_name(host)):
            return PlainTextResponse("This studio answers to this machine's own names only.", 403)
        if not self._is_of_own_page(scope, headers, host):
            return PlainTextResponse("Requests of other sites are refused.", 403)
        if self.token is None:
            return None
        return self._token_refusal(self.token, scope, headers)

    def _is_of_own_page(self, scope: Scope, headers: Headers, host: str) -> bool:
        """Return whether a request is from a page of the studio, a link to it or no browser."""
        scheme = "https" if self.secure else "http"
        origin = headers.get("origin")
        if origin is not None and origin != f"{scheme}://{host}":
            return False
        is_link = (
            scope["type"] == "http"
            and scope["method"] == "GET"
            and scope["path"] == "/"
            and headers.get("sec-fetch-mode") == "navigate"
        )
        return is_link or headers.get("sec-fetch-site") not in FOREIGN

    def _token_refusal(self, token: str, scope: Scope, headers: Headers) -> Response | None:
        if any(
            secrets.compare_digest(given.encode(), token.encode()) for given in self._given(headers)
        ):
            return None
        asked = QueryParams(scope.get("query_string", b"")).get("token", "")
        if scope["path"] == "/" and secrets.compare_digest(asked.encode(), token.encode()):
            answer = RedirectResponse("/", 303)
            answer.set_cookie(
                self.cookie,
                token,
                max_age=COOKIE_SECONDS,
                httponly=True,
                samesite="lax",  # strict is not sent on the redirect of a link in a web mail
                secure=self.secure,
            )
            return answer
        return PlainTextResponse("Open the address that kws studio printed: it has a token.", 401)

    def _given(self, headers: Headers) -> Iterator[str]:
        """Yield the tokens that a request brings as a cookie or as a bearer."""
        scheme, _, value = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            yield value.strip()
        try:
            cookie: SimpleCookie = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            return
        if self.cookie in cookie:
            yield cookie[self.cookie].value


class Guard:
    """Wrap an application: refuse what Access refuses, and add headers that bind the browser."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request or pass it on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refusal = self._access.refusal(scope)
        if refusal and scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})
            return

        begun = False

        async def send_bound(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await (refusal or self._app)(scope, receive, send_bound)
        except asyncio.CancelledError:  # the studio ends before what was asked for is there
            if not begun and scope["type"] == "http":
                await PlainTextResponse("The studio has ended.", 503)(scope, receive, send)


def _host_name(host: str) -> str:
    """Return the name in a Host header, without its port; nothing for what is no host."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
