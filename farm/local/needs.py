"""What a farm on this machine is made of that `pip install stepfarm` alone does not bring, and how to get it."""

import importlib.util
from collections.abc import Iterable, Iterator, Mapping

from farm.errors import UsageError
from farm.local import redis, s3

#: What a worker imports and nobody else does.
RENDERING = ("torch", "diffusers", "transformers", "accelerate")
#: How a machine gets them.
WORKER = "pip install 'stepfarm[worker]'"


def renders() -> bool:
    """Whether a worker's libraries are here; none is imported to find out."""
    return all(importlib.util.find_spec(name) is not None for name in RENDERING)


def require(*, workers: int, environment: Mapping[str, str]) -> None:
    """Raise `UsageError`, one sentence with all that is missing and how to get it, unless a farm can start here.

    Args:
        workers: how many it is to have.
        environment: variables; the services that they name are elsewhere and not started here.
    """
    missing = dict(_missing(workers, environment))
    if missing:
        *most, last = missing
        named = f"{', '.join(most)} and {last}" if most else last
        raise UsageError(f"A farm on this machine needs {named}: {_together(missing.values())}.")


def _missing(workers: int, environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if not environment.get("FARM_REDIS_URL") and redis.binary() is None:
        yield "a Redis server, 6.2 or later", redis.advice()
    if not environment.get("FARM_S3_URL") and s3.binary() is None:
        yield "rclone", s3.advice()
    if workers and not renders():
        yield "the libraries of a worker", WORKER


def _together(advice: Iterable[str]) -> str:
    """Every piece of advice once."""
    return "; ".join(dict.fromkeys(advice)).replace("[local]'; pip install 'stepfarm[worker]", "[local,worker]")
