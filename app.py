"""Open the studio, build the screens, launch."""

from __future__ import annotations

import gc
import os
import threading

gc.disable()  # until the server is up: collecting while importing takes a fifth of the start

# Before gradio is imported: nothing is reported to anyone, and old events do not slow down new ones.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ.setdefault("GRADIO_ANALYTICS_MAX_EVENTS", "200")
os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", "100")

import gradio as gr

from genmodels.studio import Studio
from genmodels.ui import build, cloakroom, theme


def launch(screens: gr.Blocks, **more: object) -> None:
    """Serve the screens and return; the server goes on in its own thread."""
    screens.queue(default_concurrency_limit=4).launch(
        prevent_thread_lock=True,
        theme=theme.theme(),
        head=theme.head(),
        favicon_path=str(theme.ICON),
        footer_links=["api", "settings"],
        max_file_size="200mb",
        ssr_mode=False,
        run_history=False,
        enable_monitoring=False,
        show_error=False,
        **more,
    )


def main() -> None:
    """Open for visitors."""
    studio = Studio()
    screens = build(studio)
    launch(screens, app_kwargs={"middleware": cloakroom.layers(studio.hub.identity)})
    gc.freeze()
    gc.enable()
    warm = threading.Timer(1.0, studio.warm)  # after the first page, before the first click
    warm.daemon = True
    warm.start()
    screens.block_thread()


if __name__ == "__main__":
    main()
