"""Variables, factors and graphs: equality, hashing, and what they refuse."""

import pickle

import pytest

from graphfuse import Factor, FactorGraph, Variable, star


def test_graphs_of_equal_parts_are_equal_and_hash_alike():
    first, second = (star(Variable("y", 2, ("no", "yes")), ["a", "b"]) for _ in range(2))
    assert first == second and hash(first) == hash(second) and first is not second
    assert first != star(Variable("y", 2, ("no", "yes")), ["b", "a"])
    assert pickle.loads(pickle.dumps(first)) == first


def test_a_graph_cannot_be_changed():
    graph = star(Variable("y", 2), [])
    with pytest.raises(AttributeError):
        graph.variables = ()


def test_shapes_and_sizes_follow_the_scope():
    graph = FactorGraph([Variable("a", 2), Variable("b", 3)], [Factor("f", ("b", "a"))])
    assert graph.shape(("b", "a")) == (3, 2) and graph.size(("a", "b")) == 6 and graph.size(()) == 1
    assert graph.scopes == {"f": ("b", "a")} and graph.num_states == {"a": 2, "b": 3}


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Variable("", 2), ValueError, "the name of a variable must not be empty"),
        (lambda: Variable(3, 2), TypeError, "the name of a variable must be a string; got int"),
        (lambda: Variable("x", 0), ValueError, "num_states of variable 'x' must be at least 1; got 0"),
        (lambda: Variable("x", 2.0), TypeError, "num_states of variable 'x' must be an integer; got 2.0"),
        (lambda: Variable("x", True), TypeError, "num_states of variable 'x' must be an integer; got True"),
        (lambda: Variable("x", 2, ("a",)), ValueError, "states of variable 'x' must have 2 names; got 1 names"),
        (lambda: Variable("x", 2, ("a", "a")), ValueError, "states of variable 'x' must not repeat a name"),
        (lambda: Factor("f", "ab"), TypeError, "scope of factor 'f' must be a sequence of names; got 'ab'"),
        (lambda: Factor("f", ("a", "a")), ValueError, "scope of factor 'f' must not repeat a name"),
        (
            lambda: FactorGraph([Variable("age", 2)], [Factor("f", ("ages",))]),
            ValueError,
            r"each variable in the scope of factor 'f' must be one of 'age'; got 'ages' \(did you mean 'age'\?\)",
        ),
        (lambda: FactorGraph([Variable("a", 2)] * 2, []), ValueError, "names of variables must not repeat a name"),
        (
            lambda: FactorGraph([Variable("a", 2)], [Factor("f", ("a",))] * 2),
            ValueError,
            "names of factors must not repeat a name; got 'f' more than once",
        ),
        (lambda: FactorGraph(["a"], []), TypeError, "each of variables must be a Variable; got str"),
        (lambda: star(Variable("y", 2), []).variable("z"), ValueError, "the name of a variable must be one of 'y'"),
    ],
)
def test_what_does_not_fit_is_named(make, error, message):
    with pytest.raises(error, match=message):
        make()
