"""The loopback Hub by hand: `python -m tests.loopback --stock`, then the lines that it prints, in another terminal."""

from __future__ import annotations

import argparse
import functools
import pathlib
import tempfile
import threading

from . import stock
from .hub import Hub

HELP = """A Hub on this machine at {url}

Type in another terminal (bash), then start the studio, or use the commands, as always:

  export HF_ENDPOINT={url} HF_HOME=$(mktemp -d) HF_TOKEN={token}
  python app.py

  python -m genmodels search digits
  python -m genmodels pull genmodels/digits-gan

As a Space, where visitors sign in by this Hub (instead of HF_TOKEN):

  export {space}
"""


def fill(hub: Hub) -> None:
    """The checkpoints that ship, a tiny pipeline, two tiny autoencoders (random weights), two sets of pictures."""
    from ..guest_models import autoencoder, pipeline

    stock.checkpoints(hub)
    makers = {
        "guests/tiny-ddpm": functools.partial(pipeline, channels=3),
        "guests/tiny-autoencoder-kl": functools.partial(autoencoder, kind="AutoencoderKL"),
        "guests/tiny-autoencoder": functools.partial(autoencoder, kind="AutoencoderTiny"),
    }
    with tempfile.TemporaryDirectory() as scratch:
        stock.guests(hub, makers, pathlib.Path(scratch))
    stock.picture_sets(hub)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.loopback", description=__doc__)
    parser.add_argument("--port", type=int, default=8808)
    parser.add_argument("--stock", action="store_true", help=fill.__doc__)
    parser.add_argument("--no-xet", action="store_true", help="large files by LFS only; set HF_HUB_DISABLE_XET=1 then")
    parser.add_argument("--user", default="ada", help="who the printed token belongs to")
    chosen = parser.parse_args()
    hub = Hub(xet=not chosen.no_xet, port=chosen.port)
    try:
        hub.up()
    except OSError:
        parser.exit(1, f"Port {chosen.port} is taken. Choose another one with --port.\n")
    with hub:
        if chosen.stock:
            fill(hub)
        space = " ".join(f"{name}={value!r}" for name, value in hub.space_environment().items())
        print(HELP.format(url=hub.url, token=hub.token(chosen.user), space=space))
        for kind, name in hub.store.repos:
            print(f"  {kind:8} {hub.url}/{'datasets/' if kind == 'dataset' else ''}{name}")
        print("\nCtrl-C ends it; nothing is kept.", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main()
