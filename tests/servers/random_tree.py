# SPDX-License-Identifier: MIT
"""Trees of random shape with .gitattributes of random lines, and files worth changing.

Everything comes from one random.Random, so a failure is repeatable by its seed. The caller
says how objects are written: put(kind, data) returns the new object's id in hex.
"""

NAMES = [b"a", b"b", b"foo", b"foo.txt", b"bar.c", b"x y", b"[b]", b"a*", b"dir", b"sub",
         b'quo"te', b"back\\s", b"Foo", "한글".encode(), b"caf\xe9", b"-d", b"!n", b"#h",
         b" lead", b"new\nline"]
PARTS = ["*", "**", "a*", "*.txt", "foo", "foo*", "?", "??", "dir", "sub", "[a-f]*", "[!a]*",
         "[[:alpha:]]*", "[^x]", "f**o", "**o", "foo**", "a", "b", "\\!n", "[]b]*", "[a-]*",
         "[\\]b]*", "*o*", "F*", "\\a", "[[:digit:]", "x y", "[", "a[", "*[b]*", 'quo"te',
         "back\\\\s", "[[:bad:]]*", "한*", "#h"]
ODD_PATTERNS = ['"\\146oo"', '"foo', '"a\\qb"', '"foo"x', '""', "/", "\\", "!foo"]
ATTRIBUTES = ["export-ignore", "-export-ignore", "!export-ignore", "export-ignore=x",
              "export-subst", "text", "-text", "text=auto", "eol=crlf", "eol=lf", "ident",
              "-ident", "binary", "crlf", "-crlf", "crlf=input", "mac", "-mac", "mac2", "diff",
              "-", "foo=bar", "!text", "text=input", "a$b", "mac=1", "linguist-vendored"]
MACROS = ["mac", "mac2", "binary", "bad%", "diff"]
LINES = ["# a comment", "", "   ", "\t#x", "x" * 2100 + " export-ignore"]
PIECES = [b"line\n", b"crlf\r\n", b"\r", b"\0", b"$Id$ x", b"$Id: abc $", b"$Id: a b $",
          b"$Id: x\n$", b"$Id:$", b"$Id", b"$Format:%H %h %T %t %P %p$",
          b"$Format:%an|%ae|%al|%at|%ad|%aD|%aI|%ai|%as$",
          b"$Format:%cn %ce %cl %ct %cd %cD %cI %ci %cs$", b"$Format:%s|%b|%f|%n|%%|%x41$",
          b"$Format:%B$", b"$Format:%y %az %$", b"$Format:", b"$", b"text ", b"\x1a",
          b"\x7f\x01\x02" * 3]
MESSAGES = ["subject\n\nbody\nmore\n", "one\ntwo\n\nb\n\nc\n", "\n\n  lead trail.. \n\n\n x",
            "only", "x: y...z (w)-\n\n", "subj\n\n\n\nbody  \n\n", "", "한글 제목\n\n본문\n"]
PEOPLE = [b"A U Thor <a@example.org> 1700000000 +0900", b"x <noat> 1000000001 -0730",
          b"<empty@example.org> 1234567890 +0545", "한 글 <a@b@c> 0 -0100".encode()]
DEPTH_MAX = 4


class RandomTree:
    """Makes trees and commits; `random` decides, `put` writes."""

    def __init__(self, random, put):
        self.random = random
        self.put = put

    def pattern(self):
        if self.random.random() < 0.05:
            return self.random.choice(ODD_PATTERNS)
        text = "/".join(self.random.choices(PARTS, k=self.random.choice([1, 1, 1, 2, 2, 3])))
        if self.random.random() < 0.2:
            text = "/" + text
        if self.random.random() < 0.2:
            text += "/"
        if " " in text or self.random.random() < 0.2:
            text = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
        return text

    def line(self):
        roll = self.random.random()
        if roll < 0.05:
            return self.random.choice(LINES)
        words = self.random.choices(ATTRIBUTES, k=self.random.choice([1, 1, 2, 3]))
        first = "[attr]" + self.random.choice(MACROS) if roll < 0.2 else self.pattern()
        return (self.random.choice(["", "", " ", "\t"]) + first +
                self.random.choice([" ", "\t", "  "]) + " ".join(words) +
                self.random.choice(["", "", " ", "\r"]))

    def attributes(self):
        lines = [self.line() for _ in range(self.random.randrange(7))]
        return ("\n".join(lines) + self.random.choice(["\n", ""])).encode()

    def file(self):
        return b"".join(self.random.choices(PIECES, k=self.random.randrange(12)))

    def entry(self, depth):
        """(mode, id)"""
        roll = self.random.random()
        if roll < 0.4 and depth < DEPTH_MAX:
            return b"40000", self.tree(depth + 1)
        if roll < 0.5:
            return b"120000", self.put(b"blob", b"target")
        if roll < 0.55:
            return b"160000", "1" * 40
        return self.random.choice([b"100644", b"100755"]), self.put(b"blob", self.file())

    def tree(self, depth=0):
        names = self.random.sample(NAMES, self.random.randrange(7))
        entries = {name: self.entry(depth) for name in names}
        if self.random.random() < (0.9 if depth == 0 else 0.5):
            entries[b".gitattributes"] = b"100644", self.put(b"blob", self.attributes())

        def order(item):
            return item[0] + (b"/" if item[1][0] == b"40000" else b"")
        return self.put(b"tree", b"".join(
            b"%b %b\0%b" % (mode, name, bytes.fromhex(id))
            for name, (mode, id) in sorted(entries.items(), key=order)))

    def commit(self, parents=()):
        lines = [b"tree " + self.tree().encode()]
        lines += [b"parent " + parent.encode() for parent in parents]
        lines.append(b"author " + self.random.choice(PEOPLE))
        lines.append(b"committer " + self.random.choice(PEOPLE))
        message = self.random.choice(MESSAGES).encode()
        return self.put(b"commit", b"\n".join(lines) + b"\n\n" + message)
