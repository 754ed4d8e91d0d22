"""The joint states of several targets one by one: what answers about them are compared with."""

from itertools import product

import numpy as np
import pandas as pd


def listed_joint(model, X):
    """By joint state, its probability in every row, from the log-likelihood of each by itself."""
    states = list(product(*model.classes_.values()))
    labels = [pd.DataFrame([state] * len(X), columns=model.targets_) for state in states]
    return states, np.exp(np.stack([model.joint_log_likelihood(X, each) for each in labels], axis=1))


def assert_answers_are_those_of_listing_every_joint_state(model, X):
    """Marginals and the best joint labels of each row."""
    states, probabilities = listed_joint(model, X)
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-9)
    marginals = model.predict_proba(X)
    for t, target in enumerate(model.targets_):
        for label in model.classes_[target]:
            expected = probabilities[:, [state[t] == label for state in states]].sum(1)
            np.testing.assert_allclose(marginals[target, label], expected, atol=1e-9)
    assert model.predict_joint(X).to_numpy().tolist() == [list(states[i]) for i in probabilities.argmax(1)]
