"""The parts of `detect`: pictures in their turn, what is written of each, the folder of a run."""
