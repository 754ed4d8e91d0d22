"""Bayesian networks in the Interchange Format (BIF), as the bnlearn repository publishes them."""

import re
from collections.abc import Iterator, Sequence
from itertools import chain, product
from itertools import count as count_from
from math import prod

from torch import Tensor

from ...checks import invalid, listed
from ...graph import Factor, FactorGraph, Variable
from ..bayesian import TOLERANCE
from ..definitions import MOST_VARIABLES, check_cycles, definitions_of, state_names
from ..network import Network
from ..probabilities import log_table
from ..words import Words, blank, short

_WORD = re.compile(r'"[^"\n]*"|[{}()\[\]|;"]|[^\s{}()\[\]|;",]+')  # commas separate, as spaces do
_PLAIN = re.compile(r"[\w.+<>=-]+", re.ASCII)
_COMMENT = re.compile(r'"[^"\n]*"|//[^\n]*|/\*(?:.*?\*/|.*)', re.DOTALL)
_SIGNS = frozenset('{}()[]|;"')
_EMPTY = _SIGNS | {"", '""'}
_DIGITS = frozenset("0123456789.+-eE")
_LARGEST_FILL = 10_000_000  # probabilities that defaults may add to those written down


def read_bif(text: str, source: str) -> Network:
    """A Bayesian network from text in the Interchange Format.

    There is one factor per variable, in the order of the variables, named after it, over its parents and, last, the
    variable. Probabilities are kept as written; zero becomes ``-inf``. In a ``table`` over parents the child is the
    slowest, as the format has it. Properties are skipped. Nothing is returned unless the whole text is in order.

    Args:
        text: Contents of the file.
        source: Name of the file, for messages.

    Returns:
        Tables in float64, states named.

    Raises:
        ValueError: If the text is malformed, incomplete or contradicts itself; the message gives source and line, what
            was expected and what was found.

    Example:
        >>> network = read_bif('''
        ...     network weather { }
        ...     variable rain { type discrete [ 2 ] { no, yes }; }
        ...     variable wet { type discrete [ 2 ] { no, yes }; }
        ...     probability ( rain ) { table 0.8, 0.2; }
        ...     probability ( wet | rain ) { (no) 0.9, 0.1; (yes) 0.25, 0.75; }
        ... ''', "weather.bif")
        >>> network.log_tables["wet"].exp()
        tensor([[0.9000, 0.1000],
                [0.2500, 0.7500]], dtype=torch.float64)

    Reference: Cozman (1996), The Interchange Format for Bayesian Networks, version 0.15.
    """
    return _Reader(text, source).network()


def write_bif(network: Network) -> str:
    """A Bayesian network as text in the Interchange Format, a row for every configuration of the parents.

    States without names are written as their numbers. A name that is more than letters, digits and ``_.+-<>=`` stands
    in quotes. Blocks keep the order of the variables and of the factors.

    Raises:
        ValueError: If the network is no Bayesian network with at least one variable (the factor is named), if a name
            holds a quote or a line break, or if a table holds what no float64 is the exponential of.

    Example:
        >>> from graphfuse import bayesian_network
        >>> graph = bayesian_network([Variable("flu", 2, ("no", "not yet"))], {})
        >>> print(write_bif(Network(graph, {"flu": log_table([0.9, 0.1], [2])})))
        network unknown {
        }
        variable flu {
          type discrete [ 2 ] { no, "not yet" };
        }
        probability ( flu ) {
          table 0.9, 0.1;
        }
        <BLANKLINE>

    Reference: Cozman (1996), The Interchange Format for Bayesian Networks, version 0.15.
    """
    return "\n".join(_lines(network)) + "\n"


def _lines(network: Network) -> Iterator[str]:
    states = {each.name: [_quoted(each.name, state) for state in state_names(each)] for each in network.graph.variables}
    names = {name: _quoted(name, name) for name in states}
    yield "network unknown {\n}"
    for name, labels in states.items():
        yield f"variable {names[name]} {{\n  type discrete [ {len(labels)} ] {{ {', '.join(labels)} }};\n}}"
    for child, parents, numbers in definitions_of(network):
        bar = f" | {', '.join(map(names.__getitem__, parents))}" if parents else ""
        yield f"probability ( {names[child]}{bar} ) {{"
        size = len(states[child])
        for place, configuration in enumerate(product(*map(states.__getitem__, parents))):
            head = f"({', '.join(configuration)})" if parents else "table"
            yield f"  {head} {', '.join(numbers[place * size : (place + 1) * size])};"
        yield "}"


def _quoted(variable: str, name: str) -> str:
    """A name as it stands in a file."""
    if '"' in name or "\n" in name:
        raise invalid(
            f"names of variable {variable!r} and its states", "hold no quote and no line break, for BIF", repr(name)
        )
    return name if _PLAIN.fullmatch(name) else f'"{name}"'


class _Reader(Words):
    def __init__(self, text: str, source: str) -> None:
        self.source = source
        if "//" in text or "/*" in text:
            text = _COMMENT.sub(self._blank, text)
        super().__init__(text, source, _WORD)
        self.variables: dict[str, Variable] = {}
        self.declared: dict[str, int] = {}
        self.state_numbers: dict[str, dict[str, int]] = {}
        self.parents: dict[str, list[str]] = {}
        self.headers: dict[str, int] = {}
        self.bodies: dict[str, tuple[int, int]] = {}
        self.fill = _LARGEST_FILL

    def network(self) -> Network:
        self.expect("network", "a block 'network NAME { … }' at the start")
        self._name("a name of the network")
        self.expect("{")
        while not self.accept("}"):
            self._property("'property …;' or '}'")
        while self.words[self.at]:
            if self.accept("variable"):
                self._variable()
            elif self.accept("probability"):
                self._header()
            else:
                raise self.refusal("a block 'variable NAME { … }' or 'probability ( … ) { … }'")
        return self._build()

    def _build(self) -> Network:
        if not self.variables:
            raise self.refusal("a block 'variable NAME { … }'")
        for child, parents in self.parents.items():
            self._check_header(child, parents)
        tables = {name: self._table(name) for name in self.parents}
        for name, at in self.declared.items():
            if name not in tables:
                raise self.refusal(f"a block 'probability ( {name} … )' for this variable", "none", at)
        check_cycles({name: (*parents, name) for name, parents in self.parents.items()}, self.headers, self.refusal)
        factors = [Factor(name, (*self.parents[name], name)) for name in self.variables]
        return Network(FactorGraph(self.variables.values(), factors), tables)

    def _variable(self) -> None:
        start = self.at
        name = self._name("the name of a variable")
        if name in self.variables:
            raise self.refusal("variables that are declared once", f"{name!r} again", start)
        self.expect("{")
        states: list[str] = []
        while not self.accept("}"):
            if not states and self.accept("type"):
                states = self._states(name)
            else:
                self._property("'property …;' or '}'" if states else "'type discrete [ n ] { … };' or 'property …;'")
        if not states:
            raise self.refusal(f"'type discrete [ n ] {{ … }};' for {name!r}", "none", start)
        self.variables[name] = Variable(name, len(states), tuple(states))
        self.declared[name] = start
        self.state_numbers[name] = {word: k for k, state in enumerate(states) for word in (state, f'"{state}"')}

    def _states(self, name: str) -> list[str]:
        """The names of states behind 'type', as many as are declared."""
        self.expect("discrete")
        self.expect("[")
        at, count = self.at, self.words[self.at]
        self.at += bool(count)
        self.expect("]")
        self.expect("{")
        states = []
        while not self.accept("}"):
            states.append(self._name("the name of a state or '}'"))
        self.expect(";")
        if not count.isdigit() or count.lstrip("0") != str(len(states)):
            raise self.refusal(f"the number of states of {name!r}", f"{short(count)} for {listed(states)}", at)
        if len(set(states)) != len(states):
            raise self.refusal(f"different names of the states of {name!r}", listed(states), at)
        return states

    def _header(self) -> None:
        """The variables of a probability block; its rows wait until all variables are known."""
        self.expect("(")
        start = self.at
        child = self._name("the name of a variable")
        if child in self.parents:
            raise self.refusal("one probability block per variable", f"another for {child!r}", start)
        self.accept("|")
        parents: list[str] = []
        while not self.accept(")"):
            parents.append(self._name("the name of a parent or ')'"))
        self.expect("{")
        body = self.at
        self.skip_past("}")
        self.parents[child], self.headers[child], self.bodies[child] = parents, start, (body, self.at)

    def _check_header(self, child: str, parents: Sequence[str]) -> None:
        for name in (child, *parents):
            if name not in self.variables:
                raise self.refusal("declared variables", repr(name), self.headers[child])
        if len({child, *parents}) <= len(parents):
            got = listed((child, *parents))
            raise self.refusal("a variable and its parents, none of them twice", got, self.headers[child])
        if len(parents) >= MOST_VARIABLES:
            must = f"at most {MOST_VARIABLES} variables in a table"
            raise self.refusal(must, len(parents) + 1, self.headers[child])

    def _table(self, child: str) -> Tensor:
        """The rows of a block, as a log-table over the parents and the child."""
        shape = [self.variables[name].num_states for name in (*self.parents[child], child)]
        values = self._regular(child, shape)
        if values is None:
            rows = self._rows(child, shape)
            values = list(chain.from_iterable(map(rows.__getitem__, range(prod(shape[:-1])))))
        return log_table(values, shape)

    def _regular(self, child: str, shape: Sequence[int]) -> list[float] | None:
        """What ``_rows`` finds, many times faster; None unless the block is one sound row for each configuration."""
        start, end = self.bodies[child]
        parents, count = self.parents[child], shape[-1]
        opening, closing, stride = 0, len(parents) + 1, len(parents) + count + 3
        num_rows, rest = divmod(end - 1 - start, stride)
        if rest or num_rows != prod(shape[:-1]):
            return None
        words = self.words[start : end - 1]
        for offset, sign in ((opening, "("), (closing, ")"), (stride - 1, ";")):
            if words[offset::stride].count(sign) != num_rows:
                return None
        places = [0] * num_rows
        try:
            for offset, parent in enumerate(parents):
                number, size = self.state_numbers[parent], shape[offset]
                column = words[offset + 1 :: stride]
                places = [place * size + number[word] for place, word in zip(places, column, strict=True)]
            order = sorted(range(num_rows), key=places.__getitem__)
            cells = [words[row * stride + closing + 1 : (row + 1) * stride - 1] for row in order]
            flat = list(chain.from_iterable(cells))
            values = list(map(float, flat))
        except (KeyError, ValueError):
            return None
        totals = [sum(values[place : place + count]) for place in range(0, len(values), count)]
        sound = min(values) >= 0 and min(totals) >= 1 - TOLERANCE and max(totals) <= 1 + TOLERANCE
        return values if sound and len(set(places)) == num_rows and _DIGITS.issuperset("".join(flat)) else None

    def _rows(self, child: str, shape: Sequence[int]) -> dict[int, list[float]]:
        """The row of every configuration of the parents."""
        self.at, end = self.bodies[child]
        parents, count = self.parents[child], shape[-1]
        num_rows = prod(shape[:-1])
        numbers = [self.state_numbers[parent] for parent in parents]
        rows: dict[int, list[float]] = {}
        default: list[float] | None = None
        while not self.accept("}"):
            start = self.at
            if self.accept("("):
                place = self._configuration(numbers, shape, parents)
                if place in rows:
                    raise self.refusal("one row per configuration of the parents", "this row again", start)
                rows[place] = self._row(child, count)
            elif not rows and default is None and self.accept("table"):
                values = self._numbers(num_rows * count)
                rows = {place: self._checked(child, values[place::num_rows], start) for place in range(num_rows)}
            elif default is None and self.accept("default"):
                default = self._row(child, count)
            else:
                self._property("a row '( … ) …;', one 'table …;' alone, one 'default …;' or '}'", end - 1)
        return rows if len(rows) == num_rows else self._filled(child, rows, default, shape)

    def _configuration(self, numbers: Sequence[dict[str, int]], shape: Sequence[int], parents: Sequence[str]) -> int:
        """The place of a row, from the states of the parents."""
        end = self.at + len(numbers)
        place = 0
        for offset, (number, size, parent) in enumerate(zip(numbers, shape, parents, strict=False)):
            word = self.words[min(self.at + offset, len(self.words) - 1)]
            if word not in number:
                states = listed(self.variables[parent].states or ())
                raise self.refusal(f"a state of {parent!r}, one of {states},", at=self.at + offset)
            place = place * size + number[word]
        self.at = end
        self.expect(")", f"')' after {len(numbers)} states")
        return place

    def _row(self, child: str, count: int) -> list[float]:
        start = self.at
        return self._checked(child, self._numbers(count), start)

    def _numbers(self, count: int) -> list[float]:
        """So many numbers and the semicolon behind them."""
        start = self.at
        end = start + count
        if self.words[end : end + 1] != [";"]:
            end = next(place for place in count_from(start) if self.words[place] in _EMPTY)
        words = self.words[start:end]
        if not _DIGITS.issuperset("".join(words)):
            self._refuse_word(start, end)
        try:
            values = list(map(float, words))
        except ValueError:
            self._refuse_word(start, end)
        self.at = end
        self.expect(";", "a number or ';'")
        if len(values) != count:
            raise self.refusal(f"{_counted(count)} probabilities", len(values), start)
        return values

    def _refuse_word(self, start: int, end: int) -> None:
        for place in range(start, end):
            try:
                value = float(self.words[place]) if _DIGITS.issuperset(self.words[place]) else None
            except ValueError:
                value = None
            if value is None:
                raise self.refusal("a number", at=place)

    def _checked(self, child: str, row: list[float], at: int) -> list[float]:
        total = sum(row)
        if min(row) < 0:
            raise self.refusal(f"probabilities of {child!r} that are not negative", min(row), at)
        if not abs(total - 1) <= TOLERANCE:
            raise self.refusal(f"probabilities of {child!r} that sum to one", f"a sum of {total:.9g}", at)
        return row

    def _filled(
        self, child: str, rows: dict[int, list[float]], default: list[float] | None, shape: Sequence[int]
    ) -> dict[int, list[float]]:
        """Rows with the default for those that are not written down."""
        at = self.headers[child]
        num_rows = prod(shape[:-1])
        if default is None:
            place = next(place for place in range(num_rows) if place not in rows)
            states = []
            for parent, size in zip(reversed(self.parents[child]), reversed(shape[:-1]), strict=True):
                place, number = divmod(place, size)
                states.append((self.variables[parent].states or ())[number])
            missing = f"none for ({listed(reversed(states))})" if states else "none"
            raise self.refusal(f"a row for every configuration of the parents of {child!r}, or a default", missing, at)
        self.fill -= (num_rows - len(rows)) * len(default)
        if self.fill < 0:
            must = f"defaults that stand for at most {_LARGEST_FILL} probabilities in all"
            raise self.refusal(must, f"{_counted(num_rows)} rows of {len(default)} for {child!r}", at)
        return {place: rows.get(place, default) for place in range(num_rows)}

    def _property(self, must: str, end: int | None = None) -> None:
        self.expect("property", must)
        self.skip_past(";", end)

    def _name(self, must: str) -> str:
        word = self.words[self.at]
        if word in _EMPTY:
            raise self.refusal(must)
        self.at += 1
        return word[1:-1] if word.startswith('"') else word

    def _blank(self, comment: re.Match[str]) -> str:
        """The line breaks of a comment alone; a quoted name as it is."""
        found = comment.group()
        if found.startswith("/*") and not (found.endswith("*/") and len(found) > 3):
            line = comment.string.count("\n", 0, comment.start()) + 1
            raise invalid(f"{self.source}, line {line}", "have '*/' behind this '/*'", "the end of the file")
        return found if found.startswith('"') else blank(found)


def _counted(number: int) -> str:
    return str(number) if number < 10**15 else "more than 10^15"
