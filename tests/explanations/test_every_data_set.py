"""On every data set at hand the ledger sums to the log-odds, and leaving a modality out is what removing it does."""

import os
import warnings

import numpy as np
import pytest
import torch

from graphfuse import FusionClassifier, TabularEncoder
from graphfuse.data import ModalityBatch, available, drop_modalities, load

TRAIN, EXPLAINED, MOST_CLASSES, MOST_VALUES = 120, 25, 3, 1000
needs_files = pytest.mark.skipif(
    "GRAPHFUSE_DATA" not in os.environ, reason="GRAPHFUSE_DATA, the folder of the data sets, is not set"
)


def log_odds(log_probs, state):
    return log_probs[:, state] - np.logaddexp.reduce(np.delete(log_probs, state, axis=1), axis=1)


def some_rows(data):
    """Few rows of the largest classes, to fit and to explain; of the latter a fifth of the modalities is dropped."""
    draws, labels = np.random.default_rng(0), data.labels
    names, counts = np.unique(labels[labels != ""], return_counts=True)
    classes = names[np.argsort(-counts)[:MOST_CLASSES]]
    order = [draws.permutation(np.flatnonzero(labels == label)) for label in classes]
    share = min(min(map(len, order)), (TRAIN + EXPLAINED) // len(order))
    rows = draws.permutation(np.concatenate([each[:share] for each in order]))
    train, new = rows[:-EXPLAINED], rows[-EXPLAINED:]
    dropped = drop_modalities(data.batch[new], 0.2, torch.Generator().manual_seed(0))
    return narrowed(data.batch[train]), labels[train], narrowed(dropped)


def narrowed(batch):
    """Of images and sounds some of their numbers, evenly spaced."""
    inputs = dict(batch.inputs)
    for name, values in inputs.items():
        if isinstance(values, torch.Tensor) and values[0].numel() > MOST_VALUES:
            inputs[name] = values.flatten(1)[:, :: values[0].numel() // MOST_VALUES]
    return ModalityBatch(inputs, batch.present, columns=batch.columns)


@needs_files
@pytest.mark.parametrize("name", available() if "GRAPHFUSE_DATA" in os.environ else ["all"])
def test_the_ledger_adds_up_and_removal_is_real_on_every_data_set(name):
    X, y, rows = some_rows(load(name))
    model = FusionClassifier(encoders=TabularEncoder(num_folds=2), joint_encoder=None, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # modalities that few rows have
        model.fit(X, y)
        whole = model.predict_log_proba(rows)
        without = {
            each: model.predict_log_proba(rows.keep({each: torch.zeros(len(rows), dtype=torch.bool)}))
            for each in rows.modalities
        }
        for state, label in enumerate(model.classes_):
            for effects in ("shapley", "alone", "removal"):
                found = model.explain(rows, label, effects)
                np.testing.assert_allclose(found.sum(axis=1), log_odds(whole, state), atol=1e-6)
            for each, log_probs in without.items():
                np.testing.assert_allclose(found[each], log_odds(whole, state) - log_odds(log_probs, state), atol=1e-6)
