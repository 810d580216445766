"""What all rooms share: the studio, who the visitor is, and how an error becomes one sentence."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import inspect
import logging
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from ..events import Trouble
from ..studio import Studio
from . import views
from .words import say

LIVE = {"queue": False, "trigger_mode": "always_last", "show_progress": "hidden", "api_visibility": "private"}
QUIET = {"show_progress": "hidden", "api_visibility": "private"}

log = logging.getLogger(__name__)


@dataclasses.dataclass
class Page:
    """What every room is given."""

    studio: Studio
    visitor: gr.BrowserState
    rooms: gr.Tabs


def pane(value: str = "", elem_id: str | None = None, **more: Any) -> gr.HTML:
    """A place for a view. What is a button in it raises the event `pick`."""
    return gr.HTML(value, elem_id=elem_id, js_on_load=views.PICK, apply_default_css=False, **more)


def download(button: gr.Button, pack: Callable[..., Any], inputs: list[Any]) -> None:
    """A click packs a file on the server and then saves it: gradio's own button wants the file before the click."""
    parcel = gr.DownloadButton("", visible="hidden", elem_id=f"parcel_{button.elem_id}")
    script = f"() => document.querySelector('#{parcel.elem_id}').click()"

    def packed(*given: Any) -> Any:
        return gr.DownloadButton(value=str(pack(*given)))

    button.click(packed, inputs, parcel, show_progress="minimal", api_visibility="private").success(None, js=script)


def told(handler: Callable[..., Any]) -> Callable[..., Any]:
    """A handler whose troubles reach the person as one sentence; what nobody foresaw goes to the log, and says so."""

    @functools.wraps(handler)
    def tell(*given: Any, **named: Any) -> Any:
        with _told(handler):
            return handler(*given, **named)

    @functools.wraps(handler)
    def tell_on(*given: Any, **named: Any) -> Any:
        with _told(handler):
            yield from handler(*given, **named)

    return tell_on if inspect.isgeneratorfunction(handler) else tell


@contextlib.contextmanager
def _told(handler: Callable[..., Any]) -> Iterator[None]:
    try:
        yield
    except Trouble as trouble:
        raise gr.Error(say(trouble.template, **trouble.facts), title="", print_exception=False) from trouble
    except gr.Error:
        raise
    except Exception as surprise:
        log.exception("%s failed", handler.__qualname__)
        sentence = say("Something went wrong here, and nothing was lost. Try again, or reload the page.")
        raise gr.Error(sentence, title="", print_exception=False) from surprise
