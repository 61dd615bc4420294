"""``python -m farm`` is ``farm``; the supervisor of a local farm starts its children this way."""

import sys

from farm.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
