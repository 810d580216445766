"""Open the studio, build the screens, launch."""

from __future__ import annotations

import os
import threading

# Before gradio is imported: nothing is reported to anyone, and old events do not slow down new ones.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ.setdefault("GRADIO_ANALYTICS_MAX_EVENTS", "200")
os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", "100")

import gradio as gr

from genmodels.studio import Studio
from genmodels.ui import build, theme


def warm() -> None:
    """Bring torch while the person is still looking, so that the first click need not wait for it."""
    import torch

    torch.set_num_threads(1)


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
    screens = build(Studio())
    launch(screens)
    threading.Thread(target=warm, daemon=True).start()
    screens.block_thread()


if __name__ == "__main__":
    main()
