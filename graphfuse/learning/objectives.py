"""What training minimizes: one function an objective, from a model and a batch to a scalar in nats per row."""

from collections.abc import Callable
from itertools import combinations
from math import comb

import torch
from torch import Tensor

from ..checks import check_type, invalid
from ..data import ModalityBatch, random_subsets
from ..fusion import FusionModel, GraphFusion

Objective = Callable[[FusionModel, ModalityBatch, torch.Generator], Tensor]

_MOST_MODALITIES = 12  # beyond this the subsets are too many to sum over


def target_nll(
    model: FusionModel, batch: ModalityBatch, generator: torch.Generator, sample_weight: Tensor | None = None
) -> Tensor:
    """Mean negative log-likelihood of the known targets, given the modalities as they are.

    Unknown targets (-1) are summed out, so a row with some of its labels counts with what it has. With positive weights
    ``(*batch,)`` the mean is a weighted one.

    Example:
        >>> from graphfuse import LogarithmicPool, ModalityBatch, Variable
        >>> model = LogarithmicPool({"ecg": nn.Identity()}, Variable("y", 2), torch.tensor([0.5, 0.5]))
        >>> batch = ModalityBatch({"ecg": torch.zeros(3, 2)}, targets={"y": torch.tensor([0, 1, 1])})
        >>> target_nll(model, batch, torch.Generator())
        tensor(0.6931)
    """
    return mean_nll(model.log_likelihood(batch), sample_weight)


def mean_nll(log_likelihoods: Tensor, sample_weight: Tensor | None = None) -> Tensor:
    """Minus the mean of log-likelihoods ``(*batch,)`` in nats, by positive weights ``(*batch,)`` if there are any."""
    if sample_weight is None:
        return -log_likelihoods.mean()
    return -(log_likelihoods * sample_weight).sum() / sample_weight.sum()


def random_subset_nll(model: FusionModel, batch: ModalityBatch, generator: torch.Generator) -> Tensor:
    """Mean negative log-likelihood of the known targets, given a random subset of the modalities of each row.

    Example:
        >>> from graphfuse import LogarithmicPool, ModalityBatch, Variable
        >>> model = LogarithmicPool({"ecg": nn.Identity()}, Variable("y", 2), torch.tensor([0.5, 0.5]))
        >>> batch = ModalityBatch({"ecg": torch.zeros(3, 2)}, targets={"y": torch.tensor([0, 1, 1])})
        >>> random_subset_nll(model, batch, torch.Generator().manual_seed(0))
        tensor(0.6931)

    Reference: Wu and Goodman (2018), Multimodal generative models for scalable weakly-supervised learning, section 2.2.
    """
    return target_nll(model, random_subsets(batch, generator), generator)


def every_subset_nll(model: FusionModel, batch: ModalityBatch, generator: torch.Generator) -> Tensor:
    """The expectation of ``random_subset_nll``, exactly, over all subsets of the modalities of the batch.

    A subset of k of V modalities has weight 1 / ((V + 1) binom(V, k)), so every number of modalities counts alike. A
    ``GraphFusion`` encodes each row once, whatever the number of subsets.

    Raises:
        ValueError: If the batch has more than twelve modalities.

    Example:
        >>> from graphfuse import LogarithmicPool, ModalityBatch, Variable
        >>> model = LogarithmicPool({"ecg": nn.Identity()}, Variable("y", 2), torch.tensor([0.5, 0.5]))
        >>> batch = ModalityBatch({"ecg": torch.zeros(3, 2)}, targets={"y": torch.tensor([0, 1, 1])})
        >>> every_subset_nll(model, batch, torch.Generator())
        tensor(0.6931)
    """
    names = batch.modalities
    if len(names) > _MOST_MODALITIES:
        must = f"have at most {_MOST_MODALITIES} modalities for every_subset_nll (random_subset_nll takes more)"
        raise invalid("batch", must, f"{len(names)} modalities")
    subsets = [subset for size in range(len(names) + 1) for subset in combinations(names, size)]
    weights = [1 / ((len(names) + 1) * comb(len(names), len(subset))) for subset in subsets]
    likelihoods = model.subset_log_likelihoods(batch, subsets).flatten(1).mean(1)
    return -(likelihoods * likelihoods.new_tensor(weights)).sum()


def joint_nll(model: FusionModel, batch: ModalityBatch, generator: torch.Generator) -> Tensor:
    """Mean negative log-likelihood of present modalities and known targets together, of a generative graph.

    Rows without any label teach too. Meant for graphs whose modalities fill normalized likelihoods, such as
    ``GaussianPotential``; with free potentials the value is no likelihood.

    Raises:
        TypeError: If the model is no ``GraphFusion``.

    Example:
        >>> from graphfuse import GaussianPotential, GraphFusion, ModalityBatch, TablePotential, Variable, star
        >>> x = GaussianPotential(torch.zeros(2, 1), torch.ones(2, 1, 1), "x")
        >>> prior = TablePotential(torch.zeros(2))
        >>> model = GraphFusion(star(Variable("y", 2), ["x"]), {"prior": prior, "x": x}, targets=["y"])
        >>> batch = ModalityBatch({"x": torch.zeros(3, 1)}, targets={"y": torch.tensor([0, 1, -1])})
        >>> joint_nll(model, batch, torch.Generator()).detach()
        tensor(1.3810)

    Reference: Ng and Jordan (2001), On discriminative vs. generative classifiers.
    """
    check_type("model", model, GraphFusion, "be a GraphFusion")
    assert isinstance(model, GraphFusion)
    return -model.joint_log_likelihood(batch).mean()
