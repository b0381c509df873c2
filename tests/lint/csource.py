# SPDX-License-Identifier: MIT
"""What the lints know about C: blanking comments and strings, finding functions."""

import re
from bisect import bisect_right
from dataclasses import dataclass, field

TOKEN = re.compile(
    r"""//(?:\\\n|[^\n])*|/\*.*?(?:\*/|\Z)|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.S)
DIRECTIVE = re.compile(r"^[ \t]*#(?:\\\n|[^\n])*", re.M)
ATTRIBUTE = re.compile(r"__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\)")


def blank(match):
    """The same length and the same lines, nothing else."""
    return re.sub(r"[^\n]", " ", match.group())


def blank_token(match):
    text = match.group()
    if text[0] in "\"'":
        return text[0] + re.sub(r"[^\n]", " ", text[1:-1]) + text[0]
    return blank(match)


def strip(text):
    """Without comments and the contents of strings; positions stay."""
    return TOKEN.sub(blank_token, text)


@dataclass
class Function:
    name: str
    parameters: int
    first: int  # lines, counted from 1
    last: int
    depth: int  # deepest nesting of blocks; the body itself is 0
    table_lines: int


@dataclass
class Source:
    functions: list = field(default_factory=list)
    table_lines: int = 0  # at file scope


def count_parameters(text):
    """Parameters in the text between the outer parentheses.

    The closing `struct error *err` is not counted: it is the idiom of what can fail.
    """
    text = re.sub(r",?\s*struct error \*err\s*\Z", "", text)
    if text.strip() in ("", "void"):
        return 0
    depth = commas = 0
    for char in text:
        depth += char in "([{"
        depth -= char in ")]}"
        commas += char == "," and depth == 0
    return commas + 1


def signature(head):
    """(name, parameter text) if this text before a `{` begins a function, else None."""
    head = ATTRIBUTE.sub(blank, head)
    if not head.rstrip().endswith(")"):
        return None
    end = len(head.rstrip()) - 1
    depth = 0
    for start in range(end, -1, -1):
        depth += head[start] == ")"
        depth -= head[start] == "("
        if depth == 0:
            break
    name = re.search(r"(\w+)\s*\Z", head[:start])
    return (name.group(1), head[start + 1:end]) if name else None


def parse(text):
    """Functions and tables, from text that went through strip()."""
    # Of the branches of an #if only the first counts, or braces would not balance.
    text = DIRECTIVE.sub(blank, drop_else(text))
    starts = [0] + [m.end() for m in re.finditer("\n", text)]

    def line(position):
        return bisect_right(starts, position)

    source = Source()
    stack = []  # kind of every open brace: function, block, table, other
    function = None
    begin = 0  # where the declaration or statement in hand began
    for match in re.finditer(r"[{};]", text):
        position, char = match.start(), match.group()
        head = text[begin:position]
        if char == "{":
            kind = classify(head, stack)
            stack.append((kind, position))
            if kind == "function":
                name, inside = signature(head)
                first = line(begin + len(head) - len(head.lstrip()))
                function = Function(name, count_parameters(inside), first, 0, 0, 0)
            elif kind == "block" and function:
                depth = sum(k == "block" for k, _ in stack)
                function.depth = max(function.depth, depth)
        elif char == "}" and stack:
            kind, opened = stack.pop()
            if kind == "table" and not any(k == "table" for k, _ in stack):
                lines = line(position) - line(opened)
                if function:
                    function.table_lines += lines
                else:
                    source.table_lines += lines
            if kind == "function":
                function.last = line(position)
                source.functions.append(function)
                function = None
        begin = position + 1
    return source


def classify(head, stack):
    if stack and stack[-1][0] == "table":
        return "table"
    # `= {` and compound literals `(struct x) {` hold values
    if re.search(r"=\s*(\([^()]*\)\s*)?\Z", head) or re.search(
            r"[(,]\s*\(\s*(const\s+)?(struct|union)\s+\w+\s*(\[\w*\])?\s*\)\s*\Z", head):
        return "table"
    if re.search(r"\b(struct|union|enum)(\s+\w+)?\s*\Z", ATTRIBUTE.sub(blank, head)):
        return "other"
    if not stack and signature(head):
        return "function"
    return "block" if stack else "other"


def drop_else(text):
    """Blanks what stands between #else/#elif and its #endif."""
    out, levels = [], []
    for row in text.splitlines(keepends=True):
        word = re.match(r"\s*#\s*(if|ifdef|ifndef|elif|else|endif)\b", row)
        if word and word.group(1).startswith("if"):
            levels.append(False)
        elif word and levels:
            if word.group(1) == "endif":
                levels.pop()
            else:
                levels[-1] = True
        skip = any(levels) and not word
        out.append(re.sub(r"[^\n]", " ", row) if skip else row)
    return "".join(out)
