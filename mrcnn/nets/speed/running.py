"""What the model that runs in this thread has folded, and whether it infers; see `folding`."""

import threading

running = threading.local()
