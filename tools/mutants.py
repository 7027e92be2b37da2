"""Small bugs that could be in a Python file, each of which its tests should notice.

A mutant replaces the text of one expression or statement and leaves every other character of the file as it is. What
cannot change a result is left as it is: docstrings, annotations, decorators, text, log lines and the arguments of an
error. f-strings are skipped as well, since the parser of Python 3.11 does not say where their parts are.
"""
import ast
import copy
from collections.abc import Iterator
from typing import NamedTuple

_COMPARISONS = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq, ), ast.NotEq: (ast.Eq, ), ast.Is: (ast.IsNot, ), ast.IsNot: (ast.Is, ),
    ast.In: (ast.NotIn, ), ast.NotIn: (ast.In, ),
}
_ARITHMETIC = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Div,
    ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}
#: Functions and methods that are mistaken for each other.
_NAMES = {
    'min': 'max', 'max': 'min', 'amin': 'amax', 'amax': 'amin', 'argmin': 'argmax', 'argmax': 'argmin', 'any': 'all',
    'all': 'any', 'sum': 'mean', 'mean': 'sum', 'floor': 'ceil', 'ceil': 'floor', 'minimum': 'maximum',
    'maximum': 'minimum', 'sin': 'cos', 'cos': 'sin', 'update': 'setdefault',
}
#: Calls that only speak: without them, or with other arguments, every result is the same.
_SPEECH = {'print', 'print_log', 'warn', 'debug', 'info', 'warning', 'error'}
#: Keywords that only forbid what does not happen, or make a call faster.
_INERT_KEYWORDS = {'strict', 'stacklevel', 'non_blocking', 'flush'}
#: Their two first arguments cannot be exchanged, or it makes no difference.
_FIXED_ORDER = {'isinstance', 'issubclass', 'getattr', 'hasattr', 'setattr', 'zip', 'super', 'cast', 'get', 'pop',
                'min', 'max', 'minimum', 'maximum', 'equal'}


class Mutant(NamedTuple):
    """One small bug.

    Attributes:
        file: The file, relative to the root of the project.
        line: The number of the line where it begins.
        text: That line, without the blanks around it.
        rule: What kind of bug it is.
        was: The code, as the parser prints it.
        becomes: The code that replaces it.
        start: Where the replaced text begins, in bytes from the start of the file.
        end: Where it ends.
    """
    file: str
    line: int
    text: str
    rule: str
    was: str
    becomes: str
    start: int
    end: int

    def apply(self, source: bytes) -> bytes:
        """Give the source of the file with this bug in it."""
        return source[:self.start] + self.becomes.encode() + source[self.end:]

    def __str__(self) -> str:
        return f'{self.file}:{self.line}  {self.rule}: {_shorten(self.was)}  ->  {_shorten(self.becomes)}'


def find_mutants(file: str, source: bytes) -> list[Mutant]:
    """List the small bugs of a file, in the order of its lines.

    Args:
        file: The path by which they are named.
        source: What the file holds.
    """
    starts, lines = [0], source.splitlines(keepends=True)
    for line in lines:
        starts.append(starts[-1] + len(line))
    found = []
    for node, rule, becomes in _visit(ast.parse(source)):
        start = starts[node.lineno - 1] + node.col_offset
        end = starts[node.end_lineno - 1] + node.end_col_offset
        text = lines[node.lineno - 1].decode().strip()
        mutant = Mutant(file, node.lineno, text, rule, ast.unparse(node), _code(becomes), start, end)
        if mutant.was != mutant.becomes and _compiles(mutant.apply(source)):
            found.append(mutant)
    return sorted(set(found), key=lambda mutant: (mutant.start, mutant.end, mutant.rule, mutant.becomes))


def _visit(node: ast.AST) -> Iterator[tuple[ast.AST, str, ast.AST]]:
    """Give each node that can be replaced, the rule and the new node."""
    yield from _mutations(node)
    for name, value in ast.iter_fields(node):
        if name in ('annotation', 'returns', 'decorator_list'):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_inert(child):
                yield from _visit(child) if not isinstance(child, ast.Raise) else _mutations(child)


def _is_inert(node: ast.AST) -> bool:
    """Say whether nothing inside of a node can change a result."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant) or _called(node.value) in _SPEECH
    if isinstance(node, ast.keyword):
        return node.arg in _INERT_KEYWORDS
    if isinstance(node, ast.Assign):
        return any(isinstance(target, ast.Name) and target.id.startswith('__') for target in node.targets)
    return isinstance(node, ast.JoinedStr | ast.Import | ast.ImportFrom)


def _mutations(node: ast.AST) -> Iterator[tuple[ast.AST, str, ast.AST]]:
    for rule, becomes in _of_expression(node) if isinstance(node, ast.expr) else _of_statement(node):
        yield node, rule, becomes


def _of_statement(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    removable = isinstance(node, ast.AugAssign | ast.Raise | ast.Delete) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)) or (
        isinstance(node, ast.Assign) and not isinstance(node.targets[0], ast.Name | ast.Tuple))
    if removable:
        yield 'removed statement', ast.Pass()
    if isinstance(node, ast.AugAssign) and type(node.op) in _ARITHMETIC:
        yield 'arithmetic', _with(node, op=_ARITHMETIC[type(node.op)]())
    if isinstance(node, ast.Continue):
        yield 'loop', ast.Break()
    if isinstance(node, ast.Break):
        yield 'loop', ast.Continue()


def _of_expression(node: ast.expr) -> Iterator[tuple[str, ast.AST]]:
    match node:
        case ast.Compare():
            for index, operator in enumerate(node.ops):
                for other in _COMPARISONS[type(operator)]:
                    yield 'comparison', _with(node, ops=[*node.ops[:index], other(), *node.ops[index + 1:]])
        case ast.BoolOp():
            yield 'and/or', _with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
        case ast.UnaryOp(op=ast.Not() | ast.USub()):
            yield 'dropped ' + ('not' if isinstance(node.op, ast.Not) else 'sign'), node.operand
        case ast.BinOp() if type(node.op) in _ARITHMETIC and not (_is_text(node.left) or _is_text(node.right)):
            yield 'arithmetic', _with(node, op=_ARITHMETIC[type(node.op)]())
        case ast.IfExp():
            yield 'swapped branches', _with(node, body=node.orelse, orelse=node.body)
        case ast.Constant():
            for value in _other_constants(node.value):
                yield 'constant', ast.Constant(value)
        case ast.Slice():
            yield from _of_slice(node)
        case ast.Call():
            yield from _of_call(node)


def _of_slice(node: ast.Slice) -> Iterator[tuple[str, ast.AST]]:
    """An end that is no constant is moved by one; constants are changed where they stand."""
    for bound in ('lower', 'upper'):
        value = getattr(node, bound)
        if value is not None and not isinstance(getattr(value, 'operand', value), ast.Constant):
            yield 'slice', _with(node, **{bound: ast.BinOp(value, ast.Add(), ast.Constant(1))})


def _of_call(node: ast.Call) -> Iterator[tuple[str, ast.AST]]:
    name = _called(node)
    if name in _NAMES:
        other = _NAMES[name]
        yield 'wrong function', _with(node, func=(
            ast.Name(other) if isinstance(node.func, ast.Name) else ast.Attribute(node.func.value, other)))
    starred = any(isinstance(argument, ast.Starred) for argument in node.args[:2])
    if len(node.args) > 1 and not starred and name not in _FIXED_ORDER:
        yield 'swapped arguments', _with(node, args=[node.args[1], node.args[0], *node.args[2:]])
    for index, keyword in enumerate(node.keywords):
        if keyword.arg and keyword.arg not in _INERT_KEYWORDS:
            yield 'dropped keyword', _with(node, keywords=[*node.keywords[:index], *node.keywords[index + 1:]])


def _other_constants(value: object) -> list[object]:
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, 0] if value == 1 else [value + 1]
    if isinstance(value, float):
        return [1.0] if value == 0 else [value * 2 if abs(value) >= 1e-3 else value * 1000]
    return []


def _called(node: ast.AST) -> str | None:
    """The last part of the name of what is called."""
    function = node.func if isinstance(node, ast.Call) else None
    return getattr(function, 'attr', getattr(function, 'id', None))


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _with(node: ast.AST, **fields: object) -> ast.AST:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def _code(node: ast.AST) -> str:
    """Print a node so that it can stand where another expression stood."""
    code = ast.unparse(ast.fix_missing_locations(node))
    return f'({code})' if isinstance(node, ast.BinOp | ast.BoolOp | ast.Compare | ast.IfExp) else code


def _compiles(source: bytes) -> bool:
    try:
        compile(source, '<mutant>', 'exec', dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True


def _shorten(code: str, width: int = 90) -> str:
    line = ' '.join(code.split())
    return line if len(line) <= width else line[:width - 4] + ' ...'
