"""Signing in to an app by the Hub, as gradio's LoginButton does on a Space: OpenID Connect with a page to choose on."""

from __future__ import annotations

import base64
import functools
import html
import secrets
import time
import urllib.parse
from typing import TYPE_CHECKING

from .routes import route
from .wire import Answer, Call, Refusal

if TYPE_CHECKING:
    from joserfc.jwk import RSAKey

    from .hub import Hub, Person

CLIENT_ID, CLIENT_SECRET = "loopback-space", "loopback-secret-of-the-space"  # of the one app that this Hub knows
EXPIRES = 8 * 3600  # seconds
PAGE = """<!doctype html><meta charset="utf-8"><title>Sign in to the loopback Hub</title>
<h1>Sign in to the loopback Hub</h1><p>The app asks for: {scope}</p>
<form method="post" action="/oauth/authorize?{query}">{people}
<p><input name="other" placeholder="another name"> <button name="user" value="">Sign in</button></p></form>"""


@functools.cache
def key() -> RSAKey:
    """What this Hub signs with."""
    from joserfc.jwk import RSAKey

    return RSAKey.generate_key(2048, {"kid": "loopback", "use": "sig"})


def space_environment(url: str, scopes: str) -> dict[str, str]:
    """What a Space's environment says of its sign-in, by the Hub at an address."""
    told = {"SYSTEM": "spaces", "SPACE_ID": "owner/studio", "OPENID_PROVIDER_URL": url}
    return told | {"OAUTH_CLIENT_ID": CLIENT_ID, "OAUTH_CLIENT_SECRET": CLIENT_SECRET, "OAUTH_SCOPES": scopes}


@route("GET", "/.well-known/openid-configuration")
def configuration(hub: Hub, call: Call, person: Person | None) -> Answer:
    ways = {"authorization": "authorize", "token": "token", "userinfo": "userinfo"}
    told = {f"{name}_endpoint": f"{hub.url}/oauth/{way}" for name, way in ways.items()}
    signs = {"jwks_uri": f"{hub.url}/oauth/jwks", "id_token_signing_alg_values_supported": ["RS256"]}
    return Answer({"issuer": hub.url, **told, **signs, "response_types_supported": ["code"]})


@route("GET", "/oauth/jwks")
def keys(hub: Hub, call: Call, person: Person | None) -> Answer:
    return Answer({"keys": [key().as_dict(private=False)]})


@route("GET|POST", "/oauth/authorize")
def authorize(hub: Hub, call: Call, person: Person | None) -> Answer:
    """The page on which somebody says who they are; what they choose leads back to the app with a code."""
    if call.asked("client_id") != CLIENT_ID:
        raise Refusal(400, "unknown client_id")
    if call.method == "GET":
        names = dict.fromkeys(person.name for person in hub.people.values())
        choice = '<p><button name="user" value="{0}">Sign in as {0}</button></p>'
        people = "".join(choice.format(html.escape(name)) for name in names)
        query = html.escape(urllib.parse.urlencode(call.query, doseq=True))
        page = PAGE.format(scope=html.escape(call.asked("scope")), query=query, people=people)
        return Answer(page.encode(), 200, {"Content-Type": "text/html"})
    chosen = call.form()
    code = secrets.token_urlsafe(16)
    user = (chosen.get("user") or chosen.get("other") or ["somebody"])[0]
    hub.codes[code] = (user, call.asked("scope"), call.asked("nonce"), call.asked("redirect_uri"))
    back = call.asked("redirect_uri")
    back += ("&" if "?" in back else "?") + urllib.parse.urlencode({"code": code, "state": call.asked("state")})
    return Answer(b"", 302, {"Location": back})


@route("POST", "/oauth/token")
def token(hub: Hub, call: Call, person: Person | None) -> Answer:
    """A code, once, for a token that may do no more than the scope says."""
    from joserfc import jwt

    asked = {name: values[0] for name, values in call.form().items()}
    basic = base64.b64decode(call.headers.get("authorization", "").removeprefix("Basic ")).decode()
    given = basic or f"{asked.get('client_id')}:{asked.get('client_secret')}"
    user, scope, nonce, back = hub.codes.pop(asked.get("code", ""), ("", "", "", ""))
    if given != f"{CLIENT_ID}:{CLIENT_SECRET}" or not user or asked.get("redirect_uri") != back:
        return Answer({"error": "invalid_grant"}, 400)
    granted = set(scope.split())
    role = "write" if granted & {"write-repos", "manage-repos"} else "read"
    access = hub.token(user, "contribute-repos" if "contribute-repos" in granted else role)
    now = int(time.time())
    claims = {"iss": hub.url, "aud": CLIENT_ID, "iat": now, "exp": now + EXPIRES, "nonce": nonce}
    signed = jwt.encode({"alg": "RS256", "kid": "loopback"}, claims | profile(hub, hub.people[access]), key())
    told = {"access_token": access, "token_type": "bearer", "expires_in": EXPIRES, "scope": scope, "id_token": signed}
    return Answer(told)


@route("GET", "/oauth/userinfo")
def userinfo(hub: Hub, call: Call, person: Person | None) -> Answer:
    if person is None:
        raise Refusal(401, "Invalid username or password.")
    return Answer(profile(hub, person))


def profile(hub: Hub, person: Person) -> dict:
    """Who somebody is, in OpenID's words."""
    told = {"sub": person.id, "name": person.fullname, "preferred_username": person.name}
    return told | {"profile": f"{hub.url}/{person.name}", "picture": f"{hub.url}/avatar.svg", "website": ""}
