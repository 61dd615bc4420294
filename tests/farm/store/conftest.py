"""One real S3 server for the tests of the store."""

from collections.abc import Iterator

import pytest

from farm.local.services import local_services
from farm.settings import Settings


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings that reach an S3 server with an empty bucket."""
    with local_services(tmp_path_factory.mktemp("home")) as settings:
        yield settings
