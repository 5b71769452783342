"""No secret of a setting, however malformed, shows: in texts, JSON, logs, tracebacks, output."""

import io
import logging
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Final
from unittest.mock import patch

import pytest
from alembic_neon.cli.app import main
from alembic_neon.engine.factory import create_engine, create_migration_engine
from alembic_neon.engine.settings import Settings, load_settings
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.errors import ConfigurationError, ToolkitError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scratch_project import ScratchProject

TOKEN: Final = "S3cr3tT0k3n"
HEADS: Final = ("postgresql://role:", "postgresql:///role:", "postgres://role:x", "role:", "//:")
TAILS: Final = (
    "@ep-x-1.eu-central-1.aws.neon.tech/db?sslmode=require",
    "@localhost:5432/db?options=-c%20a=b&channel_binding=require",
    "/x@host/db",
    "@host",
    "@/db?host=/tmp",
)
NOISE: Final = st.sampled_from([*"/:@?#&=%[],;'\" \\\n\tü", "%2", "%40", "npg_", "://", "host="])
EXAMPLES: Final = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@st.composite
def malformed(draw: st.DrawFn) -> str:
    """Draw a URL with the token as the password, damaged on both sides of it."""
    head, tail = draw(st.sampled_from(HEADS)), draw(st.sampled_from(TAILS))
    # What separates the role from the password stays: without it the password is the role's name.
    return f"{_damaged(draw, head[:-1])}{head[-1]}{TOKEN}{_damaged(draw, tail)}"


def _damaged(draw: st.DrawFn, text: str) -> str:
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(text)))
        removed = draw(st.integers(0, 2))
        text = text[:at] + draw(st.one_of(st.just(""), NOISE)) + text[at + removed :]
    return text


@contextmanager
def logged() -> Iterator[io.StringIO]:
    """Collect all that is logged, of every level."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield stream
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def shown(found: Settings) -> str:
    return "".join([str(found), repr(found), found.model_dump_json(), repr(found.model_dump())])


@EXAMPLES
@given(malformed())
def test_a_url_shows_no_password(text: str) -> None:
    try:
        url = DatabaseURL.parse(text)
        output = f"{url} {url!r} {url.sqlalchemy!r} {url.direct()} {url.connect_args}"
    except ConfigurationError as error:
        output = "".join(traceback.format_exception(error))
    assert TOKEN not in output


@EXAMPLES
@given(
    malformed(),
    st.sampled_from(
        [
            ("DATABASE_URL",),
            ("DATABASE_URL_UNPOOLED",),
            ("DATABASE_URL", "DATABASE_URL_UNPOOLED"),
            ("NEON_API_HOST",),
            ("NEON_PROJECT_ID",),
            ("NEON_API_KEY",),
        ]
    ),
)
def test_settings_show_no_secret(
    project: ScratchProject, text: str, names: tuple[str, ...]
) -> None:
    with patch.dict(os.environ, dict.fromkeys(names, text)), logged() as log:
        try:
            output = shown(load_settings())
        except ToolkitError as error:
            output = "".join(traceback.format_exception(error))
    assert TOKEN not in output + log.getvalue()


@pytest.mark.parametrize("key", [f"napi_{TOKEN}", TOKEN * 6, TOKEN, f"{TOKEN} "])
def test_a_key_and_a_project_that_are_swapped_show_no_key(
    project: ScratchProject, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEON_PROJECT_ID", key)
    monkeypatch.setenv("NEON_API_KEY", "shiny-wind-028834")
    with pytest.raises(ConfigurationError, match="NEON_PROJECT_ID is a value; it takes") as caught:
        load_settings()
    assert TOKEN not in "".join(traceback.format_exception(caught.value))


@settings(EXAMPLES, max_examples=25)
@given(malformed(), st.sampled_from(["doctor", "status", "upgrade", "check"]))
def test_a_command_shows_no_secret(project: ScratchProject, text: str, command: str) -> None:
    text = f"x{text}"  # which no command connects to
    out, err = io.StringIO(), io.StringIO()
    with (
        patch.dict(os.environ, {"DATABASE_URL": text}),
        patch.object(sys, "argv", ["db", command, "--json", "-"]),
        logged() as log,
        redirect_stdout(out),
        redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    assert ended.value.code == 2, err.getvalue()
    assert TOKEN not in out.getvalue() + err.getvalue() + log.getvalue()


@pytest.mark.parametrize("make", [create_engine, create_migration_engine])
async def test_no_traceback_of_a_refused_connection_shows_the_password(
    project: ScratchProject, make: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://role:{TOKEN}@127.0.0.1:1/db")
    monkeypatch.setenv("DB_CONNECT_TIMEOUT", "0.2")
    monkeypatch.delenv("DATABASE_URL_UNPOOLED", raising=False)
    engine = make()  # type: ignore[operator] # either of the two
    with pytest.raises((ConnectionRefusedError, TimeoutError)) as caught:
        await engine.connect()
    # As pytest prints it: with the arguments and the variables of each function.
    report = str(
        caught.getrepr(
            showlocals=True, style="long", funcargs=True, truncate_locals=False, truncate_args=False
        )
    )
    assert TOKEN not in report.replace(str(os.environ["DATABASE_URL"]), "")
    await engine.dispose()
