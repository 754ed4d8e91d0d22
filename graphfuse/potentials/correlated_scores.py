"""Scores of several classifiers that say in part the same: a Gaussian density with causes that they share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log, pi

import torch
from torch import Tensor, nn

from ..checks import check_count, invalid
from .base import JointPotential

_ROWS_OF_A_PATTERN = 64  # on average, from which on rows are laid side by side


class CorrelatedScorePotential(JointPotential):
    """log p(scores of the present sources | state): Gaussian, with latent causes that make sources say the same.

    The score that source m gives to state k is, where y is the true state,

        weight_m * score_m(k) = information_m * scale_k * [y = k] + noise_m(k),

    and the noise of a state is Gaussian, independent between states, with covariance
    ``scale_k * sqrt(information_m * information_n) * correlation_mn``. A score alone is then taken at its word where
    its weight is one, as a log density ratio is. Correlated sources share their weight: m of equal information and of
    correlation c add up to m / (1 + (m - 1) c) of one, so c = 0 is the product of experts and c = 1 the logarithmic
    pool. The correlations come from latent causes on which the sources load. A missing source is integrated out, which
    leaves the rows and columns of the others; the answer for every subset is that of one joint density.

    The table leaves out what is the same for all states, ``reference_log_density``; both together are the normalized
    density of the scores.

    Args:
        num_states: States of the variable, and entries of a score.
        modalities: The sources whose values are the scores, ``(*batch, num_states)`` in nats.
        groups: Of every source, the group that it belongs to, such as what several experts read; sources of one group
            load on one more cause of their own. None if every source stands alone.
        num_factors: Latent causes of all sources.
        spread: How far informations, scales and loadings are from where they start when their own parameter is one;
            under a unit Gaussian prior on the parameters it is the standard deviation of the prior.

    Raises:
        ValueError: If a count or the spread is not positive, or there is not one group per source; on a call, if a
            score has another number of states.

    Example:
        >>> potential = CorrelatedScorePotential(2, ["ecg", "echo"])
        >>> scores = torch.tensor([[0.5, -0.5]])
        >>> table = potential([scores, scores], torch.tensor([[True, True]])).detach()
        >>> round(float(table[0, 0] - table[0, 1]), 2)  # one source alone says 1, independent ones would say 2
        1.63

    Reference: Bishop (2006), Pattern Recognition and Machine Learning, sections 2.3 and 12.2.4 (factor analysis);
    Clemen and Winkler (1985), Limits for the precision and value of information from dependent sources.
    """

    start: Tensor
    free: Tensor

    def __init__(
        self,
        num_states: int,
        modalities: Sequence[str],
        groups: Sequence[str] | None = None,
        num_factors: int = 2,
        spread: float = 0.45,
    ) -> None:
        super().__init__(modalities)
        check_count("num_states", num_states)
        check_count("num_factors", num_factors)
        if not spread > 0:
            raise invalid("spread", "be positive", spread)
        groups = self.modalities if groups is None else tuple(groups)
        if len(groups) != len(self.modalities):
            raise invalid("groups", f"name one group per source, {len(self.modalities)}", len(groups))
        self.num_states = num_states
        self.spread = float(spread)
        start, free = _start(groups, num_factors)
        self.log_weight = nn.Parameter(torch.zeros(len(groups)))
        self.log_information = nn.Parameter(torch.zeros(len(groups)))
        self.log_scale = nn.Parameter(torch.zeros(num_states))
        self.loading = nn.Parameter(torch.zeros(start.shape))
        self.register_buffer("start", start)
        self.register_buffer("free", free)

    @property
    def correlations(self) -> Tensor:
        """How far the noise of two sources is the same, ``(num_modalities, num_modalities)``, ones on the diagonal."""
        loadings = self._loadings()
        shared = loadings / (1 + loadings.square().sum(1, keepdim=True)).sqrt()
        found = shared @ shared.T
        return found - found.diagonal().diag() + torch.eye(len(found), dtype=found.dtype, device=found.device)

    def weights(self, present: Tensor) -> Tensor:
        """How much of each score counts beside the other sources present, ``(*batch, num_modalities)``.

        Args:
            present: Bool ``(*batch, num_modalities)``.
        """
        return self._weights_and_information(present)[0]

    def forward(self, inputs: Sequence[Tensor], present: Tensor) -> Tensor:
        return self.prepared(inputs, present)()

    def prepared(self, inputs: Sequence[Tensor], present: Tensor) -> Callable[[], Tensor]:
        """As for ``JointPotential``."""
        scores = self._stacked(inputs)
        patterns, which = _distinct(present.reshape(-1, present.shape[-1]))
        weigh = _weighted_sums(scores.reshape(-1, *scores.shape[-2:]), which, len(patterns))

        def table() -> Tensor:
            weights, information = self._weights_and_information(patterns)
            offsets = -0.5 * information.unsqueeze(-1) * (self.spread * self.log_scale).exp()
            return weigh(weights, offsets).reshape(*present.shape[:-1], self.num_states)

        return table

    def reference_log_density(self, inputs: Sequence[Tensor], present: Tensor) -> Tensor:
        """The log-density ``(*batch,)`` of the scores of the present sources if no state were the true one, in nats."""
        scores, root, mask = self._stacked(inputs), self._root(), present.to(self.log_weight.dtype)
        standard = scores * (self.log_weight.exp() / root).unsqueeze(-1) * mask.unsqueeze(-1)
        solved, log_det = self._solve(standard, present)
        squares = (standard * solved).sum(-2) / (self.spread * self.log_scale).exp()
        change = mask @ (self.log_weight - root.log() - 0.5 * log(2 * pi))
        scales = 0.5 * mask.sum(-1) * self.spread * self.log_scale.sum()
        return self.num_states * (change - 0.5 * log_det) - scales - 0.5 * squares.sum(-1)

    def _root(self) -> Tensor:
        return (0.5 * self.spread * self.log_information).exp()

    def _loadings(self) -> Tensor:
        return (self.start + self.spread * self.loading) * self.free

    def _weights_and_information(self, present: Tensor) -> tuple[Tensor, Tensor]:
        root = self._root()
        solved = self._solve(root.expand(present.shape).unsqueeze(-1), present)[0].squeeze(-1)
        return self.log_weight.exp() * solved / root, (root * solved).sum(-1)

    def _solve(self, vectors: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """The inverse correlations of the present sources times vectors, and the log-determinant of the correlations.

        By Woodbury's identity: what is inverted has the size of the causes.

        Args:
            vectors: ``(*batch, num_modalities, num_vectors)``; what stands at missing sources is not read.
            present: Bool ``(*batch, num_modalities)``.
        """
        loadings, mask = self._loadings(), present.to(vectors.dtype)
        precision = 1 + loadings.square().sum(1)  # of what a source does not share
        outward = precision.sqrt().unsqueeze(-1) * loadings
        vectors = vectors * mask.unsqueeze(-1)
        inner = torch.tensordot(mask, loadings.unsqueeze(-1) * loadings.unsqueeze(-2), dims=1)
        inner = inner + torch.eye(loadings.shape[1], dtype=inner.dtype, device=inner.device)
        factor = torch.linalg.cholesky(inner)
        explained = torch.cholesky_solve(outward.T @ vectors, factor)
        solved = (precision.unsqueeze(-1) * vectors - outward @ explained) * mask.unsqueeze(-1)
        return solved, 2 * factor.diagonal(dim1=-2, dim2=-1).log().sum(-1) - mask @ precision.log()

    def _stacked(self, inputs: Sequence[Tensor]) -> Tensor:
        for name, scores in zip(self.modalities, inputs, strict=True):
            if not scores.ndim or scores.shape[-1] != self.num_states:
                must = f"have shape (*batch, {self.num_states})"
                raise invalid(f"scores of modality {name!r}", must, tuple(scores.shape))
        return torch.stack(list(inputs), dim=-2)

    def extra_repr(self) -> str:
        return f"modalities={list(self.modalities)}, num_states={self.num_states}, spread={self.spread}"


def _start(groups: Sequence[str], num_factors: int) -> tuple[Tensor, Tensor]:
    """Where loadings start, and which of them are free.

    All sources share a little of the first cause, and of each other one in a pattern of its own; then comes a cause for
    every group of several sources, which they share more of.
    """
    places = torch.arange(len(groups), dtype=torch.get_default_dtype()).unsqueeze(-1)
    common = 0.3 * torch.cos(pi * (places + 0.5) * torch.arange(num_factors) / len(groups))
    common[:, 0] = 0.6
    own = [torch.tensor([each == name for each in groups]) for name in dict.fromkeys(groups)]
    own = [members.to(common.dtype) for members in own if members.sum() > 1]
    start = torch.cat([common, *(1.5 * members.unsqueeze(-1) for members in own)], dim=1)
    return start, torch.cat([torch.ones_like(common), *(members.unsqueeze(-1) for members in own)], dim=1)


def _weighted_sums(scores: Tensor, which: Tensor, num_patterns: int) -> Callable[[Tensor, Tensor], Tensor]:
    """What makes of the weights and offsets of patterns the weighted scores of each row and its pattern's offset.

    Weights are ``(num_patterns, num_modalities)``, offsets ``(num_patterns, num_states)``, sums ``(rows, num_states)``.
    Where many rows share a pattern, they are laid side by side once, and one product serves them all.

    Args:
        scores: ``(rows, num_modalities, num_states)``.
        which: The pattern of each row.
        num_patterns: How many there are.
    """
    num_rows, num_modalities, num_states = scores.shape
    if num_rows < _ROWS_OF_A_PATTERN * num_patterns:
        return lambda weights, offsets: (weights[which].unsqueeze(-2) @ scores).squeeze(-2) + offsets[which]
    order = which.argsort(stable=True)
    back = torch.empty_like(order).scatter_(0, order, torch.arange(num_rows, device=order.device))
    sizes = [num_states * count for count in torch.bincount(which, minlength=num_patterns).tolist()]
    parts = scores[order].transpose(0, 1).reshape(num_modalities, -1).split(sizes, dim=1)

    def weigh(weights: Tensor, offsets: Tensor) -> Tensor:
        patterns = zip(weights.unbind(), parts, offsets.unbind(), strict=True)
        said = [(row @ part).reshape(-1, num_states) + offset for row, part, offset in patterns]
        return torch.cat(said).index_select(0, back)

    return weigh


def _distinct(masks: Tensor) -> tuple[Tensor, Tensor]:
    """The different rows of masks ``(rows, columns)``, and which of them each row is.

    Of more columns than a float counts exactly hardly two rows are the same, and no two are taken to be.
    """
    if masks.shape[1] > 50:
        return masks, torch.arange(len(masks), device=masks.device)
    powers = 2.0 ** torch.arange(masks.shape[1], dtype=torch.float64, device=masks.device)
    codes, which = torch.unique(masks.double() @ powers, return_inverse=True)
    return (codes.unsqueeze(-1) / powers).floor() % 2 == 1, which
