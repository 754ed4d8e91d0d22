"""Exact inference row after row in compiled loops, for tables on the processor."""
