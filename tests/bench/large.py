# SPDX-License-Identifier: MIT
"""Makes repositories of any number of files, packed as a git host packs them.

Every run makes the same: text files of a few hundred bytes to some tens of kilobytes in a
few thousand directories, and a second commit that changes one file in a hundred.
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


def text(rng, words):
    lines = max(1, int(rng.expovariate(1 / LINES_MEAN)))
    return b"".join(b" ".join(rng.choices(words, k=WORDS_A_LINE)) + b"\n" for _ in range(lines))


def commits(count):
    """Two times {name: contents}: all files, and those that the second commit changes."""
    rng = random.Random(count)
    words = [bytes(rng.choices(b"abcdefghijklmnopqrstuvwxyz_", k=rng.randrange(2, 10)))
             for _ in range(WORDS)]
    files = {f"d{number % 37}/e{number % 101}/f{number}.rb": text(rng, words)
             for number in range(count)}
    changed = rng.sample(sorted(files), max(1, count // CHANGED_PART))
    return files, {name: files[name] + b"changed\n" for name in changed}


def git(directory, *arguments, **options):
    result = subprocess.run(["git", "-C", str(directory), *arguments], capture_output=True,
                            timeout=DEADLINE_S, check=True,
                            env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}, **options)
    return result.stdout.decode().strip()


def make(directory, count):
    """A bare repository there; the ids of its two commits."""
    stream = []
    for files in commits(count):
        stream.append(COMMIT.encode())
        stream += [b"M 100644 inline %b\ndata %d\n%b\n" % (name.encode(), len(data), data)
                   for name, data in files.items()]
    directory.mkdir()
    git(directory, "init", "--quiet", "--bare", "--initial-branch=main")
    git(directory, "fast-import", "--quiet", input=b"".join(stream))
    git(directory, "repack", "--quiet", "-a", "-d", "-f")
    return git(directory, "rev-parse", "main~1"), git(directory, "rev-parse", "main")
