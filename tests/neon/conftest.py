"""Fixtures of the stand-in for Neon: an edge, a pooler behind it, and a database for each test."""

from collections.abc import Iterator

import pytest
from alembic_neon.embedded.server import OWNER, LocalServer
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.verification.databases import TestDatabases
from neon.bouncer import Bouncer, require_pgbouncer, running_bouncer
from neon.certificates import Certificates, resolving_to_loopback
from neon.compute import Compute
from neon.edge import Edge
from neon.stand_in import PASSWORD, StandIn


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """The PostgreSQL behind the edge, of this worker alone: tests restart it."""
    server = LocalServer(tmp_path_factory.mktemp("neon") / ".neon-local", "test", 18)
    with server.in_use():
        yield server


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority of this session's own."""
    return Certificates.make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def session_edge(server: LocalServer, certificates: Certificates) -> Iterator[Edge]:
    """The edge, whose port stays the same for the session."""
    edge = Edge(Compute(server), certificates)
    edge.passwords[OWNER] = PASSWORD
    with resolving_to_loopback(), edge.running():
        yield edge


@pytest.fixture(scope="session")
def session_bouncer(server: LocalServer, session_edge: Edge) -> Iterator[Bouncer]:
    """A real PgBouncer between the edge and PostgreSQL."""
    with running_bouncer(require_pgbouncer(), server) as bouncer:
        session_edge.compute.pooler = bouncer.socket
        yield bouncer
        session_edge.compute.pooler = None


@pytest.fixture(scope="session")
def databases(server: LocalServer) -> TestDatabases:
    """Databases on that server."""
    return TestDatabases(server)


@pytest.fixture
def database(databases: TestDatabases) -> Iterator[DatabaseURL]:
    """The URL of an empty database that leads past the edge, for what a test looks up."""
    url = databases.create()
    yield url
    databases.drop(url)


@pytest.fixture
def edge(session_edge: Edge, database: DatabaseURL) -> Iterator[Edge]:
    """The edge without faults and with figures at zero; it is so again when `database` goes."""
    session_edge.reset()
    yield session_edge
    session_edge.reset()


@pytest.fixture
def neon(edge: Edge, certificates: Certificates, database: DatabaseURL) -> StandIn:
    """Neon, with the direct endpoint alone."""
    return StandIn(edge, certificates, database.database)


@pytest.fixture
def pooled_neon(session_bouncer: Bouncer, neon: StandIn) -> StandIn:
    """Neon, with the pooled endpoint as well; where PgBouncer is missing in CI, it fails."""
    return neon
