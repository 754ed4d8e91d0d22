"""The contract of a fusion model: a batch with gaps in, log-probabilities of every target out."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from ..checks import check_known, check_names, check_type, invalid, listed
from ..data import ModalityBatch
from ..graph import Variable


class FusionModel(nn.Module, ABC):
    """A model that answers for any subset of its modalities, row by row, also for none.

    Args:
        targets: The variables that it predicts.
    """

    def __init__(self, targets: Sequence[Variable]) -> None:
        super().__init__()
        for target in targets:
            check_type("each of targets", target, Variable, "be a Variable")
        names = check_names("targets", [target.name for target in targets])
        if not names:
            raise invalid("targets", "hold at least one variable", "none")
        self.targets = dict(zip(names, targets, strict=True))

    @abstractmethod
    def forward(self, batch: ModalityBatch) -> dict[str, Tensor]:
        """By target, normalized log-probabilities ``(*batch, num_states)`` in nats."""

    def log_likelihood(self, batch: ModalityBatch) -> Tensor:
        """Log-probability ``(*batch,)`` in nats of the known targets of each row, given its modalities.

        Unknown targets (-1) are summed out; a row without a known target has a log-likelihood of zero.

        Raises:
            ValueError: If the batch lacks a target, or holds a state that the target does not have.
        """
        self.check_targets(batch)
        log_probs = self(batch)
        total = torch.zeros((), device=next(iter(log_probs.values())).device)
        for name, table in log_probs.items():
            total = total + at_known(table, batch.targets[name])
        return total

    def prepared_log_likelihood(self, batch: ModalityBatch) -> Callable[[], Tensor]:
        """The log-likelihood of this batch, to be asked for again and again while parameters change."""
        return partial(self.log_likelihood, batch)

    def subset_log_likelihoods(self, batch: ModalityBatch, subsets: Sequence[Collection[str]]) -> Tensor:
        """The log-likelihood ``(num_subsets, *batch)`` in nats under each subset of the modalities.

        Args:
            batch: Rows with targets.
            subsets: Names of the modalities to keep, where they are present.
        """
        masks = subset_masks(batch, subsets)
        kept = ({name: mask[i].expand(batch.shape) for name, mask in masks.items()} for i in range(len(subsets)))
        return torch.stack([self.log_likelihood(batch.keep(each)) for each in kept])

    def check_targets(self, batch: ModalityBatch) -> None:
        """Refuse a batch without the states of the targets."""
        check_type("batch", batch, ModalityBatch, "be a ModalityBatch")
        for name, target in self.targets.items():
            if name not in batch.targets:
                raise invalid("batch.targets", f"hold {name!r}", listed(batch.targets))
            states = batch.targets[name]
            if states.numel() and int(states.max()) >= target.num_states:
                raise invalid(f"batch.targets[{name!r}]", f"be below {target.num_states}", int(states.max()))


def at_known(log_probs: Tensor, states: Tensor) -> Tensor:
    """The entry ``(*batch,)`` of the state in each row of ``(*batch, num_states)``; zero where it is unknown (-1)."""
    index = states.clamp(min=0).expand(log_probs.shape[:-1])
    chosen = log_probs.gather(-1, index.unsqueeze(-1)).squeeze(-1)
    return torch.where(states >= 0, chosen, torch.zeros_like(chosen))


def subset_masks(batch: ModalityBatch, subsets: Sequence[Collection[str]]) -> dict[str, Tensor]:
    """By modality, whether each subset keeps it: bool ``(num_subsets, *ones)``, which broadcasts with the batch."""
    for subset in subsets:
        for name in subset:
            check_known("each modality in subsets", name, batch.inputs)
    ones = [1] * len(batch.shape)
    return {
        name: torch.tensor([name in subset for subset in subsets], device=mask.device).reshape(-1, *ones)
        for name, mask in batch.present.items()
    }


def flat_inputs(batch: ModalityBatch, modality: str) -> tuple[Tensor, Tensor]:
    """The values ``(rows, *features)`` and presence ``(rows,)`` of a modality, all batch dimensions in one.

    Raises:
        ValueError: If the batch does not have the modality, or holds it as a DataFrame.
    """
    check_type("batch", batch, ModalityBatch, "be a ModalityBatch")
    check_known("each modality that the model reads", modality, batch.inputs)
    values = batch.inputs[modality]
    if not isinstance(values, Tensor):
        raise invalid(
            f"batch.inputs[{modality!r}]",
            "be a tensor for a torch model (encode text and categories first)",
            "a DataFrame",
        )
    features = values.shape[len(batch.shape) :]
    return values.reshape(batch.shape.numel(), *features), batch.present[modality].reshape(-1)
