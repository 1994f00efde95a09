"""The imports that stand in the source of a package, also those that run later and those by a name in a string."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from typing_extensions import override

from crossfade.errors import ConfigurationError

How = Literal["at once", "when called", "by name"]

_BY_NAME = frozenset({"import_module", "__import__", "resolve_name", "run_module", "import_string"})
_CODE = frozenset({"exec", "eval", "compile"})


@dataclass(frozen=True)
class Module:
    """A file of a package."""

    name: str
    path: Path
    importable: bool
    """Whether it can be imported without running a program, by a name."""


@dataclass(frozen=True)
class Import:
    """A place that imports something."""

    file: str
    line: int
    module: str
    """Whose source it is."""
    target: str | None
    """What is imported; None where only the run knows."""
    how: How
    later: bool
    """Whether it waits for a call, so that importing the module doesn't run it."""

    def names(self, package: str) -> bool:
        """Whether a package, or something in it, is imported here."""
        return self.target is not None and (self.target == package or self.target.startswith(f"{package}."))

    @override
    def __str__(self) -> str:
        """As a person reads it, and an editor finds it."""
        return f"{self.file}:{self.line} imports {self.target or 'something by a name'}, {self.how} ({self.module})"


def modules(place: Path, package: str, exclude: Sequence[str] = ()) -> list[Module]:
    """The files of a package in the folder `place`, or the one file of a module, in the order of their names."""
    if place.is_file():
        return [Module(package, place, importable=True)]
    found = []
    for path in sorted(place.rglob("*.py")):
        parts = path.relative_to(place).with_suffix("").parts
        name = ".".join((package, *(parts[:-1] if parts[-1] == "__init__" else parts)))
        if any(name == one or name.startswith(f"{one}.") for one in exclude):
            continue
        whole = all((parent / "__init__.py").exists() for parent in _between(path.parent, place))
        importable = whole and parts[-1] != "__main__" and all(part.isidentifier() for part in parts)
        found.append(Module(name, path, importable=importable))
    # The package first: what it loads is loaded through it.
    return sorted(found, key=lambda module: (module.name != package, module.name))


def imports(module: Module) -> Iterator[Import]:
    """The imports in one file, but for those that only a type checker reads.

    Raises ConfigurationError for a file that is no Python.
    """
    try:
        tree = ast.parse(module.path.read_bytes(), filename=str(module.path))
    except (SyntaxError, ValueError) as error:
        raise ConfigurationError(reason=f"{module.path} can't be read as Python: {error}") from None
    reader = _Reader(module)
    reader.visit(tree)
    yield from reader.found


def _between(folder: Path, place: Path) -> Iterator[Path]:
    while folder != place:
        yield folder
        folder = folder.parent


class _Reader(ast.NodeVisitor):
    """Collects the imports of one file, in its order."""

    def __init__(self, module: Module) -> None:
        self.found: list[Import] = []
        self._module = module
        self._depth = 0
        self._offset: int | None = None
        self._texts: dict[str, str] = {}
        """Names that were given a text."""

    @override
    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._note(node, alias.name, "when called" if self._depth else "at once")

    @override
    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        base = self._absolute(node)
        how: How = "when called" if self._depth else "at once"
        if base is not None:
            self._note(node, base, how)
            for alias in node.names if self._depth else ():
                # It may be a module of that package, or a name in it: to try is to know.
                self._note(node, f"{base}.{alias.name}", how)

    @override
    def visit_If(self, node: ast.If) -> None:
        if _for_types_only(node.test):
            for statement in node.orelse:
                self.visit(statement)
        else:
            self.generic_visit(node)

    @override
    def visit_Assign(self, node: ast.Assign) -> None:
        text = self._text(node.value)
        for target in node.targets:
            if isinstance(target, ast.Name) and text is not None:
                self._texts[target.id] = text
        self.generic_visit(node)

    @override
    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        text = None if node.value is None else self._text(node.value)
        if isinstance(node.target, ast.Name) and text is not None:
            self._texts[node.target.id] = text
        self.generic_visit(node)

    @override
    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._later(node)

    @override
    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._later(node)

    @override
    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._later(node)

    @override
    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        first = node.args[0] if node.args else next((k.value for k in node.keywords if k.arg == "name"), None)
        if name in _BY_NAME and first is not None:
            self._by_name(node, first)
        elif name in _CODE and first is not None:
            self._code(first)
        self.generic_visit(node)

    def _later(self, node: ast.AST) -> None:
        self._depth += 1
        self.generic_visit(node)
        self._depth -= 1

    def _by_name(self, node: ast.Call, first: ast.expr) -> None:
        text = self._text(first)
        if text is not None and text.startswith("."):
            given = (
                node.args[1]
                if len(node.args) > 1
                else next((keyword.value for keyword in node.keywords if keyword.arg == "package"), None)
            )
            package = self._package() if given is None or _is_own_package(given) else self._text(given)
            text = None if package is None else _relative(package, text)
        # What follows a colon is a name in the module.
        self._note(node, None if text is None else text.partition(":")[0], "by name")

    def _code(self, first: ast.expr) -> None:
        text = self._text(first)
        if text is None:
            return
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError):
            return
        outer, self._offset = self._offset, first.lineno
        self.visit(tree)
        self._offset = outer

    def _note(self, node: ast.stmt | ast.expr, target: str | None, how: How) -> None:
        line = node.lineno if self._offset is None else self._offset
        self.found.append(Import(str(self._module.path), line, self._module.name, target, how, later=self._depth > 0))

    def _absolute(self, node: ast.ImportFrom) -> str | None:
        if not node.level:
            return node.module
        return _relative(self._package(), "." * node.level + (node.module or ""))

    def _package(self) -> str:
        is_package = self._module.path.name == "__init__.py"
        return self._module.name if is_package else self._module.name.rpartition(".")[0]

    def _text(self, node: ast.expr) -> str | None:
        """The text that an expression gives, as far as the source tells; of what begins with a text, the beginning."""
        match node:
            case ast.Constant(value=str() as text):
                return text
            case ast.Name(id=name):
                return self._texts.get(name)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                beginning = self._text(left)
                return None if beginning is None else beginning + (self._text(right) or "")
            case ast.BinOp(left=left, op=ast.Mod()):
                beginning = (self._text(left) or "").partition("%")[0]
                return beginning or None
            case ast.JoinedStr(values=[first, *rest]):
                beginning = self._text(first) or ""
                return "".join([beginning, *(self._text(part) or "" for part in rest)]) if beginning else None
            case ast.FormattedValue(value=value):
                return self._text(value)
            case _:
                return None


def _is_own_package(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in {"__package__", "__name__"}


def _for_types_only(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


def _relative(package: str, text: str) -> str:
    name = text.lstrip(".")
    up = len(text) - len(name) - 1
    base = package.split(".")[: len(package.split(".")) - up]
    return ".".join([*base, name] if name else base)
