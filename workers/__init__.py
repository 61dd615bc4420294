"""The GPU side of the farm."""
