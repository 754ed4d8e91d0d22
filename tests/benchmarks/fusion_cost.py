"""What does fusion with all defaults cost?                               python -m tests.benchmarks.fusion_cost [NAME]

Fits `FusionClassifier` to four fifths of a data set (six views of digits if GRAPHFUSE_DATA is set, else the digits that
scikit-learn ships), then fuses 100 000 rows of random patterns whose scores are ready, and encodes each modality.
"""

import sys
from os import environ
from time import perf_counter

import numpy as np
import torch

from graphfuse import FusionClassifier, ModalityBatch, load
from graphfuse.data import random_subsets
from graphfuse.estimators.inputs import encoder_inputs

ROWS = 100_000


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else "mfeat" if "GRAPHFUSE_DATA" in environ else "handwritten_digits"
    data, generator = load(name), torch.Generator().manual_seed(0)
    rows = torch.randperm(len(data), generator=generator)[: len(data) * 4 // 5].numpy()
    started = perf_counter()
    model = FusionClassifier(random_state=0).fit(data.batch[rows], data.labels[rows])
    print(f"{name}: fit to {len(rows)} rows        {perf_counter() - started:8.1f} s, {model.structure_}")
    many = data.batch[np.arange(ROWS) % len(data)]
    batch = ModalityBatch(many.inputs, many.present, columns=many.columns)
    fuse(model, random_subsets(batch, generator))
    for modality in model.modalities_:
        inputs, started = encoder_inputs(batch, modality, flat=True), perf_counter()
        for source, read in model.sources_.items():
            if read == modality:
                model.encoders_[source].scores(inputs)
        seconds = perf_counter() - started
        print(f"encode {modality:<16} {len(batch) / seconds:12,.0f} rows/s by all experts of all folds")


def fuse(model: FusionClassifier, batch: ModalityBatch) -> None:
    """Fusion of rows whose scores are ready: draws stand in for them, which changes no cost."""
    generator = torch.Generator().manual_seed(1)
    size = (len(batch), len(model.classes_))
    scores = {name: torch.randn(size, generator=generator, dtype=torch.float64) for name in model.model_.modalities}
    present = {name: batch.present[model.sources_[name]] for name in scores if name in model.sources_}
    scored = ModalityBatch(scores, present)
    with torch.no_grad():
        model.model_(scored)
        started = perf_counter()
        model.model_(scored)
    print(f"fuse {len(batch)} rows of mixed patterns {perf_counter() - started:8.2f} s")


if __name__ == "__main__":
    main()
