"""Cloakroom: whoever signs in on a Space leaves the access token here; the browser's cookie holds a ticket for it."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from starlette.middleware import Middleware

if TYPE_CHECKING:
    from ..transfers.identity import Identity

Message = MutableMapping[str, Any]
Application = Callable[[Message, Callable, Callable], Awaitable[None]]
KEPT = ("userinfo", "scope", "expires_at")  # of what the Hub says of a sign-in: all that gradio reads besides the token


class Cloakroom:
    """A layer of the server, inside the one that writes the session into the cookie (gradio would put the token there:
    signed, but readable by whoever holds the browser)."""

    def __init__(self, application: Application, identity: Identity) -> None:
        self.application, self.identity = application, identity

    async def __call__(self, scope: Message, receive: Callable, send: Callable) -> None:
        """Let every call through; the answer to a sign-in goes out with a ticket, and a sign-out ends the ticket."""

        async def sent(message: Message) -> None:
            told = scope.get("session", {}).get("oauth_info")
            if message["type"] == "http.response.start" and told and "access_token" in told:
                ticket = self.identity.take_in(told["access_token"])
                scope["session"]["oauth_info"] = {name: told.get(name) for name in KEPT} | {"access_token": ticket}
            await send(message)

        path = scope["path"] if scope["type"] == "http" else ""
        if path.endswith("/logout"):
            self.identity.let_go((scope.get("session", {}).get("oauth_info") or {}).get("access_token", ""))
        signing_in = path.endswith("/login/callback")
        await self.application(scope, receive, sent if signing_in else send)


def layers(identity: Identity) -> list[Middleware]:
    """What the server needs beside gradio where people sign in."""
    return [Middleware(Cloakroom, identity=identity)] if os.environ.get("OAUTH_CLIENT_ID") else []
