"""The rules as data: how grave each is, why, and what to do instead.

The names in `SQUAWK_RULES` are squawk's (https://squawkhq.com/docs/rules), which calls all of them
warnings; the grades are ours. The safe steps for each are in docs/writing-safe-revisions.md.
"""

from dataclasses import dataclass
from typing import Final

from .findings import Severity


@dataclass(frozen=True)
class Rule:
    """How grave it is where a rule is broken (None: never reported), and what to do instead."""

    severity: Severity | None
    hint: str


_CONCURRENTLY: Final = "Do it CONCURRENTLY, alone in a revision, inside an autocommit_block."
_NOT_VALID: Final = "Add it NOT VALID, and VALIDATE CONSTRAINT in the next revision."
_TWO_RELEASES: Final = "Release code that does without it first, then say so in an ignore."
_EXPAND: Final = "Add a new one beside it, copy in batches, switch the code, drop the old one."
_NOTHING_ASKS: Final = "See that nothing asks for it any more, then say so in an ignore."
_GIVES_THE_VALUE: Final = "See that the running code gives the value itself."
_TIMEOUTS: Final = "The runner sets both timeouts for every revision."

SQUAWK_RULES: Final[dict[str, Rule]] = {
    # The whole table is read or written anew while nobody else can write, or read, it.
    "require-concurrent-index-creation": Rule("error", _CONCURRENTLY),
    "require-concurrent-index-deletion": Rule("warning", _CONCURRENTLY),  # short, once it is had
    "require-concurrent-reindex": Rule("error", _CONCURRENTLY),
    "require-concurrent-partition-detach": Rule("warning", _CONCURRENTLY),
    "constraint-missing-not-valid": Rule("error", _NOT_VALID),
    "adding-foreign-key-constraint": Rule("error", _NOT_VALID),
    "adding-not-nullable-field": Rule(
        "error", "Add CHECK (… IS NOT NULL) NOT VALID, validate it, then SET NOT NULL."
    ),
    "adding-field-with-default": Rule(
        "error", "Add it without the volatile default, set the default, fill rows in batches."
    ),
    "adding-serial-primary-key-field": Rule(
        "error", "Build a unique index concurrently, then ADD PRIMARY KEY USING INDEX."
    ),
    "disallowed-unique-constraint": Rule(
        "error", "Build a unique index concurrently, then ADD CONSTRAINT … UNIQUE USING INDEX."
    ),
    "changing-column-type": Rule("error", _EXPAND),
    "prefer-repack": Rule("error", "VACUUM FULL and CLUSTER lock readers out; use pg_repack."),
    # It fails where there are rows.
    "adding-required-field": Rule(
        "error", "Make it nullable or give it a constant default; NOT NULL comes later."
    ),
    # The code that runs now still uses it, or data is gone for good.
    "renaming-column": Rule("error", _EXPAND),
    "renaming-table": Rule("error", _EXPAND),
    "ban-drop-column": Rule("error", _TWO_RELEASES),
    "ban-drop-table": Rule("error", _TWO_RELEASES),
    "ban-drop-database": Rule("error", "No revision drops the database that it runs in."),
    "ban-truncate-cascade": Rule("error", "Name each table; CASCADE empties tables unseen."),
    "ban-drop-not-null": Rule("warning", "See that the running code can read a NULL there."),
    "renaming-object": Rule("warning", "See that nothing asks for the old name."),
    "ban-drop-view": Rule("warning", _NOTHING_ASKS),
    "ban-drop-function": Rule("warning", _NOTHING_ASKS),
    "ban-drop-type": Rule("warning", _NOTHING_ASKS),
    "ban-drop-domain": Rule("warning", _NOTHING_ASKS),
    "ban-drop-sequence": Rule("warning", _NOTHING_ASKS),
    "ban-drop-extension": Rule("warning", _NOTHING_ASKS),
    "ban-drop-schema": Rule("error", _TWO_RELEASES),
    "ban-set-schema": Rule("error", "The running code asks for it in the old one: leave a view."),
    "ban-drop-generated-expression": Rule("warning", _GIVES_THE_VALUE),
    "ban-alter-identity": Rule("warning", "See that the running code's INSERTs still work."),
    "ban-drop-constraint": Rule("warning", "See that the running code does not rely on it."),
    "ban-drop-default": Rule("warning", _GIVES_THE_VALUE),
    # It breaks the transaction that the runner has made.
    "transaction-nesting": Rule("error", "The runner begins and commits; leave both out."),
    "ban-uncommitted-transaction": Rule("error", "The runner begins and commits; leave it out."),
    # Domains: every table that uses one is read under a lock.
    "ban-create-domain-with-constraint": Rule("warning", "Put the CHECK on the column."),
    "ban-alter-domain-with-add-constraint": Rule("warning", "Put the CHECK on the column."),
    # Regretted later, and harmless on the day.
    "identifier-too-long": Rule("warning", "PostgreSQL cuts it at 63 bytes: give a shorter name."),
    "syntax-error": Rule("warning", "squawk cannot read it, so nothing was checked here."),
    "prefer-timestamp-tz": Rule("warning", "Use DateTime(timezone=True)."),
    "ban-char-field": Rule("info", "Use Text or String."),
    "prefer-bigint-over-int": Rule("info", "A key or a counter may outgrow it: BigInteger."),
    "prefer-bigint-over-smallint": Rule(None, "A small range is often meant."),
    "prefer-identity": Rule("info", "sa.Identity() instead of SERIAL."),
    "prefer-text-field": Rule(None, "Widening a varchar takes no rewrite; shrinking is found."),
    "require-enum-value-ordering": Rule(None, "Appending is what the enum hooks mean to do."),
    "require-table-schema": Rule(None, "The search path decides, as in the models."),
    # The runner sees to it.
    "prefer-robust-stmts": Rule(None, "A revision is one transaction: it is undone whole."),
    "require-timeout-settings": Rule(None, _TIMEOUTS),
    "require-lock-timeout": Rule(None, _TIMEOUTS),
    "require-statement-timeout": Rule(None, _TIMEOUTS),
    # Violation by a rule of ours, which knows concurrent operations of every kind.
    "ban-concurrent-index-creation-in-transaction": Rule(None, "See concurrent-in-transaction."),
    # Ignores are read from the Python file.
    "unused-ignore": Rule(None, "See the rule of the same name of ours."),
}

# What a contracting revision is for: no running release needs what it removes.
OF_CONTRACTING: Final = frozenset(
    {
        *(
            name
            for name, rule in SQUAWK_RULES.items()
            if rule.hint in (_TWO_RELEASES, _NOTHING_ASKS)
        ),
        *("ban-drop-constraint", "ban-drop-default", "ban-drop-not-null"),
    }
)

BUILTIN_RULES: Final[dict[str, Rule]] = {
    "expand-after-contract": Rule(
        "error",
        "Move it before that one, so that it can be deployed first, or apply that one first.",
    ),
    "concurrent-in-transaction": Rule(
        "error", "Put it inside: with op.get_context().autocommit_block():"
    ),
    "several-concurrent-operations": Rule(
        "error", "One a revision: if the second fails, the first stays and cannot run again."
    ),
    "sql-before-autocommit": Rule(
        "error", "Move it into a revision before: the block commits it before the version does."
    ),
    "data-and-ddl": Rule(
        "warning", "Move the data in a revision of its own: the locks of DDL last to its end."
    ),
    "whole-table-write": Rule(
        "error", "Write in batches by key, each committed by itself, outside of the revision."
    ),
    "drop-cascade": Rule(
        "error", "Drop what depends on it by name, first: CASCADE drops objects unseen."
    ),
    "long-revision-id": Rule(
        "error", "Shorten it, also where other files name it: Alembic's version table takes 32."
    ),
    "model-import": Rule(
        "error", "Describe the table in the revision, sa.table(…): the models will change."
    ),
    "no-downgrade": Rule("warning", 'Write it, or say why there is none: irreversible = "why".'),
    "do-block": Rule("warning", "No linter looks inside: read it, and say so in an ignore."),
    "not-rendered": Rule("info", "What asks the database cannot be shown as SQL without one."),
    "ignore-without-reason": Rule("error", "Say why: # squawk-ignore rule: why"),
    "unused-ignore": Rule("warning", "Remove it: nothing is found there."),
}

# What `db check` finds outside of a revision.
CHECK_RULES: Final[dict[str, Rule]] = {
    "several-heads": Rule("error", 'Join them with: alembic merge heads -m "merge"'),
    "not-migrated": Rule("error", "Fix that revision: without it, drift cannot be determined."),
    "drift": Rule("error", "Write the revision with: db revision -m TEXT"),
    "hidden-drift": Rule("error", "Autogenerate does not see this: write the revision by hand."),
    "live-drift": Rule(
        "error", "Undo it in the database, or write it into the models and a revision."
    ),
    "unrecorded-change": Rule(
        "error",
        "Write the revision with: db revision -m TEXT; this database has it already, so mark it "
        "as applied there: db alembic stamp head",
    ),
    "unmanaged-object": Rule(
        "warning", "Drop it, write it into a revision, or leave it to whoever made it."
    ),
    "other-name": Rule("info", "The same under another name, which the models leave open."),
    "not-compared": Rule("info", "The models could not be created beside the migrations."),
    "unregistered-model": Rule("error", "Import its module where the metadata comes from."),
}

RULES: Final[dict[str, Rule]] = SQUAWK_RULES | BUILTIN_RULES | CHECK_RULES
