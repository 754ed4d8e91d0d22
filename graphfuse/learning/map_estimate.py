"""Training of few parameters to their optimum, under a prior around where they start."""

import numpy as np
import torch
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from ..data import ModalityBatch
from ..fusion import FusionModel
from .objectives import mean_nll

_MEMORY = 50  # steps whose gradients tell the curvature


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
        tolerance: The last step changes the objective by less, in nats.
        sample_weight: How much each row counts beside the others, positive ``(rows,)``; alike if None.

    Returns:
        The mean negative log-likelihood at the mode, weighted as in training, in nats per row.

    Raises:
        FloatingPointError: If the likelihood is not finite, at the start or later; the model keeps its first
            parameters.

    Reference: Nocedal and Wright (2006), Numerical Optimization, section 7.2.
    """
    from scipy.optimize import minimize
    from threadpoolctl import threadpool_limits

    log_likelihood = model.prepared_log_likelihood(train)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    starts = [parameter.detach().clone() for parameter in parameters]
    if not parameters:
        return float(mean_nll(log_likelihood(), sample_weight).detach())

    def objective(point: np.ndarray) -> tuple[float, np.ndarray]:
        vector_to_parameters(torch.from_numpy(point).to(starts[0]), parameters)
        distances = [(parameter - start).square().sum() for parameter, start in zip(parameters, starts, strict=True)]
        loss = mean_nll(log_likelihood(), sample_weight)
        loss = loss + 0.5 / num_rows * torch.stack(distances).sum()
        if not bool(loss.isfinite()):
            raise FloatingPointError(f"the log-likelihood must stay finite; got {-loss.item()}.")
        slopes = torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True)
        slope = torch.cat([each.reshape(-1) for each in slopes])
        return float(loss.detach()), slope.double().cpu().numpy()

    options = {"maxiter": max_steps, "ftol": tolerance, "gtol": 1e-7, "maxcor": _MEMORY}
    try:
        first = parameters_to_vector(starts).double().cpu().numpy()
        with threadpool_limits(1, "blas"):  # whose threads spin between the small steps, and halve the speed
            best = minimize(objective, first, jac=True, method="L-BFGS-B", options=options).x
        vector_to_parameters(torch.from_numpy(best).to(starts[0]), parameters)
        with torch.no_grad():
            return float(mean_nll(log_likelihood(), sample_weight))
    except FloatingPointError:
        with torch.no_grad():
            for parameter, start in zip(parameters, starts, strict=True):
                parameter.copy_(start)
        raise
