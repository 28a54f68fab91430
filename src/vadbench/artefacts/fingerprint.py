"""Fingerprints of code: Snakemake sees settings and files change, but not an imported module.

A fingerprint hashes the syntax trees of the modules that compute a result and of all that they
import of this package or their own, at the top or inside a function. Comments, docstrings,
formatting, lines that only log, what only type checkers read and the words that describe a setting
do not count, nor does the plumbing that `PLUMBING` lists. A hash is the same under every version of
Python.

Parsing takes longer than all else that planning does in this package, so what was found in a module
is kept in the user's cache folder, under the digest of the module's text.
"""

import ast
import hashlib
import importlib.util
import json
import logging
import os
import sys
from collections.abc import Iterable, Iterator
from functools import cache, cached_property
from pathlib import Path

__all__ = ["PLUMBING", "cache_folder", "covered", "fingerprint", "modules_of", "script_fingerprint"]

PLUMBING = frozenset(
    {
        "vadbench",
        "vadbench.errors",
        "vadbench.settings",  # values reach the rules as params
        "vadbench.config",
        "vadbench.methods",  # declarations: what they resolve to reaches the rules as params
        "vadbench.artefacts",  # the store's effect is covered by its schema versions
        "vadbench.artefacts.check",
        "vadbench.artefacts.facts",
        "vadbench.artefacts.kinds",
        "vadbench.artefacts.seal",
        "vadbench.artefacts.store",
        "vadbench.artefacts.fingerprint",
        "vadbench.datasets.families",  # the module that a family names is a root of its jobs
        "vadbench.datasets.watch",  # says whether to read raw files again, and reads none
        "vadbench.logs",
        "vadbench.host",
        "vadbench.training.progress",
        "vadbench.teachers.flow.published",  # the name is in params, the weights are an input
    }
)
"""Modules that cannot change a result; they are left out of every fingerprint."""
_MOST = 1000  # modules of which something is kept
_LOGGING = frozenset(
    ("log", level) for level in ("debug", "info", "warning", "error", "exception", "log")
)
_TO_LOG = frozenset({"import logging", "log = logging.getLogger(__name__)"})
_DESCRIBING = frozenset({"description", "examples", "title"})
"""Arguments of pydantic's `Field` that tell people what a setting is."""
_SAID = frozenset({"ctx", "kind", "type_comment"})
# Not max, min or sorted, which use an iterator up.
_LOOKING = frozenset({"float", "int", "len", "repr", "round", "str", "type"})


@cache
def fingerprint(*roots: str) -> str:
    """Returns a hash over the code of `roots` and of what they import of their package and this.

    Args:
        roots: Dotted names of the modules that compute the result.

    Raises:
        ModuleNotFoundError: A root is no module.
    """
    modules = {module: _parsed(module)[0] for module in covered(*roots)}
    _KEPT.save()
    text = "\n".join(f"{module} {digest}" for module, digest in modules.items())
    found = hashlib.sha256(text.encode()).hexdigest()[:16]
    _keep_modules(found, modules)
    return found


@cache
def script_fingerprint(path: Path) -> str:
    """Returns a hash over the syntax tree of a script alone, not of what it imports."""
    return hashlib.sha256(_tree_text(path.read_bytes(), path)[1].encode()).hexdigest()[:16]


def modules_of(code: str) -> dict[str, str] | None:
    """Returns the modules that a fingerprint was made of, each with its own hash.

    Args:
        code: A fingerprint, this one's or an older one's.

    Returns:
        None if it was not computed by this user, so that its parts are not known.
    """
    try:
        content = json.loads((cache_folder() / f"code/{code}.json").read_bytes())
        return {str(module): str(digest) for module, digest in content.items()}
    except (OSError, ValueError, AttributeError):
        return None


def _keep_modules(code: str, modules: dict[str, str]) -> None:
    path = cache_folder() / f"code/{code}.json"
    if not path.exists():
        _write_quietly(path, {module: digest[:16] for module, digest in modules.items()})


def cache_folder() -> Path:
    """Returns the user's folder of what may be removed at any time."""
    home = os.environ.get("HOME", "")
    return Path(os.environ.get("XDG_CACHE_HOME") or f"{home}/.cache") / "vadbench"


def _write_quietly(path: Path, content: object) -> None:
    """Writes JSON whole or not at all; a folder that is read-only costs time and nothing else."""
    temporary = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(content))
        os.replace(temporary, path)
    except OSError as error:
        logging.getLogger(__name__).debug("%s: not kept (%s)", path, error)


def covered(*roots: str) -> list[str]:
    """Returns the modules that a fingerprint of `roots` covers, sorted."""
    seen: set[str] = set()
    waiting = list(roots)
    while waiting:
        module = waiting.pop()
        if module in seen or module in PLUMBING:
            continue
        seen.add(module)
        # Python runs what a module lies in before it.
        waiting.extend([*_parsed(module)[1], *filter(None, [module.rpartition(".")[0]])])
    return sorted(seen)


@cache
def _parsed(module: str) -> tuple[str, tuple[str, ...]]:
    """Hash of a module's syntax tree, and the modules it imports of its own package and this."""
    path = _source(module)
    if path is None:
        raise ModuleNotFoundError(f"no module named {module!r}")
    text = path.read_bytes()
    is_package = path.name == "__init__.py"
    key = hashlib.sha256(f"{module} {is_package} ".encode() + text).hexdigest()
    found = _KEPT.get(key)
    if found is None:
        tree, dumped = _tree_text(text, path)
        names = sorted(set(_imports(tree, module, is_package=is_package)))
        found = hashlib.sha256(dumped.encode()).hexdigest(), names
        _KEPT.put(key, *found)
    digest, names = found
    return digest, tuple(name for name in names if _source(name) is not None)


def _tree_text(text: bytes, path: Path) -> tuple[ast.Module, str]:
    """The syntax tree of a module, and its dump without what only people read."""
    tree = ast.parse(text, filename=str(path))
    fields = _names_of_field(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _full_name(node.func) in fields:
            node.keywords = [item for item in node.keywords if not _describes(item)]
        for name in ("body", "orelse", "finalbody"):
            body = getattr(node, name, None)
            if isinstance(body, list):  # That of a lambda or a conditional expression is no list.
                setattr(node, name, list(_acting(body)))
    return tree, _dump(tree)


def _dump(value: object) -> str:
    """The text of a syntax tree; what `ast.dump` makes of one differs between versions."""
    if isinstance(value, ast.AST):
        # Whether a name is read or set is said by its place; a `kind` is that of a string's prefix.
        fields = ((name, own) for name, own in ast.iter_fields(value) if name not in _SAID)
        parts = [f"{name}={_dump(own)}" for name, own in fields if own is not None and own != []]
        return f"{type(value).__name__}({', '.join(parts)})"
    if isinstance(value, list):
        return f"[{', '.join(map(_dump, value))}]"
    return ascii(value)


class _Kept:
    """What was found in modules, in a file: `$XDG_CACHE_HOME/vadbench/fingerprints-<Python>.json`.

    An entry is under the digest of a module's name and text, and the file counts only for the text
    of this module. So the file may be shared, old, or removed.
    """

    def __init__(self) -> None:
        version = ".".join(map(str, sys.version_info[:3]))
        self._path = cache_folder() / f"fingerprints-{version}.json"
        self._by = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
        self._used: dict[str, tuple[str, list[str]]] = {}
        self._changed = False

    @cached_property
    def _stored(self) -> dict[str, tuple[str, list[str]]]:
        try:
            content = json.loads(self._path.read_bytes())
            if content["by"] == self._by:
                return {key: (str(digest), names) for key, (digest, names) in content["found"]}
        except (OSError, ValueError, KeyError, TypeError):
            return {}  # Not there yet, or damaged: everything is parsed again.
        return {}

    def get(self, key: str) -> tuple[str, list[str]] | None:
        """Digest of the syntax tree, and imported names, of the module with this key."""
        found = self._stored.get(key)
        if found is not None:
            self._used[key] = found
        return found

    def put(self, key: str, digest: str, names: list[str]) -> None:
        """Adds what was found in a module."""
        self._stored[key] = self._used[key] = (digest, names)
        self._changed = True

    def save(self) -> None:
        """Writes what is new, whole or not at all."""
        if not self._changed:
            return
        self._changed = False
        # What was used in other checkouts stays until there is too much of it.
        found = self._stored if len(self._stored) < _MOST else self._used
        _write_quietly(self._path, {"by": self._by, "found": list(found.items())})


_KEPT = _Kept()


def _acting(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a block that can change a result."""
    for statement in body:
        if isinstance(statement, ast.If) and _is_type_checking(statement.test):
            yield from _acting(statement.orelse)
        elif not _says_nothing(statement):
            yield statement


def _is_type_checking(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")
    return name == "TYPE_CHECKING"


def _says_nothing(statement: ast.stmt) -> bool:
    """Whether a statement is a docstring, also one below a constant, or only serves the log."""
    if isinstance(statement, ast.Import | ast.Assign):
        return ast.unparse(statement) in _TO_LOG
    if not isinstance(statement, ast.Expr):
        return False
    value = statement.value
    if isinstance(value, ast.Constant):
        return isinstance(value.value, str)
    return (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Attribute)
        and isinstance(value.func.value, ast.Name)
        and (value.func.value.id, value.func.attr) in _LOGGING
        and not any(map(_might_act, ast.walk(value)))
    )


def _names_of_field(tree: ast.Module) -> set[str]:
    """What a module calls pydantic's `Field`."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "pydantic" and not node.level:
            found = (alias for alias in node.names if alias.name == "Field")
            names |= {alias.asname or alias.name for alias in found}
        elif isinstance(node, ast.Import):
            found = (alias for alias in node.names if alias.name == "pydantic")
            names |= {f"{alias.asname or alias.name}.Field" for alias in found}
    return names


def _full_name(function: ast.expr) -> str:
    """The name of what is called, with that of the module that it is taken from."""
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        return f"{function.value.id}.{function.attr}"
    return function.id if isinstance(function, ast.Name) else ""


def _describes(argument: ast.keyword) -> bool:
    """Whether an argument of `Field` only tells what a setting is."""
    return argument.arg in _DESCRIBING and not any(map(_might_act, ast.walk(argument.value)))


def _might_act(node: ast.AST) -> bool:
    """Whether computing a part of a log line or a description might do more than look."""
    if isinstance(node, ast.Call):
        function = node.func
        name = function.id if isinstance(function, ast.Name) else ""
        if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
            return (function.value.id, function.attr) not in _LOGGING
        return name not in _LOOKING
    return isinstance(node, ast.NamedExpr | ast.Await | ast.Yield | ast.YieldFrom)


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
        yield from (name for name in candidates if name.partition(".")[0] in packages)


@cache
def _source(module: str) -> Path | None:
    package, _, rest = module.partition(".")
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    if not spec.submodule_search_locations:
        return Path(spec.origin) if not rest else None
    path = Path(spec.origin).parent.joinpath(*rest.split(".")) if rest else Path(spec.origin).parent
    # In Python's order: a folder counts before a file of that name.
    candidates = (path / "__init__.py", *([path.with_suffix(".py")] if rest else []))
    return next(filter(Path.is_file, candidates), None)
