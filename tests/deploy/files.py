"""The files of `deploy/`, read as Docker reads them."""

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
IMAGES = sorted(DEPLOY.glob("*.Dockerfile"))
COMPOSE_TEXT = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = YAML(typ="safe").load(COMPOSE_TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
_REFERENCE = re.compile(r"\$\{(?P<name>\w+)(?::?[-?](?P<default>[^}]*))?\}")


def instructions(image: Path) -> Iterator[tuple[str, str]]:
    """Every instruction of a Dockerfile with its words, continued lines joined, comments left out."""
    lines = [line for line in image.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        if line:
            name, _, words = line.partition(" ")
            yield name, words


def last(image: Path, name: str) -> str:
    """The words of the instruction that decides."""
    return [words for found, words in instructions(image) if found == name][-1]


def words_of(array: str) -> list[str]:
    """A command in brackets as words."""
    found = re.search(r"\[(.*)\]", array)
    assert found, f"{array} is no list of words"
    return [word.rstrip(",") for word in shlex.split(found[1])]


def example() -> dict[str, str]:
    """Every variable that `.env.example` names, those that are commented out too."""
    text = (DEPLOY / ".env.example").read_text(encoding="utf-8")
    return dict(re.findall(r"^#?([A-Z0-9_]+)=(.*)$", text, re.MULTILINE))


def filled(text: str, values: Mapping[str, str]) -> str:
    """A text of compose.yaml with its variables in their places."""
    return _REFERENCE.sub(lambda found: values.get(found["name"], found["default"] or ""), text)
