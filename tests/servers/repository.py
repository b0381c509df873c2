# SPDX-License-Identifier: MIT
"""Makes the git repositories the tests and the demo deploy from.

Everything is repeatable: author, dates and configuration come from here, never from the
user's own git, so the same commits have the same ids on every machine. Commits are made
in a private work tree beside the bare repository, with an index of their own.

    repository = Repository.rack(directory)
    first = repository.head
    second = repository.commit({"VERSION": b"version 2\n"}, "the second version")
"""
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

RACK = Path(__file__).resolve().parent.parent / "apps" / "rack"
GIT_DEADLINE_S = 60
BUNDLE_DEADLINE_S = 60
FIRST_COMMIT_TIME = 1700000000
PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True)
class File:
    """A file with a mode git knows: executable or not."""

    data: bytes
    executable: bool = False


@dataclass(frozen=True)
class Symlink:
    """A symbolic link, wherever it points to."""

    target: str


def read_tree(directory):
    """A directory as {path: File | Symlink}, the form the constructors take."""
    entries = {}
    for path in sorted(Path(directory).rglob("*")):
        name = str(path.relative_to(directory))
        if path.is_symlink():
            entries[name] = Symlink(os.readlink(path))
        elif path.is_file():
            entries[name] = File(path.read_bytes(), bool(path.stat().st_mode & 0o100))
    return entries


def lock_for_this_machine(gemfile):
    """Gemfile.lock as this distribution's bundler writes it from its own packaged gems.

    The committed lock is Debian 12's; elsewhere its versions are not installed, and a
    lock of another bundler would make bundler look for that version of itself. Locking
    afresh gives the same bytes where nothing differs.
    """
    with tempfile.TemporaryDirectory(prefix="bundle-lock.") as directory:
        Path(directory, "Gemfile").write_bytes(gemfile)
        result = subprocess.run(
            ["bundle", "lock", "--local"],
            cwd=directory,
            env={"PATH": "/usr/bin:/bin", "HOME": directory, "LANG": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=BUNDLE_DEADLINE_S,
        )
        if result.returncode != 0:
            raise RuntimeError(f"bundle lock --local: {result.stdout}{result.stderr}")
        return Path(directory, "Gemfile.lock").read_bytes()


class Repository:
    """A bare repository at `path`; `head` is the full id of branch main."""

    def __init__(self, directory, name="app.git"):
        self.path = Path(directory).resolve() / name
        self._private = self.path.with_name(f".{name}.private")
        self._work = self._private / "work"
        self._work.mkdir(parents=True)
        self._count = 0
        self.git("init", "--quiet", "--initial-branch=main")
        # git makes no bare repository beside a work tree, but makes one of its directory.
        self.git("config", "core.bare", "true")
        self.git("config", "--unset", "core.worktree")

    @classmethod
    def generic(cls, directory, files, name="app.git", message="first commit"):
        """One commit of {path: bytes | File | Symlink}; needs no Ruby."""
        repository = cls(directory, name)
        repository.commit(files, message)
        return repository

    @classmethod
    def rack(cls, directory, name="app.git", changes=None):
        """One commit of tests/apps/rack, locked for this machine, `changes` on top."""
        files = read_tree(RACK)
        files["Gemfile.lock"] = lock_for_this_machine(files["Gemfile"].data)
        files.update(changes or {})
        return cls.generic(directory, files, name, "the sample application")

    @property
    def head(self):
        return self.git("rev-parse", "--verify", "refs/heads/main^{commit}")

    def git(self, *arguments, **options):
        """Run git in this repository, deterministically; returns its standard output."""
        result = subprocess.run(
            ["git", *arguments],
            cwd=self._work,
            env=self._environment(),
            capture_output=True,
            timeout=GIT_DEADLINE_S,
            **options,
        )
        if result.returncode != 0:
            raise RuntimeError(f"git {arguments}: {result.stderr.decode('utf-8', 'replace')}")
        return result.stdout.decode("utf-8", "replace").strip()

    def _environment(self):
        date = f"{FIRST_COMMIT_TIME + 60 * self._count} +0000"
        return {
            "PATH": PATH,
            "HOME": os.fspath(self._private),
            "LC_ALL": "C.UTF-8",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
            "GIT_DIR": os.fspath(self.path),
            "GIT_WORK_TREE": os.fspath(self._work),
            "GIT_INDEX_FILE": os.fspath(self._private / "index"),
            "GIT_AUTHOR_NAME": "bootagent tests",
            "GIT_AUTHOR_EMAIL": "tests@example.org",
            "GIT_AUTHOR_DATE": date,
            "GIT_COMMITTER_NAME": "bootagent tests",
            "GIT_COMMITTER_EMAIL": "tests@example.org",
            "GIT_COMMITTER_DATE": date,
        }

    def commit(self, changes, message):
        """Commit {path: bytes | File | Symlink | None} (None deletes); returns the full id."""
        for name, entry in changes.items():
            self._place(name, entry)
        # --force: a .gitignore among the files is content here, not a wish.
        self.git("add", "--all", "--force")
        self.git("commit", "--quiet", "--allow-empty", "--no-verify", "--message", message)
        self._count += 1
        return self.head

    def _place(self, name, entry):
        path = self._work / name
        if path.is_symlink() or path.is_file():
            path.unlink()
        elif path.is_dir():
            shutil.rmtree(path)
        if entry is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(entry, Symlink):
            path.symlink_to(entry.target)
            return
        file = File(entry) if isinstance(entry, bytes) else entry
        path.write_bytes(file.data)
        path.chmod(0o755 if file.executable else 0o644)

    def reset(self, revision):
        """Move main back (or anywhere), as a forced push does; the work tree follows."""
        self.git("reset", "--quiet", "--hard", revision)
