"""``python -m forebay``: the command, without its script."""

import sys

from forebay.cli import main

if __name__ == "__main__":
    sys.exit(main())
