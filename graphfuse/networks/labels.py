"""Between the labels people write, in data frames and dictionaries, and the numbers of states that inference reads."""

import re
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from ..checks import check_known, check_unique, invalid
from ..evidence import Evidence
from ..graph import FactorGraph, Variable

if TYPE_CHECKING:
    import pandas as pd

_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?")
_FEW = 16  # objects in a column, above which text is hashed
_PROBED = 64  # cells that tell whether objects are shared

Labels: TypeAlias = "pd.DataFrame | Mapping[str, Any]"


def encode_labels(graph: FactorGraph, labels: Labels) -> Evidence:
    """Evidence from the labels of states.

    A cell is compared as text with the names of the states; where a variable has none, it is the number of the state.
    A numeric column or array holds numbers of states also where these have names, unless a name is itself a number.
    A whole number that was stored as a float, as pandas does beside gaps, counts as the integer. A missing cell (None,
    ``nan``, ``pd.NA``) is unobserved.

    Args:
        graph: The graph whose variables are named.
        labels: A pandas data frame, one case a row; or, by variable, one label, or a sequence of them.

    Returns:
        Hard evidence, int64 ``(num_rows,)``, or ``()`` where a mapping holds single labels; on the CPU.

    Raises:
        TypeError: If the labels are neither a data frame nor a mapping.
        ValueError: If a variable or a label is unknown (variable, row, label and valid states are named), if a column
            occurs twice, or if sequences differ in length.

    Example:
        >>> from graphfuse import star
        >>> graph = star(Variable("flu", 2, states=("no", "yes")), sources=[])
        >>> encode_labels(graph, {"flu": ["yes", None, "no"]}).hard
        {'flu': tensor([ 1, -1,  0])}
    """
    if isinstance(labels, Mapping):
        columns, cells = list(labels), list(labels.values())
    elif _is_pandas(labels, "DataFrame"):
        columns = list(labels.columns)
        check_unique("columns of labels", columns)
        cells = [column for _, column in labels.items()]
        if not columns and graph.variables:  # no column would tell the number of rows
            return Evidence({graph.variable_names[0]: torch.full((len(labels),), -1)})
    else:
        must = "be a data frame or a mapping from variables to labels"
        raise invalid("labels", must, type(labels).__name__, TypeError)
    for name in columns:
        check_known("each variable in labels", name, graph.num_states)
    hard = {name: _encode(graph.variable(name), column) for name, column in zip(columns, cells, strict=True)}
    lengths = {name: len(states) for name, states in hard.items() if states.ndim}
    if len(set(lengths.values())) > 1:
        raise invalid("sequences in labels", "have the same length", lengths)
    return Evidence(hard)


def decode_labels(graph: FactorGraph, codes: Mapping[str, Tensor]) -> "pd.DataFrame":
    """A data frame of labels from the numbers of states, as ``decode`` and ``sample`` return them.

    Named states become their names, others stay numbers; -1, unobserved or impossible, becomes missing.

    Args:
        graph: The graph whose variables are named.
        codes: By variable, int64 ``(num_rows,)``, or ``()`` for a single row.

    Raises:
        ValueError: If a variable is unknown, a number is no state, or codes have more than one dimension.

    Example:
        >>> from graphfuse import star
        >>> graph = star(Variable("flu", 2, states=("no", "yes")), sources=[])
        >>> decode_labels(graph, {"flu": torch.tensor([1, 0])})
           flu
        0  yes
        1   no
    """
    import pandas as pd

    columns: dict[str, Any] = {}
    for name, states in codes.items():
        check_known("each variable in codes", name, graph.num_states)
        if states.ndim > 1:
            raise invalid(f"codes[{name!r}]", "have at most one dimension", f"shape {tuple(states.shape)}")
        variable = graph.variable(name)
        numbers = states.detach().cpu().reshape(-1).numpy()
        for number in numbers[(numbers < -1) | (numbers >= variable.num_states)][:1]:
            raise invalid(f"codes[{name!r}]", f"be between -1 and {variable.num_states - 1}", number)
        if variable.states is None:
            columns[name] = pd.array(np.where(numbers < 0, 0, numbers), dtype="Int64")
            columns[name][numbers < 0] = pd.NA
        else:
            columns[name] = pd.Series(np.array([*variable.states, None], dtype=object)[numbers], dtype="str")
    return pd.DataFrame(columns)


def state_number(argument: str, variable: Variable, label: Any) -> int:
    """The number of the state that one label names, compared as ``encode_labels`` does.

    Raises:
        ValueError: If the label names no state, as a missing one does.

    Example:
        >>> state_number("hose", Variable("hose", 2, states=("off", "on")), "on")
        1
    """
    number = _reader(variable)(label)
    if number is None or number < 0:
        raise _unknown(argument, variable, label)
    return number


def _encode(variable: Variable, column: Any) -> Tensor:
    """The numbers of the states in a column of labels, or of a single label."""
    number_of = _reader(variable, _is_numeric(column))
    if _is_pandas(column, "Series", "Index", "Categorical"):
        return _encode_series(variable, column, number_of)
    if isinstance(column, np.ndarray | Tensor):
        column = column.tolist()
    if isinstance(column, str) or not isinstance(column, Sequence):
        return torch.tensor(_look_up(variable, column, None, number_of))
    try:
        labels = dict.fromkeys(column)
    except TypeError:  # a list or the like among the labels, to be refused where it stands
        return torch.tensor([_look_up(variable, label, row, number_of) for row, label in enumerate(column)])
    numbers: dict[Any, int] = {}
    for label in labels:
        number = number_of(label)
        if number is None:
            row = next(row for row, other in enumerate(column) if other is label)
            number = _look_up(variable, label, row, number_of)
        numbers[label] = number
    return torch.tensor(list(map(numbers.__getitem__, column)), dtype=torch.int64)


def _encode_series(variable: Variable, column: Any, number_of: Callable[[Any], int | None]) -> Tensor:
    """As ``_encode``, in the arrays of pandas."""
    import pandas as pd

    textual = column.dtype == object or isinstance(column.dtype, pd.StringDtype)
    cells = column.to_numpy(dtype=object) if textual else column
    found: tuple[np.ndarray, Any] | None = _few_objects(cells, variable.num_states) if textual else None
    if isinstance(column.dtype, pd.CategoricalDtype):
        kinds = pd.Categorical(column)
        found = kinds.codes, kinds.categories
    if found is None:
        try:
            found = pd.factorize(cells)
        except TypeError:
            found = np.arange(len(column)), list(column)
    places, labels = found
    index = column.index if isinstance(column, pd.Series) else range(len(column))
    numbers = []
    for place, label in enumerate(labels):
        number = number_of(label)
        if number is None and (here := places == place).any():  # a category may be in no cell
            number = _look_up(variable, label, index[int(here.argmax())], number_of)
        numbers.append(-1 if number is None else number)
    return torch.from_numpy(np.array([*numbers, -1], dtype=np.int64)[places])


def _few_objects(cells: np.ndarray, num_states: int) -> tuple[np.ndarray, Sequence[Any]] | None:
    """The places of cells among the objects that they are, and these, if there are hardly more of them than states.

    The cells of a column usually share one object a label. To compare addresses is many times as fast as to hash text.
    """
    addresses = np.asarray(_Addresses(cells))
    most = min(num_states, _FEW) + 1  # one is for what is missing
    if not len(cells) or len(set(addresses[:_PROBED].tolist())) > most:
        return None
    places, left = np.zeros(len(cells), dtype=np.uint8), np.ones(len(cells), dtype=bool)
    labels: list[Any] = []
    row = 0
    while left[row]:
        if len(labels) == most:
            return None
        same = addresses == addresses[row]
        places += same.view(np.uint8) * np.uint8(len(labels))
        labels.append(cells[row])
        left ^= same
        row = int(left.argmax())
    return places, labels


class _Addresses:
    """The addresses of the objects in an array, for numpy."""

    def __init__(self, cells: np.ndarray) -> None:
        kind = np.dtype(np.intp).str
        self.__array_interface__ = {**cells.__array_interface__, "typestr": kind, "descr": [("", kind)]}


def _look_up(variable: Variable, label: Any, row: Any, number_of: Callable[[Any], int | None]) -> int:
    number = number_of(label)
    if number is None:
        row = _plain(row)
        where = "" if row is None else f" in row {row!r}"
        raise _unknown(f"labels[{variable.name!r}]{where}", variable, label)
    return number


def _unknown(argument: str, variable: Variable, label: Any) -> Exception:
    """What is raised where a label names no state."""
    label = _plain(label)
    try:
        check_known(argument, label, variable.states or range(variable.num_states))
    except ValueError as error:
        return error
    return invalid(argument, "be a label", f"{label!r} of {type(label).__name__}")


def _reader(variable: Variable, numeric: bool = False) -> Callable[[Any], int | None]:
    """A function from a label to the number of its state, -1 if it is missing, None if it is unknown.

    Numbers of states are read beside their names in a numeric column, unless a name is itself a number.
    """
    by_name = {name: number for number, name in enumerate(variable.states or ())}
    by_number = variable.states is None or (numeric and not any(_NUMBER.fullmatch(name) for name in variable.states))

    def number_of(label: Any) -> int | None:
        if type(label) is str:  # most are
            return by_name.get(label)
        if _is_missing(label):
            return -1
        label = _plain(label)
        whole = isinstance(label, Real) and label == label // 1
        if by_number:
            return int(label) if whole and 0 <= label < variable.num_states else None
        found = by_name.get(str(label))
        return by_name.get(str(int(label))) if found is None and whole else found

    return number_of


def _is_numeric(column: Any) -> bool:
    """Whether a column is an array of numbers; truth values are none."""
    if isinstance(column, Tensor):
        return column.ndim > 0 and column.dtype != torch.bool
    return getattr(column, "ndim", 0) > 0 and getattr(getattr(column, "dtype", None), "kind", "O") in "iuf"


def _is_missing(label: Any) -> bool:
    if label is None or (isinstance(label, float) and label != label):
        return True
    return (isinstance(label, Real) and label != label) or _is_pandas(label, "NAType", "NaTType")


def _plain(value: Any) -> Any:
    """A Python scalar for one of numpy or torch, anything else as it is."""
    return value.item() if isinstance(value, np.generic | np.ndarray | Tensor) and value.ndim == 0 else value


def _is_pandas(value: Any, *types: str) -> bool:
    """Whether a value is of one of these pandas types, without loading pandas."""
    return any(kind.__name__ in types and kind.__module__.startswith("pandas") for kind in type(value).__mro__)
