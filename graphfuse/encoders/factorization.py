"""What factorizations of tables with gaps share: the checks, and the least-squares problem of every row."""

import numpy as np

from ..checks import check_count, invalid


def observed_cells(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A table ``(rows, columns)`` with zeros for gaps, and bool ``(rows, columns)`` where it was observed.

    Raises:
        ValueError: If the table has another number of dimensions, or holds an infinity.
    """
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2:
        raise invalid("values", "have shape (rows, columns)", table.shape)
    if np.isinf(table).any():
        raise invalid("values", "be finite, or nan where a cell is missing", "infinity")
    observed = ~np.isnan(table)
    return np.where(observed, table, 0.0), observed


def check_rank(num_components: int, table: np.ndarray, observed: np.ndarray, ridge: float) -> None:
    """Refuse more components than rows or columns, a negative ridge, and a table of which nothing was observed."""
    check_count("num_components", num_components)
    if num_components > min(table.shape):
        raise invalid("num_components", f"be at most {min(table.shape)}, the smaller side of values", num_components)
    if not observed.any():
        raise invalid("values", "have an observed cell", "none")
    if not 0 <= ridge < np.inf:
        raise invalid("ridge", "be finite and at least 0", ridge)


def check_width(table: np.ndarray, components: np.ndarray) -> None:
    """Refuse rows of another width than the components."""
    if table.shape[1] != components.shape[1]:
        raise invalid("values", f"have {components.shape[1]} columns, as in fit", table.shape[1])


def normal_equations(table: np.ndarray, observed: np.ndarray, components: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of every row, the products of components over its observed cells: among themselves, and with its values.

    Args:
        table: ``(rows, columns)`` with zeros for gaps.
        observed: Bool ``(rows, columns)``.
        components: ``(num_components, columns)``.

    Returns:
        ``(rows, num_components, num_components)`` and ``(rows, num_components)``.
    """
    num_components = len(components)
    if observed.all():
        products = np.broadcast_to(components @ components.T, (len(table), num_components, num_components))
    else:
        pairs = (components[:, None] * components[None]).reshape(num_components**2, -1)
        products = (observed.astype(np.float64) @ pairs.T).reshape(-1, num_components, num_components)
    return products, table @ components.T


def residual(table: np.ndarray, observed: np.ndarray, scores: np.ndarray, components: np.ndarray) -> float:
    """The sum of squared errors over the observed cells."""
    return float(((table - scores @ components)[observed] ** 2).sum())
