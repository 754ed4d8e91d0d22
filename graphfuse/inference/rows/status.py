"""How a row ended, and how small its numbers may be."""

LEAST = 1e-261  # positive number in a row, so that a sum of many, and the part of one in it, do not vanish
FINE, WEAK, IMPOSSIBLE = 0, 1, 2  # answered; beyond what these numbers hold; of probability zero
