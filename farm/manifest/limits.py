"""How large what a user hands in may be. Each cap stands in the sentence that refuses what is above it."""

#: Bytes of a YAML or JSON manifest: a megabyte of YAML takes seconds to read, and long lists belong in a prompt file.
MANIFEST_BYTES = 4_000_000
#: Values of a manifest, aliases followed: each costs about 100 microseconds and a kilobyte while YAML is read.
MANIFEST_VALUES = 100_000
#: Deepest nesting of a manifest; deeper is an accident or an attack.
MANIFEST_DEPTH = 40
#: Bytes of a prompt file or table: its text is kept in memory once, in about as many bytes.
TABLE_BYTES = 1_000_000_000
#: Bytes of a JSON list of requests, which is read whole: some hundred thousand of them.
LIST_BYTES = 200_000_000
#: Rows of a table, and of axes that are written out: besides its texts, a row takes about 100 bytes in planning.
TABLE_ROWS = 5_000_000
#: Characters of one line of a prompt file or table, so that a file without line breaks is never read whole.
LINE = 1_000_000
#: Characters of one text: text encoders read some hundred words of a prompt; a longer one is a file by mistake.
TEXT = 100_000


def megabytes(size: int) -> str:
    """A number of bytes as a sentence says it."""
    return f"{size / 1e6:,.0f} MB"
