"""The structure of a model: named variables, and the factors that tie them; no numbers, no torch."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from math import prod

from ..checks import check_count, check_known, check_name, check_names, check_type, check_unique, invalid


@dataclass(frozen=True)
class Variable:
    """A discrete variable: its name, its number of states, and the names of the states where they have any.

    Raises:
        ValueError: If the number of states is below one, or differs from the number of state names.

    Example:
        >>> Variable("smoker", 2, states=("no", "yes"))
        Variable(name='smoker', num_states=2, states=('no', 'yes'))
    """

    name: str
    num_states: int
    states: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        check_name("the name of a variable", self.name)
        check_count(f"num_states of variable {self.name!r}", self.num_states)
        if self.states is not None:
            states = check_names(f"states of variable {self.name!r}", self.states)
            object.__setattr__(self, "states", states)
            if len(states) != self.num_states:
                raise invalid(
                    f"states of variable {self.name!r}", f"have {self.num_states} names", f"{len(states)} names"
                )


@dataclass(frozen=True)
class Factor:
    """A named function of the variables in its scope; its values come with each query as a table over the scope.

    Example:
        >>> Factor("cough", ("flu", "cold"))
        Factor(name='cough', scope=('flu', 'cold'))
    """

    name: str
    scope: tuple[str, ...]

    def __post_init__(self) -> None:
        check_name("the name of a factor", self.name)
        object.__setattr__(self, "scope", check_names(f"scope of factor {self.name!r}", self.scope))


@dataclass(frozen=True)
class FactorGraph:
    """Variables and factors; hashable, so that whatever is planned for a graph is planned once.

    The product of the factors is the unnormalized joint distribution of the variables; a variable in no factor is
    uniform.

    Raises:
        ValueError: If two variables or two factors share a name, or a factor names an unknown variable.

    Example:
        >>> graph = FactorGraph([Variable("flu", 2), Variable("cough", 2)], [Factor("cause", ("flu", "cough"))])
        >>> graph.shape(("flu", "cough"))
        (2, 2)

    Reference: Kschischang, Frey and Loeliger (2001), Factor graphs and the sum-product algorithm.
    """

    variables: tuple[Variable, ...]
    factors: tuple[Factor, ...]

    def __init__(self, variables: Iterable[Variable], factors: Iterable[Factor]) -> None:
        object.__setattr__(self, "variables", tuple(variables))
        object.__setattr__(self, "factors", tuple(factors))
        for variable in self.variables:
            check_type("each of variables", variable, Variable, "be a Variable")
        for factor in self.factors:
            check_type("each of factors", factor, Factor, "be a Factor")
        check_unique("names of variables", self.variable_names)
        check_unique("names of factors", [factor.name for factor in self.factors])
        for factor in self.factors:
            for name in factor.scope:
                check_known(f"each variable in the scope of factor {factor.name!r}", name, self.num_states)

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.variables, self.factors))

    @cached_property
    def variable_names(self) -> tuple[str, ...]:
        """The names of the variables, in order."""
        return tuple(variable.name for variable in self.variables)

    @cached_property
    def num_states(self) -> dict[str, int]:
        """By variable name, its number of states."""
        return {variable.name: variable.num_states for variable in self.variables}

    @cached_property
    def scopes(self) -> dict[str, tuple[str, ...]]:
        """By factor name, its scope."""
        return {factor.name: factor.scope for factor in self.factors}

    @cached_property
    def _by_name(self) -> dict[str, Variable]:
        return {variable.name: variable for variable in self.variables}

    def variable(self, name: str) -> Variable:
        """The variable of this name."""
        check_known("the name of a variable", name, self._by_name)
        return self._by_name[name]

    def shape(self, scope: Iterable[str]) -> tuple[int, ...]:
        """One number of states per variable of the scope, in order."""
        return tuple(self.num_states[name] for name in scope)

    def size(self, scope: Iterable[str]) -> int:
        """The number of joint states of a scope."""
        return prod(self.shape(scope))

    def __repr__(self) -> str:
        variables = ", ".join(f"{variable.name}:{variable.num_states}" for variable in self.variables[:8])
        more = ", …" if len(self.variables) > 8 else ""
        return f"FactorGraph({len(self.variables)} variables [{variables}{more}], {len(self.factors)} factors)"
