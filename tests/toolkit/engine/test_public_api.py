"""What an application imports needs neither the command line's packages nor a Unix machine."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from textwrap import dedent

import pytest
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.migration.runner.run import upgrade
from scratch_project import ScratchProject

# `pwd` and `fcntl` are not there on Windows; the others are for who migrates, not for who serves.
BLOCKED = ("alembic", "typer", "httpx2", "rich", "pytest", "pwd", "fcntl")

SCRIPT = dedent(
    """
    import asyncio, sys

    for name in BLOCKED:
        sys.modules[name] = None  # an import of it raises ImportError

    import alembic_neon

    for name in alembic_neon.__all__:
        getattr(alembic_neon, name)


    async def use_everything() -> None:
        async with alembic_neon.session_scope() as session:
            await session.connection()
        engine = alembic_neon.create_engine()
        await alembic_neon.check_database(engine)
        health = await alembic_neon.check_health(engine)
        assert health.ok, health

        async def work(session):
            return (await session.connection()).engine

        await alembic_neon.run_transaction(work)
        await alembic_neon.run_transaction(work, engine=engine)
        alembic_neon.pool_stats(engine)
        await engine.dispose()
        await alembic_neon.close_db()


    asyncio.run(use_everything())
    print("used:", alembic_neon.load_settings().url.host)
    """
)


@contextlib.asynccontextmanager
async def over_tcp(database: DatabaseURL) -> AsyncIterator[str]:
    """Yield the URL of the database behind a port, as on a machine without Unix sockets."""

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_unix_connection(
            f"{database.host}/.s.PGSQL.5432"
        )
        await asyncio.gather(pipe(reader, server_writer), pipe(server_reader, writer))

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
        writer.close()

    async with await asyncio.start_server(pass_on, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        user, name = database.parts.username, database.database
        yield f"postgresql://{user}@127.0.0.1:{port}/{name}?sslmode=disable"


@pytest.mark.parametrize("has_project", [True, False])
async def test_an_application_needs_no_migration_tool_and_no_unix_machine(
    project: ScratchProject, database: DatabaseURL, tmp_path: Path, *, has_project: bool
) -> None:
    project.revision("a1")
    await upgrade(database)
    script = SCRIPT.replace("BLOCKED", repr(BLOCKED))
    if not has_project:
        script = script.replace(
            "check_database(engine)", "check_database(engine, require_head=False)"
        )
    async with over_tcp(database) as url:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            script,
            cwd=project.folder if has_project else tmp_path,
            env=os.environ | {"DATABASE_URL": url},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate()
    assert (output.decode(), errors.decode()) == ("used: 127.0.0.1\n", "")
