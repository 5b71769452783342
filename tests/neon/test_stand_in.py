"""The stand-in itself: what it does is what Neon does, seen by a bare driver."""

import asyncio
import ssl
import time

import asyncpg
import pytest
from alembic_neon.embedded.server import OWNER
from neon.certificates import DIRECT_HOST, ENDPOINT, POOLED_HOST, WRONG_HOST
from neon.stand_in import PASSWORD, StandIn


async def test_it_shows_a_certificate_for_the_region_and_no_other(neon: StandIn) -> None:
    trusting = ssl.create_default_context(cafile=str(neon.certificates.file))
    connection = await asyncpg.connect(**neon.raw(ssl=trusting))
    assert await connection.fetchval("SELECT current_user") == OWNER
    await connection.close()
    with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
        await asyncpg.connect(**neon.raw(ssl=ssl.create_default_context()))
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        await asyncpg.connect(**neon.raw(ssl=trusting, host=WRONG_HOST))


async def test_without_tls_it_refuses(neon: StandIn) -> None:
    with pytest.raises(asyncpg.InternalServerError, match="connection is insecure"):
        await asyncpg.connect(**neon.raw(ssl=False))


async def test_the_endpoint_comes_from_the_name_the_options_or_the_password(neon: StandIn) -> None:
    by_address = neon.raw(host="127.0.0.1")  # an address is not sent as SNI
    with pytest.raises(asyncpg.InternalServerError, match="Endpoint ID is not specified"):
        await asyncpg.connect(**by_address)
    for more in (
        {"server_settings": {"options": f"endpoint={ENDPOINT}"}},
        {"server_settings": {"options": f"project={ENDPOINT} -c search_path=pg_catalog"}},
        {"password": f"endpoint={ENDPOINT};{PASSWORD}"},
        {"password": f"endpoint={ENDPOINT}${PASSWORD}"},
    ):
        connection = await asyncpg.connect(**by_address | more)
        await connection.close()
    with pytest.raises(asyncpg.InternalServerError, match="endpoint cannot be found"):
        await asyncpg.connect(**neon.raw(host=f"ep-other-{DIRECT_HOST}"))


async def test_startup_parameters_are_dropped_without_a_word_but_options_pass(
    neon: StandIn,
) -> None:
    settings = {"lock_timeout": "1000", "application_name": "shop", "options": "-c work_mem=9MB"}
    connection = await asyncpg.connect(**neon.raw(server_settings=settings))
    assert await connection.fetchval("SHOW lock_timeout") == "0"
    assert await connection.fetchval("SHOW application_name") == "shop"
    assert await connection.fetchval("SHOW work_mem") == "9MB"
    assert neon.edge.figures.dropped == ["lock_timeout"]
    await connection.close()


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"password": "wrong"}, f"password authentication failed for user '{OWNER}'"),
        ({"database": "nowhere"}, 'database "nowhere" does not exist'),
    ],
)
async def test_what_is_wrong_at_the_start_carries_no_sqlstate_of_its_own(
    neon: StandIn, changed: dict[str, str], text: str
) -> None:
    # Its source says so, and so do people's logs: InternalServerError, XX000.
    with pytest.raises(asyncpg.InternalServerError, match=text) as refused:
        await asyncpg.connect(**neon.raw(**changed))
    assert refused.value.sqlstate == "XX000"


async def test_a_wrong_password_wakes_nobody(neon: StandIn) -> None:
    neon.edge.suspend()
    with pytest.raises(asyncpg.InternalServerError, match="password"):
        await asyncpg.connect(**neon.raw(password="wrong"))
    assert not neon.edge.compute.is_awake


async def test_a_suspend_ends_sessions_and_a_connect_wakes_it_after_a_while(neon: StandIn) -> None:
    connection = await asyncpg.connect(**neon.raw())
    neon.edge.compute.wake_seconds = 0.3
    neon.edge.suspend()
    with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InterfaceError)):
        await connection.fetchval("SELECT 1")
    started = time.monotonic()
    again = [await asyncpg.connect(**neon.raw()) for _ in range(2)]
    assert time.monotonic() - started >= 0.3
    assert neon.edge.compute.wakes == 1
    for connection in again:
        await connection.close()


async def test_the_server_says_why_it_ends_a_session_that_is_busy(neon: StandIn) -> None:
    connection = await asyncpg.connect(**neon.raw())
    sleeping = asyncio.create_task(connection.execute("SELECT pg_sleep(30)"))
    await asyncio.sleep(0.1)
    neon.edge.suspend()
    # asyncpg raises it as it is, or as the cause of a ConnectionDoesNotExistError.
    with pytest.raises(asyncpg.PostgresError, match="due to administrator command"):
        await sleeping


async def test_it_sleeps_by_itself_when_no_query_runs_and_not_before(neon: StandIn) -> None:
    connection = await asyncpg.connect(**neon.raw())
    neon.edge.compute.suspend_after_seconds = 0.4
    await connection.execute("SELECT pg_sleep(1)")  # busy for longer than that
    assert neon.edge.compute.suspends == 0
    await neon.until_asleep()
    with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InterfaceError)):
        await connection.execute("SELECT 1")


async def test_it_fails_while_waking_as_often_as_told(neon: StandIn) -> None:
    neon.edge.suspend()
    for how, text in (("compute", "Couldn't connect"), ("starting", "is starting up")):
        neon.edge.fail_while_waking(1, how)  # type: ignore[arg-type]
        with pytest.raises(asyncpg.InternalServerError, match=text):
            await asyncpg.connect(**neon.raw())
    neon.edge.fail_while_waking(1, "closed")
    with pytest.raises((asyncpg.ConnectionDoesNotExistError, ConnectionError)):
        await asyncpg.connect(**neon.raw())
    await (await asyncpg.connect(**neon.raw())).close()


async def test_a_closed_port_refuses(neon: StandIn) -> None:
    neon.edge.refuse()
    with pytest.raises(ConnectionRefusedError):
        await asyncpg.connect(**neon.raw())
    neon.edge.accept()
    await (await asyncpg.connect(**neon.raw())).close()


async def test_a_restart_is_one_of_postgresql_itself(neon: StandIn) -> None:
    started = "SELECT pg_postmaster_start_time()"
    connection = await asyncpg.connect(**neon.raw())
    before = await connection.fetchval(started)
    neon.edge.restart()
    with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InterfaceError)):
        await connection.fetchval(started)
    connection = await asyncpg.connect(**neon.raw())
    assert await connection.fetchval(started) > before
    await connection.close()


@pytest.mark.parametrize(("when", "rows"), [("before", 0), ("after", 1)])
async def test_a_cut_at_commit_leaves_the_work_undone_or_done(
    neon: StandIn, when: str, rows: int
) -> None:
    connection = await asyncpg.connect(**neon.raw())
    await connection.execute("CREATE TABLE notes (id int)")
    neon.edge.cut_at(b"COMMIT", when)  # type: ignore[arg-type]
    with pytest.raises((asyncpg.PostgresConnectionError, ConnectionError)):
        async with connection.transaction():
            await connection.execute("INSERT INTO notes VALUES (1)")
    connection = await asyncpg.connect(**neon.raw())
    assert await connection.fetchval("SELECT count(*) FROM notes") == rows
    await connection.close()


async def test_a_reset_is_a_reset(neon: StandIn) -> None:
    connection = await asyncpg.connect(**neon.raw())
    sleeping = asyncio.create_task(connection.execute("SELECT pg_sleep(30)"))
    await asyncio.sleep(0.1)
    neon.edge.kill_connections()
    with pytest.raises((ConnectionError, asyncpg.ConnectionDoesNotExistError)):
        await sleeping


async def test_a_way_there_and_back_takes_twice_the_delay(neon: StandIn) -> None:
    connection = await asyncpg.connect(**neon.raw())
    neon.edge.delay_seconds = 0.1
    started = time.monotonic()
    await connection.execute("SELECT 1")
    assert 0.2 <= time.monotonic() - started < 5
    await connection.close()


async def test_a_request_to_cancel_reaches_the_session(neon: StandIn) -> None:
    connection = await asyncpg.connect(**neon.raw())
    with pytest.raises(TimeoutError):
        await connection.execute("SELECT pg_sleep(30)", timeout=0.1)
    assert await connection.fetchval("SELECT 1", timeout=10) == 1
    await connection.close()


async def test_the_pooled_name_leads_to_pgbouncer(pooled_neon: StandIn) -> None:
    pooled = pooled_neon.raw(host=POOLED_HOST, statement_cache_size=0)
    one, other = await asyncpg.connect(**pooled), await asyncpg.connect(**pooled)
    backends = {await connection.fetchval("SELECT pg_backend_pid()") for connection in (one, other)}
    assert len(backends) == 1, "two clients, one after the other, share a server connection"
    await one.close()
    await other.close()
    with pytest.raises(asyncpg.InternalServerError, match="unsupported startup parameter"):
        await asyncpg.connect(**pooled | {"server_settings": {"options": "-c lock_timeout=9"}})
