"""What readings were expected to tell is, on average and tenth by tenth, what they then tell."""

import numpy as np
import pytest
import torch
from scipy.stats import linregress
from sklearn.naive_bayes import GaussianNB

from graphfuse import FusionClassifier, ModalityBatch, star

STRENGTHS = {"strong": 2.0, "middling": 1.2, "weak": 0.6, "silent": 0.0}


def rows(num_rows, seed):
    """Complete rows of modalities, independent given the class, that differ in how much they say of it."""
    draws = np.random.default_rng(seed)
    y = draws.integers(0, 2, num_rows)
    X = {name: strength * y[:, None] + draws.normal(size=(num_rows, 1)) for name, strength in STRENGTHS.items()}
    return ModalityBatch(X), y


def shown(batch, known):
    return batch.keep({name: torch.from_numpy(known[:, i]) for i, name in enumerate(batch.modalities)})


@pytest.fixture(scope="module")
def pairs():
    """Of hidden modalities ``(pairs, 3)``: expected gain, drop of the entropy, gain in the log-probability told."""
    model = FusionClassifier(encoders=GaussianNB(), structure=star, random_state=0).fit(*rows(1000, 0))
    batch, y = rows(2000, 1)
    known = np.random.default_rng(2).random((len(y), len(STRENGTHS))) < 0.5
    expected = model.next_modality(shown(batch, known), max_readings=100)
    before, found = model.predict_log_proba(shown(batch, known)), []
    for i, name in enumerate(batch.modalities):
        more = known.copy()
        more[:, i] = True
        after = model.predict_log_proba(shown(batch, more))
        drop = (np.exp(after) * after - np.exp(before) * before).sum(1)
        told = (after - before)[np.arange(len(y)), y]
        found.append(np.column_stack([expected[name], drop, told])[~known[:, i]])
    return np.concatenate(found).astype(float)


@pytest.mark.parametrize("realised", [1, 2], ids=["drop of the entropy", "gain in the log-probability of the truth"])
def test_tenths_of_expected_and_realised_gain_lie_on_a_line_of_slope_about_one(pairs, realised):
    parts = np.array_split(pairs[np.argsort(pairs[:, 0])], 10)
    expected, found = np.array([[part[:, 0].mean(), part[:, realised].mean()] for part in parts]).T
    line = linregress(expected, found)
    assert line.rvalue >= 0.9 and 0.8 <= line.slope <= 1.2
    assert abs(line.intercept) < 0.03  # nats
