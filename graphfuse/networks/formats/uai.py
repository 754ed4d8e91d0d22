"""Markov and Bayesian networks in the format of the UAI inference competitions, 2008 to 2022."""

import re
from collections.abc import Iterator

from ...checks import listed
from ...graph import Factor, FactorGraph, Variable
from ..bayesian import is_bayesian
from ..definitions import MOST_VARIABLES, Definition, network_of, scope_size
from ..network import Network
from ..probabilities import decimals, log_table
from ..words import Words

_WORD = re.compile(r"\S+")
_COMMENT = re.compile(r"#[^\n]*")
_MOST_STATES = 1_000_000  # of one variable; those of a variable in no table are not bounded by the length of the file


def read_uai(text: str, source: str) -> Network:
    """A network from text in the UAI format.

    Variables are named after their numbers, ``"0"``, ``"1"``, …, and their states have no names. In every table the
    last variable of the scope is the fastest. The factors of a ``MARKOV`` file are named ``"factor_0"``,
    ``"factor_1"``, … in the order of the file, and their numbers may be any finite ones of at least zero. Those of a
    ``BAYES`` file are named after their child, which is the last variable of the scope. Numbers are kept as written;
    zero becomes ``-inf``. What stands behind ``#`` in a line is a comment.

    Args:
        text: Contents of the file.
        source: Name of the file, for messages.

    Returns:
        Tables in float64.

    Raises:
        ValueError: If the text is malformed or incomplete, if a table has another size than its scope, if a variable
            has more than a million states, or if a ``BAYES`` file is no Bayesian network; the message gives source and
            line, what was expected and what was found.

    Example:
        >>> network = read_uai("MARKOV 2  2 3  1  2 0 1  6  1.0 2.0 3.0  4.0 5.0 6.0", "small.uai")
        >>> network.log_tables["factor_0"].exp()
        tensor([[1.0000, 2.0000, 3.0000],
                [4.0000, 5.0000, 6.0000]], dtype=torch.float64)

    Reference: UAI 2022 Inference Competition, file formats; Elidan and Globerson (2010), summary of the UAI 2010
    approximate inference challenge.
    """
    return _Reader(_COMMENT.sub("", text), source, _WORD).network()


def write_uai(network: Network) -> str:
    """A network as text in the UAI format; the names of variables, states and factors are lost.

    The preamble is ``BAYES`` where every variable has a factor that is named after it, with it last in scope, summing
    to one over it within 1e-6, and no cycle is closed; else ``MARKOV``. Variables and factors keep their order.

    Raises:
        ValueError: If a table holds what no float64 is the exponential of.

    Example:
        >>> from graphfuse import bayesian_network
        >>> graph = bayesian_network([Variable("flu", 2)], {})
        >>> print(write_uai(Network(graph, {"flu": torch.tensor([0.9, 0.1], dtype=torch.float64).log()})))
        BAYES
        1
        2
        1
        1 0
        <BLANKLINE>
        2
        0.9 0.1
        <BLANKLINE>
    """
    return "\n".join(_lines(network)) + "\n"


def _lines(network: Network) -> Iterator[str]:
    graph = network.graph
    number = {name: place for place, name in enumerate(graph.variable_names)}
    yield "BAYES" if is_bayesian(graph, network.log_tables) else "MARKOV"
    yield str(len(graph.variables))
    yield " ".join(str(variable.num_states) for variable in graph.variables)
    yield str(len(graph.factors))
    for scope in graph.scopes.values():
        yield " ".join(map(str, (len(scope), *(number[name] for name in scope))))
    for name, scope in graph.scopes.items():
        values = decimals(f"log_tables[{name!r}]", network.log_tables[name])
        row = graph.num_states[scope[-1]] if scope else 1
        yield f"\n{len(values)}"
        for start in range(0, len(values), row):
            yield " ".join(values[start : start + row])


class _Reader(Words):
    def network(self) -> Network:
        if self.words[0] not in ("MARKOV", "BAYES"):
            raise self.refusal("'MARKOV' or 'BAYES' at the start")
        bayesian = self.words[0] == "BAYES"
        self.at = 1
        variables, declared = self._variables()
        at = self.at
        num_factors = self.count("the number of factors")
        self.reserve(num_factors, "scopes")
        if bayesian and num_factors != len(variables):
            raise self.refusal(f"{len(variables)} factors, one per variable", num_factors, at)
        names = list(variables)
        scopes = [self._scope(names) for _ in range(num_factors)]
        tables = [self._table(place, scope, variables) for place, (_, scope) in enumerate(scopes)]
        if self.words[self.at]:
            raise self.refusal("nothing behind the last table")
        if bayesian:
            return network_of(variables, declared, self._definitions(scopes, tables), self.refusal)
        factors = [Factor(f"factor_{place}", scope) for place, (_, scope) in enumerate(scopes)]
        graph = FactorGraph(variables.values(), factors)
        shaped = zip(factors, tables, strict=True)
        return Network(graph, {each.name: log_table(numbers, graph.shape(each.scope)) for each, numbers in shaped})

    def _variables(self) -> tuple[dict[str, Variable], dict[str, int]]:
        """The variables, and by name the places where their numbers of states stand."""
        num_variables = self.count("the number of variables")
        self.reserve(num_variables, "numbers of states")
        variables, declared = {}, {}
        for name in map(str, range(num_variables)):
            declared[name] = self.at
            must = f"the number of states of variable {name}, from 1 to {_MOST_STATES}"
            variables[name] = Variable(name, self.count(must, 1, _MOST_STATES))
        return variables, declared

    def _scope(self, names: list[str]) -> tuple[int, tuple[str, ...]]:
        """A scope and its place in the text."""
        start = self.at
        count = self.count(f"the number of variables in a scope, at most {MOST_VARIABLES}", 0, MOST_VARIABLES)
        self.reserve(count, "variables of a scope")
        must = f"a variable from 0 to {len(names) - 1}" if names else "no variable, as none is declared"
        scope = tuple(names[self.count(must, 0, len(names) - 1)] for _ in range(count))
        if len(set(scope)) < len(scope):
            raise self.refusal("a scope that names no variable twice", listed(scope), start)
        return start, scope

    def _table(self, place: int, scope: tuple[str, ...], variables: dict[str, Variable]) -> list[float]:
        at = self.at
        size = self.count(f"the size of the table of factor_{place}")
        expected = scope_size([variables[name].num_states for name in scope])
        if size != expected:
            must = f"{expected or 'more than 10^15'} as the size of the table of factor_{place} over {listed(scope)}"
            raise self.refusal(must, size, at)
        return self.numbers(size, f"numbers of factor_{place}")

    def _definitions(self, scopes: list[tuple[int, tuple[str, ...]]], tables: list[list[float]]) -> list[Definition]:
        definitions = []
        for (at, scope), numbers in zip(scopes, tables, strict=True):
            if not scope:
                raise self.refusal("a scope that ends with a child", "an empty scope", at)
            definitions.append(Definition(scope[-1], scope[:-1], numbers, at))
        return definitions
