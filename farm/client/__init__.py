"""The Python API under the command line."""

from farm.client.farm import Farm

__all__ = ["Farm"]
