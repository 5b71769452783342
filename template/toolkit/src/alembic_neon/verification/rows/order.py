"""The order in which tables are filled: what is referred to first, rings of tables together."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from .catalog import Table

Group = tuple[Table, ...]
# In the order of names, as oids differ from one database to the next.
Edges = Mapping[int, list[int]]


def levels(tables: Iterable[Table]) -> list[list[Group]]:
    """Return groups of tables; those of a level refer to earlier levels only.

    A group has more than one table where each row needs one in the other tables that needs it in
    turn. A foreign key that may be NULL makes no such ring: it is left NULL at first.
    """
    by_oid = {table.oid: table for table in sorted(tables, key=lambda table: table.name)}
    softly = _edges(by_oid, lambda table, parent: True)
    hard = _edges(by_oid, lambda table, parent: parent in needed(table))
    order: list[Group] = []
    for ring in _rings(softly):
        # Inside a ring only what cannot be NULL counts.
        inner = {oid: [each for each in hard[oid] if each in ring] for oid in by_oid if oid in ring}
        order += [tuple(by_oid[oid] for oid in group) for group in _rings(inner)]
    level_of: dict[int, int] = {}
    found: list[list[Group]] = []
    for group in order:
        parents = {oid for table in group for oid in softly[table.oid]} & level_of.keys()
        level = max((level_of[oid] + 1 for oid in parents), default=0)
        level_of |= {table.oid: level for table in group}
        found += [[] for _ in range(level + 1 - len(found))]
        found[level].append(tuple(sorted(group, key=lambda table: table.name)))
    return [sorted(level, key=lambda group: group[0].name) for level in found]


def needed(table: Table) -> set[int]:
    """Return the tables, itself too, that must have a row before this one can have one."""
    return {key.parent for key in table.foreign_keys if not table.may_be_null(key)}


def _edges(
    by_oid: Mapping[int, Table], counts: Callable[[Table, int], bool]
) -> dict[int, list[int]]:
    edges: dict[int, set[int]] = {oid: set() for oid in by_oid}
    for table in by_oid.values():
        for key in table.foreign_keys:
            if key.parent in by_oid and key.parent != table.oid and counts(table, key.parent):
                edges[table.oid].add(key.parent)
        for parent in table.parents:
            # A partitioned table has the rows of its partitions.
            if table.is_partition and parent in by_oid:
                edges[parent].add(table.oid)
    return {oid: [each for each in by_oid if each in edges[oid]] for oid in by_oid}


def _rings(edges: Edges) -> Iterator[list[int]]:
    """Yield the strongly connected components, what is pointed to first (Tarjan's algorithm)."""
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    for start in edges:
        if start in index:
            continue
        path = [(start, iter(edges[start]))]
        index[start] = low[start] = len(index)
        stack.append(start)
        while path:
            node, rest = path[-1]
            target = next((each for each in rest if each not in index or each in stack), None)
            if target is None:
                path.pop()
                if path:
                    low[path[-1][0]] = min(low[path[-1][0]], low[node])
                if low[node] == index[node]:
                    at = stack.index(node)
                    yield stack[at:]
                    del stack[at:]
            elif target in index:
                low[node] = min(low[node], index[target])
            else:
                index[target] = low[target] = len(index)
                stack.append(target)
                path.append((target, iter(edges[target])))
