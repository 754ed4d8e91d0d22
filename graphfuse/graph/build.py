"""Graphs of the usual shapes: star, chain, tree, Markov network, Bayesian network, latent class.

In every undirected shape each variable has a factor of its own, named after it, where an encoder's opinion of that
variable or a prior enters; a pair factor is named ``"a-b"``. A star's prior is called ``"prior"``.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import networkx as nx

from ..checks import check_known, check_names, check_unique, invalid, listed
from .factor_graph import Factor, FactorGraph, Variable


def star(target: Variable, sources: Sequence[str]) -> FactorGraph:
    """One target with a prior, and one factor per source that speaks of the target alone.

    Given the target the sources are independent, as in naive Bayes.

    Example:
        >>> star(Variable("label", 2), sources=["audio", "video"]).scopes
        {'prior': ('label',), 'audio': ('label',), 'video': ('label',)}
    """
    names = check_names("sources", sources)
    if "prior" in names:
        raise invalid("sources", "leave the name 'prior' to the prior of the target", listed(names))
    return FactorGraph([target], [Factor(name, (target.name,)) for name in ("prior", *names)])


def chain(variables: Sequence[Variable]) -> FactorGraph:
    """Variables in a row, each tied to the next.

    Example:
        >>> list(chain([Variable("monday", 2), Variable("tuesday", 2)]).scopes)
        ['monday', 'tuesday', 'monday-tuesday']
    """
    return markov_network(variables, pairwise(variable.name for variable in variables))


def tree(variables: Sequence[Variable], edges: Iterable[tuple[str, str]]) -> FactorGraph:
    """Variables tied along edges that close no loop; several trees side by side are allowed.

    Raises:
        ValueError: If the edges close a loop.

    Example:
        >>> graph = tree([Variable(name, 2) for name in "abc"], edges=[("a", "b"), ("a", "c")])
        >>> graph.scopes["a-c"]
        ('a', 'c')
    """
    edges = list(edges)
    graph = markov_network(variables, edges)
    skeleton = nx.Graph(edges)
    if skeleton.number_of_nodes() and not nx.is_forest(skeleton):
        loop = [edge[0] for edge in nx.find_cycle(skeleton)]
        raise invalid("edges", "close no loop", f"a loop through {listed(loop)}")
    return graph


def markov_network(variables: Sequence[Variable], cliques: Iterable[Sequence[str]]) -> FactorGraph:
    """An undirected model: a factor per variable, and one per clique (a pair or a larger set of variables).

    Example:
        >>> variables = [Variable(name, 2) for name in "abc"]
        >>> list(markov_network(variables, [("a", "b"), ("a", "b", "c")]).scopes)
        ['a', 'b', 'c', 'a-b', 'a-b-c']
    """
    scopes = [check_names("each of cliques", clique) for clique in cliques]
    for scope in scopes:
        if len(scope) < 2:
            raise invalid("each of cliques", "join at least two variables", listed(scope))
    check_unique("cliques", [tuple(sorted(scope)) for scope in scopes])
    unary = [Factor(variable.name, (variable.name,)) for variable in variables]
    return FactorGraph(variables, unary + [Factor("-".join(scope), scope) for scope in scopes])


def bayesian_network(variables: Sequence[Variable], parents: Mapping[str, Sequence[str]]) -> FactorGraph:
    """A directed model: one factor per variable, named after it, over its parents and, last, the variable.

    Args:
        variables: All variables.
        parents: By variable; a variable left out has none.

    Raises:
        ValueError: If the parents close a directed cycle.

    Example:
        >>> variables = [Variable("flu", 2), Variable("cough", 2)]
        >>> bayesian_network(variables, {"cough": ["flu"]}).scopes
        {'flu': ('flu',), 'cough': ('flu', 'cough')}

    Reference: Koller and Friedman (2009), Probabilistic Graphical Models, chapter 3.
    """
    names = [variable.name for variable in variables]
    for child in parents:
        check_known("each variable in parents", child, names)
    scopes = {name: (*check_names(f"parents of {name!r}", parents.get(name, ())), name) for name in names}
    directed = nx.DiGraph((parent, child) for child, scope in scopes.items() for parent in scope[:-1])
    if not nx.is_directed_acyclic_graph(directed):
        cycle = [edge[0] for edge in nx.find_cycle(directed)]
        raise invalid("parents", "close no directed cycle", f"a cycle through {listed(cycle)}")
    return FactorGraph(variables, [Factor(name, scope) for name, scope in scopes.items()])


def latent_class(target: Variable, latent: Variable, sources: Sequence[str]) -> FactorGraph:
    """A hidden class behind the target and all sources: given the class, they are independent.

    The factor ``"prior"`` is over the class and the target; every source speaks of the class.

    Example:
        >>> latent_class(Variable("label", 2), Variable("type", 4), sources=["audio"]).scopes
        {'prior': ('type', 'label'), 'audio': ('type',)}

    Reference: Lazarsfeld and Henry (1968), Latent Structure Analysis.
    """
    names = check_names("sources", sources)
    if "prior" in names:
        raise invalid("sources", "leave the name 'prior' to the prior of the target", listed(names))
    prior = Factor("prior", (latent.name, target.name))
    return FactorGraph([target, latent], [prior, *(Factor(name, (latent.name,)) for name in names)])
