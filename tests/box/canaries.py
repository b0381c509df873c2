# SPDX-License-Identifier: MIT
"""What lies outside the application's tree, and shows who touched it.

Files and directories of root, of a third user, of the application's user and of the user
that fetches, with the names that the agent looks for in its own places. A change of
contents, owner, mode, times or link count is seen; so is a mere look into them: their
access times are older than all others, so that any file system updates them. Whoever
reads the whole machine meanwhile (a backup, grep -r) is told from us by one more file, to
which nothing leads.
"""
import copy
import os
import pwd
import stat

THIRD_USER = "sys"
LONG_AGO_NS = 1_000_000_000 * 10**9
NAMES = ["REVISION", "a.txt", "revisions.log", "key", ".tmp-0123456789abcdef", "x.lock",
         "pack_git2_x", "pack-x.idx", "attributes", "alternates", "docs/readme.md", "log/x",
         "info/attributes", "pack/pack_git2_x", "20260101000000/REVISION", "heads/x.lock",
         "manifests/20260101000000"]
FLAGS = os.O_NOFOLLOW | os.O_NOATIME | os.O_NONBLOCK


class Canaries:
    """A directory of root's in which nothing may change, and each user's own folder in it."""

    def __init__(self, root, users):
        self.root = root
        root.mkdir(mode=0o755)
        self.folders, self.files = [], []
        for user, mode in {"root": 0o755, THIRD_USER: 0o777,
                           **{user: 0o755 for user in users}}.items():
            self.make_folder(root / user, pwd.getpwnam(user), mode)
        # Where hard links are protected, too, everybody may link what everybody may write.
        self.linked = [root / "root" / "a.txt", root / THIRD_USER / "a.txt"]
        for path in self.linked:
            path.chmod(0o666)
        self.control = root / "control"
        self.control.write_text("nothing leads here\n")
        for path in [root, *root.rglob("*")]:
            os.utime(path, ns=(LONG_AGO_NS - 1, LONG_AGO_NS), follow_symlinks=False)
        self.before = self.look()

    def make_folder(self, folder, user, mode):
        for name in [*NAMES, "private"]:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{name} of {user.pw_name}\n")
        (folder / "private").chmod(0o600)
        (folder / "empty").mkdir()
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, user.pw_uid, user.pw_gid)
            if path.is_dir():
                path.chmod(mode)
        self.folders += [folder, folder / "empty", folder / "info"]
        self.files += [folder / "a.txt", folder / "REVISION", folder / "revisions.log"]

    def look(self):
        """{path: all there is to know of it}, without leaving a trace."""
        found = {}
        for path in [self.root, *self.walk(self.root)]:
            status = os.lstat(path)
            known = {"mode": status.st_mode, "owner": (status.st_uid, status.st_gid),
                     "size": status.st_size, "mtime": status.st_mtime_ns}
            # These two the neighbour moves himself, and through his link he may look.
            if path not in self.linked:
                known.update(links=status.st_nlink, ctime=status.st_ctime_ns,
                             atime=status.st_atime_ns)
            if stat.S_ISREG(status.st_mode):
                known["contents"] = self.read(path)
            found[path] = known
        return found

    def walk(self, folder):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | FLAGS)
        try:
            with os.scandir(handle) as entries:
                names = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        finally:
            os.close(handle)
        for name, is_folder in sorted(names):
            yield folder / name
            if is_folder:
                yield from self.walk(folder / name)

    @staticmethod
    def read(path):
        handle = os.open(path, os.O_RDONLY | FLAGS)
        try:
            return os.read(handle, 65536)
        finally:
            os.close(handle)

    def changes(self, with_looks=True):
        """What is not as it was: {path: (before, now)}, of the parts that differ."""
        found, before, now = {}, copy.deepcopy(self.before), self.look()
        if not with_looks or now[self.control] != self.before[self.control]:
            for known in [*before.values(), *now.values()]:
                known.pop("atime", None)
        for path in sorted({*before, *now}):
            old, new = before.get(path, {}), now.get(path, {})
            if old != new:
                keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
                found[str(path)] = ({key: old.get(key) for key in keys},
                                    {key: new.get(key) for key in keys})
        return found

    def strangers(self, tree, user):
        """Entries of a tree that are not its user's, unless he linked them himself."""
        owner = pwd.getpwnam(user).pw_uid
        known = {(os.lstat(path).st_dev, os.lstat(path).st_ino) for path in self.linked}
        return [str(path) for path in [tree, *self.walk(tree)]
                for status in [os.lstat(path)]
                if status.st_uid != owner and (status.st_dev, status.st_ino) not in known]
