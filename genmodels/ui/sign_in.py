"""Who you are on the Hub: "Sign in with Hugging Face" on a Space; on a laptop the machine's own sign-in or a token."""

from __future__ import annotations

import os

import gradio as gr

from . import hub_views
from .page import QUIET, Page, noted, pane
from .words import say

HIDDEN = gr.InputHTMLAttributes(autocomplete="new-password", autocorrect="off", spellcheck=False)


def plain(oauth: gr.OAuthToken | None) -> str | None:
    """The access token of a visitor who signed in on a Space: for one call, and kept nowhere."""
    return oauth.token if oauth else None


class SignIn:
    """The components. A token is sent once, its field is emptied at once, and it never comes back to the page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.on_a_space = bool(os.environ.get("OAUTH_CLIENT_ID"))  # elsewhere gradio's button breaks the launch
        with gr.Row(elem_id="identity"):
            self.who = pane("", "who")
            if self.on_a_space:
                out = say("Sign out ({})")
                self.button = gr.LoginButton(
                    say("Sign in with Hugging Face"), out, size="sm", elem_id="hub_login", scale=0, min_width=190
                )
            self.open = gr.Button(
                say("Sign in"), size="sm", visible=False, elem_id="sign_in_open", scale=0, min_width=90
            )
            self.leave = gr.Button(say("Sign out"), size="sm", visible=False, elem_id="sign_out", scale=0, min_width=90)
        with gr.Column(visible=False, elem_id="sign_in", elem_classes=["desk"]) as self.form:
            pane(hub_views.about_tokens(), "about_tokens")
            with gr.Row():
                self.token = gr.Textbox(
                    type="password",
                    max_lines=1,
                    label=say("Access token"),
                    html_attributes=HIDDEN,
                    elem_id="hub_token",
                    min_width=180,
                )
                self.send = gr.Button(say("Sign in"), variant="primary", elem_id="sign_in_send", scale=0, min_width=90)
                self.close = gr.Button(say("Cancel"), elem_id="sign_in_close", scale=0, min_width=80)
            self.told = pane("", "sign_in_told")
        self.changed = gr.State(0)  # counts up when somebody signs in or out
        self.shown = [self.who, self.open, self.leave, self.form, self.told]
        self._wire()

    def _wire(self) -> None:
        studio, visitor = self.page.studio, self.page.visitor
        results = len(self.shown) + 2

        @noted(results - 1, results)
        def admit(token: str, secret: str, times: int) -> tuple:
            studio.hub.sign_in(token, (secret or "").strip())
            return "", times + 1, *self.seen(token)

        @noted(results - 1, results)
        def let_go(token: str, times: int) -> tuple:
            studio.hub.sign_out(token)
            return "", times + 1, *self.seen(token)

        emptied = {"fn": None, "inputs": None, "outputs": self.token, "js": "() => ''", "queue": False, **QUIET}
        shown = [self.token, self.changed, *self.shown]
        for event in (self.send.click, self.token.submit):
            event(admit, [visitor, self.token, self.changed], shown, **QUIET).then(**emptied)
        self.leave.click(let_go, [visitor, self.changed], shown, **QUIET)
        self.open.click(lambda: gr.Column(visible=True), None, self.form, queue=False, **QUIET)
        self.close.click(lambda: ("", "", gr.Column(visible=False)), None, [self.token, self.told, self.form], **QUIET)

    def seen(self, token: str, oauth: str | None = None) -> tuple:
        """The values of `shown`."""
        person = self.page.studio.hub.who(token, oauth)
        return (
            hub_views.person(person),
            gr.Button(visible=not self.on_a_space and not person.may_publish and person.how != "pasted"),
            gr.Button(visible=person.how == "pasted"),
            gr.Column(visible=False),
            "",
        )
