"""What an evaluation or a detection says, as tables, files and a page."""
