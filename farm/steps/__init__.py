"""What is known about step counts and schedulers."""
