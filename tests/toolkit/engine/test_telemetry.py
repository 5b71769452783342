"""OpenTelemetry: one span for each statement, with nothing in it that nobody else should read."""

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import pytest
from alembic_neon import create_engine
from alembic_neon.engine.settings import Settings
from alembic_neon.engine.url import DatabaseURL
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from pydantic import SecretStr
from rendering import TOOLKIT_PARENT
from scratch_project import ScratchProject
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

SECRET = "s3cr3t"
PERSONAL = "ada@example.org"


@pytest.fixture(scope="module")
def exporter() -> Iterator[InMemorySpanExporter]:
    """What collects the spans of this process, whose provider can be set but once."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    yield exporter
    provider.shutdown()


@pytest.fixture
async def traced(
    project: ScratchProject, database: DatabaseURL, exporter: InMemorySpanExporter
) -> AsyncIterator[AsyncEngine]:
    """The second engine of a process that traces."""
    url = DatabaseURL(database.parts.set(password=SECRET)).render()
    settings = Settings.model_validate({"database_url": SecretStr(url)})
    await create_engine(settings).dispose()
    engine = create_engine(settings)
    exporter.clear()
    yield engine
    await engine.dispose()


def everything(span: ReadableSpan) -> str:
    events = [(event.name, dict(event.attributes or {})) for event in span.events]
    return f"{span.name} {dict(span.attributes or {})} {span.status.description} {events}"


async def test_each_statement_is_one_span_without_its_parameters(
    traced: AsyncEngine, exporter: InMemorySpanExporter
) -> None:
    async with traced.connect() as connection:
        for _ in range(2):
            await connection.execute(text("SELECT :mail || ''"), {"mail": PERSONAL})
    spans = exporter.get_finished_spans()
    assert [(span.attributes or {})["db.statement"] for span in spans] == ["SELECT $1 || ''"] * 2
    assert not any(hidden in everything(s) for s in spans for hidden in (PERSONAL, SECRET))


async def test_a_statement_that_failed_names_its_error_and_quotes_no_row(
    traced: AsyncEngine, exporter: InMemorySpanExporter, caplog: pytest.LogCaptureFixture
) -> None:
    insert = text("INSERT INTO people VALUES (:mail)")
    async with traced.connect() as connection:
        await connection.execute(text("CREATE TABLE people (mail text UNIQUE)"))
        await connection.execute(insert, {"mail": PERSONAL})
        with pytest.raises(IntegrityError, match=PERSONAL):
            await connection.execute(insert, {"mail": PERSONAL})
    failed = exporter.get_finished_spans()[2]
    assert failed.status.status_code == StatusCode.ERROR
    assert failed.status.description == "UniqueViolationError"
    assert PERSONAL not in everything(failed)
    assert "ended span" not in caplog.text


def test_without_an_engine_nothing_of_opentelemetry_is_imported() -> None:
    code = (
        "import sys, alembic_neon as a; [getattr(a, name) for name in a.__all__]; "
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=TOOLKIT_PARENT, check=True)


def test_an_engine_needs_no_opentelemetry(
    project: ScratchProject, database: DatabaseURL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.instrumentation.sqlalchemy.engine", None)
    settings = Settings.model_validate({"database_url": SecretStr(database.render())})
    assert create_engine(settings).name == "postgresql"
