"""A Gaussian density of a source's values for every joint state of the scope: exact for any gap within a row."""

from __future__ import annotations

from math import log, pi

import torch
from torch import Tensor, nn

from ..checks import check_fraction, check_name, invalid
from .base import Potential


class GaussianPotential(Potential):
    """log N(x; mean, covariance), one Gaussian per joint state; missing cells of a row are integrated out exactly.

    Args:
        mean: ``(*scope, num_features)``.
        covariance: ``(*scope, num_features, num_features)``, positive definite.
        modality: The source that it reads, values ``(*batch, num_features)``, ``nan`` where a cell is missing.

    Raises:
        ValueError: If shapes disagree or a covariance is not positive definite.

    Example:
        >>> density = GaussianPotential(torch.zeros(2, 1), torch.ones(2, 1, 1), "height")
        >>> density(torch.tensor([[0.0], [nan]])).detach()
        tensor([[-0.9189, -0.9189],
                [ 0.0000,  0.0000]])

    Reference: Bishop (2006), Pattern Recognition and Machine Learning, sections 2.3.2 and 4.2.
    """

    def __init__(self, mean: Tensor, covariance: Tensor, modality: str) -> None:
        check_name("modality", modality)
        super().__init__(modality)
        if covariance.shape != (*mean.shape, mean.shape[-1]):
            expected = (*mean.shape, mean.shape[-1])
            raise invalid("covariance", f"have shape {tuple(expected)}, that of mean", tuple(covariance.shape))
        factor, failed = torch.linalg.cholesky_ex(covariance)
        if bool(failed.any()) or bool(factor.isnan().any()):
            raise invalid("covariance", "be positive definite in every state", "one that is not")
        self.mean = nn.Parameter(mean.detach().clone())
        self.log_scale = nn.Parameter(factor.diagonal(dim1=-2, dim2=-1).log().detach().clone())
        self.correlation = nn.Parameter(factor.tril(-1).detach().clone())

    @classmethod
    def from_data(
        cls, inputs: Tensor, states: Tensor, num_states: int, modality: str, shrinkage: float = 0.1
    ) -> GaussianPotential:
        """Means and covariances of the rows of each state, from the observed cells.

        Args:
            inputs: ``(rows, num_features)``, ``nan`` where missing.
            states: int64 ``(rows,)``, one state of a single variable per row; rows of -1 are left out.
            num_states: States of the variable; a state without rows gets the moments of all rows.
            modality: The source that it reads.
            shrinkage: Weight, between 0 and 1, of the pooled variances against each state's own covariance. Zero gives
                the maximum-likelihood estimate on complete rows.

        Raises:
            ValueError: If a feature is never observed or, without shrinkage, a covariance is singular.
        """
        check_fraction("shrinkage", shrinkage)
        observed = ~inputs.isnan()
        if not bool(observed.any(0).all()):
            raise invalid("inputs", "have an observed value in every column", "a column of nan")
        overall = inputs.nanmean(0)
        means, covariances, counts, residuals = [], [], [], []
        for state in range(num_states):
            rows = inputs[states == state]
            mean = torch.where(rows.isnan().all(0), overall, rows.nanmean(0)) if len(rows) else overall
            residual = (rows - mean).nan_to_num(0.0)
            pairs = (~rows.isnan()).to(inputs.dtype)
            covariances.append((residual.T @ residual) / (pairs.T @ pairs).clamp(min=1.0))
            means.append(mean)
            counts.append(len(rows))
            residuals.append(residual)
        known = states >= 0
        pooled = torch.cat(residuals).square().sum(0) / observed[known].sum(0).clamp(min=1)
        pooled = pooled.clamp(min=1e-6 * float(pooled.max()) + 1e-12)
        weight = torch.tensor([shrinkage if count else 1.0 for count in counts], dtype=inputs.dtype)[:, None, None]
        covariance = (1 - weight) * torch.stack(covariances) + weight * pooled.diag()
        return cls(torch.stack(means), covariance, modality)

    @property
    def covariance(self) -> Tensor:
        """The covariances ``(*scope, num_features, num_features)``."""
        factor = self.correlation.tril(-1) + self.log_scale.exp().diag_embed()
        return factor @ factor.mT

    def forward(self, inputs: Tensor | None = None) -> Tensor:
        size = self.mean.shape[-1]
        if inputs is None or not inputs.ndim or inputs.shape[-1] != size:
            found = None if inputs is None else tuple(inputs.shape)
            raise invalid(f"values of modality {self.modality!r}", f"have shape (*batch, {size})", found)
        rows = inputs.reshape(-1, size)
        patterns, which = torch.unique(~rows.isnan(), dim=0, return_inverse=True)
        covariance = self.covariance
        table = rows.new_zeros(len(rows), *self.mean.shape[:-1])
        for i, pattern in enumerate(patterns):
            chosen = (which == i).nonzero().squeeze(-1)
            cells = pattern.nonzero().squeeze(-1)
            if len(cells):
                values = rows[chosen][:, cells]
                density = _log_density(values, self.mean[..., cells], covariance[..., cells, :][..., cells])
                table = table.index_copy(0, chosen, density.to(table.dtype))
        return table.reshape(*inputs.shape[:-1], *self.mean.shape[:-1])

    def extra_repr(self) -> str:
        return f"modality={self.modality!r}, shape={tuple(self.mean.shape[:-1])}, num_features={self.mean.shape[-1]}"


def _log_density(values: Tensor, mean: Tensor, covariance: Tensor) -> Tensor:
    """``(rows, *scope)`` for values ``(rows, cells)``, means ``(*scope, cells)``."""
    factor = torch.linalg.cholesky(covariance)
    residual = values.reshape(len(values), *[1] * (mean.ndim - 1), values.shape[-1]) - mean
    whitened = torch.linalg.solve_triangular(factor, residual.movedim(0, -1), upper=False)
    log_det = factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    return -0.5 * whitened.square().sum(-2).movedim(-1, 0) - log_det - 0.5 * mean.shape[-1] * log(2 * pi)
