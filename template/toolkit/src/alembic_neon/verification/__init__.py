"""The verification room: catalog snapshot and difference, round trip, databases for tests."""
