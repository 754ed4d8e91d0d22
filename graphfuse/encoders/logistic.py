"""Scores of a linear model or of trees, turned into probabilities."""

import numpy as np


def logistic_probabilities(scores: np.ndarray) -> np.ndarray:
    """Probabilities ``(rows, num_classes)`` of scores: their softmax, or the logistic function of a single column.

    Args:
        scores: ``(rows, num_classes)`` in nats; one column holds the log-odds of the second of two classes.

    Example:
        >>> logistic_probabilities(np.array([[0.0], [2.0]])).round(2)
        array([[0.5 , 0.5 ],
               [0.12, 0.88]])
        >>> logistic_probabilities(np.array([[1000.0, 1000.0, 0.0]]))
        array([[0.5, 0.5, 0. ]])
    """
    if scores.shape[1] == 1:
        shrunk = np.exp(-np.abs(scores[:, 0]))
        small, large = shrunk / (1 + shrunk), 1 / (1 + shrunk)
        positive = scores[:, 0] >= 0
        return np.stack([np.where(positive, small, large), np.where(positive, large, small)], axis=1)
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)
