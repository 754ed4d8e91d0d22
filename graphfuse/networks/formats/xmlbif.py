"""Bayesian networks in the XML form of the Interchange Format (XMLBIF)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat
from xml.sax.saxutils import escape

from ...checks import invalid, listed
from ...graph import Variable
from ..definitions import Definition, definitions_of, network_of, state_names
from ..network import Network
from ..words import read_numbers, short

_MAY_HOLD = {
    "": {"BIF"},
    "BIF": {"NETWORK"},
    "NETWORK": {"NAME", "PROPERTY", "VARIABLE", "DEFINITION"},
    "VARIABLE": {"NAME", "OUTCOME", "PROPERTY"},
    "DEFINITION": {"FOR", "GIVEN", "TABLE", "PROPERTY"},
}
_UNWRITABLE = re.compile("[\x00-\x1f\x7f-\x9f\ufffe\uffff]")


def read_xmlbif(text: str, source: str) -> Network:
    """A Bayesian network from text in XMLBIF, version 0.3.

    There is one factor per definition, in their order, named after its variable, over its parents and, last, the
    variable. In a table the variable itself is the fastest, then the last of those given. Probabilities are kept as
    written; zero becomes ``-inf``. Names are taken without the spaces around them. Properties, comments and a document
    type are skipped; entities of its own are refused.

    Args:
        text: Contents of the file.
        source: Name of the file, for messages.

    Returns:
        Tables in float64, states named.

    Raises:
        ValueError: If the text is malformed, incomplete or contradicts itself, or a table does not sum to one within
            1e-6; the message gives source and line, what was expected and what was found.

    Example:
        >>> network = read_xmlbif('''<BIF VERSION="0.3"><NETWORK><NAME>weather</NAME>
        ...     <VARIABLE TYPE="nature"><NAME>rain</NAME><OUTCOME>no</OUTCOME><OUTCOME>yes</OUTCOME></VARIABLE>
        ...     <DEFINITION><FOR>rain</FOR><TABLE>0.8 0.2</TABLE></DEFINITION>
        ... </NETWORK></BIF>''', "weather.xmlbif")
        >>> network.log_tables["rain"].exp()
        tensor([0.8000, 0.2000], dtype=torch.float64)

    Reference: Cozman (1998), The Interchange Format for Bayesian Networks, XMLBIF version 0.3.
    """
    return _Reader(text, source).network()


def write_xmlbif(network: Network) -> str:
    """A Bayesian network as text in XMLBIF, version 0.3.

    States without names are written as their numbers. Variables and factors keep their order.

    Raises:
        ValueError: If the network is no Bayesian network (the factor is named), if a name holds a control character or
            has spaces around it, or if a table holds what no float64 is the exponential of.

    Example:
        >>> from graphfuse import bayesian_network
        >>> from graphfuse.networks.probabilities import log_table
        >>> graph = bayesian_network([Variable("flu", 2, ("no", "< 1 day"))], {})
        >>> text = write_xmlbif(Network(graph, {"flu": log_table([0.9, 0.1], [2])}))
        >>> text.splitlines()[7]
        '<OUTCOME>&lt; 1 day</OUTCOME>'

    Reference: Cozman (1998), The Interchange Format for Bayesian Networks, XMLBIF version 0.3.
    """
    return "\n".join(_lines(network)) + "\n"


def _lines(network: Network) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="UTF-8"?>\n<BIF VERSION="0.3">\n<NETWORK>\n<NAME>unknown</NAME>'
    for variable in network.graph.variables:
        yield '<VARIABLE TYPE="nature">'
        yield _element("NAME", variable.name, variable)
        for state in state_names(variable):
            yield _element("OUTCOME", state, variable)
        yield "</VARIABLE>"
    for child, parents, numbers in definitions_of(network):
        yield f"<DEFINITION>\n<FOR>{escape(child)}</FOR>"
        for parent in parents:
            yield f"<GIVEN>{escape(parent)}</GIVEN>"
        size = network.graph.num_states[child]
        yield "<TABLE>"
        for start in range(0, len(numbers), size):
            yield " ".join(numbers[start : start + size])
        yield "</TABLE>\n</DEFINITION>"
    yield "</NETWORK>\n</BIF>"


def _element(tag: str, name: str, variable: Variable) -> str:
    if name != name.strip() or _UNWRITABLE.search(name):
        must = "hold no control character and have no spaces around them, for XMLBIF"
        raise invalid(f"names of variable {variable.name!r} and its states", must, repr(name))
    return f"<{tag}>{escape(name)}</{tag}>"


@dataclass
class _Element:
    """An element, the line where it starts, and what it holds."""

    tag: str
    line: int
    attributes: dict[str, str] = field(default_factory=dict)
    text: list[str] = field(default_factory=list)
    children: "list[_Element]" = field(default_factory=list)

    def all(self, tag: str) -> "list[_Element]":
        return [child for child in self.children if child.tag == tag]


class _Reader:
    def __init__(self, text: str, source: str) -> None:
        self.source = source
        self.open = [_Element("", 1)]
        self.parser = expat.ParserCreate(encoding="utf-8")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.EntityDeclHandler = self._entity
        self.parser.SkippedEntityHandler = self._entity
        try:
            self.parser.Parse(text.encode("utf-8"), True)
        except expat.ExpatError as error:
            raise self.refusal("well-formed XML", expat.ErrorString(error.code), error.lineno) from None

    def refusal(self, must: str, got: object, line: int) -> Exception:
        return invalid(f"{self.source}, line {line}", f"have {must}", got)

    def network(self) -> Network:
        network = self._one(self._one(self.open[0], "BIF"), "NETWORK")
        variables: dict[str, Variable] = {}
        declared: dict[str, int] = {}
        for element in network.all("VARIABLE"):
            variable = self._variable(element)
            if variable.name in variables:
                raise self.refusal("variables that are declared once", f"{variable.name!r} again", element.line)
            variables[variable.name], declared[variable.name] = variable, element.line
        if not variables:
            raise self.refusal("a VARIABLE in NETWORK", "none", network.line)
        definitions = list(map(self._definition, network.all("DEFINITION")))
        return network_of(variables, declared, definitions, self.refusal)

    def _variable(self, element: _Element) -> Variable:
        kind = element.attributes.get("TYPE", "nature")
        if kind != "nature":
            raise self.refusal("variables of the type 'nature'", short(kind), element.line)
        name = self._name(self._one(element, "NAME"))
        states = tuple(map(self._name, element.all("OUTCOME")))
        if not states:
            raise self.refusal(f"an OUTCOME for each state of {name!r}", "none", element.line)
        if len(set(states)) < len(states):
            raise self.refusal(f"different names of the states of {name!r}", listed(states), element.line)
        return Variable(name, len(states), states)

    def _definition(self, element: _Element) -> Definition:
        child = self._name(self._one(element, "FOR"))
        parents = tuple(map(self._name, element.all("GIVEN")))
        table = self._one(element, "TABLE")
        words = "".join(table.text).split()
        must = f"a finite number of at least zero in the table of {child!r}"
        numbers = read_numbers(words, lambda place: self.refusal(must, short(words[place]), table.line))
        return Definition(child, parents, numbers, table.line)

    def _one(self, element: _Element, tag: str) -> _Element:
        found = element.all(tag)
        if len(found) != 1:
            where = f" in {element.tag}" if element.tag else ""
            raise self.refusal(f"one {tag}{where}", len(found), found[1].line if found else element.line)
        return found[0]

    def _name(self, element: _Element) -> str:
        name = "".join(element.text).strip()
        if not name:
            raise self.refusal(f"a name in {element.tag}", "none", element.line)
        return name

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        parent, line = self.open[-1], self.parser.CurrentLineNumber
        valid = _MAY_HOLD.get(parent.tag, set())
        if tag not in valid:
            must = f"{listed(sorted(valid))} in {parent.tag or 'the document'}" if valid else f"text in {parent.tag}"
            raise self.refusal(must, short(tag), line)
        element = _Element(tag, line, attributes)
        parent.children.append(element)
        self.open.append(element)

    def _end(self, tag: str) -> None:
        self.open.pop()

    def _characters(self, text: str) -> None:
        self.open[-1].text.append(text)

    def _entity(self, name: str, *_: object) -> None:
        raise self.refusal("no entities of its own", short(name), self.parser.CurrentLineNumber)
