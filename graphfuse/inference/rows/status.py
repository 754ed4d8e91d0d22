"""How a row ended."""

FINE, WEAK, IMPOSSIBLE = 0, 1, 2  # answered; beyond what these numbers hold; of probability zero
