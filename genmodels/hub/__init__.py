"""The Hugging Face Hub: where checkpoints, guests and picture sets come from and go to."""
