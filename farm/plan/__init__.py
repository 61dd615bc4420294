"""The frozen job and its ranges."""
