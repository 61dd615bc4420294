"""Redis: who renders what, and what is done."""
