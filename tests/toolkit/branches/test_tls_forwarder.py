"""The forwarder of TLS takes nothing that came before the handshake: CVE-2021-23222."""

import asyncio

import pytest
from alembic_neon.branches.tls_forwarder import FORWARDED_PORT, forwarded
from alembic_neon.engine.url import DatabaseURL
from scratch_project import ScratchProject

# AuthenticationOk, as somebody between the two might slip it in.
FORGED = b"R" + (8).to_bytes(4) + (0).to_bytes(4)


@pytest.mark.parametrize("mode", ["require", "prefer", "verify-full"])
@pytest.mark.parametrize("answer", [b"S" + FORGED, b"N" + FORGED, b"E", b"R"])
async def test_what_comes_before_the_handshake_is_never_handed_on(
    project: ScratchProject, answer: bytes, mode: str
) -> None:
    requests: list[bytes] = []

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readexactly(8))
        writer.write(answer)
        await writer.drain()
        requests.append(await reader.read(100))
        writer.close()

    listening = await asyncio.start_server(server, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    url = DatabaseURL.parse(f"postgresql://role:pw@127.0.0.1:{port}/db?sslmode={mode}")
    async with listening, asyncio.timeout(20), forwarded(url) as folder:
        client = await asyncio.open_unix_connection(folder / f".s.PGSQL.{FORWARDED_PORT}")
        reader, writer = client
        writer.write(b"the client's start-up")
        assert await reader.read() == b"", "the connection is closed, and nothing came of it"
        writer.close()
    assert b"start-up" not in b"".join(requests), "nor was anything sent in the clear"
