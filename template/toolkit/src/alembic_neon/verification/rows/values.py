"""Values by type, in PostgreSQL's text form: the edges of a type, and ordinary values of it."""

import random
import uuid
from collections.abc import Callable, Sequence
from typing import Final

from .catalog import Type, Types

Value = str | None  # None is NULL

_LONG: Final = "long " * 50
# A combining accent, an emoji of several code points, a right-to-left word, quotes, a backslash.
_UNICODE: Final = "e\u0301 \U0001f469\u200d\U0001f52c \u05e9\u05dc\u05d5\u05dd '\"\\"
_TEXTS: Final = ("a", "", _UNICODE, _LONG, " \t ", "NULL", "A", "0")
_DATES: Final = ("2024-02-29", "0001-01-02", "9999-12-30", "1970-01-01", "1969-12-31")
_TIMES: Final = ("12:00:00", "00:00:00", "23:59:59.999999")
_JSON: Final = ('{"a": 1}', "{}", "[]", "null", '"\u00e9"', "0", '{"a": {"b": [null, ""]}}')

# The first value of each is an ordinary one; what follows are the edges. Numbers have no place in
# the next narrower type, and yet grow a hundredfold without leaving their own: a column hardly ever
# stands at the end of its type, and `n + 1` or a price in cents is no fault. Timestamps stay a day
# off the ends that a shift of the time zone may cross.
_EDGES: Final[dict[str, tuple[str, ...]]] = {
    "bool": ("true", "false"),
    "int2": ("1", "0", "-1", "300", "-300"),
    "int4": ("1", "0", "-1", "20000001", "-20000001"),
    "int8": ("1", "0", "-1", "9007199254740993", "-9007199254740993"),
    "float4": ("1.5", "0", "-1", "1e30", "1e-30", "NaN", "Infinity", "-Infinity"),
    "float8": ("1.5", "0", "-1", "1e300", "1e-300", "NaN", "Infinity", "-Infinity"),
    "money": ("1", "0", "-1", "100000000000.01", "-100000000000.01"),
    "oid": ("1", "0", "4294967295"),
    "xid": ("1", "0", "4294967295"),
    "xid8": ("1", "0", "18446744073709551615"),
    "cid": ("1", "0"),
    "tid": ("(0,1)", "(1,1)"),
    "char": ("a", "z", "0"),
    "bytea": ("\\x61", "\\x", "\\x00ff", "\\x" + "00ff" * 100),
    "date": _DATES,
    "time": _TIMES,
    "timetz": ("12:00:00+00", "00:00:00+14", "23:59:59.999999-12"),
    "timestamp": tuple(f"{day} {time}" for day, time in zip(_DATES, _TIMES * 2, strict=False)),
    "timestamptz": tuple(f"{day} {time}+00" for day, time in zip(_DATES, _TIMES * 2, strict=False)),
    "interval": ("1 day", "0", "-1 month", "1 year 2 mons 3 days 04:05:06.789", "100 years"),
    "uuid": (
        "6f1e0c9a-4a53-4d1b-9b57-0d2f4a8c1e11",
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
    ),
    "json": _JSON,
    "jsonb": _JSON,
    "jsonpath": ("$.a", "$", "$.a[*] ? (@ > 1)"),
    "inet": ("192.0.2.1", "192.0.2.1/24", "::1", "0.0.0.0/0", "2001:db8::/32"),
    "cidr": ("192.0.2.0/24", "0.0.0.0/0", "2001:db8::/32", "::1/128"),
    "macaddr": ("08:00:2b:01:02:03", "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"),
    "macaddr8": ("08:00:2b:01:02:03:04:05", "00:00:00:00:00:00:00:00"),
    "point": ("(1,2)", "(0,0)", "(-1e10,1e10)"),
    "line": ("{1,-1,0}", "{0,1,0}"),
    "lseg": ("[(0,0),(1,1)]", "[(0,0),(0,0)]"),
    "box": ("(1,1),(0,0)", "(0,0),(0,0)"),
    "path": ("((0,0),(1,1))", "[(0,0),(1,1),(2,0)]"),
    "polygon": ("((0,0),(1,1),(1,0))", "((0,0))"),
    "circle": ("<(0,0),1>", "<(0,0),0>"),
    "tsvector": ("a:1 b:2", "", "'\u00e9 \U0001f600'"),
    "tsquery": ("a & b", "", "!a | b"),
    "xml": ("<a/>", '<a b="c">\u00e9</a>'),
    "pg_lsn": ("0/1", "0/0", "FFFFFFFF/FFFFFFFF"),
    "pg_snapshot": ("10:20:10,14",),
    "txid_snapshot": ("10:20:10,14",),
    "int2vector": ("1 2", ""),
    "oidvector": ("1 2", ""),
    "regclass": ("pg_class", "pg_type"),
    "regtype": ("integer", "0"),
    "regproc": ("now", "0"),
    "regprocedure": ("now()", "0"),
    "regoper": ("pg_catalog.||/", "0"),
    "regoperator": ("+(integer,integer)", "0"),
    "regnamespace": ("pg_catalog", "0"),
    "regrole": ("0",),
    "regconfig": ("simple", "0"),
    "regdictionary": ("simple", "0"),
    "regcollation": ('"C"', "0"),
    # Types of extensions.
    "hstore": ('"a"=>"1"', "", '"a"=>NULL, "\u00e9"=>""'),
    "ltree": ("a.b", "", "a"),
    "lquery": ("a.*", "*"),
    "cube": ("(1,2)", "(0)"),
    "semver": ("1.0.0", "0.0.0"),
    "geometry": ("POINT(1 2)", "POINT EMPTY"),
    "geography": ("POINT(1 2)", "POINT EMPTY"),
}
# What many a text form takes, for base types that nothing is known of.
_GUESSES: Final = ("1", "a", "0", "{}", "()", "[1]", "(1,1)", "1.0.0", "a@b.c", "")


def is_known(oid: int, types: Types) -> bool:
    """Whether values of this type are sure to be accepted, without the server being asked."""
    found = types[oid]
    if found.kind == "d":
        return False
    if found.element:
        return is_known(found.element, types)
    if found.kind == "c":
        return all(is_known(field, types) for field, _ in found.fields)
    if found.kind in "rm":
        return not found.own
    return found.kind == "e" or (not found.own and found.name != "xml") or found.name == "vector"


def boundary_values(oid: int, modifier: int, types: Types) -> list[str]:
    """Return values of the type, first an ordinary one, then those at its ends."""
    found = types[oid]
    if found.kind == "d":
        return boundary_values(found.base, found.modifier if modifier < 0 else modifier, types)
    if found.kind == "e":
        return list(found.labels)
    if found.kind == "c":
        return _composites(found, types)
    if found.kind in "rm":
        return _ranges(found, types)
    if found.element:
        return _arrays(boundary_values(found.element, modifier, types))
    if found.category == "S" and found.name != "char":
        return _texts(found, modifier)
    special = _BY_MODIFIER.get(found.name)
    return special(modifier) if special else list(_EDGES.get(found.name, _GUESSES))


def random_value(oid: int, modifier: int, types: Types, rng: random.Random) -> str:
    """Return an ordinary value of the type that hardly ever comes twice, where there are many."""
    found = types[oid]
    if found.kind == "d":
        return random_value(found.base, found.modifier if modifier < 0 else modifier, types, rng)
    if found.category == "S" and found.name != "char":
        room = _room(found, modifier)
        return f"{rng.getrandbits(40):x}"[-min(room, 10) :]
    if found.element:
        return _array([random_value(found.element, modifier, types, rng)])
    if found.kind == "c":
        return _composite([random_value(field, size, types, rng) for field, size in found.fields])
    if found.kind == "r" and found.range in types:
        value = _quoted(random_value(found.range, -1, types, rng))
        return f"[{value},{value}]"
    make = _RANDOM.get(found.name)
    return (
        make(rng, modifier) if make else rng.choice(boundary_values(oid, modifier, types) or [""])
    )


def size_of_text(oid: int, modifier: int, types: Types) -> int:
    """Return how many characters a text column takes, or 0 where the type is no text."""
    found = types[oid]
    if found.kind == "d":
        return size_of_text(found.base, found.modifier if modifier < 0 else modifier, types)
    return _room(found, modifier) if found.category == "S" and found.name != "char" else 0


def root(oid: int, types: Types) -> Type:
    """Return the type that lies under domains, or the type itself."""
    found = types[oid]
    return root(found.base, types) if found.kind == "d" else found


def _room(found: Type, modifier: int) -> int:
    if found.name == "name":
        return 63
    return modifier - 4 if modifier > 4 else 10_000


def _texts(found: Type, modifier: int) -> list[str]:
    if found.name == "name":
        return ["a", "", "A" * 63]
    if modifier < 4:
        return list(_TEXTS)
    room = _room(found, modifier)
    return list(dict.fromkeys(text if text != _LONG else "x" * room for text in _cut(room)))


def _cut(room: int) -> list[str]:
    return [text if text == _LONG else text[:room] for text in _TEXTS]


def _numerics(modifier: int) -> list[str]:
    if modifier < 4:
        return ["1.5", "0", "-1", "9" * 30, "-0." + "0" * 20 + "1", "NaN"]
    precision, scale = (modifier - 4) >> 16 & 0xFFFF, (modifier - 4) & 0x7FF
    scale -= 0x800 if scale & 0x400 else 0
    whole = precision - scale
    # All digits are used, and one may be added.
    most = "1".ljust(max(whole, 0), "0") if whole > 0 else "0"
    if scale > 0:
        most += "." + "0" * max(-whole, 0) + "1".rjust(min(scale, precision), "0")
    ordinary = "1" if whole > 0 and scale >= 0 else "0"
    return list(dict.fromkeys([ordinary, "0", most, f"-{most}", "NaN"]))


def _bits(modifier: int) -> list[str]:
    size = max(modifier, 1)
    return ["1" * size, "0" * size, ("10" * size)[:size]]


def _varying_bits(modifier: int) -> list[str]:
    return ["1", "", "10" * (modifier // 2 if modifier > 0 else 20)]


def _vectors(modifier: int) -> list[str]:
    size = modifier if modifier > 0 else 3
    return [f"[{','.join([each] * size)}]" for each in ("1", "0", "-0.5")]


def _sparse_vectors(modifier: int) -> list[str]:
    size = modifier if modifier > 0 else 3
    return [f"{{1:1}}/{size}", f"{{}}/{size}"]


_BY_MODIFIER: Final[dict[str, Callable[[int], list[str]]]] = {
    "numeric": _numerics,
    "bit": _bits,
    "varbit": _varying_bits,
    "vector": _vectors,
    "halfvec": _vectors,
    "sparsevec": _sparse_vectors,
}


def _arrays(values: list[str]) -> list[str]:
    if not values:
        return ["{}"]
    whole = _array(values)
    return [_array(values[:1]), "{}", whole, _array([None, values[0]]), f"{{{whole},{whole}}}"]


def _array(values: Sequence[Value]) -> str:
    return "{" + ",".join("NULL" if each is None else _quoted(each) for each in values) + "}"


def _composites(found: Type, types: Types) -> list[str]:
    fields = [boundary_values(field, modifier, types) for field, modifier in found.fields]
    count = max((len(values) for values in fields), default=0)
    rows = [
        _composite([values[i % len(values)] if values else None for values in fields])
        for i in range(count)
    ]
    return [*rows, _composite([None] * len(fields))]


def _composite(values: Sequence[Value]) -> str:
    return "(" + ",".join("" if each is None else _quoted(each) for each in values) + ")"


def _ranges(found: Type, types: Types) -> list[str]:
    if found.kind == "m":
        inner = _ranges(types[found.range], types) if found.range in types else []
        return [f"{{{inner[0]}}}", "{}"] if inner else ["{}"]
    values = boundary_values(found.range, -1, types)[:2] if found.range in types else []
    if not values:
        return ["empty", "(,)"]
    one = _quoted(values[0])
    return [f"[{one},{one}]", "empty", "(,)", f"[{one},)", f"(,{one}]"]


def _quoted(value: str) -> str:
    """Quote an element of an array, a field of a composite value or a bound of a range."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _whole(size: int) -> Callable[[random.Random, int], str]:
    return lambda rng, _: str(rng.randrange(2, size))


def _numeric(rng: random.Random, modifier: int) -> str:
    if modifier < 4:
        return str(rng.randrange(2, 1_000_000))
    scale = (modifier - 4) & 0x7FF
    digits = (modifier - 4) >> 16 & 0xFFFF
    if scale & 0x400 or scale > digits:
        return "0"
    number = str(rng.randrange(10 ** min(digits, 9))).rjust(scale + 1, "0")
    return f"{number[:-scale]}.{number[-scale:]}" if scale else number


def _date(rng: random.Random, _: int) -> str:
    return f"20{rng.randrange(10, 90)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}"


def _time(rng: random.Random, _: int) -> str:
    return f"{rng.randrange(24):02}:{rng.randrange(60):02}:{rng.randrange(60):02}"


def _vector(rng: random.Random, modifier: int) -> str:
    size = modifier if modifier > 0 else 3
    return f"[{','.join(str(rng.randrange(100)) for _ in range(size))}]"


_RANDOM: Final[dict[str, Callable[[random.Random, int], str]]] = {
    "int2": _whole(2**15 // 100),
    "int4": _whole(2**20),
    "int8": _whole(2**40),
    "oid": _whole(2**20),
    "money": _whole(2**20),
    "float4": _whole(2**16),
    "float8": _whole(2**20),
    "numeric": _numeric,
    "bytea": lambda rng, _: f"\\x{rng.randbytes(6).hex()}",
    "uuid": lambda rng, _: str(uuid.UUID(int=rng.getrandbits(128), version=4)),
    "date": _date,
    "time": _time,
    "timestamp": lambda rng, _: f"{_date(rng, 0)} {_time(rng, 0)}",
    "timestamptz": lambda rng, _: f"{_date(rng, 0)} {_time(rng, 0)}+00",
    "interval": lambda rng, _: f"{rng.randrange(1000)} hours",
    "json": lambda rng, _: f'{{"n": {rng.getrandbits(20)}}}',
    "jsonb": lambda rng, _: f'{{"n": {rng.getrandbits(20)}}}',
    "inet": lambda rng, _: f"192.0.2.{rng.randrange(256)}",
    "cidr": lambda rng, _: f"10.{rng.randrange(256)}.{rng.randrange(256)}.0/24",
    "macaddr": lambda rng, _: ":".join(f"{byte:02x}" for byte in rng.randbytes(6)),
    "tsvector": lambda rng, _: f"w{rng.getrandbits(30):x}",
    "bit": lambda rng, size: "".join(rng.choice("01") for _ in range(max(size, 1))),
    "varbit": lambda rng, size: "".join(rng.choice("01") for _ in range(size if size > 0 else 12)),
    "vector": _vector,
}
