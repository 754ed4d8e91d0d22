"""What the medical walk-through is made of: the study, its numbers, its page."""
