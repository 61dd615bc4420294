"""A render farm for diffusion models."""
