"""Training targets, losses, the model with its training step, schedules and callbacks."""
