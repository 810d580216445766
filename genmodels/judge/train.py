"""Train the judge and the classifiers on the starter sets, and write their weights and card into assets/judge.

`python -m genmodels.judge.train [studio] [digits] [fashion] [letters] [--full FOLDER]` does all where none is named.
FOLDER may hold digits.npz, fashion.npz and letters.npz, the whole published sets (`images`, `labels`, and where there
are such `test_images`, `test_labels`): classifiers then learn from those, less what the starter sets hold out.
Everything repeats exactly with the same seed.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import time

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn
from tqdm import tqdm

from ..data import starters
from ..events import Progress
from . import learn_classes, learn_features
from .classifiers import NETWORKS
from .network import ASSETS

BUDGETS = {"studio": 400_000, "digits": 160_000, "fashion": 320_000, "letters": 120_000}  # pictures to learn from
MIRROR = {"digits": False, "fashion": True, "letters": False}  # whether a mirrored picture could be one of the set


def train(name: str, *, images: int = 0, full: pathlib.Path | None = None, seed: int = 0) -> dict[str, str]:
    """Train one network, write its weights with the facts of its making, and return those facts."""
    torch.set_num_threads(1)
    images, start, network, seen = images or BUDGETS[name], time.process_time(), None, 0
    if name == "studio":
        lessons = learn_features.learn(images, seed)
        facts = {"learnt from": "the six starter sets, without their held-out pictures"}
    else:
        lesson = learn_classes.Lesson.open(name, full)
        lessons = learn_classes.learn(lesson, images, mirror=MIRROR[name], seed=seed)
        whole = "published" if full else "starter"
        facts = {"learnt from": f"{len(lesson.pixels):,} pictures of the {whole} set"}
        facts["tested on"] = f"{len(lesson.test_pixels):,} pictures that it never learnt from"
    with tqdm(total=100, unit="%", desc=name) as bar:
        for found in lessons:
            if isinstance(found, Progress):
                bar.update(int(100 * found.fraction) - bar.n)
                bar.set_postfix({part: f"{value:.3f}" for part, value in found.parts.items()})
            else:
                network, seen = found, images
    facts |= {"pictures": f"{seen:,}", "seed": str(seed), "processor seconds": f"{time.process_time() - start:.0f}"}
    write(name, network, facts)
    return facts


def write(name: str, network: nn.Module, facts: dict[str, str]) -> None:
    """Save weights whole or not at all; the facts lie in the file's header."""
    ASSETS.mkdir(parents=True, exist_ok=True)
    part = ASSETS / f"{name}.part"
    save_file(network.state_dict(), part, metadata={"format": "pt", "facts": json.dumps(facts, sort_keys=True)})
    part.chmod(0o644)
    part.replace(ASSETS / f"{name}.safetensors")


def facts_of(name: str) -> dict[str, str]:
    """How a weights file in assets/judge was made, as its header says."""
    with safe_open(ASSETS / f"{name}.safetensors", framework="np") as file:
        return json.loads((file.metadata() or {}).get("facts", "{}"))


def card() -> str:
    """The README of assets/judge, from the files that lie there."""
    lines = CARD.strip().splitlines()
    for name in ("studio", *NETWORKS):
        with safe_open(ASSETS / f"{name}.safetensors", framework="np") as file:
            count = sum(file.get_tensor(part).size for part in file.keys())  # noqa: SIM118 (not a mapping)
            right = float(file.get_tensor("accuracy")) if "accuracy" in file.keys() else None  # noqa: SIM118
        size = (ASSETS / f"{name}.safetensors").stat().st_size
        lines += ["", f"### {name}.safetensors", "", f"- {count:,} numbers, {size / 1e6:.2f} MB"]
        lines += [f"- {fact}: {value}" for fact, value in facts_of(name).items()]
        lines += [] if right is None else [f"- right: {right:.2%} (stored in the file as `accuracy`)"]
    lines += ["", "## Licences of what they learnt from", ""]
    for name in starters.NAMES:
        about = starters.about(name)
        lines.append(f"- {about['title']}: {about['licence']}; {about['origin']}")
    return "\n".join(lines) + "\n"


CARD = """
# The judge

Small networks that judge pictures of 28, 32 or 64 px with no network at hand, made from nothing by
`python -m genmodels.judge.train --full FOLDER` (one thread, fixed seed; see genmodels/judge/train.py).

- `studio.safetensors` turns any picture, grey or colour, into 192 numbers in which like pictures lie close together.
  Distances, precision, recall, density, coverage and copies are measured with them, under the name `studio-1`.
- `digits.safetensors`, `fashion.safetensors` and `letters.safetensors` say which digit, kind of clothes (28 px) or
  capital letter (32 px) a grey picture shows.

## How far to trust them

`python -m genmodels.judge.ranking --more FOLDER` damages pictures in eight ways (blur, noise, JPEG, occlusion, too
little and too much contrast, two other sets mixed in) at six growing strengths, and prints the Frechet and kernel
distance to undamaged other pictures: both must grow at every step, on the starter sets and on sets in FOLDER that the
judge never saw. Uniform noise must get a density near 0. `python -m pytest tests/test_judge.py` does a short form.

Found with studio-1, 500 pictures against 500: no step of 864 out of order, on the six starter sets and on doodles
(grey, 28 px), game sprites (colour, 32 px) and chest X-rays (grey, 28 px) that it never saw; the density of noise was
0.0000 on all nine. An untrained network of the same shape, its features turned alike, had 6 of the 576 steps on the
starter sets out of order: the test is needed, not sufficient. A picture takes 0.11 ms at 28 px, 0.14 ms at 32 px and
0.49 ms at 64 px on one core (printed by the same command).

What was chosen with these tables in view: how much features are shrunk (two numbers, learn_features.SHRINKING), the
weakest blur (0.35 px before: 83 in 100 pixels of an X-ray stay as they were), the steps of JPEG (X-rays come out of
quality 30 in some ways nearer to themselves than out of 50), the smallest share of strangers (3 % before), and that
each distance is the mean of two, either half damaged against the other. The weights were not trained again for it.

Limits: it learnt from drawings, glyphs, clothes and digits, not from photographs; the same kinds of damage (other
pictures) were among its lessons. A distance is only comparable with one taken with the same features, set and number of
pictures; it is not an FID. Wrong anatomy or a missing stroke may weigh less for it than for a person.

## What lies here
"""


def main(arguments: list[str] | None = None) -> None:
    """Train what is named, then write the card anew."""
    parser = argparse.ArgumentParser(prog="python -m genmodels.judge.train", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BUDGETS, []], help="which; all where none")
    parser.add_argument("--full", type=pathlib.Path, metavar="FOLDER", help="npz files of the whole published sets")
    parser.add_argument("--images", type=int, default=0, help=f"pictures to learn from (by itself {BUDGETS})")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    for name in options.names or BUDGETS:
        print(train(name, images=options.images, full=options.full, seed=options.seed))
    (ASSETS / "README.md").write_text(card(), encoding="utf-8")


if __name__ == "__main__":
    main()
