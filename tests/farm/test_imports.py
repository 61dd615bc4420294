"""What `farm` may import, and when."""

import subprocess
import sys
from pathlib import Path

import pytest

import farm

#: Never in any farm process: the GPU's libraries and the worker's code.
FORBIDDEN = {"torch", "diffusers", "transformers", "accelerate", "workers"}
#: Only where a command needs them.
HEAVY = {"boto3", "botocore", "celery", "kombu", "numpy", "polars", "PIL", "ruamel", "jinja2"}
MODULES = sorted(
    ".".join(path.relative_to(Path(farm.__file__).parent.parent).with_suffix("").parts)
    for path in Path(farm.__file__).parent.rglob("*.py")
    if path.stem not in {"__init__", "__main__"}
)


def loaded(code: str) -> set[str]:
    """Names of the top-level packages that are loaded after some code ran in a process of its own."""
    ending = "\nprint('|'.join(sorted({name.split('.')[0] for name in sys.modules})))"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}{ending}"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split("|"))


def test_no_module_of_the_farm_imports_the_gpu() -> None:
    """`workers` imports `farm`, never the other way: all modules at once bring none of it."""
    code = "import importlib\n" + "".join(f"importlib.import_module({name!r})\n" for name in MODULES)
    assert loaded(code) & FORBIDDEN == set()


def test_importing_the_package_costs_nothing() -> None:
    """Neither the public names nor the settings are loaded before they are used."""
    assert loaded("import farm") & (FORBIDDEN | HEAVY | {"pydantic", "redis", "rich", "typer"}) == set()


@pytest.mark.parametrize("words", [["--help"], ["submit", "--help"], ["nonsense"]], ids=" ".join)
def test_help_is_light(words: list[str]) -> None:
    """Neither help nor a wrong word connects to anything."""
    code = f"from farm.cli.main import main\nmain({words!r})"
    assert loaded(code) & (FORBIDDEN | HEAVY | {"redis"}) == set()


def test_status_is_light(redis_url: str) -> None:
    """A status asks Redis alone: no store, no tables, no pictures."""
    code = (
        f"import os\nos.environ['FARM_REDIS_URL'] = {redis_url!r}\nfrom farm.cli.main import main\n"
        "assert main(['status', 'nothing']) == 3\n"  # unknown to Redis, and no store is configured to look further
    )
    assert loaded(code) & (FORBIDDEN | HEAVY) == set()


def test_public_names_are_what_the_package_says() -> None:
    """Every name of `__all__` is there, and nothing else is promised."""
    for name in farm.__all__:
        assert getattr(farm, name).__name__ == name
    assert dir(farm) == sorted(farm.__all__)
    assert farm.__all__ == sorted(farm.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As with any module."""
    with pytest.raises(AttributeError, match="'farm' has no attribute 'Barn'"):
        farm.Barn  # noqa: B018
