"""Measures Holdfast beside nginx (the limit) and the peers that are installed; `python -m bench.run`, `make bench`."""
