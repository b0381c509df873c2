# SPDX-License-Identifier: MIT
"""Every lint must find what it is there for, and leave good code alone."""

import csource
import layers
import pytest
import sizes
import tree

SPDX = sizes.SPDX + "\n"


def rules(text, name="agent/base/sample.c"):
    return set(sizes.check_text(name, SPDX + text))


def functions(text):
    return csource.parse(csource.strip(text)).functions


# ---- C ------------------------------------------------------------------------------

def test_finds_functions_among_structs_tables_and_macros():
    found = functions("""
struct pair { int a, b; };
#define PAIR(x) { x, x }
static const struct pair pairs[] = {
	{ 1, 2 }, { 3, 4 },
};
enum { A, B };
static int __attribute__((noreturn, format(printf, 1, 2)))
first(const char *text, ...)
{
	struct pair p = { 1, 2 };
	take((struct pair){ 3, 4 }, (struct pair[]){ { 5, 6 } });
	do {
		if (p.a) {
			return 1;
		}
	} while (0);
}
void second(void) { }
int third(int (*call)(int, int), int b) { char *s = "}{"; /* } */ return '}'; }
""")
    assert [(f.name, f.parameters, f.depth) for f in found] == [
        ("first", 2, 2), ("second", 0, 0), ("third", 2, 0)]


def test_only_the_first_branch_of_an_if_counts():
    found = functions("#ifdef X\nint f(int a) {\n#else\nint f(void) {\n#endif\n}\n"
                      "int g(void) {}\n")
    assert [f.name for f in found] == ["f", "g"]


def long_function(lines, table=0):
    rows = "\tcall();\n" * (lines - 3 - (2 if table else 0))
    if table:
        rows += "\tstatic const int t[] = {\n" + "\t\t1,\n" * table + "\t};\n"
    return "int f(void)\n{\n" + rows + "}\n"


def test_function_length():
    assert "function-length" not in rules(long_function(60))
    assert "function-length" in rules(long_function(61))


def test_tables_do_not_count():
    assert "function-length" not in rules(long_function(60, table=100))
    table = "static const int t[] = {\n" + "\t1,\n" * 600 + "};\n"
    assert "file-length" not in rules(table)
    assert "file-length" in rules("int a;\n" * 600)


def test_header_length():
    assert "header-length" not in rules("int a;\n" * 119, "include/base/sample.h")
    assert "header-length" in rules("int a;\n" * 120, "include/base/sample.h")


def test_parameters():
    assert "parameters" not in rules("int f(int a, int b, int c, int d, int e) {}\n")
    assert "parameters" in rules("int f(int a, int b, int c, int d, int e, int g) {}\n")


def test_nesting_is_told():
    deep = "int f(void) { if (a) { if (b) { for (;;) { if (c) { d(); } } } } }\n"
    assert "nesting" in rules(deep)
    assert "nesting" not in rules(deep.replace("if (c) { d(); }", "d();"))


def test_width_counts_tabs_as_eight():
    assert "line-width" not in rules("\t/* " + "x" * 76 + " */\n"[:3])
    assert "line-width" in rules("\t/*" + "x" * 80 + "*/\n")


@pytest.mark.parametrize("rule, text", [
    ("goto", "int f(void) { goto out; out: return 0; }"),
    ("typedef-struct", "typedef struct { int a; } pair;"),
    ("todo", "/* TODO: later */"),
    ("if-0", "#if 0\nint a;\n#endif"),
    ("exit", "void f(void) { exit(1); }"),
    ("rename", "int f(void) { return rename(a, b); }"),
    ("rename", "int f(void) { return renameat2(a, b, c, d, 0); }"),
    ("rename", "int f(void) { return symlinkat(a, 3, b); }"),
    ("sleep", "void f(void) { sleep(1); }"),
    ("sleep", "void f(void) { nanosleep(&t, NULL); }"),
])
def test_forbidden(rule, text):
    assert rule in rules(text + "\n", "agent/net/sample.c")


def test_allowed():
    assert not rules("/* goto sleep(1) exit(1) */\nchar *s = \"rename(\";\n")
    assert not rules("void f(void) { _exit(1); my_sleep(2); file_rename(3); }\n")
    assert not rules("int f(void) { return rename(a, b); }\n", "agent/base/file.c")
    assert not rules("int f(void) { exit(1); }\n", "agent/git/main.c")
    assert "exit" in rules("int f(void) { exit(1); }\n", "agent/git/domain.c")


def test_spdx_must_be_line_one():
    assert "spdx" in sizes.check_text("agent/a.c", "\n" + SPDX)
    assert "spdx" in sizes.check_text("agent/a.c", "")
    assert not sizes.check_text("agent/a.c", SPDX)


# ---- layers -------------------------------------------------------------------------

@pytest.mark.parametrize("folder, header, rule", [
    ("base", "base/text.h", None),
    ("loop", "base/text.h", None),
    ("base", "loop/loop.h", "layer-order"),
    ("config", "state/state.h", "layer-order"),
    ("aws", "metadata/metadata.h", None),
    ("aws", "worker/worker.h", "layer-order"),
    ("release", "run/run.h", None),
    ("worker", "run/run.h", "layer-order"),
    ("release", "source/source_types.h", None),
    ("release", "source/source.h", "layer-stages"),
    ("source", "release/release_types.h", "layer-stages"),
    ("setup", "config/config_types.h", None),
    ("run", "aws/aws.h", None),
    ("run", "source/source_types.h", "layer-run"),
    ("run", "config/config.h", None),
    ("pipeline", "release/release.h", None),
    ("release", "pipeline.h", "layer-order"),
    ("cmd", "pipeline.h", None),
    ("main", "cmd/cmd.h", None),
    ("git", "base/json.h", None),
    ("git", "git/fetch.h", None),
    ("git", "loop/loop.h", "layer-helpers"),
    ("git", "tree/walk.h", "layer-helpers"),
    ("source", "git/fetch.h", "layer-helpers"),
    ("release", "surprise/a.h", "layer-order"),
])
def test_may_include(folder, header, rule):
    verdict = layers.judge(folder, header)
    assert (verdict and verdict[0]) == rule


def write(root, name, text=""):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def complaints(found):
    return {rule for rule, lines in found.items() if lines}


def test_own_header_and_mirror(tmp_path):
    write(tmp_path, "include/base/text.h")
    write(tmp_path, "include/cmd/cmd.h")
    write(tmp_path, "agent/base/text.c", '#include "base/text.h"\n#include <stdio.h>\n')
    write(tmp_path, "agent/cmd/boot.c", '#include "cmd/cmd.h"\n')
    write(tmp_path, "agent/main.c", "#include <stdio.h>\n")
    assert not complaints(layers.check(tmp_path))
    write(tmp_path, "agent/base/text.c", '#include <stdio.h>\n#include "base/text.h"\n')
    assert complaints(layers.check(tmp_path)) == {"own-header-first"}
    write(tmp_path, "agent/base/text.c", '#include "base/text.h"\n#include "text.h"\n')
    assert complaints(layers.check(tmp_path)) == {"quote-include"}
    write(tmp_path, "agent/base/text.c", '#include "base/text.h"\n')
    write(tmp_path, "agent/loop/loop.c")
    write(tmp_path, "include/net/net.h")
    assert complaints(layers.check(tmp_path)) == {"mirror"}


# ---- the tree -----------------------------------------------------------------------

def test_machine_paths():
    home = "/work" + "/main/agent"
    assert tree.check_paths("a", f"see {home}\n".encode())
    assert not tree.check_paths("a", b"frame/work/main.c https://x/work/main\n")
    assert not tree.check_paths("a", f"\0{home}".encode())


def test_forgotten_file():
    makefile = "S := \\\n\tagent/a.c \\\n# agent/b.c\n"
    assert tree.check_listed(makefile, ["agent/a.c", "agent/b.c"]) == [
        "agent/b.c: is in no list of the Makefile"]
