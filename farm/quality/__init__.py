"""How alike pictures of one noise are at different step counts: which to compare, and how."""
