"""What is kept belongs to the very tensors it was computed from, as they are."""

import gc
import threading
import weakref

import pytest
import torch

from graphfuse import Evidence, Variable, chain, infer
from graphfuse.kept import Kept


@pytest.fixture
def kept():
    return Kept(limit=3)


def asked(kept, tensors, *more):
    """The answer, and whether it was computed anew."""
    calls = []

    def compute():
        calls.append(1)
        return sum(float(tensor.detach().sum()) for tensor in tensors)

    return kept.get(tensors, compute, *more), bool(calls)


def test_a_result_is_computed_once_for_the_same_tensors(kept):
    tensors = [torch.ones(2), torch.ones(3)]
    assert asked(kept, tensors) == (5.0, True)
    assert asked(kept, list(tensors)) == (5.0, False)
    assert asked(kept, tensors[::-1]) == (5.0, True)
    assert asked(kept, [tensors[0].clone(), tensors[1]]) == (5.0, True)


def test_another_question_about_the_same_tensors_is_another_result(kept):
    tensors = [torch.ones(2)]
    assert [asked(kept, tensors, more)[1] for more in ("a", "b", "a", ("a", "b"))] == [True, True, False, True]


@pytest.mark.parametrize(
    "change",
    [lambda t: t.mul_(2), lambda t: t.__setitem__(0, 3.0), lambda t: t[1:].fill_(3.0), lambda t: t.view(-1).add_(1)],
    ids=["whole", "entry", "part", "view"],
)
def test_a_change_in_place_is_noticed(kept, change):
    table = torch.ones(2)
    asked(kept, [table])
    change(table)
    assert asked(kept, [table]) == (float(table.sum()), True)
    assert asked(kept, [table])[1] is False


def test_a_change_by_an_optimizer_is_noticed(kept):
    table = torch.ones(2, requires_grad=True)
    view = table.detach()
    asked(kept, [view])
    table.sum().backward()
    torch.optim.SGD([table], lr=0.5).step()
    assert asked(kept, [view]) == (1.0, True)


def test_of_learned_tensors_and_those_without_versions_nothing_is_kept(kept):
    learned = torch.ones(2, requires_grad=True)
    with torch.inference_mode():
        inferred = torch.ones(2)
    for tensor in (learned, inferred):
        assert [asked(kept, [tensor])[1] for _ in range(2)] == [True, True]
    assert not kept.entries
    plain = torch.ones(2)
    asked(kept, [plain])
    plain.requires_grad_()
    assert asked(kept, [plain])[1] is True


def test_the_results_asked_for_latest_are_kept_up_to_the_limit(kept):
    tables = [torch.full((1,), float(i)) for i in range(4)]
    for i in (0, 1, 2, 0, 3):
        asked(kept, [tables[i]])
    assert len(kept.entries) == 3
    assert [asked(kept, [tables[i]])[1] for i in (0, 2, 3)] == [False] * 3
    assert asked(kept, [tables[1]])[1] is True


def test_tensors_live_as_long_as_their_result_so_that_no_other_takes_their_place(kept):
    table = torch.ones(1)
    alive = weakref.ref(table)
    asked(kept, [table])
    del table
    gc.collect()
    assert alive() is not None
    for i in range(3):
        asked(kept, [torch.full((1,), float(i))])
    gc.collect()
    assert alive() is None


def test_a_refusal_is_not_kept(kept):
    table = torch.ones(1)

    def refuse():
        raise ValueError

    for _ in range(2):
        with pytest.raises(ValueError):
            kept.get([table], refuse)
    assert asked(kept, [table]) == (1.0, True)


def test_threads_share_what_is_kept():
    kept = Kept(limit=2)
    tables = [torch.full((1,), float(i)) for i in range(5)]
    wrong = []

    def ask(seed):
        for turn in range(3000):
            i = (seed * 7 + turn * (seed + 1)) % 5
            try:
                if kept.get([tables[i]], lambda i=i: i) != i:
                    wrong.append(i)
            except KeyError as error:
                wrong.append(error)

    askers = [threading.Thread(target=ask, args=(seed,)) for seed in range(4)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert not wrong and len(kept.entries) <= 2


def test_answers_follow_tables_that_are_changed_in_place(generator):
    graph = chain([Variable(name, 2) for name in "abcd"])
    tables = {name: torch.randn(graph.shape(s), generator=generator).double() for name, s in graph.scopes.items()}
    evidence = Evidence({"d": torch.tensor([0, 1, -1])})
    for turn in range(3):
        copies = {name: table.clone() for name, table in tables.items()}
        found, expected = infer(graph, tables, evidence), infer(graph, copies, evidence)
        assert torch.equal(found.log_partition, expected.log_partition)
        assert torch.equal(found.log_marginals["a"], expected.log_marginals["a"])
        tables["b-c"][0, 0] += 1.0 + turn
