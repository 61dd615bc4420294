"""The command line as a person runs it, against a farm without workers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from farm.cli.main import main
from farm.client.farm import Farm

if TYPE_CHECKING:
    from tests.farm.conftest import Stage


@dataclass(frozen=True)
class Ran:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs one command in this process."""

    def call(*words: object) -> Ran:
        capsys.readouterr()
        code = main([str(word) for word in words])
        said = capsys.readouterr()
        return Ran(code, said.out, said.err)

    return call


@pytest.fixture
def here(stage: "Stage", monkeypatch: pytest.MonkeyPatch) -> "Stage":
    """Commands talk to the stage's farm."""

    def connect(*_: Any) -> Farm:
        return Farm(stage.farm.connection)

    monkeypatch.setattr(Farm, "connect", connect)
    monkeypatch.setattr(Farm, "close", lambda _: None)
    return stage
