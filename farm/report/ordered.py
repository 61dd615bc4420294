"""Lines that come in any order, given back by index: on disk where they are many, so that memory stays bounded."""

import io
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import polars as pl

#: Lines that are held in memory; one file holds as many.
HELD = 10_000
#: Indexes that are given back at once.
WINDOW = 2_500
#: Lines of a row group: where neighbours in the user's order are far apart, a window reads one of every file.
_ROW_GROUP = 500


class Lines:
    """Lines with the index that orders them; of two with one index the first counts.

    A temporary folder holds what is not in memory; it is gone when the block ends.

    Args:
        held: lines in memory.
        window: indexes that are given back at once.
    """

    def __init__(self, *, held: int = HELD, window: int = WINDOW) -> None:
        self._most, self._window = held, window
        self._held: list[pl.DataFrame] = []
        self._files: list[tuple[int, int, Path]] = []
        self._folder: TemporaryDirectory[str] | None = None
        #: How many were given back.
        self.written = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._folder is not None:
            self._folder.cleanup()

    def add(self, lines: "pl.DataFrame") -> None:
        """Take lines: columns ``index`` and ``line``."""
        self._held.append(lines)
        if sum(each.height for each in self._held) >= self._most:
            self._spool()

    def pieces(self) -> Iterator[bytes]:
        """All of them as text, each ended by a newline, in the order of their indexes."""
        import polars as pl

        if not self._files:
            if self._held:
                yield self._text(pl.concat(self._held))
            return
        self._spool()
        end = max(last for _, last, _ in self._files) + 1
        for start in range(0, end, self._window):
            yield self._text(self._between(start, start + self._window - 1))

    def _between(self, first: int, last: int) -> "pl.DataFrame":
        import polars as pl

        files = [path for lowest, highest, path in self._files if lowest <= last and first <= highest]
        if not files:
            return pl.DataFrame(schema={"index": pl.Int64, "line": pl.String})
        return pl.scan_parquet(files).filter(pl.col("index").is_between(first, last)).collect()

    def _spool(self) -> None:
        """Write what is held to a file of its own, in order."""
        import polars as pl

        if not self._held:
            return
        if self._folder is None:
            self._folder = TemporaryDirectory(prefix="stepfarm-")
        lines = pl.concat(self._held).sort("index", maintain_order=True)
        self._held.clear()
        path = Path(self._folder.name) / f"{len(self._files)}.parquet"
        lines.write_parquet(path, compression="lz4", row_group_size=_ROW_GROUP)
        self._files.append((lines["index"][0], lines["index"][-1], path))

    def _text(self, lines: "pl.DataFrame") -> bytes:
        """Lines in the order of their indexes; what is JSON needs no quotes of CSV."""
        ordered = lines.unique("index", keep="first", maintain_order=True).sort("index")
        self.written += ordered.height
        out = io.BytesIO()
        ordered.select("line").write_csv(out, include_header=False, quote_style="never")
        return out.getvalue()
