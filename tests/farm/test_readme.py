"""The README is code: what it shows is run."""

import re
import shlex
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from typer.main import get_command

from farm.cli.main import build
from farm.client.farm import Farm
from farm.settings import Settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def commands() -> list[list[str]]:
    """Every `farm` command of the shell blocks, as words."""
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    words = [shlex.split(line, comments=True) for line in lines]
    return [found[found.index("farm") + 1 :] for found in words if "farm" in found]


def test_manifest_plans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The manifest that the README explains is accepted and counts its axes' product."""
    (tmp_path / "prompts.txt").write_text("".join(f"a mug, {i}\n" for i in range(8)), encoding="utf-8")
    (tmp_path / "mugs.yaml").write_text(blocks("yaml")[0], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert Farm.plan("mugs.yaml").images == 8 * 3


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_command_exists(words: list[str]) -> None:
    """Every command and option that the README types is one the farm has."""
    group = get_command(build())
    command = group.get_command(None, words[0])  # type: ignore[attr-defined]
    assert command is not None
    options = {name for parameter in command.params for name in parameter.opts}
    assert {word for word in words[1:] if word.startswith("--")} <= options


def test_settings_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings file that the README shows holds settings the farm knows."""
    (tmp_path / "farm.toml").write_text(blocks("toml")[0], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FARM_CONFIG", raising=False)
    assert Settings.load().price_for("NVIDIA L4") == 0.71


def test_python_example_names_what_there_is() -> None:
    """The Python example compiles and calls methods the farm has."""
    code = blocks("python")[0]
    compile(code, "README.md", "exec")
    assert all(hasattr(Farm, name) for name in re.findall(r"\bfarm\.(\w+)\(", code))


def test_files_it_points_at_are_there() -> None:
    """Every file that the README links is in the repository."""
    assert all((ROOT / target).exists() for target in re.findall(r"\]\((farm/[^)]+)\)", README))


def test_examples_are_yaml() -> None:
    """Every example manifest is one that plans."""
    examples = sorted((ROOT / "farm" / "examples").glob("*.yaml"))
    assert examples
    assert all(YAML(typ="safe").load(path.read_text(encoding="utf-8")) for path in examples)
    assert all(Farm.plan(path).images for path in examples)
