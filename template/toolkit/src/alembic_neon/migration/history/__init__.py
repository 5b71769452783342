"""The line of revisions: where a database stands on it."""
