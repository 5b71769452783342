"""Reports of a rehearsal: Markdown for a pull request, and one HTML page."""
