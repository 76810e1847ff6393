"""The grammar of conditions, and the parser that reads them.

::

    condition   = conjunction { "or" conjunction }
    conjunction = clause { "and" clause }
    clause      = comparison | "(" condition ")"
    comparison  = COLUMN SIGN VALUE | COLUMN [ "not" ] "in" list
    list        = "[" VALUE { "," VALUE } "]" | "(" VALUE { "," VALUE } ")"

SIGN is one of ``>= <= > < == !=``. The words ``and``, ``or``, ``not`` and ``in`` may be written in capitals. A value is
one or more words; a value with one of these words, a sign, a bracket, or, in a list, a comma is written in quotes. The
parser is a recursive descent with one method per rule; no part of a condition is evaluated as code.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prunesweep.orchestrator.query.clauses import IN, NOT_IN, OPERATORS, SIGNS, AllOf, AnyOf, Clause, Comparison

MAX_BRACKETS = 50  # within each other, because Python limits how deep the parser can go

ReadComparison = Callable[[str, str, tuple[str, ...]], Comparison]
"""A function that takes a column, an operator and values as the user wrote them, and returns the comparison."""

_TOKEN = re.compile(
    r"""
    (?P<quoted>(?P<quote>["']).*?(?P=quote)(?=$|[\s()\[\],<>=!&|]))  # a quote inside a text in quotes does not end it
    | (?P<bracket>[()\[\]])
    | (?P<comma>,)
    | (?P<sign>[<>=!≤≥≠]+)
    | (?P<symbol>[&|]+)
    | (?P<word>[^\s()\[\],<>=!≤≥≠&|]+)
    """,
    re.VERBOSE | re.DOTALL,
)
_QUOTED = re.compile(r"""(["'])(?P<text>.*)\1""", re.DOTALL)
_THOUSANDS = re.compile(r"""(?<![\w.,"'])\d{1,3}(?:,\d{3})+(?![\w,"'])""")
_CLOSING = {"(": ")", "[": "]"}
_AND, _OR, _NOT = "and", "or", "not"
_MEANT = {"=": "==", "===": "==", "=>": ">=", "≥": ">=", "=<": "<=", "≤": "<=", "!": "!=", "=!": "!="}
_MEANT |= {"<>": "!=", "!==": "!=", "≠": "!="}


class ConditionFault(ValueError):
    """A text that is not a condition; the message says what is wrong, without naming the whole condition."""


@dataclass(frozen=True)
class _Token:
    """A piece of a condition: a word, a text in quotes, a sign, a symbol (``&`` or ``|``), a bracket or a comma."""

    kind: str
    text: str
    start: int
    end: int

    @property
    def keyword(self) -> str:
        """Return the word in lower case; for tokens that are no words, the token's text."""
        return self.text.lower() if self.kind == "word" else self.text


def parse_condition(text: str, read_comparison: ReadComparison) -> Clause:
    """Return the clause that a condition consists of.

    If the text is not a condition, ``ConditionFault`` is raised.

    Args:
        text: the condition as the user wrote it.
        read_comparison: is called for each comparison, in the order in which they are written.
    """
    return _Parser(text, read_comparison).parse()


class _Parser:
    """A parser of one condition, with one method for each rule of the grammar."""

    def __init__(self, text: str, read_comparison: ReadComparison) -> None:
        self._text = text
        self._read_comparison = read_comparison
        self._tokens = list(_tokens(text))
        self._position = 0
        self._is_single = not any(token.keyword in (_AND, _OR) for token in self._tokens)

    def parse(self) -> Clause:
        """Return the clause of the whole text."""
        _check_brackets(self._tokens)
        clause = self._condition()
        if (token := self._next()) is not None:
            raise self._missing_junction(token)
        return clause

    def _condition(self) -> Clause:
        clauses = [self._conjunction()]
        while self._take(_OR):
            clauses.append(self._conjunction())
        return clauses[0] if len(clauses) == 1 else AnyOf(tuple(clauses))

    def _conjunction(self) -> Clause:
        clauses = [self._clause()]
        while self._take(_AND):
            clauses.append(self._clause())
        return clauses[0] if len(clauses) == 1 else AllOf(tuple(clauses))

    def _clause(self) -> Clause:
        if (token := self._next()) is not None and token.text == "[":
            raise ConditionFault('comparisons are grouped by "(" and ")"')
        if not self._take("("):
            return self._comparison()
        clause = self._condition()
        if not self._take(")"):
            raise self._missing_junction(self._tokens[self._position])
        return clause

    def _missing_junction(self, token: _Token) -> ConditionFault:
        """Return the fault that neither ``and`` nor ``or`` stands before a token after a whole clause."""
        return ConditionFault(f'write "and" or "or" before "{self._text[token.start :].strip()}"')

    def _comparison(self) -> Comparison:
        first = self._position
        column, operator = self._column(), self._operator(first)
        if not column:
            raise ConditionFault(f"{self._subject(first)} has no column; write COLUMN {operator} {_form(operator)}")
        values = self._list(column, operator) if operator in (IN, NOT_IN) else (self._value(first, operator),)
        return self._read_comparison(column, operator, values)

    def _column(self) -> str:
        first = self._position
        while (token := self._next()) is not None and token.kind in ("word", "quoted"):
            if token.keyword in (_AND, _OR, IN) or (token.keyword == _NOT and self._is_before_in()):
                break
            if token.keyword == _NOT:
                raise ConditionFault('"not" stands only before "in"; write != or not in')
            self._position += 1
        return self._slice(first)

    def _operator(self, first: int) -> str:
        """Return the operator at this position.

        Args:
            first: the position of the first token of the comparison, for the message.

        Raises:
            ConditionFault: there is no operator, or an unknown one.
        """
        token = self._next()
        if token is None or token.kind not in ("sign", "word") or token.keyword in (_AND, _OR):
            raise self._missing_operator(first)
        self._position += 1
        if token.keyword == _NOT:
            self._position += 1
            return NOT_IN
        if token.keyword in OPERATORS:
            return token.keyword
        meant = f"; did you mean {_MEANT[token.text]}?" if token.text in _MEANT else f"; use one of {_operators()}"
        raise ConditionFault(f'"{token.text}" is not an operator{meant}')

    def _missing_operator(self, first: int) -> ConditionFault:
        if self._position == first and not self._is_single:
            return ConditionFault(f"a comparison is missing {self._place()}")
        return ConditionFault(f"{self._subject(first)} has no operator; use one of {_operators()}")

    def _subject(self, first: int) -> str:
        """Return the words for a comparison from its first token to here: "it" if the condition has no other one."""
        return "it" if self._is_single else f'"{self._slice(first)}"'

    def _value(self, first: int, operator: str) -> str:
        """Return the one value after a sign.

        Args:
            first: the position of the first token of the comparison, for the message.
            operator: the sign.

        Raises:
            ConditionFault: there is no value, or more than a value.
        """
        start, depth = self._position, 0
        while (token := self._next()) is not None and token.keyword not in (_AND, _OR):
            if token.text == ")" and depth == 0:
                break
            if token.kind == "symbol":
                raise self._symbol_fault(token)
            if token.text == "[":
                raise ConditionFault(
                    f"a list is compared with {IN} or {NOT_IN}; a value with brackets is written in quotes"
                )
            if token.kind == "sign":
                raise ConditionFault(
                    f'"{self._slice(first)} {token.text} …" has two operators; join two comparisons by "and" or "or", '
                    "and write a value with a sign in quotes"
                )
            depth += {"(": 1, ")": -1}.get(token.text, 0)
            self._position += 1
        if self._position == start:
            raise ConditionFault(f"{self._subject(first)} has no value; write COLUMN {operator} VALUE")
        return _unquote(self._slice(start))

    def _list(self, column: str, operator: str) -> tuple[str, ...]:
        """Return the values after ``in`` or ``not in``.

        Args:
            column: the column before the operator, for the message.
            operator: ``in`` or ``not in``.

        Raises:
            ConditionFault: the values are not in brackets, or more than values are.
        """
        opening = self._next()
        if opening is None or opening.text not in _CLOSING:
            raise self._missing_brackets(column, operator)
        self._position += 1
        first = self._position
        values = [self._item()]
        while self._take(","):
            values.append(self._item())
        _check_no_thousands(self._slice(first))
        if not self._take(_CLOSING[opening.text]):
            raise ConditionFault("a value with brackets is written in quotes")
        return tuple(values)

    def _missing_brackets(self, column: str, operator: str) -> ConditionFault:
        first = self._position
        while (token := self._next()) is not None and token.keyword not in (_AND, _OR, ")"):
            self._position += 1
        values = ", ".join(self._slice(first).replace(",", " ").split()) or "VALUE, …"
        return ConditionFault(f'the values of "{operator}" are written in brackets: {column} {operator} [{values}]')

    def _item(self) -> str:
        """Return one value of a list.

        Raises:
            ConditionFault: there is no value, or more than a value.
        """
        first = self._position
        while (token := self._next()) is not None and token.kind in ("word", "quoted"):
            if token.keyword in (_AND, _OR):
                raise ConditionFault(f'the values of a list are separated by commas, not by "{token.text}"')
            self._position += 1
        if token is not None and token.kind in ("sign", "symbol"):
            raise ConditionFault(f'"{token.text}" in a list; a value with a sign is written in quotes')
        if self._position == first:
            raise ConditionFault(f"a value is missing {self._place()}")
        return _unquote(self._slice(first))

    def _symbol_fault(self, token: _Token) -> ConditionFault:
        return ConditionFault(f'"{token.text}" joins no comparisons; write {_AND if "&" in token.text else _OR}')

    def _next(self) -> _Token | None:
        return self._tokens[self._position] if self._position < len(self._tokens) else None

    def _take(self, keyword: str) -> bool:
        """Go past the next token if it is this keyword, bracket or comma, and return whether it was."""
        token = self._next()
        if token is not None and token.kind == "symbol":
            raise self._symbol_fault(token)
        is_next = token is not None and token.keyword == keyword
        self._position += is_next
        return is_next

    def _is_before_in(self) -> bool:
        following = self._tokens[self._position + 1 : self._position + 2]
        return bool(following) and following[0].keyword == IN

    def _slice(self, first: int) -> str:
        """Return the text from one token up to the next one."""
        if first == self._position:
            return ""
        return self._text[self._tokens[first].start : self._tokens[self._position - 1].end]

    def _place(self) -> str:
        """Return where the parser is, in words."""
        token = self._next()
        return "at the end" if token is None else f'before "{token.text}"'


def _tokens(text: str) -> Iterator[_Token]:
    for match in _TOKEN.finditer(text):
        kind = str(match.lastgroup) if match.lastgroup != "quote" else "quoted"
        if kind == "word" and match[0][0] in "\"'":
            raise ConditionFault(f"the quote {match[0][0]} is not closed")
        yield _Token(kind, match[0], match.start(), match.end())


def _check_brackets(tokens: list[_Token]) -> None:
    """Check that each bracket is closed by its own kind.

    Raises:
        ConditionFault: a bracket is not closed, not opened, or closed by one of the other kind, or there are more than
            ``MAX_BRACKETS`` within each other.
    """
    opened: list[str] = []
    for token in tokens:
        if token.kind != "bracket":
            continue
        if token.text in _CLOSING:
            opened.append(token.text)
            if len(opened) > MAX_BRACKETS:
                raise ConditionFault(f"more than {MAX_BRACKETS} brackets within each other")
        elif not opened:
            raise ConditionFault(f'the bracket "{token.text}" is not opened')
        elif _CLOSING[opened[-1]] != token.text:
            raise ConditionFault(f'the bracket "{opened[-1]}" is closed by "{token.text}"')
        else:
            opened.pop()
    if opened:
        raise ConditionFault(f'the bracket "{opened[-1]}" is not closed')


def _check_no_thousands(values: str) -> None:
    """Check that no comma of a list may separate thousands, as in ``15,000``.

    Args:
        values: the values of the list as the user wrote them.

    Raises:
        ConditionFault: the values contain such a comma.
    """
    for number in _THOUSANDS.findall(values):
        one, several = number.replace(",", ""), number.replace(",", ", ")
        raise ConditionFault(f'"{number}" in a list; write {one}, or {several} with spaces for several values')


def _unquote(text: str) -> str:
    quoted = _QUOTED.fullmatch(text)
    return quoted["text"] if quoted else text


def _form(operator: str) -> str:
    """Return the form of what is written after an operator."""
    return "[VALUE, …]" if operator in (IN, NOT_IN) else "VALUE"


def _operators() -> str:
    """Return all operators, as messages list them."""
    return ", ".join((" ".join(SIGNS), IN, NOT_IN))
