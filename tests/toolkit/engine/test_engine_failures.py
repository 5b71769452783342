"""Connecting: what is waited for, what is refused at once, and connections that were lost."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from alembic_neon import create_engine, pool_stats
from alembic_neon.engine.driver_errors import (
    is_connection_loss,
    is_retryable_connect_error,
    is_transient,
    translate_driver_errors,
)
from alembic_neon.engine.settings import Settings
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.errors import ConnectionFailedError
from pydantic import SecretStr
from queries import Query
from scratch_project import ScratchProject
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine


def settings(url: str, **values: object) -> Settings:
    return Settings.model_validate({"database_url": SecretStr(url), **values})


@pytest.fixture
async def small(project: ScratchProject, database: DatabaseURL) -> AsyncIterator[AsyncEngine]:
    """An engine that keeps one connection."""
    engine = create_engine(
        settings(database.render(), db_pool_size=1, db_max_overflow=0, db_pool_timeout=0.3)
    )
    yield engine
    await engine.dispose()


@pytest.mark.parametrize(
    ("error", "transient", "lost"),
    [
        (ConnectionRefusedError(), True, True),
        (ConnectionResetError(), True, True),
        (TimeoutError(), False, False),
        (FileNotFoundError(2, "no file"), False, False),
        (socket.gaierror(socket.EAI_AGAIN, "later"), True, False),
        (socket.gaierror(socket.EAI_NONAME, "never"), False, False),
        (ssl.SSLCertVerificationError("bad"), False, False),
        (asyncpg.CannotConnectNowError("the database system is starting up"), True, True),
        (asyncpg.AdminShutdownError("terminating connection"), True, True),
        (asyncpg.ConnectionDoesNotExistError("connection was closed"), True, True),
        (asyncpg.InterfaceError("connection is closed"), True, True),
        (asyncpg.InterfaceError("another operation is in progress"), False, False),
        (asyncpg.SerializationError("lost"), True, False),
        (asyncpg.DeadlockDetectedError("lost"), True, False),
        (asyncpg.InvalidCachedStatementError("lost"), True, False),
        (asyncpg.TooManyConnectionsError("sorry"), True, False),
        (asyncpg.InvalidPasswordError("no"), False, False),
        (asyncpg.InvalidCatalogNameError("no"), False, False),
        (asyncpg.InternalServerError("Couldn't connect to compute node"), True, False),
        (asyncpg.InternalServerError("Control plane request failed: timed out"), True, False),
        (
            asyncpg.InternalServerError("Control plane request failed: endpoint is disabled"),
            False,
            False,
        ),
        (asyncpg.InternalServerError("something else"), False, False),
        (asyncpg.ProtocolViolationError("query_wait_timeout"), True, True),
        (asyncpg.ProtocolViolationError("SASL authentication failed"), False, False),
        (asyncpg.InternalClientError("cannot switch to state 15; another"), True, True),
        (asyncpg.InternalClientError("no binary format encoder for type"), False, False),
        (ValueError(), False, False),
    ],
    ids=repr,
)
def test_each_failure_has_its_class(error: Exception, transient: bool, lost: bool) -> None:
    assert (is_transient(error), is_connection_loss(error)) == (transient, lost)


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (asyncpg.DiskFullError("could not write init file: No space"), "cannot work: could not w"),
        (asyncpg.OutOfMemoryError("out of memory\nDETAIL: none"), "cannot work: out of memory."),
        (asyncpg.PostgresIOError("could not read file"), "cannot work: could not read file."),
        (asyncpg.TooManyConnectionsError("sorry"), "cannot be reached: sorry."),
        # asyncpg's words where the server's last ones came between two statements.
        (asyncpg.InternalClientError("cannot switch to state 11"), "cannot be reached: cannot sw"),
    ],
)
def test_what_ails_the_server_is_one_line(error: Exception, problem: str) -> None:
    url = DatabaseURL.parse("postgresql://me:secret@host/db").parts
    with pytest.raises(ConnectionFailedError) as caught, translate_driver_errors(url):
        raise error
    assert caught.value.message.startswith(f"postgresql://me:***@host/db {problem}")


def test_a_socket_that_is_not_there_yet_is_waited_for_only_when_connecting() -> None:
    missing = FileNotFoundError(2, "No such file or directory")
    assert (is_retryable_connect_error(missing), is_transient(missing)) == (True, False)


async def test_a_server_that_wakes_late_is_waited_for(
    project: ScratchProject, database: DatabaseURL, tmp_path: Path
) -> None:
    folder = database.host
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_server = await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.5432")
        await asyncio.gather(_pipe(reader, to_server[1]), _pipe(to_server[0], writer))

    url = f"postgresql://{database.parts.username}@127.0.0.1:{port}/{database.database}"
    engine = create_engine(settings(f"{url}?sslmode=disable"))

    async def ask() -> object:
        async with engine.connect() as connection:
            return await connection.scalar(text("SELECT 1"))

    asked = asyncio.create_task(ask())
    await asyncio.sleep(0.5)  # it is refused meanwhile
    assert not asked.done()
    async with await asyncio.start_server(pass_on, "127.0.0.1", port):
        assert await asked == 1
        assert (pool_stats(engine).first_connection_ms or 0) >= 500
        await engine.dispose()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def test_a_server_that_never_comes_is_given_up_in_time(
    project: ScratchProject, caplog: pytest.LogCaptureFixture
) -> None:
    engine = create_engine(settings("postgresql://r:s3cr3t@127.0.0.1:1/db", db_connect_timeout=0.4))
    async with asyncio.timeout(60):  # not the limit that is tested: it ends a test that hangs
        with pytest.raises(ConnectionRefusedError) as refused:
            await engine.connect()
    waits = [float(line.rpartition(" in ")[2].removesuffix(" s")) for line in caplog.messages]
    assert sum(waits) <= 0.4, "the waits that it announced"
    figures = pool_stats(engine)
    assert (figures.connects, figures.connect_failures, figures.checked_out) == (0, 1, 0)
    assert "s3cr3t" not in f"{refused.value!r} {engine!r} {engine.url}"


async def test_an_unknown_database_and_role_are_refused_at_once(
    project: ScratchProject, database: DatabaseURL, caplog: pytest.LogCaptureFixture
) -> None:
    for wrong in (
        database.with_database("nope"),
        DatabaseURL(database.parts.set(username="nobody")),
    ):
        engine = create_engine(settings(wrong.render()))
        with pytest.raises((asyncpg.PostgresError, DBAPIError)):
            await engine.connect()
    assert "Attempt" not in caplog.text


async def test_a_lost_connection_is_replaced_before_it_is_handed_out(
    small: AsyncEngine, query: Query
) -> None:
    for idle in (False, True):
        async with small.connect() as connection:
            process = await connection.scalar(text("SELECT pg_backend_pid()"))
        await query(f"SELECT pg_terminate_backend({process}, 9999)")
        await asyncio.sleep(0.1 if idle else 0)
        async with small.connect() as connection:
            assert await connection.scalar(text("SELECT 1")) == 1
    figures = pool_stats(small)
    assert (figures.connects, figures.invalidations, figures.checked_out) == (3, 2, 0)


async def test_an_idle_connection_that_lives_is_handed_out(
    small: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alembic_neon.engine.pool._TRUSTED_IDLE_SECONDS", 0.0)
    for _ in range(3):
        async with small.connect() as connection:
            assert await connection.scalar(text("SELECT 1")) == 1
    assert pool_stats(small).connects == 1


async def test_an_idle_connection_is_asked_whether_it_lives(
    small: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_answer(_: object) -> None:
        raise TimeoutError

    async with small.connect() as connection:
        await connection.execute(text("SELECT 1"))
    monkeypatch.setattr("alembic_neon.engine.pool._ping", no_answer)
    async with small.connect():
        assert pool_stats(small).connects == 1, "what was used just now is trusted"
    monkeypatch.setattr("alembic_neon.engine.pool._TRUSTED_IDLE_SECONDS", 0.0)
    async with small.connect() as connection:
        assert await connection.scalar(text("SELECT 1")) == 1
    assert pool_stats(small).connects == 2


async def test_the_figures_tell_waits_and_timeouts(
    small: AsyncEngine, caplog: pytest.LogCaptureFixture
) -> None:
    async with small.connect() as connection:
        await connection.execute(text("SELECT 1"))
        with pytest.raises(PoolTimeoutError):
            await small.connect()
        figures = pool_stats(small)
        assert (figures.size, figures.checked_out, figures.checked_in) == (1, 1, 0)
        assert (figures.waits, figures.timeouts, figures.overflow) == (1, 1, 0)
    assert (pool_stats(small).checked_out, pool_stats(small).checked_in) == (0, 1)
    await small.dispose()
    assert pool_stats(small).waits == 1, "the counts outlive the pool"


async def test_figures_without_a_pool(project: ScratchProject, database: DatabaseURL) -> None:
    engine = create_engine(settings(database.render(), db_pool_mode="serverless"))
    for _ in range(2):
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
            assert pool_stats(engine).checked_out == 1
    figures = pool_stats(engine)
    assert (figures.size, figures.checked_out, figures.connects) == (0, 0, 2)


async def test_the_server_is_told_the_timeouts_and_speaks_first(
    project: ScratchProject, database: DatabaseURL
) -> None:
    engine = create_engine(settings(database.render(), db_command_timeout=0.5))
    async with engine.connect() as connection:
        idle = await connection.scalar(text("SHOW idle_in_transaction_session_timeout"))
        assert idle == "1min"
        with pytest.raises(DBAPIError, match="statement timeout"):
            await connection.execute(text("SELECT pg_sleep(30)"))
    await engine.dispose()


async def test_behind_a_pooler_nothing_is_set_and_nothing_is_prepared_by_name(
    project: ScratchProject, database: DatabaseURL
) -> None:
    pooled = database.parts.update_query_dict({"pgbouncer": "true"})
    engine = create_engine(settings(DatabaseURL(pooled).render(), db_command_timeout=0.5))
    async with engine.connect() as connection:
        assert await connection.scalar(text("SHOW statement_timeout")) == "0"
        for _ in range(2):
            await connection.execute(text("SELECT 1"))
        names = await connection.scalars(text("SELECT name FROM pg_prepared_statements"))
        assert set(names) <= {""}
        with pytest.raises(TimeoutError):
            await connection.execute(text("SELECT pg_sleep(30)"))
    await engine.dispose()
