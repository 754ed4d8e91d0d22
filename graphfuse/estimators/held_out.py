"""How likely rows are that were held out."""

from __future__ import annotations

import numpy as np

from ..learning.sample_weights import weights_of_rows


def mean_log_likelihood(
    probabilities: np.ndarray, states: np.ndarray, sample_weight: np.ndarray | None = None
) -> float:
    """Of states ``(rows,)`` under probabilities ``(rows, num_classes)``, in nats; rows of ``nan`` do not count.

    With weights ``(rows,)`` it is a weighted mean.
    """
    found = probabilities[np.arange(len(states)), states]
    known = ~np.isnan(found)
    log_likelihoods = np.log(np.maximum(found[known], np.finfo(np.float64).tiny))
    return float(np.average(log_likelihoods, weights=weights_of_rows(sample_weight, known)))
