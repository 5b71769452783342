"""Neon's own URLs: what breaks when they are pasted, and that ours run."""

import ssl
from urllib.parse import quote

import asyncpg
import pytest
from alembic.config import Config
from alembic_neon import create_engine
from alembic_neon.engine.url import DatabaseURL
from neon.certificates import WRONG_HOST
from neon.plain import plain_engine
from neon.stand_in import PASSWORD, StandIn
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine


async def answers(engine: AsyncEngine) -> bool:
    """Tell whether the engine reaches the database; the failure to is raised."""
    try:
        async with engine.connect() as connection:
            return bool(await connection.scalar(text("SELECT 1")))
    finally:
        await engine.dispose()


@pytest.mark.parametrize("parameter", ["sslmode", "channel_binding"])
async def test_a_pasted_parameter_breaks_a_plain_engine(neon: StandIn, parameter: str) -> None:
    url = make_url(neon.url()).set(drivername="postgresql+asyncpg", query={parameter: "require"})
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{parameter}'"):
        await answers(create_async_engine(url))


async def test_a_bare_driver_sends_channel_binding_to_the_server(neon: StandIn) -> None:
    # The proxy drops it, as it drops everything that it does not know; PostgreSQL refuses it.
    await (await asyncpg.connect(neon.url(sslmode="require"))).close()
    assert "channel_binding" in neon.edge.figures.dropped


async def test_postgresql_refuses_channel_binding_as_a_parameter(database: DatabaseURL) -> None:
    with pytest.raises(asyncpg.UndefinedObjectError, match="channel_binding"):
        await asyncpg.connect(f"{database.render()}&channel_binding=require")


@pytest.mark.parametrize("pooled", [False, True], ids=["direct", "pooled"])
@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
async def test_ours_takes_the_url_as_it_is(pooled_neon: StandIn, scheme: str, pooled: bool) -> None:
    url = pooled_neon.url(pooled=pooled).replace("postgresql", scheme, 1)
    assert await answers(create_engine(pooled_neon.settings(url=url)))
    assert pooled_neon.edge.figures.dropped == []


async def test_a_plain_engine_trusts_anybody(neon: StandIn) -> None:
    parts = make_url(neon.url()).set(host=WRONG_HOST)
    assert await answers(plain_engine(parts.render_as_string(hide_password=False)))


async def test_ours_trusts_the_right_name_by_a_known_authority_alone(neon: StandIn) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        await answers(create_engine(neon.settings(url=neon.url(host=WRONG_HOST))))
    unknown = neon.url(sslrootcert="system")
    with pytest.raises(ssl.SSLCertVerificationError, match="issuer certificate"):
        await answers(create_engine(neon.settings(url=unknown)))
    assert neon.edge.figures.requests == 0, "no password was ever sent"


async def test_a_percent_sign_in_a_password_breaks_alembic_and_not_ours(neon: StandIn) -> None:
    assert "%" in quote(PASSWORD, safe="")
    with pytest.raises(ValueError, match="invalid interpolation syntax"):
        Config().set_main_option("sqlalchemy.url", neon.url())
    assert await answers(create_engine(neon.settings()))
