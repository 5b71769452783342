"""The stand-in as a test sees it: an edge, perhaps a pooler, one database, and its URLs."""

import asyncio
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode

from alembic_neon.embedded.server import OWNER
from alembic_neon.engine.settings import Settings
from pydantic import SecretStr

from .certificates import DIRECT_HOST, POOLED_HOST, Certificates
from .edge import Edge

# A percent sign, a space and what else a URL must escape.
PASSWORD: Final = "p%t 5@:/?#w=ö"


@dataclass(frozen=True)
class StandIn:
    """Neon for one test."""

    edge: Edge
    certificates: Certificates
    database: str

    def url(
        self,
        *,
        pooled: bool = False,
        host: str = "",
        password: str = PASSWORD,
        database: str = "",
        **query: str,
    ) -> str:
        """Return a URL as Neon hands it out, with the edge's port and authority."""
        host = host or (POOLED_HOST if pooled else DIRECT_HOST)
        where = f"{OWNER}:{quote(password, safe='')}@{host}:{self.edge.port}"
        parameters = {
            "sslmode": "require",
            "channel_binding": "require",
            "sslrootcert": str(self.certificates.file),
        } | query
        return f"postgresql://{where}/{database or self.database}?{urlencode(parameters)}"

    def settings(self, *, pooled: bool = False, url: str = "", **values: Any) -> Settings:
        """Return our settings with that URL."""
        given = {"db_application_name": "tests"} | values
        return Settings(database_url=SecretStr(url or self.url(pooled=pooled)), **given)

    async def until_asleep(self) -> None:
        """Wait until the compute has gone to sleep by itself, for the first time in the test."""
        async with asyncio.timeout(20):
            while not self.edge.compute.suspends:  # noqa: ASYNC110 - it lives in another thread
                await asyncio.sleep(0.02)

    def raw(self, **changed: Any) -> dict[str, Any]:
        """Return the arguments of `asyncpg.connect` that reach the direct endpoint."""
        return {
            "host": DIRECT_HOST,
            "port": self.edge.port,
            "user": OWNER,
            "password": PASSWORD,
            "database": self.database,
            "ssl": "require",
        } | changed
