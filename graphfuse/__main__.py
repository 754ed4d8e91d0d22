"""``python -m graphfuse`` is the command ``graphfuse``."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
