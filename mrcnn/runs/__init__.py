"""The folder of a training run: what is in it, and how it is found again. Imports no training."""
