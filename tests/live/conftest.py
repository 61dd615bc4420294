"""Real Redis and S3 servers, and whole farms, for the tests that need them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from farm.local.services import local_services
from farm.settings import Settings


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Settings]:
    """A Redis and an S3 server of the test's own; the settings that reach them."""
    with local_services(tmp_path / "home") as settings:
        yield settings
