"""The linter: what a revision file says that is not safe, before it meets a database."""
