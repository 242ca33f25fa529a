"""Settings of the tests that draw their own examples."""

from hypothesis import settings

# Test machines are shared and slow at times; a time limit on single examples would be noise.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")
