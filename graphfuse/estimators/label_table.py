"""Labels of several targets as a table with gaps: its columns, their classes, and what a hierarchy makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.multiclass import check_classification_targets

from ..checks import check_known, check_type, invalid, listed
from ..data.frames import is_frame

if TYPE_CHECKING:
    import pandas as pd


def checked_table(y: Any, num_rows: int) -> pd.DataFrame:
    """The labels, a DataFrame with one row per row of X and a column per target.

    Raises:
        TypeError: If they are no DataFrame.
        ValueError: If there is no column, or a name occurs twice, or there is another number of rows.
    """
    if not is_frame(y) or y.ndim != 2:
        must = "be a DataFrame of labels, a column per target (nan or None is unknown)"
        raise invalid("y", must, type(y).__name__, TypeError)
    if not y.shape[1]:
        raise invalid("y", "have at least one column", "none")
    names = [str(name) for name in y.columns]
    if len(set(names)) != len(names) or "" in names:
        raise invalid("y", "have columns whose names, as text, are not empty and differ", listed(names))
    if len(y) != num_rows:
        raise invalid("y", f"have one row per row of X, {num_rows}", f"{len(y)} rows")
    return y


def classes_of(y: pd.DataFrame, where: str = "") -> dict[Any, np.ndarray]:
    """By column its labels, sorted.

    Args:
        y: Labels.
        where: Which rows of the user's table these are, as errors say it; all of them by default.

    Raises:
        ValueError: If a column has fewer than two classes, or continuous values.
        TypeError: If its labels cannot be sorted.

    Example:
        >>> import pandas as pd
        >>> classes_of(pd.DataFrame({"flu": ["no", "yes", None]}))
        {'flu': array(['no', 'yes'], dtype='<U3')}
    """
    classes = {}
    for name in y.columns:
        known = _known(y[name])
        try:
            check_classification_targets(known) if len(known) else None
            classes[name] = np.unique(known)
        except TypeError:
            kinds = sorted({type(label).__name__ for label in known})
            raise invalid(f"y[{name!r}]", "hold labels of one type", f"types {listed(kinds)}", TypeError) from None
        except ValueError as error:
            raise invalid(f"y[{name!r}]", "hold classes", error) from None
        if len(classes[name]) < 2:
            raise invalid(f"y[{name!r}]", f"have at least two classes{where}", listed(classes[name].tolist()))
    return classes


def states_of(y: pd.DataFrame, classes: Mapping[Any, np.ndarray]) -> dict[Any, np.ndarray]:
    """By target the place of every label among its classes, int64 ``(rows,)``; -1 where unknown, as in no column.

    Raises:
        ValueError: If a column is no target, or a label no class of it.
    """
    for name in y.columns:
        check_known("each column of y", name, list(classes))
    states = {}
    for name, labels in classes.items():
        states[name] = np.full(len(y), -1)
        if name not in y.columns:
            continue
        column, places = y[name], {label: i for i, label in enumerate(labels.tolist())}
        for row in np.flatnonzero(column.notna().to_numpy()):
            label = column.iloc[row]
            if label not in places:
                must = f"hold the classes of fit, {listed(labels.tolist())}"
                found = label.item() if isinstance(label, np.generic) else label
                raise invalid(f"y[{name!r}]", must, f"{found!r} in row {row}")
            states[name][row] = places[label]
    return states


def checked_edges(
    edges: Any, targets: Sequence[Any], argument: str = "edges", otherwise: str = ", or None to learn them"
) -> list[tuple[Any, Any]]:
    """Pairs of targets, each once, ends in the order of the targets.

    Args:
        edges: Pairs.
        targets: Their names.
        argument: What errors call the pairs.
        otherwise: What else they may be, as errors say it.

    Raises:
        TypeError: If they are no sequence of pairs.
        ValueError: If a target is unknown, or a pair joins one with itself.

    Example:
        >>> checked_edges([("rash", "flu"), ("flu", "rash")], ["flu", "rash"])
        [('flu', 'rash')]
    """
    must = f"be a sequence of pairs of targets{otherwise}"
    if isinstance(edges, str | Mapping) or not hasattr(edges, "__iter__"):
        raise invalid(argument, must, repr(edges), TypeError)
    found = {}
    for pair in edges:
        if isinstance(pair, str) or not hasattr(pair, "__len__") or len(pair) != 2:
            raise invalid(argument, must, repr(pair), TypeError)
        for name in pair:
            check_known(f"each target in {argument}", name, targets)
        first, second = sorted(pair, key=list(targets).index)
        if first == second:
            raise invalid(f"each pair in {argument}", "join two targets", repr(tuple(pair)))
        found[first, second] = True
    return list(found)


def checked_hierarchy(hierarchy: Any, classes: Mapping[Any, np.ndarray]) -> dict[Any, Any]:
    """By child its parent, both targets of two classes, without a circle.

    Raises:
        TypeError: If it is no mapping.
        ValueError: If a target is unknown or has more classes, or a target is among its own ancestors.
    """
    if hierarchy is None:
        return {}
    check_type("hierarchy", hierarchy, Mapping, "be a mapping from child to parent")
    for name in [*hierarchy, *hierarchy.values()]:
        check_known("each target in hierarchy", name, list(classes))
        if len(classes[name]) != 2:
            must = "have two classes, of which the second is the presence"
            raise invalid(f"y[{name!r}], in hierarchy,", must, listed(classes[name].tolist()))
    for name in hierarchy:
        line = ancestors(hierarchy, name)
        if name in line:
            raise invalid("hierarchy", "be free of circles", " -> ".join(map(repr, [name, *line])))
    return dict(hierarchy)


def ancestors(hierarchy: Mapping[Any, Any], name: Any) -> list[Any]:
    """The parent of a target, its parent, and so on; of a circle each once.

    Example:
        >>> ancestors({"viral": "hepatitis", "hepatitis": "liver"}, "viral")
        ['hepatitis', 'liver']
    """
    found: list[Any] = []
    while name in hierarchy and hierarchy[name] not in found:
        name = hierarchy[name]
        found.append(name)
    return found


def check_consistent(states: Mapping[Any, np.ndarray], hierarchy: Mapping[Any, Any], rows: np.ndarray) -> None:
    """Refuse rows in which a child is present and one of its ancestors absent.

    Args:
        states: By target the states of the rows ``(rows,)``.
        hierarchy: By child its parent.
        rows: The places of the rows in the user's table ``(rows,)``.

    Raises:
        ValueError: With the two columns and the first such row.
    """
    for child in hierarchy:
        for parent in ancestors(hierarchy, child):
            wrong = (states[child] == 1) & (states[parent] == 0)
            if wrong.any():
                must = f"have {parent!r} wherever it has {child!r}, as hierarchy says"
                raise invalid("y", must, f"{child!r} without {parent!r} in row {rows[wrong.argmax()]}")


def _known(column: pd.Series) -> np.ndarray:
    """The labels that are not missing, in a type that sorts."""
    known = column[column.notna()]
    return (
        np.array(known.tolist())
        if len({type(label) for label in known.tolist()}) <= 1
        else np.array(known.tolist(), dtype=object)
    )
