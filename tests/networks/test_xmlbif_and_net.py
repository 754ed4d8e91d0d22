"""XMLBIF and NET: the examples of their authors, other spellings, and every way a file is wrong."""

import pytest
import torch

from graphfuse.networks import Network
from graphfuse.networks.formats.net import read_net
from graphfuse.networks.formats.xmlbif import read_xmlbif

DOG = """<?xml version="1.0" encoding="US-ASCII"?>
<!-- Bayesian network in XMLBIF v0.3 -->
<!DOCTYPE BIF [
  <!ELEMENT BIF ( NETWORK )*>
  <!ATTLIST BIF VERSION CDATA #REQUIRED>
]>
<BIF VERSION="0.3">
<NETWORK>
<NAME>Dog-Problem</NAME>
<VARIABLE TYPE="nature"><NAME>bowel</NAME><OUTCOME>true</OUTCOME><OUTCOME>false</OUTCOME>
  <PROPERTY>position = (190, 69)</PROPERTY></VARIABLE>
<VARIABLE TYPE="nature"><NAME>family</NAME><OUTCOME>true</OUTCOME><OUTCOME>false</OUTCOME></VARIABLE>
<VARIABLE TYPE="nature"><NAME>dog</NAME><OUTCOME>true</OUTCOME><OUTCOME>false</OUTCOME></VARIABLE>
<DEFINITION><FOR>dog</FOR><GIVEN>bowel</GIVEN><GIVEN>family</GIVEN>
  <TABLE>0.99 0.01 0.97 0.03
    0.9 0.1 <!-- no problem, family in --> 0.3 0.7</TABLE></DEFINITION>
<DEFINITION><FOR>bowel</FOR><TABLE>0.01 0.99</TABLE></DEFINITION>
<DEFINITION><FOR>family</FOR><TABLE>0.15 0.85</TABLE></DEFINITION>
</NETWORK>
</BIF>
"""
GARDEN = """net
{
  node_size = (80 40);
  name = "a; garden }";
}
node rain
{
  states = ("no" "yes");
  label = "it rains; or not";  % } potential (
  position = (10 20);
}
discrete node hose
{
  states = ("off" "low" "50 % or more");
}
node grass
{
  states = (dry, wet);
}
potential (rain)
{
  data = ( 0.8 0.2 );
}
potential (hose | rain)
{
  data = (( 0.5 0.3 0.2 )  % no
          ( 0.9 0.1 0.0 )); % yes
}
potential (grass | rain hose)
{
  data = (((0.99 0.01) (0.3 0.7) (0.1 0.9)) ((0.1 0.9) (0.05 0.95) (0.01 0.99)));
}
"""
GRASS = [[[0.99, 0.01], [0.3, 0.7], [0.1, 0.9]], [[0.1, 0.9], [0.05, 0.95], [0.01, 0.99]]]


def changed(text: str, *edits: tuple[str, str]) -> str:
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    return text


def assert_same(found: Network, expected: Network) -> None:
    assert found.graph == expected.graph
    torch.testing.assert_close(dict(found.log_tables), dict(expected.log_tables), rtol=0, atol=0)


def test_the_dog_problem_is_read_as_its_authors_have_it():
    network = read_xmlbif(DOG, "dog.xmlbif")
    assert network.graph.scopes == {"dog": ("bowel", "family", "dog"), "bowel": ("bowel",), "family": ("family",)}
    assert network.graph.variable("bowel").states == ("true", "false")
    expected = torch.tensor([[0.99, 0.97], [0.9, 0.3]], dtype=torch.float64)  # true, by bowel and family
    assert torch.equal(network.log_tables["dog"][..., 0], expected.log())


def test_a_net_file_is_read_as_it_is_written():
    network = read_net(GARDEN, "garden.net")
    assert network.graph.scopes == {"rain": ("rain",), "hose": ("rain", "hose"), "grass": ("rain", "hose", "grass")}
    assert network.graph.variable("hose").states == ("off", "low", "50 % or more")
    assert torch.equal(network.log_tables["grass"], torch.tensor(GRASS, dtype=torch.float64).log())
    assert network.log_tables["hose"][1, 2] == -torch.inf


@pytest.mark.parametrize(
    "edits",
    [
        [("<FOR>dog", "<FOR>\n  dog\n")],
        [("<OUTCOME>true", "<OUTCOME><![CDATA[true]]>")],
        [("<NAME>family", "<NAME>&#102;amily")],
        [('TYPE="nature"', "")],
        [("0.99 0.01", "9.9e-1\t.01")],
    ],
    ids=["spaces", "cdata", "reference", "no type", "numbers"],
)
def test_other_spellings_of_xmlbif_read_the_same(edits):
    assert_same(read_xmlbif(changed(DOG, *edits), "other.xmlbif"), read_xmlbif(DOG, "dog.xmlbif"))


@pytest.mark.parametrize(
    "edits",
    [
        [("(((0.99 0.01) (0.3 0.7) (0.1 0.9)) ((0.1 0.9) (0.05 0.95) (0.01 0.99)))",
          "(0.99 0.01 0.3 0.7 0.1 0.9 0.1 0.9 0.05 0.95 0.01 0.99)")],
        [("(dry, wet)", '("dry" "wet")')],
        [("potential (rain)", "potential (rain | )")],
        [("potential (grass | rain hose)", "potential(grass|rain,hose)")],
        [("\n", "\r\n")],
        [("states = (dry, wet);", "subtype = label; states = (dry, wet);")],
    ],
    ids=["flat", "quotes", "bar", "tight", "crlf", "field"],
)  # fmt: skip
def test_other_spellings_of_net_read_the_same(edits):
    assert_same(read_net(changed(GARDEN, *edits), "other.net"), read_net(GARDEN, "garden.net"))


BOMB = '<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
WRONG_XML = {
    "empty": ("", 1, "well-formed XML", "no element found"),
    "no xml": ("network a { }", 1, "well-formed XML", "syntax error"),
    "other root": ("<net/>", 1, "'BIF' in the document", "'net'"),
    "no network": ("<BIF>\n</BIF>", 1, "one NETWORK in BIF", "0"),
    "only a head": ("<BIF><NETWORK/></BIF>", 1, "a VARIABLE in NETWORK", "none"),
    "no variable": ([("<NAME>bowel</NAME>", "")], 10, "one NAME in VARIABLE", "0"),
    "no name": ([("<NAME>bowel</NAME>", "<NAME> </NAME>")], 10, "a name in NAME", "none"),
    "two names": ([("<NAME>dog</NAME>", "<NAME>dog</NAME>\n<NAME>cat</NAME>")], 14, "one NAME in VARIABLE", "2"),
    "variable twice": ([("<NAME>family<", "<NAME>bowel<")], 12, "variables that are declared once", "'bowel' again"),
    "state twice": ([("<OUTCOME>false", "<OUTCOME>true")], 10, "different names of the states of 'bowel'", "'true'"),
    "decision": ([('TYPE="nature"', 'TYPE="decision"')], 10, "the type 'nature'", "'decision'"),
    "unknown element": ([("<GIVEN>bowel</GIVEN>", "<PARENT>bowel</PARENT>")], 14, "in DEFINITION", "'PARENT'"),
    "nested": ([("<NAME>bowel", "<NAME><NAME>bowel</NAME>")], 10, "text in NAME", "'NAME'"),
    "unknown parent": ([("<GIVEN>bowel", "<GIVEN>owl")], 15, "declared variables", "'owl'"),
    "unknown child": ([("<FOR>dog", "<FOR>cat")], 15, "declared variables", "'cat'"),
    "own parent": ([("<GIVEN>bowel", "<GIVEN>dog")], 15, "none of them twice", "'dog'"),
    "defined twice": ([("<FOR>family", "<FOR>bowel")], 18, "one table per variable", "another for 'bowel'"),
    "not defined": ([("<DEFINITION><FOR>family</FOR><TABLE>0.15 0.85</TABLE></DEFINITION>\n", "")], 12,
                    "a table of 'family'", "none"),
    "no table": ([("<TABLE>0.01 0.99</TABLE>", "")], 17, "one TABLE in DEFINITION", "0"),
    "short": ([("0.3 0.7", "0.3")], 15, "8 probabilities of 'dog' over 'bowel', 'family', 'dog'", "7"),
    "empty table": ([("0.01 0.99", "")], 17, "2 probabilities of 'bowel'", "0"),
    "no number": ([("0.3 0.7", "0.3 x")], 15, "a finite number of at least zero in the table of 'dog'", "'x'"),
    "negative": ([("0.3 0.7", "1.3 -0.3")], 15, "a finite number of at least zero", "'-0.3'"),
    "sum": ([("0.3 0.7", "0.3 0.70001")], 15, "probabilities of 'dog' that sum to one", "a sum of 1.00001"),
    "cycle": ([("<FOR>bowel</FOR><TABLE>0.01 0.99", "<FOR>bowel</FOR><GIVEN>dog</GIVEN><TABLE>1 0 1 0")],
              None, "parents that close no cycle", "one through '"),
    "entities": ([("<!ELEMENT", BOMB + "<!ELEMENT")], 4, "no entities of its own", "'a'"),
    "unknown entity": ([("<NAME>bowel", "<NAME>&owl;")], 10, "", ""),
    "unclosed": ([("</NETWORK>\n</BIF>\n", "")], 19, "well-formed XML", "no element found"),
    "trailing": (DOG + "<BIF/>", 21, "well-formed XML", "junk"),
}  # fmt: skip
WRONG_NET = {
    "empty": ("", 1, "a block 'net { … }' at the start", "the end of the file"),
    "class": ("class c { }", 1, "a block 'net", "'class'"),
    "unclosed head": ("net {", 1, "'name = … ;' or '}'", "the end of the file"),
    "only a head": ("net { }", 1, "a block 'node NAME", "the end of the file"),
    "other block": ([("discrete node", "continuous node")], 12, "a block 'node NAME", "'continuous'"),
    "no name": ([("node rain", "node")], 7, "the name of a node", "'{'"),
    "node twice": ([("node hose", "node rain")], 12, "nodes that are declared once", "'rain' again"),
    "no states": ([('  states = ("off" "low" "50 % or more");\n', "")], 12, "'states = ( … );' of 'hose'", "none"),
    "empty states": ([("(dry, wet)", "()")], 18, "'states = ( … );' of 'grass'", "'('"),
    "state twice": ([("(dry, wet)", "(dry, dry)")], 18, "different names of the states of 'grass'", "'dry', 'dry'"),
    "states twice": ([("position = (10 20)", "states = (a b)")], 10, "one field 'states'", "another"),
    "no equals": ([("label =", "label")], 9, "'='", "'\"it rains; or not\"'"),
    "no semicolon": ([("(dry, wet);\n}", "(dry, wet)")], 18, "'states = ( … );' of 'grass'", "'('"),
    "no data": ([("  data = ( 0.8 0.2 );\n", "")], 20, "'data = ( … );' of 'rain'", "none"),
    "no potential": ([("potential (rain)\n{\n  data = ( 0.8 0.2 );\n}\n", "")], 6, "a table of 'rain'", "none"),
    "potential twice": ([("potential (hose | rain)", "potential (rain | hose)")], 24, "", "another for 'rain'"),
    "unknown parent": ([("(hose | rain)", "(hose | reign)")], 24, "declared variables", "'reign'"),
    "short": ([("0.01 0.99", "0.99")], 29, "12 probabilities of 'grass' over 'rain', 'hose', 'grass'", "11"),
    "no number": ([("0.01 0.99", "0.01 x")], 31, "a finite number of at least zero in the data of 'grass'", "'x'"),
    "sum": ([("( 0.8 0.2 )", "( 0.8 0.3 )")], 20, "probabilities of 'rain' that sum to one", "a sum of 1.1"),
    "other axes": ([("(0.99 0.01) (0.3 0.7) (0.1 0.9)", "(0.99 0.01 0.3) (0.7 0.1 0.9)")], 29, "along (2, 3, 2)", ""),
    "unbalanced": ([("( 0.8 0.2 )", "( 0.8 0.2")], 20, "data of 'rain' in parentheses along (2,)", "others"),
    "no parentheses": ([("( 0.8 0.2 )", "0.8 0.2")], 20, "data of 'rain' in parentheses", "others"),
    "cycle": ([("potential (rain)", "potential (rain | hose)"), ("( 0.8 0.2 )", "( 0.8 0.2 0.8 0.2 0.8 0.2 )")],
              None, "parents that close no cycle", "one through '"),
    "open quote": ([("(dry, wet)", '(dry, "wet)')], 18, "'states = ( … );' of 'grass'", "'('"),
    "trailing": (GARDEN + "}\n", 33, "a block 'node NAME", "'}'"),
}  # fmt: skip
WRONG = [(read_xmlbif, DOG, case, *found) for case, found in WRONG_XML.items()]
WRONG += [(read_net, GARDEN, case, *found) for case, found in WRONG_NET.items()]


@pytest.mark.parametrize(
    ("read", "whole", "case", "text", "line", "expected", "found"), WRONG, ids=lambda value: str(value)[:20]
)
def test_a_wrong_file_is_refused_with_file_line_expectation_and_finding(read, whole, case, text, line, expected, found):
    with pytest.raises(ValueError) as refusal:
        read(text if isinstance(text, str) else changed(whole, *text), "a.file")
    must, _, got = str(refusal.value).partition("; got ")
    assert must.startswith("a.file, line " if line is None else f"a.file, line {line} must have ")
    assert expected in must
    assert found in got
    assert len(str(refusal.value)) < 300


@pytest.mark.parametrize(("read", "text"), [(read_xmlbif, DOG), (read_net, GARDEN)], ids=["xmlbif", "net"])
def test_every_prefix_of_a_file_is_refused(read, text):
    whole = text.rstrip()
    for length in range(0, len(whole), 3):
        with pytest.raises(ValueError, match=r"^a\.file, line \d+ must have .*; got "):
            read(whole[:length], "a.file")
