"""Find the classes of errors and their messages in the code."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pneumonia import errors

BASE = "PneumoniaError"
PACKAGE = Path(errors.__file__).parent

_FIRST_SENTENCE = re.compile(r".*?[.!?](?=\s|$)", re.DOTALL)
_MOST_STEPS = 8
_SHOWN_NAME = re.compile(r"[a-z_]{3,}")


class Unresolved(Exception):
    """A message is built by a kind of expression that this module does not support."""


@dataclass(frozen=True)
class ErrorKind:
    """A class of errors. `public_detail`: the text that callers get if the message is only for the log."""

    name: str
    code: str
    status: int
    title: str
    public_detail: str | None
    messages: tuple[str, ...]

    @property
    def causes(self) -> tuple[str, ...]:
        """The causes as callers see them: the first sentences of the messages, without repetition."""
        said = (self.public_detail,) if self.public_detail else self.messages
        return tuple(dict.fromkeys(first_sentence(text) for text in said))


_Made = tuple[str, ast.Call, ast.FunctionDef | None]
"""A call that creates an error: its class, the call, and the enclosing function."""


@dataclass
class _Code:
    """Definitions in the package: functions, module constants, classes of errors, and the calls that create errors."""

    functions: dict[str, list[ast.FunctionDef]] = field(default_factory=lambda: defaultdict(list))
    constants: dict[str, ast.expr] = field(default_factory=dict)
    classes: dict[str, ast.ClassDef] = field(default_factory=dict)
    calls: list[_Made] = field(default_factory=list)


def first_sentence(text: str) -> str:
    """Return the text up to the first full stop. The rest of a message says what to do."""
    found = _FIRST_SENTENCE.match(text)
    return found[0] if found else text


def error_kinds(package: Path = PACKAGE) -> list[ErrorKind]:
    """Return all classes of errors by status and code. Raises Unresolved."""
    code = _read(package)
    messages: dict[str, list[str]] = defaultdict(list)
    for name, call, function in code.calls:
        if call.args:
            messages[name] += _texts(call.args[0], code, function, _MOST_STEPS)
    messages[BASE] = [errors.INTERNAL_DETAIL]
    kinds = [_kind(name, code, tuple(messages[name])) for name in code.classes]
    return sorted(kinds, key=lambda kind: (kind.status, kind.code))


def _read(package: Path) -> _Code:
    code = _Code()
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in sorted(package.rglob("*.py"))]
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                code.functions[node.name].append(node)
            elif isinstance(node, ast.ClassDef) and (
                node.name == BASE or any(isinstance(base, ast.Name) and base.id == BASE for base in node.bases)
            ):
                code.classes[node.name] = node
        for node in tree.body:
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                code.constants |= {target.id: node.value for target in targets if isinstance(target, ast.Name)}
    for tree in trees:
        code.calls += _calls(tree, code, None)
    return code


def _calls(
    node: ast.AST, code: _Code, inside: ast.FunctionDef | None
) -> Iterator[tuple[str, ast.Call, ast.FunctionDef | None]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call) and isinstance(child.func, ast.Name) and child.func.id in code.classes:
            yield child.func.id, child, inside
        yield from _calls(child, code, child if isinstance(child, ast.FunctionDef) else inside)


def _texts(node: ast.expr, code: _Code, function: ast.FunctionDef | None, steps: int) -> list[str]:
    """Return the texts that an expression can have."""
    if not steps:
        raise Unresolved(ast.unparse(node))
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        return ["".join(_part(value, code) for value in node.values)]
    if isinstance(node, ast.IfExp):
        return [*_texts(node.body, code, function, steps - 1), *_texts(node.orelse, code, function, steps - 1)]
    if isinstance(node, ast.Name):
        if function is not None and (assigned := _assigned(node.id, function)):
            return [text for value in assigned for text in _texts(value, code, function, steps - 1)]
        if function is not None and node.id in {argument.arg for argument in function.args.args}:
            return []  # a parameter: the texts come from the calls of the function
        if node.id in code.constants:
            return _texts(code.constants[node.id], code, None, steps - 1)
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        returned = [(value, made) for made in code.functions.get(name, []) for value in _returned(made)]
        if returned:
            return [text for value, made in returned for text in _texts(value, code, made, steps - 1)]
    raise Unresolved(f"{ast.unparse(node)} at line {node.lineno}")


def _part(value: ast.expr, code: _Code) -> str:
    """Return a part of an f-string: its text, the value of a constant, or the name in braces."""
    if isinstance(value, ast.Constant):
        return str(value.value)
    inner = value.value if isinstance(value, ast.FormattedValue) else value
    if isinstance(inner, ast.Name) and isinstance(constant := code.constants.get(inner.id), ast.Constant):
        return str(constant.value)
    name = inner.attr if isinstance(inner, ast.Attribute) else inner.id if isinstance(inner, ast.Name) else ""
    name = name.strip("_")
    return f"{{{name}}}" if _SHOWN_NAME.fullmatch(name) else "{…}"


def _returned(function: ast.FunctionDef) -> list[ast.expr]:
    found = [node for node in ast.walk(function) if isinstance(node, ast.Return)]
    return [node.value for node in sorted(found, key=lambda node: node.lineno) if node.value is not None]


def _assigned(name: str, function: ast.FunctionDef) -> list[ast.expr]:
    return [
        node.value
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id == name for to in node.targets)
    ]


def _kind(name: str, code: _Code, messages: tuple[str, ...]) -> ErrorKind:
    found = {**_attributes(code.classes[BASE]), **_attributes(code.classes[name])}
    public = found.get("public_detail")
    return ErrorKind(
        name,
        code=str(found["code"]),
        status=int(str(found["status"])),
        title=str(found["title"]),
        public_detail=None if public is None else str(public),
        messages=messages,
    )


def _attributes(node: ast.ClassDef) -> dict[str, object]:
    found: dict[str, object] = {}
    for each in node.body:
        if isinstance(each, ast.Assign | ast.AnnAssign) and isinstance(each.value, ast.Constant):
            targets = each.targets if isinstance(each, ast.Assign) else [each.target]
            found |= {target.id: each.value.value for target in targets if isinstance(target, ast.Name)}
    return found
