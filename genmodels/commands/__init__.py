"""COMMANDS: what can be asked from a terminal; each is a module of this room with `arguments` and `act`."""

COMMANDS = {
    "train": "Train a model on a starter set, or on a folder or ZIP of your own pictures.",
    "sample": "Make pictures with a trained model.",
    "rebuild": "Rebuild pictures with a VAE or a guest autoencoder; blend two, or go for a walk from one.",
    "evaluate": "Measure how good and how varied a model's pictures are, and whether it copied.",
    "odd": "Rank pictures by how little they belong with what a model learned.",
    "export": "Write a model as an ONNX file, which draws without torch and without this package.",
    "push": "Publish a model on the Hugging Face Hub, or a new version of it.",
    "pull": "Fetch a model from the Hugging Face Hub; update it, roll it back, or list its versions.",
    "search": "Look for models on the Hugging Face Hub.",
    "runs": "See the trainings on this machine; pause, go on, stop, delete.",
    "bench": "Measure how fast every family and size trains on this machine.",
    "doctor": "Say what this machine can do, and what is missing.",
}
