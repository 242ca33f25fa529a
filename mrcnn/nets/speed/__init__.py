"""The same numbers, quicker. Without this room every result would be the same."""
