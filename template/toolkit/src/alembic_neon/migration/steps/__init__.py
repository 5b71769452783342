"""Safe steps: a change of tables that exist already, as revisions that block nobody."""
