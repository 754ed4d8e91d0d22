"""The UAI format: axes, numbers, evidence and refusals, judged by sums over assignments and published references."""

import csv
import gzip
import os
from math import log
from pathlib import Path

import pytest
import torch

from graphfuse.graph import Factor, FactorGraph, Variable, bayesian_network
from graphfuse.inference import Enumeration
from graphfuse.networks import Network, read_evidence, read_network, write_network
from graphfuse.networks.formats.uai import read_uai, write_uai

DATA = Path(os.environ.get("GRAPHFUSE_DATA", "absent")) / "uai_instances"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="needs uai_instances under $GRAPHFUSE_DATA")
MARKOV = """MARKOV
3
2 2 3
3
2 0 1
3 2 0 1
0

4
 4.000 2.400
 1.000 0.000

12
 2.2500 3.2500 3.7500 0.0000
 0.0000 10.0000 1.8750 4.0000
 3.3330 2.0000 2.0000 3.4000
1
 0.5
"""
BAYES = """BAYES
3
2 2 3
3
1 0
2 0 1
2 1 2

2
 0.436 0.564
4
 0.128 0.872
 0.920 0.080
6
 0.210 0.333 0.457
 0.811 0.000 0.189
"""


def changed(text: str, *edits: tuple[str, str]) -> str:
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    return text


def references(name: str) -> tuple[float, list[list[float]]]:
    """The partition in nats and the marginals by variable, as the competition gives them."""
    partition = (DATA / f"PR_MAR/{name}.uai.PR").read_text().split()
    marginals = gzip.decompress((DATA / f"PR_MAR/{name}.uai.MAR.gz").read_bytes()).decode().split()
    assert partition[0] == "PR" and marginals[0] == "MAR"
    rows, at = [], 2
    for _ in range(int(marginals[1])):
        count = int(marginals[at])
        rows.append(list(map(float, marginals[at + 1 : at + 1 + count])))
        at += 1 + count
    assert at == len(marginals)
    return float(partition[1]) * log(10), rows


def read_real(name: str):
    network = read_network(DATA / f"PR_MAR/{name}.uai.gz")
    return network, read_evidence(DATA / f"PR_MAR/{name}.uai.evid", network)


def test_in_a_table_the_last_variable_of_the_scope_is_the_fastest():
    network = read_uai(MARKOV, "small.uai")
    assert network.graph.scopes == {"factor_0": ("0", "1"), "factor_1": ("2", "0", "1"), "factor_2": ()}
    table = network.log_tables["factor_1"].exp()
    numbers = [2.25, 3.25, 3.75, 0, 0, 10, 1.875, 4, 3.333, 2, 2, 3.4]
    for two in range(3):
        for zero in range(2):
            for one in range(2):
                assert float(table[two, zero, one]) == pytest.approx(numbers[4 * two + 2 * zero + one])


def test_the_partition_is_the_sum_over_all_assignments_read_off_the_file():
    pair, triple = [4, 2.4, 1, 0], [2.25, 3.25, 3.75, 0, 0, 10, 1.875, 4, 3.333, 2, 2, 3.4]
    total = sum(
        pair[2 * zero + one] * triple[4 * two + 2 * zero + one] * 0.5
        for zero in range(2) for one in range(2) for two in range(3)
    )  # fmt: skip
    for method in ({}, {"method": Enumeration()}):
        assert float(read_uai(MARKOV, "small.uai").infer(**method).log_partition) == pytest.approx(
            log(total), abs=1e-14
        )


def test_in_a_bayesian_file_factors_are_named_after_the_last_variable_of_their_scope():
    network = read_uai(BAYES, "small.uai")
    assert network.graph.scopes == {"0": ("0",), "1": ("0", "1"), "2": ("1", "2")}
    assert network.log_tables["2"][1, 1] == -torch.inf
    expected = 0.436 * 0.872 + 0.564 * 0.080
    assert float(network.infer().marginal("1")[1]) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("text", [MARKOV, BAYES], ids=["markov", "bayes"])
def test_line_breaks_and_comments_do_not_matter(text):
    expected = read_uai(text, "small.uai")
    for other in (
        " ".join(text.split()),
        "\r\n".join(text.split()),
        text.replace("\n", " # 3 { \n"),
        "\t" + text + "\n",
    ):
        found = read_uai(other, "small.uai")
        assert found.graph == expected.graph
        torch.testing.assert_close(dict(found.log_tables), dict(expected.log_tables), rtol=0, atol=0)


@pytest.mark.parametrize("text", [MARKOV, BAYES], ids=["markov", "bayes"])
def test_a_written_network_has_the_same_words(text):
    def values(text: str) -> list[object]:
        return [float(word) if word[0].isdigit() else word for word in text.split()]

    assert values(write_uai(read_uai(text, "small.uai"))) == values(text)


def test_a_network_with_names_is_written_by_the_places_of_its_variables():
    graph = FactorGraph([Variable("b", 2, ("no", "yes")), Variable("a", 3)], [Factor("tie", ("a", "b"))])
    table = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], dtype=torch.float64).log()
    found = read_uai(write_uai(Network(graph, {"tie": table})), "tie.uai")
    assert found.graph.scopes == {"factor_0": ("1", "0")}
    assert torch.equal(found.log_tables["factor_0"], table)


def test_tables_named_after_variables_that_do_not_sum_to_one_are_written_as_a_markov_network():
    graph = bayesian_network([Variable("a", 2)], {})
    for values, preamble in (([0.5, 0.5], "BAYES"), ([0.5, 0.6], "MARKOV")):
        text = write_uai(Network(graph, {"a": torch.tensor(values, dtype=torch.float64).log()}))
        assert text.split()[0] == preamble


WRONG = {
    "empty": ("", 1, "'MARKOV' or 'BAYES' at the start", "the end of the file"),
    "other preamble": (changed(MARKOV, ("MARKOV", "MARKOW")), 1, "'MARKOV' or 'BAYES'", "'MARKOW'"),
    "no count": (changed(MARKOV, ("3\n2 2 3", "three\n2 2 3")), 2, "the number of variables", "'three'"),
    "huge count": (changed(MARKOV, ("3\n2 2 3", "1000000000\n2 2 3")), 18, "1000000000 numbers of states", "words"),
    "endless count": (changed(MARKOV, ("3\n2 2 3", f"{'9' * 5000}\n2 2 3")), 2, "the number of variables", "…'"),
    "negative count": (changed(MARKOV, ("3\n2 2 3", "-3\n2 2 3")), 2, "the number of variables", "'-3'"),
    "no states": (changed(MARKOV, ("2 2 3", "2 0 3")), 3, "states of variable 1, from 1 to", "'0'"),
    "endless states": (changed(MARKOV, ("2 2 3", "2 2 1000000000000")), 3, "states of variable 2", "'1000000000000'"),
    "huge factors": (changed(MARKOV, ("3\n2 0 1", "1000000000\n2 0 1")), 18, "1000000000 scopes", "words up to"),
    "huge scope": (changed(MARKOV, ("2 0 1", "1000000000 0 1")), 5, "in a scope, at most 64", "'1000000000'"),
    "unknown variable": (changed(MARKOV, ("3 2 0 1", "3 2 0 3")), 6, "a variable from 0 to 2", "'3'"),
    "variable twice": (changed(MARKOV, ("3 2 0 1", "3 2 0 2")), 6, "names no variable twice", "'2', '0', '2'"),
    "size": (changed(MARKOV, ("12\n", "11\n")), 13, "12 as the size of the table of factor_1 over '2', '0', '1'", "11"),
    "huge size": (changed(MARKOV, ("12\n", "1000000000000\n")), 13, "12 as the size", "1000000000000"),
    "no number": (changed(MARKOV, ("3.3330", "3,3330")), 16, "a finite number of at least zero", "'3,3330'"),
    "negative": (changed(MARKOV, ("3.3330", "-3.3330")), 16, "a finite number of at least zero", "'-3.3330'"),
    "nan": (changed(MARKOV, ("3.3330", "nan")), 16, "a finite number of at least zero", "'nan'"),
    "overflow": (changed(MARKOV, ("3.3330", "1e999")), 16, "a finite number of at least zero", "'1e999'"),
    "short": (changed(MARKOV, ("1\n 0.5\n", "")), 16, "the size of the table of factor_2", "the end of the file"),
    "cut": (changed(MARKOV, ("3.4000\n1\n 0.5\n", "")), 16, "12 numbers of factor_1", "11 words up to the end"),
    "trailing": (MARKOV + "7\n", 19, "nothing behind the last table", "'7'"),
    "too few factors": (changed(BAYES, ("3\n1 0", "2\n1 0")), 4, "3 factors, one per variable", "2"),
    "child twice": (changed(BAYES, ("2 1 2", "2 2 1")), 7, "one table per variable", "another for '1'"),
    "no child": (changed(BAYES, ("1 0\n", "0\n"), ("2\n 0.436 0.564", "1\n 1.0")), 5, "ends with a child", "an empty"),
    "sum": (changed(BAYES, ("0.920", "0.930")), 6, "probabilities of '1' that sum to one", "a sum of 1.01"),
    "cycle": (
        changed(BAYES, ("1 0\n", "2 1 0\n"), ("2\n 0.436 0.564", "4\n 0.436 0.564 0.5 0.5")),
        None, "parents that close no cycle", "one through '",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_file_is_refused_with_file_line_expectation_and_finding(case):
    text, line, expected, found = WRONG[case]
    with pytest.raises(ValueError) as refusal:
        read_uai(text, "small.uai")
    must, _, got = str(refusal.value).partition("; got ")
    assert must.startswith("small.uai, line " if line is None else f"small.uai, line {line} must have ")
    assert expected in must
    assert found in got
    assert len(str(refusal.value)) < 300


@pytest.mark.parametrize("text", [MARKOV, BAYES], ids=["markov", "bayes"])
def test_every_shorter_file_is_refused(text):
    words = text.split()
    for length in range(len(words)):
        with pytest.raises(ValueError, match=r"^small\.uai, line 1 must have .*; got "):
            read_uai(" ".join(words[:length]), "small.uai")


EVIDENCE = {
    "none": ("0\n", {}),
    "one sample": ("2 0 1 2 2\n", {"0": 1, "2": 2}),
    "over lines": ("2\n0 1\n2 2\n", {"0": 1, "2": 2}),
    "header": ("1\n2 0 1 2 2\n", {"0": [1], "2": [2]}),
    "header without evidence": ("1\n0\n", {"0": [-1]}),
    "samples": ("3\n1 2 2\n0\n2 1 0 2 1\n", {"2": [2, -1, 1], "1": [-1, -1, 0]}),
    "samples on a line": ("3 1 2 2 0 2 1 0 2 1", {"2": [2, -1, 1], "1": [-1, -1, 0]}),
    "both fit, on a line": ("2 0 1 1 1", {"0": 1, "1": 1}),
    "both fit, by samples": ("2\n0\n1 1 1\n", {"1": [-1, 1]}),
    "both fit, by observations": ("2\n0 1\n1 1\n", {"0": 1, "1": 1}),
}


@pytest.mark.parametrize("case", EVIDENCE)
def test_both_layouts_of_evidence_are_read(case, tmp_path):
    text, expected = EVIDENCE[case]
    network = read_uai(MARKOV, "small.uai")
    (tmp_path / "small.evid").write_text(text)
    (tmp_path / "small.evid.gz").write_bytes(gzip.compress(text.encode()))
    for name in ("small.evid", "small.evid.gz"):
        found = read_evidence(tmp_path / name, network)
        assert {name: states.tolist() for name, states in found.hard.items()} == expected
    assert network.infer(found).log_partition.shape == found.batch_shape


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the number of observations; got the end of the file"),
        ("two 0 1", "the number of observations; got 'two'"),
        ("2 0 1", "4 words, a variable .*; got 2 words up to the end"),
        ("1000000000 0 1", "2000000000 words, .*; got 2 words"),
        ("1 3 0", "a variable from 0 to 2; got '3'"),
        ("1 0 2", "a state of variable '0' from 0 to 1; got '2'"),
        ("1 0 -1", "a state of variable '0' from 0 to 1; got '-1'"),
        ("2 0 1 0 1", "a sample that names no variable twice; got '0' again"),
        ("1 0 1 7", "nothing behind the last observation; got '7'"),
        ("1\n1 0 1\n1 0 1\n", "must have "),
        ("2\n0\n1 x 1\n", "must have "),
    ],
)
def test_wrong_evidence_is_refused_with_file_and_line(text, message, tmp_path):
    (tmp_path / "small.evid").write_text(text)
    with pytest.raises(ValueError, match=rf"^small\.evid, line \d must have .*{message.removeprefix('must have ')}"):
        read_evidence(tmp_path / "small.evid", read_uai(MARKOV, "small.uai"))


@needs_data
@pytest.mark.parametrize("name", ["Promedus_24", "Grids_12"])
def test_marginals_and_partition_are_those_of_the_competition(name):
    network, evidence = read_real(name)
    partition, marginals = references(name)
    posterior = network.infer(evidence)
    assert float(posterior.log_partition) == pytest.approx(partition, abs=5e-4 * log(10))
    for variable, expected in zip(network.graph.variables, marginals, strict=True):
        found = posterior.marginal(variable.name)
        torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-6)


@needs_data
def test_marginals_of_three_state_tables_of_four_variables_are_those_of_the_competition():
    network, evidence = read_real("Pedigree_12")
    _, marginals = references("Pedigree_12")
    assert max(len(scope) for scope in network.graph.scopes.values()) == 4
    names = [variable.name for variable in network.graph.variables if variable.num_states == 3][:5]
    posterior = network.infer(evidence, targets=names)
    for name in names:
        expected = torch.tensor(marginals[int(name)], dtype=torch.float64)
        torch.testing.assert_close(posterior.marginal(name), expected, rtol=0, atol=1e-6)


@needs_data
@pytest.mark.parametrize("path", ["PR_MAR/Grids_11", "PR_MAR/linkage_14", "MAP_MMAP/wcsp_15"])
def test_a_real_model_is_counted_as_it_was_published_and_written_to_the_bit(path, tmp_path):
    network = read_network(DATA / f"{path}.uai.gz")
    with (DATA / "instances.csv").open() as file:
        row = next(row for row in csv.DictReader(file) if f"{row['folder']}/{row['name']}" == path)
    assert len(network.graph.variables) == int(row["n_vars"])
    assert len(network.graph.factors) == int(row["n_factors"])
    tables = torch.cat([table.flatten() for table in network.log_tables.values()])
    assert len(tables) == int(row["n_entries"])
    assert int((tables == -torch.inf).sum()) == int(row["zero_entries"])
    write_network(network, tmp_path / "again.uai.gz")
    again = read_network(tmp_path / "again.uai.gz")
    assert again.graph == network.graph
    assert all(torch.equal(again.log_tables[name], table) for name, table in network.log_tables.items())
    published, written = (
        [float(word) for word in gzip.decompress(file.read_bytes()).decode().split()[1:]]
        for file in (DATA / f"{path}.uai.gz", tmp_path / "again.uai.gz")
    )
    assert written == published


@needs_data
@pytest.mark.slow
def test_all_published_models_and_their_evidence_are_read():
    paths = sorted(DATA.glob("*/*.uai.gz"))
    assert len(paths) == 80
    for path in paths:
        network = read_network(path)
        read_evidence(path.with_name(path.name.removesuffix(".gz") + ".evid"), network).check_fits(network.graph)
