"""How far probabilities lie from the true ones: a distance that labels alone cannot give."""

from collections.abc import Mapping

from torch import Tensor

from ..checks import check_known, check_type, invalid, listed
from ..tensor_checks import check_tensor

_TOLERANCE = 1e-4


def mean_kl(true: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> float:
    """Mean over variables and rows of KL(true marginal || found marginal), in nats.

    Zero if both are the same, infinite if a state that is possible is given probability zero. It is the expected
    excess of the negative log-likelihood of the found probabilities over that of the true ones, so it is free of the
    noise of the labels. Caveat: it compares marginals, and says nothing of joint probabilities.

    Args:
        true: By variable, probabilities ``(num_rows, num_states)``.
        found: The same variables, in any order; each row sums to one within 1e-4.

    Raises:
        ValueError: If variables or shapes differ, there is no row, or a row is no distribution.

    Example:
        >>> true = {"flu": torch.tensor([[0.5, 0.5], [1.0, 0.0]])}
        >>> round(mean_kl(true, {"flu": torch.tensor([[0.5, 0.5], [0.5, 0.5]])}), 4)  # half of log 2
        0.3466

    Reference: Kullback and Leibler (1951), On Information and Sufficiency.
    """
    for argument, marginals in (("true", true), ("found", found)):
        check_type(argument, marginals, Mapping, "be a mapping from variables to probabilities")
        for name, table in marginals.items():
            _check_probabilities(f"{argument}[{name!r}]", table)
    for name in found:
        check_known("each variable in found", name, true)
    absent = [name for name in true if name not in found]
    if absent or not true:
        raise invalid("found", "hold every variable of true, at least one", f"none for {listed(absent)}")
    means = []
    for name, table in true.items():
        other = found[name].to(table.device).double()
        if other.shape != table.shape:
            raise invalid(f"found[{name!r}]", f"have shape {tuple(table.shape)}", tuple(other.shape))
        table = table.double()
        means.append((table.xlogy(table) - table.xlogy(other)).sum(-1).mean().item())
    return sum(means) / len(means)


def _check_probabilities(argument: str, table: Tensor) -> None:
    check_tensor(argument, table)
    if table.ndim != 2 or not len(table):
        raise invalid(argument, "have shape (num_rows, num_states), with at least one row", tuple(table.shape))
    far = (table.double().sum(-1) - 1).abs()
    wrong = ((table < 0).any(-1) | ~(far <= _TOLERANCE)).nonzero().flatten()
    if len(wrong):
        row = int(wrong[0])
        raise invalid(argument, "hold a distribution in every row", f"{table[row].tolist()} in row {row}")
