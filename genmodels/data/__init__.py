"""Picture sets: where pictures come from and what is done to them before a model sees them."""
