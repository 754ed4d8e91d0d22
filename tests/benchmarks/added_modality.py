"""How far does a modality of pure noise, or one twice, move the answers of the default fusion after a refit?

python -m tests.benchmarks.added_modality [DRAW ...]

Two views of two columns each, Gaussian about the class, 5000 rows. The default FusionClassifier is fitted to them, and
again with a third view: noise, or the first view once more. Printed by draw, in nats, over the training rows: how far
the mean absolute log-odds moves (less than .05 asked), and the mean absolute change of a row's log-odds, which is the
more severe; and the structures that were chosen.
"""

import sys

import numpy as np

from graphfuse import FusionClassifier


def main() -> None:
    for draw in map(int, sys.argv[1:] or range(4)):
        rng = np.random.default_rng(draw)
        y = rng.integers(0, 2, 5000)
        X = {f"view{i}": y[:, None] + rng.normal(size=(5000, 2)) for i in range(2)}
        noise = np.random.default_rng(1 + 100 * draw).normal(size=(5000, 2))
        alone, chosen = answered(X, y)
        for name, added in (("noise", noise), ("duplicate", X["view0"])):
            found, structure = answered({**X, "added": added}, y)
            moved = np.abs(found).mean() - np.abs(alone).mean()
            by_row = np.abs(found - alone).mean()
            print(f"draw {draw}: {name} {moved:+.3f}, by row {by_row:.3f} ({chosen}; {structure})", flush=True)


def answered(X: dict[str, np.ndarray], y: np.ndarray) -> tuple[np.ndarray, str]:
    """The log-odds of the training rows, and the structure that was chosen."""
    model = FusionClassifier(random_state=0).fit(X, y)
    log_probabilities = model.predict_log_proba(X)
    return log_probabilities[:, 1] - log_probabilities[:, 0], model.structure_


if __name__ == "__main__":
    main()
