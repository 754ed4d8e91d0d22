"""Training of few parameters to their optimum, under a prior around where they start."""

import torch

from ..data import ModalityBatch
from ..fusion import FusionModel
from .objectives import target_nll


def map_estimate(
    model: FusionModel,
    train: ModalityBatch,
    num_rows: float,
    max_steps: int = 100,
    tolerance: float = 1e-9,
    sample_weight: torch.Tensor | None = None,
) -> float:
    """Set the parameters of a model to their posterior mode, by L-BFGS on all rows at once.

    The prior of every parameter is a unit Gaussian around its present value, so few rows, or classes that the scores
    separate, move it little.

    Args:
        model: A fusion model of few parameters, such as one over ready scores.
        train: Rows with targets; repeated rows (the same row under several gaps) count together as one.
        num_rows: The number of distinct rows, or the sum of their weights, which stands against the prior.
        max_steps: Steps at most.
        tolerance: The last step changes the objective, or every parameter, by less, in nats.
        sample_weight: How much each row counts beside the others, positive ``(rows,)``; alike if None.

    Returns:
        The mean negative log-likelihood at the mode, weighted as in training, in nats per row.

    Raises:
        FloatingPointError: If the likelihood is not finite, at the start or later; the model keeps its first
            parameters.

    Reference: Nocedal and Wright (2006), Numerical Optimization, section 7.2.
    """
    generator = torch.Generator()
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    starts = [parameter.detach().clone() for parameter in parameters]
    if not parameters:
        return float(target_nll(model, train, generator, sample_weight).detach())
    optimizer = torch.optim.LBFGS(
        parameters, max_iter=max_steps, tolerance_change=tolerance, line_search_fn="strong_wolfe"
    )

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        distances = [(parameter - start).square().sum() for parameter, start in zip(parameters, starts, strict=True)]
        loss = target_nll(model, train, generator, sample_weight)
        loss = loss + 0.5 / num_rows * torch.stack(distances).sum()
        if not bool(loss.isfinite()):
            raise FloatingPointError(f"the log-likelihood must stay finite; got {-loss.item()}.")
        loss.backward()
        return loss

    try:
        optimizer.step(closure)
        with torch.no_grad():
            return float(target_nll(model, train, generator, sample_weight))
    except FloatingPointError:
        with torch.no_grad():
            for parameter, start in zip(parameters, starts, strict=True):
                parameter.copy_(start)
        raise
