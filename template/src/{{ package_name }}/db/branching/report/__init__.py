"""Reports of a rehearsal: terminal, Markdown for a pull request, one HTML page."""
