"""How long a test waits: a hang meets it, a slow machine does not; how fast something is belongs to the benchmarks."""

PATIENCE = 120.0  # seconds
