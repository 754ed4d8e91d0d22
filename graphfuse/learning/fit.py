"""Training of a fusion model by gradient descent on an objective."""

from copy import deepcopy
from dataclasses import dataclass
from math import inf, isfinite

import torch

from ..checks import check_count, check_type, invalid
from ..data import ModalityBatch
from ..fusion import FusionModel
from .objectives import Objective, target_nll


@dataclass(frozen=True)
class FitSettings:
    """How to train: passes over the rows, rows per step, step size, decay, passes without progress to stop after."""

    num_epochs: int = 100
    batch_size: int = 256
    learning_rate: float = 1e-2
    weight_decay: float = 0.0
    patience: int | None = None

    def __post_init__(self) -> None:
        check_count("num_epochs", self.num_epochs, minimum=0)
        check_count("batch_size", self.batch_size)
        if not self.learning_rate > 0:
            raise invalid("learning_rate", "be above 0", self.learning_rate)
        if not self.weight_decay >= 0:
            raise invalid("weight_decay", "be at least 0", self.weight_decay)
        if self.patience is not None:
            check_count("patience", self.patience)


@dataclass(frozen=True)
class History:
    """By epoch, the mean objective over the training rows and, if there were any, the validation rows, in nats."""

    train: tuple[float, ...]
    validation: tuple[float, ...]


def fit(
    model: FusionModel,
    train: ModalityBatch,
    objective: Objective,
    generator: torch.Generator,
    settings: FitSettings | None = None,
    validation: ModalityBatch | None = None,
) -> History:
    """Train the parameters of a model in place, by AdamW.

    With validation rows the model ends with the parameters of its best epoch there (by ``target_nll``), and stops
    after ``patience`` epochs without a better one. A model without parameters to train is left as it is.

    Args:
        model: Any fusion model.
        train: Rows ``(n,)`` with targets.
        objective: What to minimize.
        generator: Source of the order of the rows and of what the objective draws.
        settings: How to train.
        validation: Rows to choose the epoch by.

    Raises:
        ValueError: If there are no rows, or targets are missing.
        FloatingPointError: If the objective stops being finite; the epoch is named, and the model keeps its last
            parameters.

    Example:
        >>> from graphfuse import GraphFusion, ModalityBatch, NeuralPotential, TablePotential, Variable, star
        >>> graph = star(Variable("y", 2), sources=["x"])
        >>> x = NeuralPotential(nn.Linear(1, 2), shape=(2,), modality="x")
        >>> model = GraphFusion(graph, {"prior": TablePotential(torch.zeros(2)), "x": x}, targets=["y"])
        >>> rows = ModalityBatch({"x": [[-1.0], [1.0]]}, targets={"y": [0, 1]}).to(dtype=torch.float32)
        >>> history = fit(model, rows, target_nll, torch.Generator().manual_seed(0))
        >>> history.train[-1] < history.train[0]
        True

    Reference: Loshchilov and Hutter (2019), Decoupled weight decay regularization.
    """
    settings = FitSettings() if settings is None else settings
    check_type("train", train, ModalityBatch, "be a ModalityBatch")
    if not len(train):
        raise invalid("train", "hold at least one row", "none")
    model.check_targets(train)
    if validation is not None:
        check_type("validation", validation, ModalityBatch, "be a ModalityBatch or None")
        if not len(validation):
            raise invalid("validation", "hold at least one row, or be None", "no rows")
        model.check_targets(validation)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not parameters:
        return History((), ())
    optimizer = torch.optim.AdamW(parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay)
    losses: list[float] = []
    scores: list[float] = []
    best, best_epoch = deepcopy(model.state_dict()), -1
    model.train()
    for epoch in range(settings.num_epochs):
        total = 0.0
        order = torch.randperm(len(train), generator=generator, device=generator.device)
        for rows in order.split(settings.batch_size):
            loss = objective(model, train[rows.cpu().numpy()], generator)
            if not isfinite(loss.item()):
                model.eval()
                raise FloatingPointError(f"the objective must stay finite; got {loss.item()} in epoch {epoch}.")
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        losses.append(total / len(train))
        if validation is not None:
            scores.append(_score(model, validation, generator))
            if scores[-1] < (scores[best_epoch] if best_epoch >= 0 else inf):
                best, best_epoch = deepcopy(model.state_dict()), epoch
            elif settings.patience is not None and epoch - best_epoch >= settings.patience:
                break
    if scores:
        model.load_state_dict(best)
    model.eval()
    return History(tuple(losses), tuple(scores))


def _score(model: FusionModel, validation: ModalityBatch, generator: torch.Generator) -> float:
    model.eval()
    with torch.no_grad():
        score = target_nll(model, validation, generator).item()
    model.train()
    return score
