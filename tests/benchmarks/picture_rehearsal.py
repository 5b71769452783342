"""Make docs/rehearsal-report.png and docs/rehearsal-comment.png from one real rehearsal.

    uv run --with markdown-it-py python tests/benchmarks/picture_rehearsal.py [--mermaid FILE]

It needs Debian's packages chromium, pngquant and fonts-noto-color-emoji. `--mermaid` is
`dist/mermaid.min.js` of the npm package mermaid, which draws the schema change as GitHub does;
without it the change is shown as text.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).parent.parent
sys.path[:0] = [str(TESTS), str(TESTS.parent / "template/toolkit/src")]

from alembic_neon.branches.local import LocalProvider  # noqa: E402
from alembic_neon.embedded.server import LocalServer  # noqa: E402
from alembic_neon.migration.runner.run import upgrade  # noqa: E402
from alembic_neon.rehearsal.report.html import render_html  # noqa: E402
from alembic_neon.rehearsal.report.markdown import render_markdown  # noqa: E402
from alembic_neon.rehearsal.result import Rehearsal  # noqa: E402
from alembic_neon.rehearsal.run import Options, rehearse  # noqa: E402
from browser import take_picture  # noqa: E402
from markdown_it import MarkdownIt  # noqa: E402
from queries import first_column  # noqa: E402
from scratch_project import ScratchProject  # noqa: E402

MODELS: Final = """
from sqlalchemy import BigInteger, Column, ForeignKey, Identity, Index, MetaData, Table, Text

metadata = MetaData()
Table("customers", metadata, Column("id", BigInteger, Identity(always=True), primary_key=True),
      Column("email", Text, nullable=False))
Table("orders", metadata, Column("id", BigInteger, Identity(always=True), primary_key=True),
      Column("customer_id", BigInteger, ForeignKey("customers.id"), nullable=False),
      Column("total_cents", BigInteger, nullable=False), Column("note", Text),
      Index("ix_orders_customer_id", "customer_id"))
Table("refunds", metadata, Column("id", BigInteger, Identity(always=True), primary_key=True),
      Column("order_id", BigInteger, ForeignKey("orders.id"), nullable=False))
"""
TABLES: Final = '''
op.execute("""CREATE TABLE customers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text NOT NULL)""")
op.execute("""CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES customers, total_cents int NOT NULL)""")
'''
REFUNDS: Final = '''
op.execute("""CREATE TABLE refunds (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id bigint NOT NULL REFERENCES orders)""")
op.execute("ALTER TABLE orders ADD COLUMN note text")
'''
CONCURRENTLY: Final = """
with op.get_context().autocommit_block():
    op.create_index(
        "ix_orders_customer_id", "orders", ["customer_id"], postgresql_concurrently=True
    )
"""
UNDO_CONCURRENTLY: Final = """
with op.get_context().autocommit_block():
    op.drop_index("ix_orders_customer_id", postgresql_concurrently=True)
"""
STYLE: Final = """<!doctype html><meta charset="utf-8"><style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 24px; color: #1f2328; }
table { border-collapse: collapse; } th, td { border: 1px solid #d0d7de; padding: 6px 12px; }
code { font: 13px ui-monospace, monospace; background: #eff1f3; padding: 2px 4px; }
h2 { border-bottom: 1px solid #d0d7de; padding-bottom: 6px; } pre code { display: block; }
</style>"""


def main() -> None:
    """Rehearse, render, and make the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mermaid", type=Path, help="mermaid.min.js")
    mermaid = parser.parse_args().mermaid
    docs = TESTS.parent / "docs"
    mermaid = mermaid and mermaid.resolve()
    with tempfile.TemporaryDirectory(prefix="pictures-") as name:
        folder = Path(name)
        project = ScratchProject.make(folder / "project")
        os.chdir(project.folder)
        write(project)
        server = LocalServer(folder / ".neon-local", "test", 18)
        with server.in_use():
            found = asyncio.run(run(LocalProvider(server)))
        page, comment = folder / "page.html", folder / "comment.html"
        page.write_text(render_html(found), encoding="utf-8")
        comment.write_text(as_github_shows(found, mermaid), encoding="utf-8")
        for source, picture, width, height in (
            (page, docs / "rehearsal-report.png", 1240, 1130),
            (comment, docs / "rehearsal-comment.png", 1010, 900),
        ):
            take_picture(source, picture, width, height, folder)
            subprocess.run(["pngquant", "--force", "--output", picture, "64", picture], check=True)
            print(picture, picture.stat().st_size)


def write(project: ScratchProject) -> None:
    """Write a history: harmless steps, and one that rewrites a large table."""
    project.models(MODELS)
    project.revision("8f21c0de", up=TABLES)
    steps = (
        (
            "b7d4",
            "add refunds",
            REFUNDS,
            'op.execute("DROP TABLE refunds")\nop.execute("ALTER TABLE orders DROP COLUMN note")',
        ),
        ("c913", "index orders by customer", CONCURRENTLY, UNDO_CONCURRENTLY),
        (
            "d05e",
            "widen the total",
            'op.execute("ALTER TABLE orders ALTER COLUMN total_cents TYPE bigint")',
            'op.execute("ALTER TABLE orders ALTER COLUMN total_cents TYPE int")',
        ),
    )
    down = "8f21c0de"
    for revision, message, up, undo in steps:
        path = project.revision(revision, down, up=up, undo=undo)
        path.write_text(path.read_text().replace(f"{revision} it is", message))
        down = revision


async def run(provider: LocalProvider) -> Rehearsal:
    """Fill `main`, and rehearse what is pending."""
    url = await provider.url("main")
    await upgrade(url, "8f21c0de")
    await first_column(
        url,
        "INSERT INTO customers (email) SELECT g || '@example.org' FROM generate_series(1, 20000) g",
        "INSERT INTO orders (customer_id, total_cents) "
        "SELECT 1 + g % 20000, g FROM generate_series(1, 600000) g",
        "ANALYZE",
    )
    return await rehearse(provider, Options(), print)


def as_github_shows(found: Rehearsal, mermaid: Path | None) -> str:
    """Return the Markdown as a page."""
    renderer = MarkdownIt("commonmark", {"html": True}).enable("table")
    body = str(renderer.render(render_markdown(found)))
    if mermaid is not None:
        start = '<pre><code class="language-mermaid">'
        before, _, rest = body.partition(start)
        picture, _, after = rest.partition("</code></pre>")
        body = f'{before}<div class="mermaid">{picture}</div>{after}'
        body += f'<script src="{mermaid.as_uri()}"></script>'
        body += "<script>mermaid.initialize({startOnLoad: true})</script>"
    return STYLE + body


if __name__ == "__main__":
    main()
