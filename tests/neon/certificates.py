"""The certificates of the stand-in, and the names of its hosts."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import pytest
import trustme

ENDPOINT: Final = "ep-quiet-lake-123456"
REGION: Final = "eu-central-1.aws.neon.tech"
DIRECT_HOST: Final = f"{ENDPOINT}.{REGION}"
POOLED_HOST: Final = f"{ENDPOINT}-pooler.{REGION}"
# Resolves to the edge as well, and its certificate does not cover it.
WRONG_HOST: Final = f"{ENDPOINT}.us-east-2.aws.neon.tech"


@dataclass(frozen=True)
class Certificates:
    """An authority that lives as long as a test session, and what it issued for the region."""

    authority: trustme.CA
    server: trustme.LeafCert
    file: Path  # the authority's own certificate, for sslrootcert

    @classmethod
    def make(cls, folder: Path) -> Self:
        """Make an authority and a certificate for the region's wildcard, as Neon has it."""
        authority = trustme.CA()
        file = folder / "authority.pem"
        authority.cert_pem.write_to_path(str(file))
        return cls(authority, authority.issue_cert(f"*.{REGION}"), file)

    def server_context(self) -> ssl.SSLContext:
        """Return a context for a server that shows the certificate."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.server.configure_cert(context)
        return context


@contextmanager
def resolving_to_loopback() -> Iterator[None]:
    """Let names under neon.tech lead to this machine, in this process and in no other.

    asyncio resolves through `socket.getaddrinfo` as well.
    """
    resolve = socket.getaddrinfo

    def resolved(host: Any, *arguments: Any, **named: Any) -> Any:
        is_neon = isinstance(host, str) and host.endswith(".neon.tech")
        return resolve("127.0.0.1" if is_neon else host, *arguments, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", resolved)
        yield
