"""Exact inference on many rows side by side in compiled loops, for small tables that are being learned."""
