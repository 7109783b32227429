"""`python -m tests.interfaces`: no product code uses a member of a dependency that begins with an underscore.

Ruff's SLF001 finds `thing._member`. It sees neither an import of a private name nor a class that overrides or
reads the private members of a base class from another package; this does both.
"""

import ast
import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OURS = ("services", "observability", "stack", "resilience", "loadtests", "cli", "grafana")
EXCEPTIONS: dict[str, str] = {}
"""`package/file.py:_member` to the upstream issue that asks for a public way, and when the use can go."""
SILENCED = re.compile(r"noqa:[^#]*\bSLF001\b")


def main() -> int:
    """Print each use and return 1 when there is any, else 0."""
    found = [use for package in OURS for path in sorted((ROOT / package).rglob("*.py")) for use in uses(path)]
    unexpected = [use for use in found if use.split(" ")[0] not in EXCEPTIONS]
    for use in unexpected:
        sys.stderr.write(f"{use}: a private member of a dependency\n")
    return 1 if unexpected else 0


def uses(path: Path) -> Iterator[str]:
    """Yield `file:member (line N)` for each private member of a dependency that a file uses."""
    name, text = path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
    for number, line in enumerate(text.splitlines(), 1):
        if SILENCED.search(line):
            yield f"{name}:noqa (line {number})"
    tree = ast.parse(text)
    imported = {alias: origin for node in ast.walk(tree) for alias, origin in _imports(node)}
    for node in ast.walk(tree):
        for _, origin in _imports(node):
            if re.search(r"(^|[.:])_(?!_|typeshed)", origin):
                yield f"{name}:{origin} (line {getattr(node, 'lineno', 0)})"
        if isinstance(node, ast.ClassDef):
            for member, number in _inherited(node, imported):
                yield f"{name}:{member} (line {number})"


def _imports(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield the names that an import of somebody else's module binds, and what each stands for."""
    if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] not in OURS:
        for alias in node.names:
            yield alias.asname or alias.name, f"{node.module}:{alias.name}"
    elif isinstance(node, ast.Import):
        for alias in node.names:
            bound = alias.asname or alias.name.split(".")[0]
            yield bound, f"{alias.name if alias.asname else bound}:"


def _inherited(node: ast.ClassDef, imported: dict[str, str]) -> Iterator[tuple[str, int]]:
    private: set[str] = set()
    for base in node.bases:
        expression = ast.unparse(base.value if isinstance(base, ast.Subscript) else base)
        private |= _private_members(expression, imported)
    if not private:
        return
    for part in ast.walk(node):
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef) and part.name in private:
            yield part.name, part.lineno
        elif isinstance(part, ast.Attribute) and part.attr in private and ast.unparse(part.value) == "self":
            yield part.attr, part.lineno
        elif isinstance(part, ast.Name) and part.id in private and isinstance(part.ctx, ast.Store):
            yield part.id, part.lineno


def _private_members(expression: str, imported: dict[str, str]) -> set[str]:
    """Return the private names of a base class, those that its methods give `self` among them."""
    head, _, rest = expression.partition(".")
    if head not in imported or not re.fullmatch(r"[\w.]+", expression):
        return set()
    module, _, attribute = imported[head].partition(":")
    found: object = importlib.import_module(module)
    for name in filter(None, [attribute, *rest.split(".")]):
        found = getattr(found, name)
    names = {name for cls in _bases(found) for name in [*vars(cls), *_assigned(cls)]}
    return {name for name in names if name.startswith("_") and not name.startswith("__")}


def _bases(found: object) -> list[type]:
    foreign = found.__mro__ if isinstance(found, type) else ()
    return [cls for cls in foreign if cls.__module__.split(".")[0] not in sys.stdlib_module_names]


def _assigned(cls: type) -> set[str]:
    try:
        return set(re.findall(r"\bself\.(_\w+)", inspect.getsource(cls)))
    except (OSError, TypeError):  # compiled, or made at run time
        return set()


if __name__ == "__main__":
    sys.exit(main())
