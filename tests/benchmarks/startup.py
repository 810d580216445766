"""How long until the server answers: app.py beside an empty Gradio app, in turns; and whether torch came too early."""

from __future__ import annotations

import argparse
import pathlib
import sys
import tempfile
import time

from bench import hardware, middle, serving

HEAVY = ("torch", "diffusers")
EMPTY = """
import gradio as gr

with gr.Blocks(analytics_enabled=False) as screens:
    pass
screens.launch(prevent_thread_lock=True, ssr_mode=False, run_history=False, enable_monitoring=False, show_error=False)
screens.block_thread()
"""
# Runs app.py and writes down when a heavy package begins to load: a look for one of its own modules says so (a look
# for the package itself may only ask whether it is installed).
WATCHED = """
import pathlib, runpy, sys, time

class Watch:
    @staticmethod
    def find_spec(name, path=None, target=None):
        package, dot, _ = name.partition(".")
        note = pathlib.Path(sys.argv[1]) / package
        if dot and package in {heavy} and not note.exists():
            note.write_text(str(time.time()))

sys.meta_path.insert(0, Watch)
sys.path.insert(0, "")
runpy.run_path("app.py", run_name="__main__")
"""


def seconds(command: list[str], home: pathlib.Path) -> float:
    """From the start of the process to HTTP 200."""
    with serving(command, home) as (_, started, answered):
        return answered - started


def loaded(home: pathlib.Path, wait: float) -> dict[str, float | None]:
    """When each heavy package began to load, in seconds after the server's first answer; None within `wait`: never."""
    command = [sys.executable, "-c", WATCHED.format(heavy=HEAVY), str(home)]
    with serving(command, home) as (_, _, answered):
        time.sleep(wait)
        notes = {name: home / name for name in HEAVY}
        return {name: float(note.read_text()) - answered if note.exists() else None for name, note in notes.items()}


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=5, help="of each app, after one of each that is not counted")
    options.add_argument("--wait", type=float, default=10, help="seconds to see whether torch is loaded later")
    chosen = options.parse_args()
    apps = {"empty Gradio app": [sys.executable, "-c", EMPTY], "app.py": [sys.executable, "app.py"]}
    taken: dict[str, list[float]] = {name: [] for name in apps}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        home = pathlib.Path(folder)
        for name, after in loaded(home, chosen.wait).items():
            when = f"not loaded within {chosen.wait:.0f} s" if after is None else f"began to load {abs(after):.2f} s "
            side = "" if after is None else "after the server answered" if after > 0 else "BEFORE the server answered"
            print(f"{name}: {when}{side}")
        seconds(apps["empty Gradio app"], home)
        for number in range(chosen.runs):
            for name in sorted(apps, reverse=bool(number % 2)):
                taken[name].append(seconds(apps[name], home))
    for name, values in taken.items():
        all_of_them = " ".join(f"{value:.2f}" for value in values)
        print(f"{name:17} {middle(values):5.2f} s to HTTP 200 (median of {all_of_them})")
    print(f"ratio             {middle(taken['app.py']) / middle(taken['empty Gradio app']):5.2f}")
    print(hardware())


if __name__ == "__main__":
    main()
