"""How long does each model of the laboratory take to fit?      python -m tests.benchmarks.laboratory_models [NAME ...]

1000 rows of two classes, 30 columns in 3 modalities of which a fifth is missing, one thread, nothing in the encoder
cache; seconds of one fit, and of answers for 1000 rows. Typical on a busy core: 0.15 s for a logistic regression per
modality, 0.8 s for graph fusion, 1 s for boosting, 1.3 s to 5 s for a network, 12 s for the autoencoder; the `seconds`
that each model lists were measured so, and rounded.
"""

import os
import sys
import time
import warnings
from importlib.util import find_spec

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch
from threadpoolctl import threadpool_limits

from graphfuse import Dataset, ModalityBatch, Variable, drop_modalities
from graphfuse.laboratory.encoder_cache import EncoderCache
from graphfuse.laboratory.models import model_entry, model_names

NUM_ROWS, MODALITIES, NUM_COLUMNS = 1000, ("worst", "mean", "error"), 10


def main() -> None:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    train = rows(torch.Generator().manual_seed(0))
    with threadpool_limits(1):
        model_entry("logistic-mean-indicator").make(EncoderCache()).fit(train, 0)  # loads what is loaded at first use
        for name in sys.argv[1:] or model_names():
            entry = model_entry(name)
            if entry.requires is not None and find_spec(entry.requires) is None:
                print(f"{name:24s}  needs {entry.requires}")
                continue
            model = entry.make(EncoderCache())
            fit, answer = timed(lambda m=model: m.fit(train, 0)), timed(lambda m=model: m.log_probs(train.batch))
            print(f"{name:24s}  fit {fit:6.2f} s  answers {answer:6.3f} s  listed {entry.seconds:g} s", flush=True)


def rows(generator: torch.Generator) -> Dataset:
    """Classes whose columns differ a little in the mean."""
    states = torch.randint(2, (NUM_ROWS,), generator=generator)
    signs = 0.4 * (2.0 * states - 1)[:, None]
    inputs = {
        name: signs + torch.randn(NUM_ROWS, NUM_COLUMNS, generator=generator, dtype=torch.float64)
        for name in MODALITIES
    }
    batch = drop_modalities(ModalityBatch(inputs, targets={"ill": states}), 0.2, generator)
    return Dataset("drawn", batch, Variable("ill", 2))


def timed(run) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
