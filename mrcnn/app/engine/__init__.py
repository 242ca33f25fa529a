"""`--engine`: pictures as tasks of worker processes, here or on other machines."""
