"""``python -m workers``: one worker, a process tree for one device."""

import sys


def main() -> int:
    """Read the settings, serve, and say an error in one sentence."""
    from farm.errors import FarmError
    from farm.settings import Settings
    from workers.app import run

    try:
        return run(Settings.load())
    except FarmError as error:
        print(error, file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
