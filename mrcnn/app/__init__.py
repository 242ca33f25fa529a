"""The command line for any data set: train, evaluate, detect, check, convert, pack."""
