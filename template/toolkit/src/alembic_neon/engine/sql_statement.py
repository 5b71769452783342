"""What a statement of SQL is, read from its tokens: its verb, its object, its table, as data.

The one place that recognizes statements. It refuses nothing: of what it does not know, it says the
verb and the words. What stands in parentheses is left out, so that the WHERE of a subquery is not
taken for the statement's own.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise
from typing import Final

from .sql_scan import ScannedStatement, Token, scan

_DDL: Final = ("CREATE", "ALTER", "DROP", "TRUNCATE", "REINDEX", "CLUSTER")
_WRITES: Final = ("INSERT", "UPDATE", "DELETE", "MERGE")
_QUERIES: Final = ("SELECT", "TABLE", "VALUES", "SHOW")
_WITH_OBJECT: Final = ("CREATE", "ALTER", "DROP", "REINDEX", "REFRESH", "COMMENT")
# What stands between CREATE and the type of the object.
_MODIFIERS: Final = (
    *("OR", "REPLACE", "GLOBAL", "LOCAL", "TEMP", "TEMPORARY", "UNLOGGED", "UNIQUE", "RECURSIVE"),
    *("TRUSTED", "PROCEDURAL", "ON"),
)
# Types of objects of two words; those of three begin with two of these.
_FIRST_OF_TWO: Final = (
    *("MATERIALIZED", "FOREIGN", "EVENT", "TEXT", "USER", "ACCESS", "CONSTRAINT", "OPERATOR"),
    *("TEXT SEARCH", "FOREIGN DATA", "DEFAULT"),
)
_SECOND: Final = (
    *("VIEW", "TABLE", "DATA", "TRIGGER", "SEARCH", "MAPPING", "METHOD", "CLASS", "FAMILY"),
    *("WRAPPER", "CONFIGURATION", "DICTIONARY", "PARSER", "TEMPLATE", "PRIVILEGES"),
)
_TABLES: Final = ("TABLE", "FOREIGN TABLE")


@dataclass(frozen=True)
class Name:
    """A name as it stands in the statement, `s."T"`, and its parts as the catalog has them."""

    sql: str
    parts: tuple[str, ...]
    end: int = field(default=0, compare=False)  # where it ends in the statement's text

    @property
    def plain(self) -> str:
        """The parts with a dot between them, to be compared and shown."""
        return ".".join(self.parts)


@dataclass(frozen=True)
class SqlStatement:
    """One statement.

    `text`: without comments around it and without its semicolon. `verb`: INSERT where a WITH comes
    before it. `object_type`: MATERIALIZED VIEW, of DDL. `names`: the objects it is about. `table`:
    what is written to, altered, or indexed. `words`: those outside of parentheses, in upper case;
    a name in quotes is "". `actions`: the words of each action of an ALTER. `partition`: what an
    ALTER TABLE detaches. `nested`: statements within its WITH.
    """

    text: str
    verb: str
    words: tuple[str, ...] = ()
    object_type: str = ""
    names: tuple[Name, ...] = ()
    table: Name | None = None
    is_unique: bool = False
    is_concurrent: bool = False
    is_conditional: bool = False  # IF EXISTS, IF NOT EXISTS
    is_setting: bool = False
    actions: tuple[tuple[str, ...], ...] = ()
    partition: Name | None = None
    nested: tuple["SqlStatement", ...] = ()

    @property
    def is_ddl(self) -> bool:
        """Whether it changes the schema."""
        return self.verb in _DDL

    @property
    def is_write(self) -> bool:
        """Whether it writes rows of `table`."""
        return self.verb in _WRITES

    @property
    def writes_whole_table(self) -> bool:
        """Whether it is an UPDATE or a DELETE without a WHERE of its own."""
        return self.verb in ("UPDATE", "DELETE") and "WHERE" not in self.words

    @property
    def drops_dependents(self) -> bool:
        """Whether it drops, with CASCADE, objects that it does not name."""
        drops = [self.words] if self.verb == "DROP" else self.actions
        return any(words[:1] == ("DROP",) and words[-1:] == ("CASCADE",) for words in drops)

    @property
    def is_read(self) -> bool:
        """Whether it only reads, and takes no lock that a writer waits for."""
        locks = self.has("FOR", "UPDATE") or self.has("FOR", "NO", "KEY", "UPDATE")
        is_query = self.verb in _QUERIES and "INTO" not in self.words
        return is_query and not locks and all(each.is_read for each in self.nested)

    @property
    def runs_outside_transaction(self) -> bool:
        """Whether PostgreSQL refuses it in a transaction, as it works concurrently."""
        return self.is_concurrent and self.is_ddl

    @property
    def controls_transaction(self) -> bool:
        """Whether it begins or ends a transaction; a savepoint is none."""
        verb, rest = self.words[:1], self.words[1:]
        if verb in (("PREPARE",), ("START",)):
            return rest[:1] == ("TRANSACTION",)
        if rest[:1] in (("WORK",), ("TRANSACTION",)):
            rest = rest[1:]
        if verb in (("ROLLBACK",), ("COMMIT",)):
            return rest[:1] not in (("TO",), ("PREPARED",))
        return verb in (("END",), ("ABORT",), ("BEGIN",))

    def has(self, *words: str) -> bool:
        """Tell whether these words follow one another in it, outside of parentheses."""
        return words in zip(*(self.words[start:] for start in range(len(words))), strict=False)

    def with_nested(self) -> Iterator["SqlStatement"]:
        """Yield the statements within its WITH, and itself."""
        for each in self.nested:
            yield from each.with_nested()
        yield self


@lru_cache(maxsize=16)
def read_statements(sql: str) -> tuple[SqlStatement, ...]:
    """Return what each statement in `sql` is. Several ask for the same one, one after the other."""
    return tuple(map(_read, scan(sql)))


def _read(scanned: ScannedStatement) -> SqlStatement:
    tokens = scanned.tokens
    position = 0
    nested: tuple[SqlStatement, ...] = ()
    if tokens[0].word == "WITH":
        main = (*_WRITES, *_QUERIES)
        found = (index for index, token in enumerate(tokens) if token.word in main)
        position = next(found, 0)
        nested = tuple(_nested(tokens[:position]))
    cursor = _Cursor(tokens, position)
    verb = cursor.next_word()
    statement = SqlStatement(
        scanned.text, verb, _words(tokens), is_setting=_is_setting(verb, tokens), nested=nested
    )
    if verb in _WITH_OBJECT:
        return _with_object(statement, cursor)
    if verb in (*_WRITES, "TRUNCATE"):
        cursor.take(("INTO", "FROM", "TABLE", "ONLY"))
        names = cursor.names()
        return replace(statement, names=names, table=names[0] if names else None)
    return statement


def _nested(tokens: tuple[Token, ...]) -> Iterator[SqlStatement]:
    for token in tokens:
        if token.kind == "group":
            for statement in read_statements(token.text[1:-1]):
                if statement.verb in (*_WRITES, *_QUERIES, "WITH"):  # and no list of columns
                    yield statement


def _with_object(statement: SqlStatement, cursor: "_Cursor") -> SqlStatement:
    """Return the statement with what follows its verb, read in the order in which it stands."""
    verb = statement.verb
    modifiers = cursor.take(_MODIFIERS)
    options = cursor.skip_group()  # REINDEX (CONCURRENTLY) TABLE t
    type_ = _object_type(cursor)
    words = cursor.take(("CONCURRENTLY",))
    condition = cursor.take(("IF", "NOT", "EXISTS"))
    cursor.take(("ONLY",))
    # CREATE INDEX may leave the name out.
    is_unnamed = type_ == "INDEX" and cursor.peek() == "ON"
    names = () if is_unnamed else cursor.names()
    table = names[0] if type_ in _TABLES and names else None
    if verb == "CREATE" and type_ == "INDEX" and cursor.take(("ON",)):
        cursor.take(("ONLY",))
        table = cursor.name()
    rest = cursor.rest()
    is_detach = verb == "ALTER" and cursor.take(("DETACH",)) and cursor.take(("PARTITION",))
    return replace(
        statement,
        object_type=type_,
        names=names,
        table=table,
        is_unique="UNIQUE" in modifiers,
        is_concurrent="CONCURRENTLY" in (*words, *_words(rest))
        or "CONCURRENTLY" in options.upper(),
        is_conditional=bool(condition),
        actions=tuple(_actions(rest)) if verb == "ALTER" else (),
        partition=cursor.name() if is_detach else None,
    )


class _Cursor:
    """A position in the tokens of a statement."""

    def __init__(self, tokens: tuple[Token, ...], position: int) -> None:
        self._tokens = tokens
        self._position = position

    def rest(self) -> tuple[Token, ...]:
        """Return the tokens that have not been read."""
        return self._tokens[self._position :]

    def peek(self) -> str:
        """Return the next word without reading it."""
        rest = self.rest()
        return rest[0].word if rest else ""

    def next_word(self) -> str:
        """Read a token, and return its word."""
        self._position += 1
        return self._tokens[self._position - 1].word

    def take(self, words: Collection[str]) -> list[str]:
        """Read as many words as are among these."""
        taken = []
        while self.peek() in words:
            taken.append(self.next_word())
        return taken

    def skip_group(self) -> str:
        """Read what stands in parentheses here, if anything does."""
        if (rest := self.rest()) and rest[0].kind == "group":
            self._position += 1
            return rest[0].text
        return ""

    def name(self) -> Name | None:
        """Read a name with its schema."""
        tokens: list[Token] = []
        for token in self.rest():
            is_part = token.kind in ("word", "name")
            if is_part if len(tokens) % 2 == 0 else token.text == ".":
                tokens.append(token)
            else:
                break
        parts = tokens[: len(tokens) - (len(tokens) + 1) % 2]  # without a dot at the end
        if not parts:
            return None
        self._position += len(parts)
        sql = "".join(token.text for token in parts)
        end = parts[-1].start + len(parts[-1].text)
        return Name(sql, tuple(map(_stored, parts[::2])), end)

    def names(self) -> tuple[Name, ...]:
        """Read names with commas between them."""
        names = []
        while name := self.name():
            names.append(name)
            if not ((rest := self.rest()) and rest[0].text == ","):
                break
            self._position += 1
            self.take(("ONLY",))
        return tuple(names)


def _object_type(cursor: _Cursor) -> str:
    type_ = ""
    while (word := cursor.peek()) and (not type_ or (type_ in _FIRST_OF_TWO and word in _SECOND)):
        type_ = f"{type_} {cursor.next_word()}".strip()
    return type_


def _words(tokens: tuple[Token, ...]) -> tuple[str, ...]:
    return tuple(token.word for token in tokens if token.kind in ("word", "name"))


def _actions(tokens: tuple[Token, ...]) -> Iterator[tuple[str, ...]]:
    commas = [index for index, token in enumerate(tokens) if token.text == ","]
    for start, end in pairwise([-1, *commas, len(tokens)]):
        yield _words(tokens[start + 1 : end])


def _is_setting(verb: str, tokens: tuple[Token, ...]) -> bool:
    """Tell whether it changes, or shows, settings of the session and nothing else."""
    if verb == "SET":
        return tokens[1:2] == () or tokens[1].word != "CONSTRAINTS"
    if verb in ("RESET", "SHOW"):
        return True
    # SELECT set_config(…), whose arguments call nothing.
    calls = [token for token in tokens[1:] if token.word != "PG_CATALOG" and token.text != "."]
    return (
        verb == "SELECT"
        and len(calls) % 3 == 2
        and all(name.word == "SET_CONFIG" for name in calls[::3])
        and all(group.kind == "group" and _calls_nothing(group) for group in calls[1::3])
        and all(comma.text == "," for comma in calls[2::3])
    )


def _calls_nothing(group: Token) -> bool:
    inside = (token for statement in scan(group.text[1:-1]) for token in statement.tokens)
    return all(token.kind != "group" for token in inside)


def _stored(part: Token) -> str:
    """Return a name as the catalog has it."""
    if part.kind == "name":
        return part.text[1:-1].replace('""', '"')
    return part.text.lower()
