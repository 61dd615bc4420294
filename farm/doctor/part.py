"""What a machine or a container is there for; in a file of its own, for the help to be quick."""

from enum import StrEnum


class Part(StrEnum):
    """A process of the farm."""

    COORDINATOR = "coordinator"
    WORKER = "worker"
