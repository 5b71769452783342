"""Imported first by the command line: keeps from being loaded what no command uses.

Alembic imports Mako, and Mako imports Pygments with its lexers, where it is there, to colour its
own error pages; that is a tenth of the start of `db upgrade`.
"""

import sys

# A module that is None raises ImportError, for which Mako is prepared.
sys.modules.setdefault("mako.ext.pygmentplugin", None)  # type: ignore[arg-type]
