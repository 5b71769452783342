"""Runs pending revisions on a branch first, and promotes what passed."""
