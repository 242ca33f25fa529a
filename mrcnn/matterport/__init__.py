"""Names that only programs written for Matterport's implementation call.

Each hands on to the room that does the work.
"""
