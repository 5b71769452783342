"""Runs revisions: one migrator at a time, short waits for locks, whole retries."""
