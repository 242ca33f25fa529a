"""Image files of any kind."""
