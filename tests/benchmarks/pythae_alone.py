"""pythae alone: runs in the environment that rivals.py makes for it. FOLDER MOMENT... -> made-0.npy and facts.json.

Its default VAE (dense, 512 hidden units, squared error), 16 latents, Adam 1e-3, batch 200 as in its own introduction;
its GaussianMixtureSampler with the default 10 components. Only its public classes are used.
"""

from __future__ import annotations

import json
import pathlib
import sys
import time

import numpy as np
import torch
from pythae.models import VAE, VAEConfig
from pythae.pipelines import TrainingPipeline
from pythae.samplers import GaussianMixtureSampler, GaussianMixtureSamplerConfig
from pythae.trainers import BaseTrainerConfig
from pythae.trainers.training_callbacks import TrainingCallback

COUNT, BATCH = 10_000, 200


class Over(Exception):
    """The time is up."""


class Moments(TrainingCallback):
    """Counts steps and processor seconds; at each moment it fits the sampler, draws, and does not count that."""

    def __init__(self, model: VAE, pixels: np.ndarray, folder: pathlib.Path, moments: list[float]) -> None:
        self.model, self.pixels, self.folder, self.moments = model, pixels, folder, moments
        self.steps, self.aside, self.facts = 0, 0.0, []

    def on_train_begin(self, training_config: BaseTrainerConfig, **more: object) -> None:
        """Time counts from the first step."""
        self.start = time.process_time()

    def on_train_step_end(self, training_config: BaseTrainerConfig, **more: object) -> None:
        """A step is done."""
        self.steps += 1
        now = time.process_time()
        seconds = now - self.start - self.aside
        if seconds < self.moments[len(self.facts)]:
            return
        self.model.eval()
        sampler = GaussianMixtureSampler(self.model, GaussianMixtureSamplerConfig(n_components=10))
        sampler.fit(torch.from_numpy(self.pixels).float() / 255)
        settling = time.process_time() - now
        made = sampler.sample(num_samples=COUNT, batch_size=BATCH).cpu().numpy()
        np.save(self.folder / f"made-{len(self.facts)}.npy", made)
        self.facts.append({"seconds": seconds, "images": self.steps * BATCH, "settling": settling})
        self.model.train()
        self.aside += time.process_time() - now
        if len(self.facts) == len(self.moments):
            raise Over


def main(folder: pathlib.Path, moments: list[float]) -> None:
    """Train until the last moment."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    pixels = np.load(folder / "pixels.npy")
    model = VAE(VAEConfig(input_dim=pixels.shape[1:], latent_dim=16))
    config = BaseTrainerConfig(
        output_dir=str(folder / "pythae"), num_epochs=1_000_000, learning_rate=1e-3, per_device_train_batch_size=BATCH
    )
    watch = Moments(model, pixels, folder, moments)
    try:
        TrainingPipeline(training_config=config, model=model)(
            train_data=pixels.astype(np.float32) / 255, callbacks=[watch]
        )
    except Over:
        (folder / "facts.json").write_text(json.dumps(watch.facts))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), [float(moment) for moment in sys.argv[2:]])
