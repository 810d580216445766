"""Export, measured: seconds and bytes of each model that ships, how far off it draws, and how fast without torch."""

from __future__ import annotations

import argparse
import pathlib
import tempfile
import time

from bench import ROOT, hardware, middle

PICTURES, ROUNDS = 64, 9
ROW = "| {:14} | {:>7} | {:>10,} | {:>9,} | {:>4.0%} | {:>9,} | {:>7.1e} | {:>6.3f} | {:>7.1f} | {:>7.1f} |"


def row(folder: pathlib.Path, into: pathlib.Path) -> str:
    """One model's line of the table."""
    import numpy as np
    import onnxruntime

    from genmodels.checkpoint import Checkpoint
    from genmodels.export import export
    from genmodels.export.graph import inputs

    start = time.perf_counter()
    file = export(folder, out=into / f"{folder.name}.onnx")
    seconds = time.perf_counter() - start
    half = export(folder, half=True, out=into / f"{folder.name}.fp16.onnx")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    full, light = (onnxruntime.InferenceSession(path, options) for path in (file, half))
    model = Checkpoint.open(folder).load()
    asked = {name: value.numpy() for name, value in inputs(model, 3, PICTURES, 1.0).items()}
    wanted = model.sample(3, range(PICTURES)).numpy()
    off = float(np.abs(full.run(None, asked)[0] - wanted).max())
    levels = float(np.abs(light.run(None, asked)[0] - wanted).mean()) * 127.5
    milliseconds = [timed(lambda: full.run(None, asked)), timed(lambda: model.sample(3, range(PICTURES)))]
    weights, size = (folder / "model.safetensors").stat().st_size, file.stat().st_size
    return ROW.format(
        folder.name, f"{seconds:.2f}", weights, size, size / weights, half.stat().st_size, off, levels, *milliseconds
    )


def timed(work) -> float:
    """Milliseconds of the middle one of a few rounds."""
    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        taken.append(1000 * (time.perf_counter() - start))
    return middle(taken)


def main() -> None:
    """Print the table. The first row also pays for importing what torch exports with."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", help="names in checkpoints/ (default: all that ship)")
    chosen = parser.parse_args().models
    folders = sorted(file.parent for file in (ROOT / "checkpoints").glob("*/model.safetensors"))
    names = ("model", "seconds", "weights", "ONNX", "", "fp16", "off", "levels", "onnx ms", "torch ms")
    print("| " + " | ".join(names) + " |\n" + "|---" * len(names) + "|")
    with tempfile.TemporaryDirectory() as into:
        for folder in folders:
            if not chosen or folder.name in chosen:
                print(row(folder, pathlib.Path(into)), flush=True)
    print(
        f"\nBytes; off: the largest difference to torch in [-1, 1]; levels: fp16's mean difference, of 255; "
        f"milliseconds for {PICTURES} pictures on one thread. {hardware()}"
    )


if __name__ == "__main__":
    main()
