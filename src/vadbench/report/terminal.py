"""Tables in the terminal, in which no number is ever cut."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["number_table", "open_console"]

_WIDE = 200
"""Columns of what is no terminal, such as a file or a pipe: wider than any table."""


def open_console() -> "Console":
    """Opens standard output.

    Lines are as wide as the terminal or as `COLUMNS` says; where there is neither, nothing needs
    to be folded.
    """
    from rich.console import Console

    console = Console()
    return console if console.is_terminal or "COLUMNS" in os.environ else Console(width=_WIDE)


def number_table(names: Sequence[str], numbers: Sequence[str], title: str | None = None) -> "Table":
    """Returns a table without rows: columns of names, and to their right columns of numbers.

    On a narrow terminal names go on in the next line.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    shown = Table(title=title, box=SIMPLE_HEAD, padding=(0, 0))
    for name in names:
        shown.add_column(name, overflow="fold")
    for name in numbers:
        shown.add_column(name, justify="right", no_wrap=True)
    return shown
