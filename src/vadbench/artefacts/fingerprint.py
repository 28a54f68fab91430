"""Fingerprints of code: Snakemake sees settings and files change, but not an imported module.

A fingerprint hashes the syntax trees of the modules that compute a result and of all that they
import of this package or their own, at the top or inside a function. Comments, docstrings and
formatting do not count, nor does the plumbing that `PLUMBING` lists.
"""

import ast
import hashlib
import importlib.util
from collections.abc import Iterable
from functools import cache
from pathlib import Path

__all__ = ["PLUMBING", "covered", "fingerprint"]

PLUMBING = frozenset(
    {
        "vadbench",
        "vadbench.errors",
        "vadbench.settings",  # values reach the rules as params
        "vadbench.config",
        "vadbench.methods",  # declarations: what they resolve to reaches the rules as params
        "vadbench.artefacts",  # the store's effect is covered by its schema versions
        "vadbench.artefacts.kinds",
        "vadbench.artefacts.store",
        "vadbench.artefacts.fingerprint",
        "vadbench.logs",
        "vadbench.teachers.flow.published",  # the name is in params, the weights are an input
    }
)
"""Modules that cannot change a result; they are left out of every fingerprint."""


@cache
def fingerprint(*roots: str) -> str:
    """Returns a hash over the code of `roots` and of what they import of their package and this.

    Args:
        roots: Dotted names of the modules that compute the result.

    Raises:
        ModuleNotFoundError: A root is no module.
    """
    lines = (f"{module} {_parsed(module)[0]}" for module in covered(*roots))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def covered(*roots: str) -> list[str]:
    """Returns the modules that a fingerprint of `roots` covers, sorted."""
    seen: set[str] = set()
    waiting = list(roots)
    while waiting:
        module = waiting.pop()
        if module in seen or module in PLUMBING:
            continue
        seen.add(module)
        waiting.extend(_parsed(module)[1])
    return sorted(seen)


@cache
def _parsed(module: str) -> tuple[str, tuple[str, ...]]:
    """Hash of a module's syntax tree, and the modules it imports of its own package and this."""
    path = _source(module)
    if path is None:
        raise ModuleNotFoundError(f"no module named {module!r}")
    tree = ast.parse(path.read_bytes(), filename=str(path))
    imported = tuple(sorted(_imports(tree, module, is_package=path.name == "__init__.py")))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = _without_strings(node.body)
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest(), imported


def _without_strings(body: list[ast.stmt]) -> list[ast.stmt]:
    """Drops docstrings, also those below a constant or an attribute."""
    return [
        statement
        for statement in body
        if not (
            isinstance(statement, ast.Expr)
            and isinstance(statement.value, ast.Constant)
            and isinstance(statement.value.value, str)
        )
    ]


def _imports(tree: ast.Module, module: str, *, is_package: bool) -> Iterable[str]:
    # A method of another package is computed by modules of this one, too.
    packages = (module.partition(".")[0], "vadbench")
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            candidates = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.split(".")
                parts = parts[: len(parts) - node.level + (1 if is_package else 0)]
                base = ".".join([*parts, base] if base else parts)
            candidates = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in candidates:
            inside = name.partition(".")[0] in packages
            if inside and _source(name) is not None:
                yield name


@cache
def _source(module: str) -> Path | None:
    package, _, rest = module.partition(".")
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    if not spec.submodule_search_locations:
        return Path(spec.origin) if not rest else None
    path = Path(spec.origin).parent.joinpath(*rest.split(".")) if rest else Path(spec.origin).parent
    for candidate in (path.with_suffix(".py") if rest else path, path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None
