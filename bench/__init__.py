"""Measurements: `make bench`.  Figures only mean something within one run."""
