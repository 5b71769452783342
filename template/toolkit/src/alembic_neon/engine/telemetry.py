"""OpenTelemetry's spans and metrics of an engine, where its package is installed (extra `otel`).

Where that package keeps the span of a statement, `_otel_span`, is not documented (read in 0.66b2).
"""

from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from .driver_errors import driver_error


def trace_if_installed(engine: AsyncEngine) -> None:
    """Let every statement of an engine be a span of the application's tracer provider.

    A span holds the statement's text, the host, the database and the role, never a parameter.

    The package's own `SQLAlchemyInstrumentor` is passed by: it refuses SQLAlchemy 2.1, instruments
    one engine a process, and patches SQLAlchemy for all others.
    https://opentelemetry-python-contrib.readthedocs.io/en/latest/instrumentation/sqlalchemy/sqlalchemy.html
    """
    try:
        from opentelemetry.instrumentation.sqlalchemy.engine import EngineTracer
        from opentelemetry.metrics import get_meter
        from opentelemetry.semconv.metrics import MetricInstruments
        from opentelemetry.trace import get_tracer
    except ModuleNotFoundError:
        return
    usage = get_meter(__name__).create_up_down_counter(
        MetricInstruments.DB_CLIENT_CONNECTIONS_USAGE, "connections", "Connections, by their state."
    )
    event.listen(engine.sync_engine, "handle_error", _end_failed)  # before the package's own
    EngineTracer(get_tracer(__name__), engine.sync_engine, usage)


def _end_failed(context: Any) -> None:
    """End a failed statement's span with the error's name: its text may quote what is stored."""
    from opentelemetry.trace import StatusCode

    span = getattr(context.execution_context, "_otel_span", None)
    if span is not None:
        error = context.sqlalchemy_exception or context.original_exception
        span.set_status(StatusCode.ERROR, type(driver_error(error)).__name__)
        span.end()
        context.execution_context._otel_span = None  # the package would add the text
