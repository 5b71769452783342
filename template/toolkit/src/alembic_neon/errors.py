"""The errors that are expected: one line of what is wrong, one line of what to do, an exit code."""


class ToolkitError(Exception):
    """An expected failure that a person can fix.

    `message` says in one line what is wrong and `hint` what to do. Neither ever holds a password.
    The command line prints both and exits with `exit_code`: 1 where a migration or a check failed.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class ConfigurationError(ToolkitError):
    """A setting, a file or a folder is not as it must be (exit code 2)."""

    exit_code = 2


class UsageError(ToolkitError):
    """A command was given something that does not exist or does not fit (exit code 2)."""

    exit_code = 2


class ConnectionFailedError(ToolkitError):
    """The database could not be reached, or the connection was lost."""


class CommitOutcomeUnknownError(ToolkitError):
    """The connection was lost while COMMIT ran: the work is stored, whole, or not at all.

    Only the application can tell, by looking for what the work would have stored.
    """


class MigrationError(ToolkitError):
    """A revision failed, or the history cannot be run as it stands."""


class IrreversibleError(MigrationError, NotImplementedError):
    """A revision declares that it has no downgrade.

    pytest-alembic ends its way down, without a failure, where a downgrade raises
    NotImplementedError: https://pytest-alembic.readthedocs.io/en/latest/api.html
    """
