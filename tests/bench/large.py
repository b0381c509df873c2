# SPDX-License-Identifier: MIT
"""Makes repositories of any number of files, packed as a git host packs them.

Every run makes the same: text files of a few hundred bytes to some tens of kilobytes in a
few thousand directories, and a second commit that changes one file in a hundred, as any
further one does.
"""
import random
import subprocess

DEADLINE_S = 300
WORDS = 3000
LINES_MEAN = 40
WORDS_A_LINE = 10
CHANGED_PART = 100
COMMIT = ("commit refs/heads/main\ncommitter bootagent tests <tests@example.org> "
          "1700000000 +0000\ndata 5\nbench\n")
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}


def text(rng, words):
    lines = max(1, int(rng.expovariate(1 / LINES_MEAN)))
    return b"".join(b" ".join(rng.choices(words, k=WORDS_A_LINE)) + b"\n" for _ in range(lines))


def git(directory, *arguments, **options):
    result = subprocess.run(["git", "-C", str(directory), *arguments], capture_output=True,
                            timeout=DEADLINE_S, check=True, env=ENVIRONMENT, **options)
    return result.stdout.decode().strip()


class Large:
    """A bare repository at `path`: `old` and `new` are the ids of its last two commits."""

    def __init__(self, path, count):
        self.path = path
        self.rng = random.Random(count)
        words = [bytes(self.rng.choices(b"abcdefghijklmnopqrstuvwxyz_",
                                        k=self.rng.randrange(2, 10))) for _ in range(WORDS)]
        self.files = {f"d{number % 37}/e{number % 101}/f{number}.rb": text(self.rng, words)
                      for number in range(count)}
        path.mkdir()
        git(path, "init", "--quiet", "--bare", "--initial-branch=main")
        self.new = None
        self.commit(self.files)
        self.grow()
        git(path, "repack", "--quiet", "-a", "-d", "-f")

    @property
    def changed_count(self):
        """How many files every commit after the first changes."""
        return max(1, len(self.files) // CHANGED_PART)

    def commit(self, files):
        """{name: contents} on top of main."""
        stream = [COMMIT.encode(), b"from refs/heads/main^0\n" if self.new else b""]
        stream += [b"M 100644 inline %b\ndata %d\n%b\n" % (name.encode(), len(data), data)
                   for name, data in files.items()]
        git(self.path, "fast-import", "--quiet", input=b"".join(stream))
        self.old, self.new = self.new, git(self.path, "rev-parse", "main")

    def grow(self):
        """One more commit."""
        names = self.rng.sample(sorted(self.files), self.changed_count)
        changed = {name: self.files[name] + b"changed\n" for name in names}
        self.files.update(changed)
        self.commit(changed)
