"""`python -m mrcnn`: the command `mrcnn`."""

import sys

from mrcnn.app.main import main

sys.exit(main())
