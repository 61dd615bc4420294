"""Decides what is dispatched, and carries it out."""
