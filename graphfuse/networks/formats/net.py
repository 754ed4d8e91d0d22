"""Bayesian networks in the NET language of Hugin."""

import re
from collections.abc import Iterator, Sequence
from itertools import accumulate, groupby
from operator import mul

from ...checks import invalid, listed
from ...graph import Variable
from ..definitions import Definition, definitions_of, network_of, state_names
from ..network import Network
from ..words import Words, blank, read_numbers

_WORD = re.compile(r'"[^"\n]*"|[{}()=;|"]|[^\s{}()=;|",]+')  # commas separate, as spaces do
_COMMENT = re.compile(r'"[^"\n]*"|%[^\n]*')
_PLAIN = re.compile(r'[^\s{}()=;|",%]+')
_EMPTY = frozenset('{}()=;|"') | {"", '""'}


def read_net(text: str, source: str) -> Network:
    """A Bayesian network of discrete nodes from text in the NET language.

    There is one factor per potential, in their order, named after its child, over its parents and, last, the child.
    In the data the child is the fastest, then the last of the parents; parentheses may follow the axes or enclose the
    whole. Probabilities are kept as written; zero becomes ``-inf``. Other fields of nodes and of the network are
    skipped, and what stands behind ``%`` in a line. Other kinds of nodes, classes and potentials without data are
    refused.

    Args:
        text: Contents of the file.
        source: Name of the file, for messages.

    Returns:
        Tables in float64, states named.

    Raises:
        ValueError: If the text is malformed, incomplete or contradicts itself, or a table does not sum to one within
            1e-6; the message gives source and line, what was expected and what was found.

    Example:
        >>> network = read_net('''net { }
        ...     node rain { states = ("no" "yes"); }
        ...     node wet { states = ("no" "yes"); }
        ...     potential ( rain ) { data = ( 0.8 0.2 ); }
        ...     potential ( wet | rain ) { data = ( ( 0.9 0.1 ) ( 0.25 0.75 ) ); }
        ... ''', "weather.net")
        >>> network.log_tables["wet"].exp()
        tensor([[0.9000, 0.1000],
                [0.2500, 0.7500]], dtype=torch.float64)

    Reference: Hugin Expert, The Hugin API Reference Manual, chapter on the NET language.
    """
    if "%" in text:
        text = _COMMENT.sub(
            lambda found: found.group() if found.group().startswith('"') else blank(found.group()), text
        )
    return _Reader(text, source, _WORD).network()


def write_net(network: Network) -> str:
    """A Bayesian network as text in the NET language.

    States without names are written as their numbers. Nodes and potentials keep their order. Hugin itself wants names
    of nodes made of letters, digits and ``_``; that is not checked.

    Raises:
        ValueError: If the network is no Bayesian network (the factor is named), if the name of a variable holds a
            space or one of ``{}()=;|",%``, if that of a state holds a quote or a line break, or if a table holds what
            no float64 is the exponential of.

    Example:
        >>> from graphfuse import bayesian_network
        >>> from graphfuse.networks.probabilities import log_table
        >>> graph = bayesian_network([Variable("flu", 2, ("no", "not yet"))], {})
        >>> print(write_net(Network(graph, {"flu": log_table([0.9, 0.1], [2])})))
        net
        {
        }
        node flu
        {
          states = ("no" "not yet");
        }
        potential (flu)
        {
          data = (0.9 0.1);
        }
        <BLANKLINE>

    Reference: Hugin Expert, The Hugin API Reference Manual, chapter on the NET language.
    """
    return "\n".join(_lines(network)) + "\n"


def _lines(network: Network) -> Iterator[str]:
    yield "net\n{\n}"
    for variable in network.graph.variables:
        name, states = variable.name, state_names(variable)
        if not _PLAIN.fullmatch(name):
            must = 'hold no space and none of {}()=;|",%, for NET'
            raise invalid(f"the name of variable {name!r}", must, repr(name))
        for state in states:
            if '"' in state or "\n" in state:
                must = "hold no quote and no line break, for NET"
                raise invalid(f"states of variable {name!r}", must, repr(state))
        quoted = " ".join(f'"{state}"' for state in states)
        yield f"node {name}\n{{\n  states = ({quoted});\n}}"
    for child, parents, numbers in definitions_of(network):
        bar = f" | {' '.join(parents)}" if parents else ""
        yield f"potential ({child}{bar})\n{{\n  data = {_nested(numbers, network.graph.shape((*parents, child)))};\n}}"


def _nested(numbers: Sequence[str], shape: Sequence[int]) -> str:
    """Numbers in parentheses along the axes, last fastest."""
    pieces = list(numbers)
    for size in reversed(shape):
        pieces = [f"({' '.join(pieces[at : at + size])})" for at in range(0, len(pieces), size)]
    return pieces[0]


class _Reader(Words):
    def network(self) -> Network:
        self.variables: dict[str, Variable] = {}
        self.declared: dict[str, int] = {}
        self.expect("net", "a block 'net { … }' at the start")
        self.expect("{")
        self._fields({})
        definitions: list[tuple[Definition, str]] = []
        while self.words[self.at]:
            if self.words[self.at] == "discrete" and self.words[self.at + 1] == "node":
                self.at += 1
            if self.accept("node"):
                self._node()
            elif self.accept("potential"):
                definitions.append(self._potential())
            else:
                raise self.refusal("a block 'node NAME { … }' or 'potential ( … ) { … }'")
        if not self.variables:
            raise self.refusal("a block 'node NAME { … }'")
        network = network_of(self.variables, self.declared, [each for each, _ in definitions], self.refusal)
        for each, groups in definitions:
            self._check_groups(network, each, groups)
        return network

    def _node(self) -> None:
        start = self.at
        name = self._name("the name of a node")
        if name in self.variables:
            raise self.refusal("nodes that are declared once", f"{name!r} again", start)
        self.expect("{")
        found: dict[str, tuple[int, int]] = {"states": (0, 0)}
        self._fields(found)
        first, end = found["states"]
        words = self.words[first:end]
        if len(words) < 3 or words[0] != "(" or words[-1] != ")" or not _EMPTY.isdisjoint(words[1:-1]):
            raise self.refusal(f"'states = ( … );' of {name!r}", "none" if not words else None, first or start)
        states = tuple(word[1:-1] if word.startswith('"') else word for word in words[1:-1])
        if len(set(states)) < len(states):
            raise self.refusal(f"different names of the states of {name!r}", listed(states), first)
        self.variables[name] = Variable(name, len(states), states)
        self.declared[name] = start

    def _potential(self) -> tuple[Definition, str]:
        """A table, and how its numbers are grouped by parentheses."""
        self.expect("(")
        start = self.at
        child = self._name("the name of a node")
        self.accept("|")
        parents: list[str] = []
        while not self.accept(")"):
            parents.append(self._name("the name of a parent or ')'"))
        self.expect("{")
        found: dict[str, tuple[int, int]] = {"data": (0, 0)}
        self._fields(found)
        first, end = found["data"]
        if not first:
            raise self.refusal(f"'data = ( … );' of {child!r}", "none", start)
        places = [place for place in range(first, end) if self.words[place] not in ("(", ")")]
        must = f"a finite number of at least zero in the data of {child!r}"
        words = [self.words[place] for place in places]
        numbers = read_numbers(words, lambda place: self.refusal(must, at=places[place]))
        return Definition(child, tuple(parents), numbers, start), _groups(self.words[first:end])

    def _check_groups(self, network: Network, definition: Definition, groups: str) -> None:
        """Refuse parentheses that follow other axes than those of the table."""
        shape = network.graph.shape((*definition.parents, definition.child))
        expected = f"( {shape[-1]} )"
        if groups.count("(") == sum(accumulate(shape[:-1], mul, initial=1)):
            for size in reversed(shape[:-1]):
                expected = f"( {' '.join([expected] * size)} )"
        if groups not in (expected, f"( {len(definition.numbers)} )"):
            must = f"data of {definition.child!r} in parentheses along {shape}, or in one pair"
            raise self.refusal(must, "others", definition.at)

    def _fields(self, wanted: dict[str, tuple[int, int]]) -> None:
        """Go through 'name = … ;' up to the brace, and note where the values of the wanted ones start and end."""
        seen = set()
        while not self.accept("}"):
            start = self.at
            field = self._name("'name = … ;' or '}'")
            self.expect("=")
            value = self.at
            self.skip_past(";")
            if field in wanted:
                if field in seen:
                    raise self.refusal(f"one field {field!r}", "another", start)
                wanted[field] = value, self.at - 1
            seen.add(field)

    def _name(self, must: str) -> str:
        word = self.words[self.at]
        if word in _EMPTY:
            raise self.refusal(must)
        self.at += 1
        return word[1:-1] if word.startswith('"') else word


def _groups(words: Sequence[str]) -> str:
    """The parentheses of data, with the count of the numbers between them."""
    kinds = groupby(words, lambda word: word if word in ("(", ")") else "")
    found = ((kind, sum(1 for _ in run)) for kind, run in kinds)
    return " ".join(" ".join([kind] * count) if kind else str(count) for kind, count in found)
