"""``convert``: tasks as others write them -> a manifest of ours."""

from pathlib import Path
from typing import Annotated

import typer

from farm.cli.output import count
from farm.cli.submit import Name, Overrides

File = Annotated[
    str,
    typer.Argument(
        help="An OpenAI batch (.jsonl), a list of imageInference requests (.json), a table or a list of prompts."
    ),
]
Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE", help="Write a .yaml, and many rows into a .jsonl beside it."),
]


def convert(file: File, *, overrides: Overrides = None, name: Name = None, output: Output = None) -> None:
    """Print a manifest of ours that draws the same; needs no farm, and looks no model up."""
    from farm.manifest.model import load
    from farm.manifest.written import INLINE, write

    made = load(file, overrides=[*(overrides or ()), *([f"name={name}"] if name else [])])
    written = write(made)
    for note in made.notes:
        typer.echo(f"note: {note}", err=True)
    if output is None:
        typer.echo(written.to_yaml(), nl=False)
        return
    beside = output.with_suffix(".jsonl")
    apart = len(written.rows) > INLINE
    _refuse_existing(output, *([beside] if apart else []))
    text = written.to_yaml(rows_file=beside.name if apart else None)
    if apart:
        with beside.open("w", encoding="utf-8") as stream:
            stream.writelines(written.to_jsonl())
    output.write_text(text, encoding="utf-8")
    rows = f" and {beside}, with {count(len(written.rows), 'row')}" if apart else ""
    typer.echo(f"Wrote {output}{rows}.")


def _refuse_existing(*paths: Path) -> None:
    """Never write over a file that is there."""
    from farm.errors import UsageError

    if paths[0].suffix.lower() not in {".yaml", ".yml"}:
        raise UsageError(f"A manifest's name ends in .yaml, and that of {paths[0]} does not.")
    for path in paths:
        if path.exists():
            raise UsageError(f"{path} is there already: choose another name, or remove it.")
