"""A torch fusion model over standardized columns, trained under random subsets of the modalities."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from ...data import Dataset, ModalityBatch, random_subsets
from ...estimators.tables import Tables
from ...fusion import FusionModel
from ...graph import Variable
from ...learning import FitSettings, fit
from ...learning.objectives import Objective
from .adapting import SeenClasses
from .validation import held_out

LABEL = "label"  # the name of the predicted variable in every network
_SUBSETS_PER_ROW = 4  # under which a row held out is seen, the same in every epoch

MakeNetwork = Callable[[Variable, Mapping[str, int], Tensor], tuple[FusionModel, Objective]]


class TrainedNetwork(SeenClasses):
    """Trains by AdamW in batches of 64, and keeps the epoch that is best on about a fifth of the training rows.

    Columns are standardized by the training rows; a modality that no training row has is not read. Where no rows can
    be held out, the last epoch is kept.

    Args:
        make: From the target, the number of columns of every modality and the class frequencies, to an untrained model
            and the objective to train it by.
        num_epochs: Most passes over the training rows.
        patience: Epochs without a better one to stop after.
    """

    def __init__(self, make: MakeNetwork, num_epochs: int = 60, patience: int = 15) -> None:
        self.make = make
        self.num_epochs = num_epochs
        self.patience = patience

    def _fit(self, train: Dataset, places: np.ndarray, seed: int) -> None:
        self.seen = {name: bool(mask.any()) for name, mask in train.batch.present.items()}
        self.tables = Tables.learn(train.batch)
        self.moments = {name: _moments(values) for name, values in self.tables.numbers(train.batch).items()}
        inputs = self._inputs(train.batch)
        rows = ModalityBatch(inputs.inputs, inputs.present, targets={LABEL: torch.from_numpy(places)})
        generator = torch.Generator().manual_seed(seed)
        held = held_out(train, generator)
        judged = random_subsets(rows[np.tile(np.flatnonzero(held), _SUBSETS_PER_ROW)], generator)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            sizes = {name: values.shape[1] for name, values in rows.inputs.items()}
            frequencies = torch.from_numpy(self.frequencies).float()
            self.model, objective = self.make(Variable(LABEL, len(self.classes)), sizes, frequencies)
        settings = FitSettings(self.num_epochs, 64, 2e-3, 1e-2, patience=self.patience)
        fit(self.model, rows[~held], objective, generator, settings, judged if held.any() else None)

    def _probabilities(self, batch: ModalityBatch) -> np.ndarray:
        with torch.no_grad():
            found: np.ndarray = self.model(self._inputs(batch))[LABEL].double().softmax(-1).numpy()
        return found

    def _inputs(self, batch: ModalityBatch) -> ModalityBatch:
        values, present = {}, {}
        for name, numbers in self.tables.numbers(batch).items():
            mean, spread = self.moments[name]
            values[name] = torch.from_numpy(((numbers - mean) / spread).astype(np.float32))
            present[name] = batch.present[name] & self.seen[name]
        return ModalityBatch(values, present)


def _moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of the observed cells of each column; one for the latter where they are all equal."""
    observed = ~np.isnan(values)
    count = np.maximum(observed.sum(axis=0), 1)
    mean = np.where(observed, values, 0.0).sum(axis=0) / count
    spread = np.sqrt((np.where(observed, values - mean, 0.0) ** 2).sum(axis=0) / count)
    return mean, np.where(spread > 1e-12 * np.maximum(np.abs(mean), 1e-300), spread, 1.0)
