"""How the measurements are shown."""
