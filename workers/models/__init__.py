"""Models that ship with the farm."""
