"""The branching room: branch providers, and what is done on their branches."""
