"""Logs that do not grow for ever: a farm may be up for weeks, and its processes write to files they keep open."""

import contextlib
import os
from pathlib import Path

#: Bytes at which a log is cut, and that are kept of its end: a night's warnings of one process.
LONGEST, KEPT = 16 << 20, 4 << 20
_CUT = b"... what came before was cut off, so that this log stays short\n"


def keep_short(folder: Path, *, longest: int = LONGEST, kept: int = KEPT) -> None:
    """Cut every log of a folder that has grown too long down to its last lines.

    The file stays the same one, for its writers append to it: what they write while it is cut may be lost, or come
    before the lines that are kept.

    Args:
        folder: where the logs are.
        longest: bytes up to which a log is left alone.
        kept: bytes that are kept of one that is cut.
    """
    for path in folder.glob("*.log"):
        with contextlib.suppress(OSError):  # the next look sees it again
            if path.stat().st_size > longest:
                _cut(path, kept)


def _cut(path: Path, kept: int) -> None:
    with path.open("rb") as file:
        file.seek(-kept, os.SEEK_END)
        end = file.read(kept).partition(b"\n")[2]
    with path.open("ab") as file:
        file.truncate(0)
        file.write(_CUT + end)
