"""Reading the Interchange Format: every published network, another reader's answers, and every way a file is wrong."""

import gzip
import random
import re
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from graphfuse.networks import Network, read_network
from graphfuse.networks.formats.bif import read_bif

EXAMPLES = Path((find_spec("pgmpy") or pytest.skip("pgmpy is missing", allow_module_level=True)).origin).parent / (
    "utils/example_models"
)
PUBLISHED = sorted(EXAMPLES.glob("*.bif.gz"))
SPRINKLER = """network garden {
}
variable rain {
  type discrete [ 2 ] { no, yes };
}
variable hose {
  type discrete [ 3 ] { off, low, high };
}
variable grass {
  type discrete [ 2 ] { dry, wet };
}
probability ( rain ) {
  table 0.8, 0.2;
}
probability ( hose | rain ) {
  (no) 0.5, 0.3, 0.2;
  (yes) 0.9, 0.1, 0;
}
probability ( grass | rain, hose ) {
  (no, off) 0.99, 0.01;
  (yes, off) 0.1, 0.9;
  (no, low) 0.3, 0.7;
  (yes, low) 0.05, 0.95;
  (no, high) 0.1, 0.9;
  (yes, high) 0.01, 0.99;
}
"""
GRASS = [[[0.99, 0.01], [0.3, 0.7], [0.1, 0.9]], [[0.1, 0.9], [0.05, 0.95], [0.01, 0.99]]]


def published(name: str) -> str:
    return gzip.decompress((EXAMPLES / f"{name}.bif.gz").read_bytes()).decode()


def changed(*edits: tuple[str, str]) -> str:
    text = SPRINKLER
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    return text


def assert_same(found: Network, expected: Network) -> None:
    assert found.graph == expected.graph
    for name, table in expected.log_tables.items():
        torch.testing.assert_close(found.log_tables[name], table, rtol=0, atol=0)


def test_a_network_is_read_as_it_is_written():
    network = read_bif(SPRINKLER, "garden.bif")
    assert network.graph.scopes == {"rain": ("rain",), "hose": ("rain", "hose"), "grass": ("rain", "hose", "grass")}
    assert [variable.states for variable in network.graph.variables] == [
        ("no", "yes"),
        ("off", "low", "high"),
        ("dry", "wet"),
    ]
    torch.testing.assert_close(network.log_tables["grass"].exp(), torch.tensor(GRASS, dtype=torch.float64))
    assert network.log_tables["hose"][1, 2] == -torch.inf


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.name.removesuffix(".bif.gz"))
def test_every_published_network_loads_and_its_rows_sum_to_one(path):
    network = read_network(path)
    text = gzip.decompress(path.read_bytes()).decode()
    assert list(network.graph.variable_names) == re.findall(r"^variable (\S+)", text, re.MULTILINE)
    for name, table in network.log_tables.items():
        assert network.graph.scopes[name][-1] == name
        assert table.dtype == torch.float64
        assert float((table.exp().sum(-1) - 1).abs().max()) < 1e-6


def test_all_published_networks_are_found():
    assert len(PUBLISHED) == 24


@pytest.mark.parametrize(
    "name", ["asia", "child", "alarm", *(pytest.param(name, marks=pytest.mark.slow) for name in ("cancer", "sachs"))]
)
@pytest.mark.filterwarnings("error::FutureWarning")
def test_tables_agree_with_the_reader_of_pgmpy(name):
    from pgmpy.readwrite import BIFReader

    reader = BIFReader(string=published(name))
    network = read_network(EXAMPLES / f"{name}.bif.gz")
    assert set(network.graph.variable_names) == set(reader.variable_names)
    for child, parents in reader.variable_parents.items():
        assert network.graph.scopes[child] == (*parents, child)
        assert list(network.graph.variable(child).states) == reader.variable_states[child]
        expected = torch.tensor(reader.variable_cpds[child]).T.reshape(network.log_tables[child].shape)
        torch.testing.assert_close(network.log_tables[child].exp(), expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize(
    "edits",
    [
        [("network garden", "// a garden }\n/* of\n two ; lines */ network garden")],
        [("network garden {", "network garden { property author me, http;")],
        [("variable rain {", 'variable "rain" { property position = (12, 3);')],
        [("{ no, yes }", '{ "no" "yes" }'), ("(no) 0.5", '( "no" ) 0.5')],
        [("probability ( hose | rain )", "probability ( hose rain )")],
        [("  (no) 0.5, 0.3, 0.2;\n", ""), ("(yes) 0.9, 0.1, 0;", "default 0.5 0.3 0.2; (yes) 0.9 0.1 0;")],
        [("(no) 0.5, 0.3, 0.2;\n  (yes) 0.9, 0.1, 0;", "table 0.5, 0.9, 0.3, 0.1, 0.2, 0;")],
        [("(no) 0.5, 0.3, 0.2;\n  (yes) 0.9, 0.1, 0;", "(yes) .9,1e-1,0.0E0;(no) 5e-1,3E-1,+0.2;")],
        [("(no) 0.5", "property old; (no) 0.5")],
        [("\n", "\r\n")],
        [("probability ( rain )", "probability(rain)"), ("{\n  table 0.8, 0.2;", "{table 0.8,0.2;")],
    ],
    ids=["comments", "network property", "property", "quotes", "no bar", "default", "table", "order", "mixed", "crlf",
         "tight"],
)  # fmt: skip
def test_other_spellings_of_a_network_read_the_same(edits):
    assert_same(read_bif(changed(*edits), "other.bif"), read_bif(SPRINKLER, "garden.bif"))


@pytest.mark.parametrize("name", ["insurance", "hailfinder", "water"])
def test_properties_among_the_rows_change_nothing(name):
    text = published(name)
    spaced = re.sub(r"^  (\(.*;|table.*;)$", r"  property aside; \1", text, flags=re.MULTILINE)
    assert spaced != text
    assert_same(read_bif(spaced, "spaced.bif"), read_bif(text, "plain.bif"))


def test_blocks_may_come_in_any_order():
    head, *blocks = SPRINKLER.partition("variable")
    variables, probabilities = "".join(blocks).split("probability ( rain )")
    network = read_bif(f"{head} probability ( rain ) {probabilities} {variables}", "garden.bif")
    assert_same(network, read_bif(SPRINKLER, "garden.bif"))


def test_a_table_with_parents_has_the_child_slowest_as_in_the_dog_problem():
    text = """network dog { }
variable bowel { type discrete [ 2 ] { true false }; }
variable family { type discrete [ 2 ] { true false }; }
variable dog { type discrete [ 2 ] { true false }; }
probability ( bowel ) { table 0.01 0.99; }
probability ( family ) { table 0.15 0.85; }
probability ( dog bowel family ) { table 0.99 0.97 0.9 0.3 0.01 0.03 0.1 0.7; }"""
    expected = torch.tensor([[0.99, 0.97], [0.9, 0.3]], dtype=torch.float64)  # true, by bowel and family
    torch.testing.assert_close(read_bif(text, "dog.bif").log_tables["dog"][..., 0].exp(), expected)


LONG = "x" * 500
WRONG = {
    "empty": ("", 1, "a block 'network NAME", "the end of the file"),
    "blank": ("\n\n \n", 1, "a block 'network NAME", "the end of the file"),
    "prose": ("Dear\nall", 1, "a block 'network NAME", "'Dear'"),
    "binary": ("\0\x01\x02{}", 1, "a block 'network NAME", "'\\x00"),
    "only a head": ("network a { }\n", 1, "a block 'variable NAME", "the end of the file"),
    "unclosed head": ("network a {", 1, "'property …;' or '}'", "the end of the file"),
    "stray word": ([("variable hose", "varable hose")], 6, "a block 'variable NAME", "'varable'"),
    "long word": ([("variable hose", f"{LONG} hose")], 6, "a block", "xxx…'"),
    "open comment": ([("variable hose", "/* variable hose")], 6, "'*/' behind this '/*'", "the end of the file"),
    "open quote": ([("variable hose", 'variable "hose')], 6, "the name of a variable", "'\"'"),
    "nameless": ([("variable hose", "variable")], 6, "the name of a variable", "'{'"),
    "variable twice": ([("variable hose", "variable rain")], 6, "variables that are declared once", "'rain' again"),
    "continuous": ([("type discrete [ 3 ]", "type continuous [ 3 ]")], 7, "'discrete'", "'continuous'"),
    "no type": ([("  type discrete [ 3 ] { off, low, high };\n", "")], 6, "type discrete [ n ]", "none"),
    "more states declared": ([("[ 3 ]", "[ 4 ]")], 7, "the number of states of 'hose'", "'4' for 'off', 'low', 'high'"),
    "huge count": ([("[ 3 ]", "[ 999999999 ]")], 7, "the number of states", "'999999999' for"),
    "endless count": ([("[ 3 ]", f"[ {'9' * 9999} ]")], 7, "the number of states", "…' for"),
    "count of zero": ([("[ 3 ] { off, low, high }", "[ 0 ] { }")], 7, "the number of states", "'0' for none"),
    "negative count": ([("[ 3 ]", "[ -3 ]")], 7, "the number of states", "'-3' for"),
    "state twice": ([("off, low, high", "off, low, off")], 7, "different names of the states of 'hose'", "'off'"),
    "two types": ([("high };", "high }; type discrete [ 1 ] { a };")], 7, "'property …;' or '}'", "'type'"),
    "probability twice": ([("( hose |", "( rain |")], 15, "one probability block per variable", "another for 'rain'"),
    "no probability": (
        [("probability ( rain ) {\n  table 0.8, 0.2;\n}\n", "")], 3, "'probability ( rain … )' for this", "none"
    ),
    "unknown child": ([("( hose |", "( hoose |")], 15, "declared variables", "'hoose'"),
    "unknown block": ([("network garden {\n}", "network garden {\n}\nprobability ( x ) { }")], 3, "declared", "'x'"),
    "unknown parent": ([("( hose | rain )", "( hose | reign )")], 15, "declared variables", "'reign'"),
    "parent twice": ([("( grass | rain, hose )", "( grass | rain, rain )")], 19, "none of them twice", "'rain'"),
    "own parent": ([("( hose | rain )", "( hose | hose )")], 15, "none of them twice", "'hose', 'hose'"),
    "cycle": (
        [("( rain ) {\n  table 0.8, 0.2;", "( rain | grass ) {\n  table 0.8, 0.8, 0.2, 0.2;")],
        None, "parents that close no cycle", "one through '",
    ),
    "second bar": ([("( grass | rain, hose )", "( grass | rain | hose )")], 19, "the name of a parent or ')'", "'|'"),
    "too few": ([("(no) 0.5, 0.3, 0.2;", "(no) 0.5, 0.5;")], 16, "3 probabilities", "2"),
    "too many": ([("(no) 0.5, 0.3, 0.2;", "(no) 0.4, 0.2, 0.2, 0.2;")], 16, "3 probabilities", "4"),
    "decimal commas": ([("table 0.8, 0.2", "table 0,8, 0,2")], 13, "2 probabilities", "4"),
    "short table": ([("table 0.8, 0.2", "table 1.0")], 13, "2 probabilities", "1"),
    "empty table": ([("table 0.8, 0.2", "table")], 13, "2 probabilities", "0"),
    "no number": ([("(no) 0.5, 0.3", "(no) 0.5, o.3")], 16, "a number", "'o.3'"),
    "two points": ([("(no) 0.5, 0.3", "(no) 0.5, 0.3.1")], 16, "a number", "'0.3.1'"),
    "nan": ([("(no) 0.5, 0.3", "(no) nan, 0.3")], 16, "a number", "'nan'"),
    "inf": ([("(no) 0.5, 0.3", "(no) inf, 0.3")], 16, "a number", "'inf'"),
    "overflow": ([("(no) 0.5, 0.3", "(no) 1e999, 0.3")], 16, "sum to one", "a sum of inf"),
    "underscores": ([("(no) 0.5, 0.3", "(no) 0_0.5, 0.3")], 16, "a number", "'0_0.5'"),
    "other digits": ([("(no) 0.5, 0.3", "(no) \u0660.5, 0.3")], 16, "a number", "'\u0660.5'"),
    "negative": ([("(no) 0.5, 0.3, 0.2", "(no) 1.0, -0.2, 0.2")], 16, "not negative", "-0.2"),
    "sum": ([("(no) 0.5, 0.3, 0.2", "(no) 0.5, 0.3, 0.20001")], 16, "sum to one", "a sum of 1.00001"),
    "sum of a table": ([("table 0.8, 0.2", "table 0.8, 0.3")], 13, "sum to one", "a sum of 1.1"),
    "sum of a default": ([("(no) 0.5, 0.3, 0.2", "default 0.5, 0.3, 0.3")], 16, "sum to one", "a sum of 1.1"),
    "unknown state": ([("(no, low)", "(no, lwo)")], 22, "a state of 'hose', one of 'off', 'low', 'high'", "'lwo'"),
    "states swapped": ([("(no, low)", "(low, no)")], 22, "a state of 'rain'", "'low'"),
    "one state short": ([("(no, low)", "(no)")], 22, "a state of 'hose'", "')'"),
    "one state more": ([("(no, low)", "(no, low, low)")], 22, "')' after 2 states", "'low'"),
    "row twice": ([("(no, low)", "(no, off)")], 22, "one row per configuration", "this row again"),
    "row missing": ([("  (no, low) 0.3, 0.7;\n", "")], 19, "of 'grass', or a default", "none for ('no', 'low')"),
    "no rows": ([("  table 0.8, 0.2;\n", "")], 12, "of the parents of 'rain', or a default", "none"),
    "table and rows": ([("(no) 0.5", "table 1, 1, 0, 0, 0, 0; (no) 0.5")], 16, "one row per configuration", "again"),
    "rows and table": ([("(yes) 0.9, 0.1, 0;", "table 1, 1, 0, 0, 0, 0;")], 17, "one 'table …;' alone", "'table'"),
    "two defaults": ([("(no) 0.5", "default 1, 0, 0; default 1, 0, 0; (no) 0.5")], 16, "one 'default …;'", "'default'"),
    "no semicolon": ([("0.5, 0.3, 0.2;", "0.5, 0.3, 0.2")], 17, "a number or ';'", "'('"),
    "no closing brace": ([("0.1, 0;\n}", "0.1, 0;\n")], 19, "a row '( … ) …;'", "'probability'"),
    "no closing parenthesis": ([("( hose | rain )", "( hose | rain")], 15, "the name of a parent or ')'", "'{'"),
    "property unclosed": ([("(yes) 0.9, 0.1, 0;", "(yes) 0.9, 0.1, 0; property p")], 18, "';'", "'}'"),
    "trailing word": ([("(yes, high) 0.01, 0.99;\n}", "(yes, high) 0.01, 0.99;\n}\n}")], 27, "a block", "'}'"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_file_is_refused_with_file_line_expectation_and_finding(case):
    text, line, expected, found = WRONG[case]
    with pytest.raises(ValueError) as refusal:
        read_bif(text if isinstance(text, str) else changed(*text), "garden.bif")
    must, _, got = str(refusal.value).partition("; got ")
    assert must.startswith("garden.bif, line " if line is None else f"garden.bif, line {line} must have ")
    assert expected in must
    assert found in got
    assert len(str(refusal.value)) < 300


def test_every_prefix_of_a_file_is_refused():
    whole = SPRINKLER.rstrip()
    for length in range(len(whole)):
        with pytest.raises(ValueError, match=r"^garden\.bif, line \d+ must have .*; got "):
            read_bif(whole[:length], "garden.bif")


def test_lines_are_counted_through_comments_and_breaks_of_other_systems():
    text = changed(("network garden", "/* one\r\ntwo */\r\n// three\r\nnetwork garden"), ("0.8, 0.2", "0.8, 0.3"))
    with pytest.raises(ValueError, match="line 16 must"):
        read_bif(text, "garden.bif")


def test_a_default_over_endless_configurations_is_refused_at_once():
    names = [f"v{number}" for number in range(60)]
    text = "network many { }" + "".join(f"variable {name} {{ type discrete [2] {{ a, b }}; }}" for name in names)
    text += "".join(f"probability ( {name} ) {{ table 0.5, 0.5; }}" for name in names[1:])
    text += f"probability ( v0 | {', '.join(names[1:])} ) {{ default 0.5, 0.5; }}"
    with pytest.raises(ValueError, match=r"defaults that stand for at most \d+ probabilities .* for 'v0'"):
        read_bif(text, "many.bif")
    row = f"({', '.join('a' * 59)}) 0.5, 0.5;"
    with pytest.raises(ValueError, match=r"none for \('a', 'a', .*59 in all"):
        read_bif(text.replace("default 0.5, 0.5;", row), "many.bif")


@pytest.mark.parametrize("body", ["table 0.5, 0.5;", "default 0.5, 0.5;", "(a) 0.5, 0.5;", ""])
def test_thousands_of_parents_are_refused_in_a_short_message(body):
    names = [f"v{number}" for number in range(15_000)]
    text = "network many { }" + "".join(f"variable {name} {{ type discrete [2] {{ a, b }}; }}" for name in names)
    with pytest.raises(ValueError, match=r"^many\.bif, line 1 must have ") as refusal:
        read_bif(f"{text} probability ( {' '.join(names)} ) {{ {body} }}", "many.bif")
    assert len(str(refusal.value)) < 300


def test_a_long_cycle_is_refused_in_a_short_message():
    names = [f"v{number}" for number in range(2000)]
    text = "network many { }" + "".join(f"variable {name} {{ type discrete [2] {{ a, b }}; }}" for name in names)
    pairs = zip(names, [*names[1:], names[0]], strict=True)
    text += "".join(f"probability ( {child} | {parent} ) {{ default 1, 0; }}\n" for child, parent in pairs)
    with pytest.raises(ValueError, match=r"parents that close no cycle; got one through 'v.*2000 in all") as refusal:
        read_bif(text, "many.bif")
    assert len(str(refusal.value)) < 300


@pytest.mark.parametrize("bad", ["/*" * 200_000, '"' * 400_000, "((" * 200_000, "{" * 400_000, "variable x " * 50_000])
def test_a_hostile_text_is_refused_in_bounded_time(bad):
    with pytest.raises(ValueError, match=r"^long\.bif, line 1 must"):
        read_bif("network a { }" + bad, "long.bif")


def test_damaged_texts_give_a_network_or_a_refusal():
    text = published("asia").encode()
    draw = random.Random(0)
    refused = 0
    for _ in range(400):
        data = bytearray(text)
        for _ in range(draw.randint(1, 3)):
            place = draw.randrange(len(data))
            match draw.randrange(4):
                case 0:
                    data[place] ^= 1 << draw.randrange(8)
                case 1:
                    del data[place : place + draw.randint(1, 30)]
                case 2:
                    del data[max(1, place) :]
                case _:
                    data[place:place] = draw.choice([b"{", b"}", b"(", b")", b";", b'"', b"|", b"/*", b"//", b" 0.5 "])
        try:
            network = read_bif(data.decode("latin-1"), "asia.bif")
        except ValueError as error:
            assert re.match(r"asia\.bif, line \d+ must have .*; got ", str(error), re.DOTALL), error
            refused += 1
        else:
            assert all(float((t.exp().sum(-1) - 1).abs().max()) < 1e-5 for t in network.log_tables.values())
    assert 200 < refused < 400


@pytest.mark.parametrize(("name", "pack"), [("a.bif", False), ("a.bif.gz", True), ("A.BIF.GZ", True), ("a.bif", True)])
def test_plain_and_compressed_files_read_the_same(tmp_path, name, pack):
    data = SPRINKLER.encode()
    (tmp_path / name).write_bytes(gzip.compress(data) if pack else data)
    assert_same(read_network(tmp_path / name), read_bif(SPRINKLER, "garden.bif"))
    assert_same(read_network(str(tmp_path / name)), read_bif(SPRINKLER, "garden.bif"))


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path):
    (tmp_path / "a.bif").write_bytes(b"\xef\xbb\xbf" + SPRINKLER.encode())
    assert_same(read_network(tmp_path / "a.bif"), read_bif(SPRINKLER, "garden.bif"))


def test_an_unknown_suffix_lists_the_valid_ones(tmp_path):
    for name in ("a.txt", "a", "a.gz", "a.bif.zip", "bif"):
        with pytest.raises(ValueError, match=r"the suffix of path must be one of .*'\.bif'.*; got"):
            read_network(tmp_path / name)


def test_a_missing_file_is_the_usual_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_network(tmp_path / "absent.bif")


@pytest.mark.parametrize("keep", [1, 5, 12, 40, -1, -9])
def test_a_truncated_gzip_file_is_refused_by_name(tmp_path, keep):
    (tmp_path / "cut.bif.gz").write_bytes(gzip.compress(SPRINKLER.encode())[:keep])
    with pytest.raises(ValueError, match=r"^cut\.bif\.gz must be a whole gzip file; got "):
        read_network(tmp_path / "cut.bif.gz")


def test_other_bytes_are_refused_by_name(tmp_path):
    data = gzip.compress(SPRINKLER.encode())
    cases = {
        "flip.bif.gz": data[:40] + bytes([data[40] ^ 255]) + data[41:],
        "plain.bif.gz": SPRINKLER.encode(),
        "latin.bif": SPRINKLER.replace("rain", "régn").encode("latin-1"),
        "noise.bif": random.Random(0).randbytes(1000),
        "empty.bif": b"",
        "empty.bif.gz": b"",
        "zeros.bif": bytes(1000),
    }
    for name, contents in cases.items():
        (tmp_path / name).write_bytes(contents)
        with pytest.raises(ValueError, match=rf"^{re.escape(name)}(, line 1)? must .*; got "):
            read_network(tmp_path / name)
