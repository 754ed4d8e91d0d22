"""A torch module as a scikit-learn classifier."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ..checks import check_type, invalid
from ..learning import FitSettings
from .counted_rows import counted


class ModuleEncoder(ClassifierMixin, BaseEstimator):
    """Trains a copy of a module by cross-entropy, with settings of its own; the module itself stays as it is.

    As an encoder of ``FusionClassifier`` a module alone is trained for a hundred epochs; this says otherwise.

    Args:
        module: From ``(rows, *features)`` to logits ``(rows, num_classes)``; its parameters are where training starts.
        num_classes: Classes; labels are the integers below it. If None, those of the classifier that it serves, or as
            many as the greatest label says.
        settings: How to train; a learning rate of 1e-3 in batches of 64 if None.
        random_state: Seed of the order of the rows and of layers that draw.
        name: What errors call the module.

    Example:
        >>> from torch import nn
        >>> from graphfuse import FitSettings, FusionClassifier
        >>> y = np.arange(60) % 2
        >>> X = {"sound": y[:, None] + np.random.default_rng(0).normal(size=(60, 3))}
        >>> encoder = ModuleEncoder(nn.Linear(3, 2), settings=FitSettings(num_epochs=20, learning_rate=0.05))
        >>> bool(FusionClassifier(encoders={"sound": encoder}, random_state=0).fit(X, y).score(X, y) > 0.7)
        True
    """

    def __init__(
        self,
        module: nn.Module,
        num_classes: int | None = None,
        settings: FitSettings | None = None,
        random_state: int | None = None,
        name: str = "module",
    ) -> None:
        self.module = module
        self.num_classes = num_classes
        self.settings = settings
        self.random_state = random_state
        self.name = name

    def fit(self, X: Any, y: np.ndarray, sample_weight: np.ndarray | None = None) -> ModuleEncoder:
        """Train on arrays ``(rows, *features)`` and integer labels; rows count by their weights in the mean loss."""
        check_type("module", self.module, nn.Module, "be a torch module")
        X, y, sample_weight = counted(X, y, sample_weight)
        shares = None if sample_weight is None else torch.as_tensor(sample_weight / sample_weight.mean())
        seed = self.random_state
        if not isinstance(seed, int):
            seed = int(check_random_state(seed).randint(2**31 - 1))
        settings = FitSettings(learning_rate=1e-3, batch_size=64) if self.settings is None else self.settings
        self.module_ = deepcopy(self.module)
        self.classes_ = np.arange(int(np.max(y)) + 1 if self.num_classes is None else self.num_classes)
        inputs, target = self._tensor(X), torch.as_tensor(np.asarray(y)).long()
        parameters = [parameter for parameter in self.module_.parameters() if parameter.requires_grad]
        if parameters:
            optimizer = torch.optim.AdamW(parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.module_.train()
            for _ in range(settings.num_epochs if parameters else 0):
                for rows in torch.randperm(len(inputs)).split(settings.batch_size):
                    loss = _loss(self._logits(inputs[rows]), target[rows], None if shares is None else shares[rows])
                    if not bool(loss.isfinite()):
                        must = "be finite (missing cells reach a module as nan; graphfuse.encoders.MLP reads them)"
                        raise invalid(f"the output of {self.name}", must, f"a cross-entropy of {loss.item()}")
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
        self.module_.eval()
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities ``(rows, num_classes)``."""
        check_is_fitted(self)
        with torch.no_grad():
            chunks = [self._logits(rows).double().softmax(-1) for rows in self._tensor(X).split(4096)]
        return torch.cat(chunks).cpu().numpy() if chunks else np.zeros((0, len(self.classes_)))

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each row."""
        return self.classes_[self.predict_proba(X).argmax(1)]

    def _logits(self, rows: Tensor) -> Tensor:
        try:
            logits = self.module_(rows)
        except RuntimeError as error:
            if isinstance(error, torch.OutOfMemoryError):
                raise
            must = f"read inputs of shape {tuple(rows.shape)} and dtype {rows.dtype}"
            raise invalid(self.name, must, f"an error, {error}") from error
        check_type(f"the output of {self.name}", logits, Tensor, "be a tensor of logits")
        if tuple(logits.shape) != (len(rows), len(self.classes_)):
            must = f"have shape {(len(rows), len(self.classes_))}, one logit per class"
            raise invalid(f"the output of {self.name}", must, tuple(logits.shape))
        return logits

    def _tensor(self, X: Any) -> Tensor:
        values = torch.as_tensor(np.array(X))
        like = next(self.module_.parameters(), torch.zeros(()))
        return values.to(like.device, like.dtype if values.is_floating_point() else None)


def _loss(logits: Tensor, target: Tensor, shares: Tensor | None) -> Tensor:
    """The mean cross-entropy of rows, each times its share."""
    if shares is None:
        return cross_entropy(logits, target)
    return (cross_entropy(logits, target, reduction="none") * shares.to(logits)).mean()
