"""Evaluate from a terminal: `python -m genmodels evaluate FOLDER`, its numbers as a table."""

from __future__ import annotations

import argparse
import pathlib
from collections.abc import Iterator

from ..data import starters
from ..evaluation.result import FILE, Evaluation, Number
from ..evaluation.verdict import headline
from ..runs.order import filled
from ..settings import add_arguments
from ..terminal import beside, checkpoint, followed

FOUND = {"copied": "It copied: ", "clear": "It did not copy: "}


def arguments(command: argparse.ArgumentParser) -> None:
    """What can be chosen on the command line."""
    from ..evaluation import Evaluating

    command.add_argument("checkpoint", type=pathlib.Path, help="a checkpoint's folder, or the name of a model here")
    words = "a starter set, or a folder or ZIP of pictures; left out: the starter set that it learned from"
    command.add_argument("--set", default="", metavar="SET", help=words)
    command.add_argument("--intake", action="append", default=[], metavar="NAME=VALUE", help="as for train")
    command.add_argument("--out", type=pathlib.Path, metavar="FILE", help=f"write it here, too, like {FILE}")
    add_arguments(command, Evaluating)


def act(chosen: argparse.Namespace) -> int:
    """Measure, print, and write the file. Ctrl-C stops."""
    from ..evaluation import Evaluating, evaluate

    given = {name: getattr(chosen, name) for name in Evaluating.model_fields if hasattr(chosen, name)}
    settings = filled(Evaluating, given)
    found = checkpoint(chosen.checkpoint)
    pictures = starters.opened(beside(found, chosen.set, chosen.intake))
    judging = evaluate(found.load(), pictures, settings, name=found.name, identity=found.identity)
    evaluation = followed(judging, "Judging")
    mark = found.trained.get("fingerprint", evaluation.protocol.fingerprint)
    if pictures.name != found.trained.get("set", pictures.name) or mark != evaluation.protocol.fingerprint:
        evaluation = evaluation.elsewhere()
    print("\n".join(table(evaluation)))
    if chosen.out is not None:
        chosen.out.parent.mkdir(parents=True, exist_ok=True)
        chosen.out.write_text(evaluation.text(), encoding="utf-8")
        print(f"Written to {chosen.out}")
    return 0


def table(evaluation: Evaluation) -> Iterator[str]:
    """Lines of text: the protocol, every number with its band and what real pictures get, every class, copying."""
    protocol = evaluation.protocol
    against = "held-out pictures" if protocol.against == "held-out" else "of the pictures it learned from"
    yield (
        f"{evaluation.model}: {protocol.made:,} made pictures against {protocol.real:,} {against} of {protocol.set}; "
        f"judge {protocol.features}, k {protocol.neighbours}, seed {protocol.seed}, diversity {protocol.diversity:g}."
    )
    yield f"{'':18}{'value':>10}  {'95 % band':>21}  {'real pictures':>13}"
    for number in evaluation.numbers:
        yield _line(number)
    for kind in evaluation.classes:
        yield f"class {kind.name:12}  precision {kind.precision:.3f}  recall {kind.recall:.3f}  F1 {kind.f1:.3f}"
    if evaluation.copying:
        copies = evaluation.number("copies")
        yield (
            f"{FOUND[evaluation.copying]}{copies.value:.1%} of its pictures are nearer to a training picture than "
            f"nearly all unseen real ones are; of real ones it is {copies.reference:.1%}."
        )
    yield f"{headline(evaluation)[1]} ({evaluation.seconds:.1f} s)"


def _line(number: Number) -> str:
    reference = "" if number.reference is None else f"{number.reference:.4g}"
    band = f"{number.low:.4g} to {number.high:.4g}"
    by = f"  ({number.by})" if number.by else ""
    return f"{number.name:18}{number.value:>10.4g}  {band:>21}  {reference:>13}{by}".rstrip()
