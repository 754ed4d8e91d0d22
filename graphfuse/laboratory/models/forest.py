"""A random forest over all columns, as practitioners use it."""

from __future__ import annotations

import numpy as np

from ...data import Dataset, ModalityBatch
from ...estimators.tables import Tables
from .adapting import SeenClasses
from .base import ModelEntry

_NUM_TREES = 300


class Forest(SeenClasses):
    """A random forest over columns imputed with the mean, beside indicators of their gaps.

    The class frequencies have the vote of one more tree, so that no class is ruled out.

    Reference: Breiman (2001), Random forests.
    """

    def _fit(self, train: Dataset, places: np.ndarray, seed: int) -> None:
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.impute import SimpleImputer

        self.tables = Tables.learn(train.batch)
        self.imputer = SimpleImputer(add_indicator=True, keep_empty_features=True)
        features = self.imputer.fit_transform(self.tables.side_by_side(train.batch))
        self.forest = RandomForestClassifier(_NUM_TREES, random_state=seed).fit(features, places)

    def _probabilities(self, batch: ModalityBatch) -> np.ndarray:
        features = self.imputer.transform(self.tables.side_by_side(batch))
        return (_NUM_TREES * self.forest.predict_proba(features) + self.frequencies) / (_NUM_TREES + 1)


MODELS = {
    "random-forest": ModelEntry("300 trees over all columns, gaps at the mean with marks", lambda cache: Forest(), 1.2)
}
