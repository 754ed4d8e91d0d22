"""Training of a fusion model by gradient descent on an objective."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from math import inf, isfinite
from pathlib import Path

import torch
from torch import Tensor

from ..checks import check_type, invalid
from ..data import ModalityBatch
from ..fusion import FusionModel
from .checkpoint import TrainingState, load_checkpoint, save_checkpoint
from .objectives import Objective, target_nll
from .settings import FitSettings


@dataclass(frozen=True)
class History:
    """By epoch, the mean objective over the training rows and, if there were any, the validation rows, in nats."""

    train: tuple[float, ...]
    validation: tuple[float, ...]


@dataclass(frozen=True)
class Epoch:
    """What a callback is told after an epoch: its number from 0, the scores so far, and the model as it is."""

    number: int
    history: History
    model: FusionModel


Callback = Callable[[Epoch], object]


def fit(
    model: FusionModel,
    train: ModalityBatch,
    objective: Objective,
    generator: torch.Generator,
    settings: FitSettings | None = None,
    validation: ModalityBatch | None = None,
    checkpoint: str | Path | None = None,
    callbacks: Sequence[Callback] = (),
) -> History:
    """Train the parameters of a model in place, by AdamW.

    With validation rows the model ends with the parameters of its best epoch there (by ``target_nll``), and stops
    after ``patience`` epochs without a better one. A model without parameters to train is left as it is. On a CPU the
    same generator state gives the same parameters to the bit, layers that draw (dropout) included; torch's global
    source of randomness is left as it was. On a terminal a bar shows the progress.

    Args:
        model: Any fusion model.
        train: Rows ``(n,)`` with targets.
        objective: What to minimize.
        generator: Source of the order of the rows and of all that is drawn.
        settings: How to train.
        validation: Rows to choose the epoch by.
        checkpoint: File that is written after every epoch; where it exists, training goes on from it, to the numbers
            that it would have reached without the interruption.
        callbacks: Called after every epoch, in order; one that returns True ends the training.

    Raises:
        ValueError: If there are no rows, or targets are missing, or the checkpoint is of another model.
        FloatingPointError: If the objective or a parameter stops being finite; the epoch and the parameter are named,
            the model keeps its last finite parameters, and the last checkpoint stays.

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
    check_type("settings", settings, FitSettings, "be a FitSettings")
    _check_rows(model, train, validation)
    parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
    if not parameters:
        return History((), ())
    optimizer = torch.optim.AdamW(parameters.values(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    devices = sorted({p.device.index or 0 for p in parameters.values() if p.device.type == "cuda"})
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(int(torch.randint(2**31 - 1, (), generator=generator, device=generator.device)))
        num_held_out = round(settings.validation_fraction * len(train)) if validation is None else 0
        order = torch.randperm(len(train), generator=generator, device=generator.device).tolist()
        state = TrainingState(held_out=sorted(order[:num_held_out]))
        path = None if checkpoint is None else Path(checkpoint)
        if path is not None and path.exists():
            state = load_checkpoint(path, model, optimizer, generator, settings)
        train, validation = _parts(train, validation, state.held_out)
        model.train()
        try:
            for epoch in _progress(len(state.losses), settings.num_epochs):
                if state.stopped:
                    break
                for group in optimizer.param_groups:
                    group["lr"] = settings.learning_rate * settings.schedule(epoch / max(settings.num_epochs, 1))
                state.losses.append(_pass(model, train, objective, generator, settings, optimizer, parameters, epoch))
                if validation is not None:
                    _judge(model, validation, generator, settings, state)
                history = History(tuple(state.losses), tuple(state.scores))
                wishes = [callback(Epoch(epoch, history, model)) for callback in callbacks]
                state.stopped = state.stopped or any(wish is True for wish in wishes)
                if path is not None:
                    save_checkpoint(path, model, optimizer, generator, settings, state)
            if state.scores and state.best:
                model.load_state_dict(state.best)
        finally:
            model.eval()
    return History(tuple(state.losses), tuple(state.scores))


def _check_rows(model: FusionModel, train: ModalityBatch, validation: ModalityBatch | None) -> None:
    check_type("train", train, ModalityBatch, "be a ModalityBatch")
    if not len(train):
        raise invalid("train", "hold at least one row", "none")
    model.check_targets(train)
    if validation is not None:
        check_type("validation", validation, ModalityBatch, "be a ModalityBatch or None")
        if not len(validation):
            raise invalid("validation", "hold at least one row, or be None", "no rows")
        model.check_targets(validation)


def _parts(
    train: ModalityBatch, validation: ModalityBatch | None, held_out: list[int]
) -> tuple[ModalityBatch, ModalityBatch | None]:
    """The rows to train on and those to choose the epoch by."""
    if not held_out:
        return train, validation
    if held_out[-1] >= len(train) or len(held_out) >= len(train):
        raise invalid("train", f"leave rows to train on beside the {len(held_out)} held out", f"{len(train)} rows")
    kept = torch.ones(len(train), dtype=torch.bool)
    kept[held_out] = False
    return train[kept], train[~kept]


def _progress(first: int, num_epochs: int) -> Sequence[int]:
    """The epochs to come, behind a bar where there is a terminal."""
    from tqdm import tqdm

    bar: Sequence[int] = tqdm(
        range(first, num_epochs), initial=first, total=num_epochs, desc="fit", unit="epoch", disable=None, leave=False
    )
    return bar


def _pass(
    model: FusionModel,
    train: ModalityBatch,
    objective: Objective,
    generator: torch.Generator,
    settings: FitSettings,
    optimizer: torch.optim.Optimizer,
    parameters: Mapping[str, Tensor],
    epoch: int,
) -> float:
    """One pass over the rows; the mean objective before each step."""
    total = 0.0
    order = torch.randperm(len(train), generator=generator, device=generator.device)
    for rows in order.split(settings.batch_size):
        optimizer.zero_grad()
        loss = objective(model, train[rows.cpu().numpy()], generator)
        if loss.requires_grad:
            loss.backward()
        gradients = [p.grad for p in parameters.values() if p.grad is not None]
        length = torch.nn.utils.get_total_norm(gradients)
        if not isfinite(loss.item()) or not isfinite(float(length)):
            raise FloatingPointError(_what_broke(loss, parameters, epoch))
        if settings.clip_norm is not None:
            torch.nn.utils.clip_grads_with_norm_(list(parameters.values()), settings.clip_norm, length)
        optimizer.step()
        total += loss.item() * len(rows)
    return total / len(train)


def _judge(
    model: FusionModel,
    validation: ModalityBatch,
    generator: torch.Generator,
    settings: FitSettings,
    state: TrainingState,
) -> None:
    """Score an epoch on the validation rows, and remember it if it is the best."""
    model.eval()
    with torch.no_grad():
        state.scores.append(target_nll(model, validation, generator).item())
    model.train()
    epoch = len(state.scores) - 1
    if state.scores[-1] < (state.scores[state.best_epoch] if state.best_epoch >= 0 else inf):
        state.best, state.best_epoch = deepcopy(model.state_dict()), epoch
    elif settings.patience is not None and epoch - state.best_epoch >= settings.patience:
        state.stopped = True


def _what_broke(loss: Tensor, parameters: Mapping[str, Tensor], epoch: int) -> str:
    values = [name for name, p in parameters.items() if not bool(p.isfinite().all())]
    gradients = [name for name, p in parameters.items() if p.grad is not None and not bool(p.grad.isfinite().all())]
    where = f"; the first parameter that is not finite is {values[0]!r}" if values else ""
    where = where or (f"; the first gradient that is not finite is that of {gradients[0]!r}" if gradients else "")
    return f"the objective must stay finite; got {loss.item()} in epoch {epoch}{where}."
