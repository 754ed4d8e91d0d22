"""A training that was interrupted, kept in one file, so that it goes on to the same numbers."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..checks import invalid, listed
from .settings import FitSettings

_FORMAT = "graphfuse training checkpoint"


@dataclass
class TrainingState:
    """Where a training stands after an epoch: scores so far, the best parameters, and the rows held out."""

    held_out: list[int]
    losses: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    best_epoch: int = -1
    best: dict[str, Tensor] = field(default_factory=dict)
    stopped: bool = False


def save_checkpoint(
    path: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
    settings: FitSettings,
    state: TrainingState,
) -> None:
    """Write everything that the rest of a training depends on to a file, all of it or nothing."""
    content = {
        "format": _FORMAT,
        "settings": settings.described(),
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "generator": generator.get_state(),
        "dropout": torch.get_rng_state(),
        "state": vars(state),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        torch.save(content, partial)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def load_checkpoint(
    path: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
    settings: FitSettings,
) -> TrainingState:
    """Put model, optimizer and sources of randomness where the file left them.

    The file is read as tensors and plain values only; nothing in it is run.

    Raises:
        ValueError: If the file is no checkpoint or damaged, or comes from another model or other settings (the number
            of epochs may differ). Nothing is changed then.
    """
    content = _read(path)
    expected, found = _shapes(model.state_dict()), _shapes(content["model"])
    if expected != found:
        differing = sorted(set(expected.items()) ^ set(found.items()))
        names = list(dict.fromkeys(name for name, _ in differing))
        raise invalid(
            f"checkpoint {str(path)!r}", "come from a model like this one", f"one that differs in {listed(names)}"
        )
    for name, value in settings.described().items():
        if name != "num_epochs" and content["settings"].get(name) != value:
            must = f"come from a training with {name}={value!r}"
            raise invalid(f"checkpoint {str(path)!r}", must, repr(content["settings"].get(name)))
    model.load_state_dict(content["model"])
    optimizer.load_state_dict(content["optimizer"])
    generator.set_state(content["generator"])
    torch.set_rng_state(content["dropout"])
    return TrainingState(**content["state"])


def _read(path: Path) -> dict[str, Any]:
    try:
        content = torch.load(path, weights_only=True, map_location="cpu")
    except OSError:
        raise
    except Exception as error:  # whatever torch's reader makes of a damaged file
        must = "be a training checkpoint written by fit"
        raise invalid(
            f"checkpoint {str(path)!r}", must, f"a file that cannot be read ({type(error).__name__})"
        ) from None
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise invalid(f"checkpoint {str(path)!r}", "be a training checkpoint written by fit", "another file")
    return content


def _shapes(state: dict[str, Tensor]) -> dict[str, tuple[tuple[int, ...], str]]:
    return {name: (tuple(value.shape), str(value.dtype)) for name, value in state.items()}
