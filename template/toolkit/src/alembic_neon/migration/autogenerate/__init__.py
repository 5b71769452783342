"""What the models and the database differ in, and how it is written."""
