"""The questions asked of a model: how likely is every state, which assignment is best, what might have been seen."""

from collections.abc import Mapping, Sequence
from functools import lru_cache, reduce

import torch
from torch import Tensor

from ..checks import check_count, check_known, check_names, check_type, invalid, listed
from ..evidence import Evidence
from ..graph import FactorGraph
from ..kept import Kept
from ..tensor_checks import below_infinity, broadcast, broadcast_shapes, check_log_values, check_tensor, check_trailing
from .method import InferenceMethod
from .posterior import Posterior
from .variable_elimination import VariableElimination

_DEFAULT = VariableElimination()
_CHECKED: Kept[dict[str, Tensor]] = Kept(limit=64)  # constant tables that were found to fit, in one dtype
_SIDE_BY_SIDE = 4096  # rows up to which the observed states of all variables are looked at together


def infer(
    graph: FactorGraph,
    log_potentials: Mapping[str, Tensor],
    evidence: Evidence | None = None,
    targets: Sequence[str] | None = None,
    method: InferenceMethod = _DEFAULT,
) -> Posterior:
    """Marginals of the targets, given the log-potential of every factor and what was observed.

    Rows are independent. A row whose evidence is impossible is flagged, with ``log_partition`` of ``-inf``.

    Args:
        graph: The factorization; planned once, then cached.
        log_potentials: By factor name, ``(*batch, *scope)`` in nats; batch dimensions broadcast.
        evidence: Observed states; a variable left out, or -1 in a row, is unobserved.
        targets: Variables to answer for; all of them if None.
        method: Algorithm and its settings.

    Returns:
        Tables ``(*batch, num_states)``, on the device and in the dtype of ``log_potentials``; differentiable in them.

    Raises:
        ValueError: If a factor has no table, or one whose trailing dimensions are not its scope, or holds ``nan``;
            if evidence or targets name what the graph does not have; if tensors lie on different devices.
        MemoryError: If the query exceeds the memory budget of the method.

    Example:
        >>> from graphfuse import Variable, star
        >>> graph = star(Variable("label", 2), sources=["audio"])
        >>> votes = {"prior": torch.zeros(2), "audio": torch.tensor([[0.0, 1.0], [0.0, 0.0]])}
        >>> infer(graph, votes).log_marginals["label"].exp()
        tensor([[0.2689, 0.7311],
                [0.5000, 0.5000]])

    Reference: Koller and Friedman (2009), Probabilistic Graphical Models, chapters 9 and 10.
    """
    tables, evidence = _validated(graph, log_potentials, evidence, method)
    names = graph.variable_names if targets is None else check_names("targets", targets)
    for name in names:
        check_known("each of targets", name, graph.num_states)
    return method.run(graph, tables, evidence, names)


def decode(
    graph: FactorGraph,
    log_potentials: Mapping[str, Tensor],
    evidence: Evidence | None = None,
    method: InferenceMethod = _DEFAULT,
) -> dict[str, Tensor]:
    """A most probable joint assignment of all variables (MAP), by variable, int64 ``(*batch,)``.

    Arguments and refusals are those of ``infer``. Impossible rows hold -1. Among equally probable assignments any one
    may be returned.

    Example:
        >>> from graphfuse import Variable, chain
        >>> graph = chain([Variable("a", 2), Variable("b", 2)])
        >>> same = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> decode(graph, {"a": torch.tensor([0.0, 0.5]), "b": torch.zeros(2), "a-b": same})
        {'a': tensor(1), 'b': tensor(1)}

    Reference: Koller and Friedman (2009), Probabilistic Graphical Models, chapter 13.
    """
    tables, evidence = _validated(graph, log_potentials, evidence, method)
    return method.decode(graph, tables, evidence)


def sample(
    graph: FactorGraph,
    log_potentials: Mapping[str, Tensor],
    num_samples: int,
    generator: torch.Generator,
    evidence: Evidence | None = None,
    method: InferenceMethod = _DEFAULT,
) -> dict[str, Tensor]:
    """Independent joint assignments given the evidence, by variable, int64 ``(num_samples, *batch)``.

    Arguments and refusals are those of ``infer``. Impossible rows hold -1.

    Example:
        >>> from graphfuse import Variable, star
        >>> graph = star(Variable("coin", 2), sources=[])
        >>> tosses = sample(graph, {"prior": torch.tensor([0.9, 0.1]).log()}, 1000, torch.Generator().manual_seed(0))
        >>> 850 < int((tosses["coin"] == 0).sum()) < 950
        True
    """
    check_count("num_samples", num_samples, minimum=0)
    check_type("generator", generator, torch.Generator, "be a torch.Generator")
    tables, evidence = _validated(graph, log_potentials, evidence, method)
    return method.sample(graph, tables, evidence, num_samples, generator)


def log_score(graph: FactorGraph, log_potentials: Mapping[str, Tensor], assignment: Mapping[str, Tensor]) -> Tensor:
    """Log of the unnormalized probability of a full assignment, ``(*batch,)`` in nats, differentiable.

    Args:
        graph: The factorization.
        log_potentials: As for ``infer``.
        assignment: By variable, int64 ``(*batch,)``, every variable given.

    Raises:
        ValueError: If a variable has no state, or one out of range.

    Example:
        >>> from graphfuse import Variable, star
        >>> graph = star(Variable("coin", 2), sources=[])
        >>> log_score(graph, {"prior": torch.tensor([0.0, 1.5])}, {"coin": torch.tensor([1, 0])})
        tensor([1.5000, 0.0000])
    """
    check_type("assignment", assignment, Mapping, "be a mapping from variables to states")
    missing = [name for name in graph.variable_names if name not in assignment]
    if missing:
        raise invalid("assignment", "give a state of every variable", f"none for {listed(missing)}")
    for name, states in assignment.items():
        check_known("each variable in assignment", name, graph.num_states)
        check_tensor(f"assignment[{name!r}]", states)
        outside = states[(states < 0) | (states >= graph.num_states[name])].flatten()
        if len(outside):
            raise invalid(f"assignment[{name!r}]", f"be between 0 and {graph.num_states[name] - 1}", int(outside[0]))
    evidence = Evidence(hard=assignment)
    tables, _ = _validated(graph, log_potentials, evidence, _DEFAULT)
    like = next(iter(tables.values()), torch.zeros(()))
    total = like.new_zeros(evidence.batch_shape)
    for factor in graph.factors:
        table = tables[factor.name]
        size = table.shape[: table.ndim - len(factor.scope)]
        batch = broadcast_shapes(size, evidence.batch_shape)
        flat = table.flatten(len(size)) if factor.scope else table.unsqueeze(-1)
        flat = flat.expand(*batch, flat.shape[-1])
        index = torch.zeros(batch, dtype=torch.int64, device=table.device)
        for name in factor.scope:
            index = index * graph.num_states[name] + assignment[name]
        total = total + flat.gather(-1, index.unsqueeze(-1)).squeeze(-1)
    return total


def _validated(
    graph: FactorGraph,
    log_potentials: Mapping[str, Tensor],
    evidence: Evidence | None,
    method: InferenceMethod,
) -> tuple[dict[str, Tensor], Evidence]:
    """Tables in one dtype, and evidence, all of which fit the graph and each other."""
    check_type("graph", graph, FactorGraph, "be a FactorGraph")
    check_type("log_potentials", log_potentials, Mapping, "be a mapping from factor names to tensors")
    check_type("method", method, InferenceMethod, "be an InferenceMethod")
    evidence = Evidence() if evidence is None else evidence
    check_type("evidence", evidence, Evidence, "be an Evidence")
    if log_potentials.keys() != graph.scopes.keys():
        for name in log_potentials:
            check_known("each factor in log_potentials", name, graph.scopes)
        absent = [name for name in graph.scopes if name not in log_potentials]
        raise invalid("log_potentials", "hold a table for every factor", f"none for {listed(absent)}")
    tables = [log_potentials[name] for name in graph.scopes]
    if not all([isinstance(table, Tensor) for table in tables]):
        for name, table in zip(graph.scopes, tables, strict=True):
            check_tensor(f"log_potentials[{name!r}]", table)
    if all([table.ndim == len(scope) for table, scope in zip(tables, graph.scopes.values(), strict=True)]):
        found = _CHECKED.get(tables, lambda: _checked(graph, tables), graph)
    else:
        found = _checked(graph, tables)
    seen = [*evidence.hard.values(), *evidence.soft.values()]
    if len({tensor.device for tensor in (*tables[:1], *seen)}) > 1:  # the other tables have been compared
        tensors = {f"log_potentials[{name!r}]": log_potentials[name] for name in list(graph.scopes)[:1]}
        tensors |= {f"evidence.hard[{name!r}]": states for name, states in evidence.hard.items()}
        tensors |= {f"evidence.soft[{name!r}]": table for name, table in evidence.soft.items()}
        _check_one_device(tensors)
    if evidence.soft or not _states_fit(graph, evidence.hard):
        evidence.check_fits(graph)
    batches = _batches(graph, tuple([table.shape for table in tables]))
    if batches:
        broadcast([*batches, ("evidence", evidence.batch_shape)])
    return found, evidence


def _states_fit(graph: FactorGraph, hard: Mapping[str, Tensor]) -> bool:
    """Whether all states are those of known variables, seen quickly; who says no has to be looked at one by one."""
    columns, sizes = list(hard.values()), [graph.num_states.get(name, -1) for name in hard]
    if not columns:
        return True
    if not all(column.numel() for column in columns):
        return False
    shapes = {column.shape for column in columns}
    if shapes == {()}:
        lowest = highest = [column.item() for column in columns]
    elif len(shapes) == 1 and columns[0].numel() <= _SIDE_BY_SIDE:
        low, high = torch.stack(columns).reshape(len(columns), -1).aminmax(dim=1)
        lowest, highest = low.tolist(), high.tolist()
    else:
        ends = [column.aminmax() for column in columns]
        lowest, highest = [int(low) for low, _ in ends], [int(high) for _, high in ends]
    return min(lowest) >= -1 and all(state < size for state, size in zip(highest, sizes, strict=True))


def _checked(graph: FactorGraph, tables: Sequence[Tensor]) -> dict[str, Tensor]:
    """Refuse tables that do not fit; by factor, in the dtype that holds them all."""
    if len({table.device for table in tables}) > 1:
        _check_one_device(
            {f"log_potentials[{name!r}]": table for name, table in zip(graph.scopes, tables, strict=True)}
        )
    dtypes = {table.dtype for table in tables}
    if not all(dtype.is_floating_point for dtype in dtypes) or not below_infinity(tables):
        for name, table in zip(graph.scopes, tables, strict=True):  # one by one, to say which
            check_log_values(f"log_potentials[{name!r}]", table)
    _batches(graph, tuple([table.shape for table in tables]))
    if len(dtypes) > 1:
        dtype = reduce(torch.promote_types, dtypes)
        tables = [table.to(dtype) for table in tables]
    return dict(zip(graph.scopes, tables, strict=True))


@lru_cache(maxsize=256)
def _batches(graph: FactorGraph, shapes: Sequence[torch.Size]) -> tuple[tuple[str, torch.Size], ...]:
    """Batch shapes other than none, each with the first table that has it; tables that do not fit are refused."""
    first: dict[torch.Size, str] = {}
    for (name, scope), shape in zip(graph.scopes.items(), shapes, strict=True):
        argument = f"log_potentials[{name!r}]"
        check_trailing(argument, shape, graph.shape(scope), scope)
        first.setdefault(shape[: len(shape) - len(scope)], argument)
    return tuple((argument, shape) for shape, argument in first.items() if shape)


def _check_one_device(tensors: Mapping[str, Tensor]) -> None:
    first: tuple[str, torch.device] | None = None
    for argument, tensor in tensors.items():
        check_tensor(argument, tensor)
        if first is None:
            first = argument, tensor.device
        elif tensor.device != first[1]:
            raise invalid(argument, f"be on the device of {first[0]}, {first[1]}", tensor.device)
