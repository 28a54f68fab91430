"""Runs the measurements and prints each beside its peer or limit, as a ratio within one run.

    python benchmarks/run.py             all
    python benchmarks/run.py cubes flow  some

Each module `bench_<name>.py` has a function `measure() -> list[Row]`. Data is made by the
benchmarks themselves; where UCSD Ped2 lies in VADBENCH_DATA the same is measured on it.
"""

import argparse
import importlib
import os
import platform
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent))


def main() -> None:
    names = sorted(path.stem[6:] for path in Path(__file__).parent.glob("bench_*.py"))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(names)}")
    chosen = parser.parse_args().names or names
    console = Console()
    console.print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores")
    for name in chosen:
        if name not in names:
            parser.error(f"there is no benchmark {name!r}; there is: {', '.join(names)}")
        table = Table("what", "ours", "peer or limit", "ratio", "note", title=name)
        for row in importlib.import_module(f"bench_{name}").measure():
            table.add_row(row.what, row.shown(row.ours), row.shown(row.peer), row.ratio, row.note)
        console.print(table)


if __name__ == "__main__":
    main()
