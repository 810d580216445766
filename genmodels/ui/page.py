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
    transfers: dict[str, gr.BrowserState]  # what is on its way, by the place that shows it


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
    """A handler whose troubles reach the person as one sentence, on a toast."""

    @functools.wraps(handler)
    def tell(*given: Any, **named: Any) -> Any:
        with _toast(handler):
            return handler(*given, **named)

    @functools.wraps(handler)
    def tell_on(*given: Any, **named: Any) -> Any:
        with _toast(handler):
            yield from handler(*given, **named)

    return tell_on if inspect.isgeneratorfunction(handler) else tell


def noted(place: int, outputs: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The same for what bypasses the queue, where gradio shows no toast: the sentence takes the place of one output."""

    def wrap(handler: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(handler)
        def tell(*given: Any, **named: Any) -> Any:
            try:
                return handler(*given, **named)
            except Exception as error:
                left: list[Any] = [gr.skip()] * outputs
                left[place] = views.note(_sentence(handler, error), "warn")
                return tuple(left) if outputs > 1 else left[0]

        return tell

    return wrap


@contextlib.contextmanager
def _toast(handler: Callable[..., Any]) -> Iterator[None]:
    try:
        yield
    except gr.Error:
        raise
    except Exception as error:
        raise gr.Error(_sentence(handler, error), title="", print_exception=False) from error


def _sentence(handler: Callable[..., Any], error: Exception) -> str:
    """What to tell the person; what nobody foresaw goes to the log."""
    if isinstance(error, Trouble):
        return say(error.template, **error.facts)
    log.error("%s failed", handler.__qualname__, exc_info=error)
    return say("Something went wrong here, and nothing was lost. Try again, or reload the page.")
