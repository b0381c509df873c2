#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The hostile neighbour: a user who rearranges what is his as fast as he can.

Runs as that user, on his own trees only, until standard input ends. What he does is chosen
by a seed: a mood first (some kinds of places, some kinds of tricks, a pace), so that one
seed tears at `releases` and another lets runs go far and waits at one file. Most of it is
undone a moment later. Prints one JSON line {"moves": 0} when he begins, and one with what
he did when he leaves.

He never writes through what he links, and never changes what lies outside: whatever
happens there was done by somebody else.
"""
import argparse
import ctypes
import json
import os
import random
import select
import socket
import stat
import sys
import time

DEPTH_MAX = 6
FLOOD = 60
HELD_MAX = 40
INSTANCES_MAX = 8
AMBUSH_SHARE = 0.4
AMBUSH_S = 0.3
SNARE_MAX_S = 0.03
WATCHED = {"application": "releases", "source": "objects/pack"}
SNARES = {"application": ["releases", "releases", "shared"],
          "source": ["objects", "objects/pack", "refs", "refs/heads"]}
PACES_S = (0, 0.0002, 0.001)
PLACES = {
    "application": ["releases", "shared", "current", "revisions.log", "shared/log",
                    "shared/config", "shared/config/key", "shared/.bootagent",
                    "shared/.bootagent/manifests"],
    "source": ["objects", "objects/pack", "objects/info", "refs", "refs/heads", "info", "hooks",
               "HEAD", "config", "packed-refs", "FETCH_HEAD", ".ssh"],
}
NEW_NAMES = {
    "application": ["REVISION", "a.txt", "docs", "docs/readme.md", "bin", "log", "config/key",
                    "config", "REVISION/x", ".bootagent", ".tmp-0123456789abcdef"],
    "source": ["objects/info/alternates", "commondir", "config.worktree", "info/attributes",
               "packed-refs.lock", "refs/heads/x.lock", "objects/pack/pack-x.idx",
               "hooks/post-update", ".tmp-0123456789abcdef"],
}


class Neighbour:
    """One user's tricks in one tree."""

    def __init__(self, options):
        self.random = random.Random(options.seed)
        self.tree = options.tree
        self.attic = options.attic
        self.decoy = options.decoy
        self.folders = options.folder
        self.files = options.file
        self.linked = options.linked
        self.kind = options.kind
        self.held = []
        self.count = 0
        tricks = [self.swap, self.swap, self.swap, self.plant, self.move_away, self.remove,
                  self.lock, self.write, self.flood, self.hold, self.point_current]
        self.tricks = self.random.sample(tricks, self.random.randint(2, 5)) + [self.swap]
        if self.random.random() < AMBUSH_SHARE:
            self.tricks = [self.ambush]
        self.places = self.random.sample(PLACES[self.kind], self.random.randint(1, 3))
        self.pace_s = self.random.choice(PACES_S)
        self.depth_share = self.random.choice((0.3, 0.8, 0.98))

    # Where.

    def release(self):
        """One of the releases, as often the latest as all others."""
        names = sorted(os.listdir(f"{self.tree}/releases"))
        if not names:
            raise FileNotFoundError(f"{self.tree}/releases")
        return f"{self.tree}/releases/{self.random.choice(names + names[-1:] * len(names))}"

    def below(self, path):
        """A place at random below a directory of ours."""
        for _ in range(self.random.randint(1, DEPTH_MAX)):
            if not stat.S_ISDIR(os.lstat(path).st_mode):
                break
            names = os.listdir(path)
            if not names:
                break
            path = f"{path}/{self.random.choice(names)}"
        return path

    def place(self):
        if self.random.random() > self.depth_share:
            return f"{self.tree}/{self.random.choice(self.places)}"
        if self.kind == "source":
            return self.below(self.tree)
        release = self.release()
        return release if self.random.random() < 0.3 else self.below(release)

    def new_place(self):
        name = self.random.choice(NEW_NAMES[self.kind])
        if self.kind == "source":
            return f"{self.tree}/{name}"
        if self.random.random() < 0.7:
            return f"{self.release()}/{name}"
        return f"{self.tree}{self.random.choice(['', '/shared', '/releases'])}/{name}"

    # What he puts there.

    def make(self, path):
        self.random.choice([
            lambda: os.symlink(self.random.choice(self.folders), path),
            lambda: os.symlink(self.random.choice(self.folders), path),
            lambda: os.symlink(self.random.choice(self.files), path),
            lambda: os.link(self.random.choice(self.linked), path),
            lambda: os.mkfifo(path),
            lambda: self.bind(path),
            # The one device that everybody may make.
            lambda: os.mknod(path, stat.S_IFCHR, os.makedev(0, 0)),
            lambda: os.mkdir(path),
            lambda: os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)),
        ])()

    @staticmethod
    def bind(path):
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)

    def discard(self, path):
        if stat.S_ISDIR(os.lstat(path).st_mode):
            os.rename(path, self.aside())
        else:
            os.unlink(path)

    def aside(self):
        self.count += 1
        return f"{self.attic}/{os.getpid()}-{self.count}"

    # Tricks.

    def swap(self):
        """Something else at a name for a moment."""
        place, aside = self.place(), self.aside()
        double = self.double_of(place) if self.random.random() < 0.5 else None
        os.rename(place, aside)
        try:
            if double:
                os.symlink(double, place)
            else:
                self.make(place)
            self.pause()
            self.discard(place)
        finally:
            os.rename(aside, place)

    def ambush(self):
        """A double where the agent is about to go, as soon as it has made something new."""
        watched = f"{self.tree}/{WATCHED[self.kind]}"
        before, end = os.listdir(watched), time.monotonic() + AMBUSH_S
        while os.listdir(watched) == before:
            if time.monotonic() > end or select.select([sys.stdin], [], [], 0)[0]:
                return
        time.sleep(self.random.random() * SNARE_MAX_S)
        place, aside = f"{self.tree}/{self.random.choice(SNARES[self.kind])}", self.aside()
        double = self.double_of(place)
        os.rename(place, aside)
        try:
            os.symlink(double, place)
            time.sleep(self.random.random() * SNARE_MAX_S)
            os.unlink(place)
        finally:
            os.rename(aside, place)

    def double_of(self, place):
        """A directory outside that has all the directories of one of his, and no file."""
        if not stat.S_ISDIR(os.lstat(place).st_mode):
            return None
        double = f"{self.decoy}/{os.path.basename(place)}"
        os.makedirs(double, exist_ok=True)
        for name in os.listdir(place):
            if stat.S_ISDIR(os.lstat(f"{place}/{name}").st_mode):
                os.makedirs(f"{double}/{name}", exist_ok=True)
        return double

    def plant(self):
        """Something at a name where the agent is about to make its own."""
        place = self.new_place()
        self.make(place)
        self.pause()
        self.discard(place)

    def move_away(self):
        place, aside = self.place(), self.aside()
        os.rename(place, aside)
        self.pause()
        os.rename(aside, place)

    def remove(self):
        self.discard(self.below(self.release() if self.kind == "application"
                                else f"{self.tree}/objects"))

    def lock(self):
        """Own rights taken away, and given back."""
        place = self.place()
        status = os.lstat(place)
        if stat.S_ISLNK(status.st_mode) or self.is_foreign(status):
            return
        os.chmod(place, 0)
        self.pause()
        os.chmod(place, stat.S_IMODE(status.st_mode))

    def write(self):
        """Into a file as it is copied."""
        handle = os.open(self.place(), os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            status = os.fstat(handle)
            if stat.S_ISREG(status.st_mode) and not self.is_foreign(status):
                os.pwrite(handle, b"x" * self.random.randint(0, 9000), status.st_size)
                os.ftruncate(handle, status.st_size)
        finally:
            os.close(handle)

    @staticmethod
    def is_foreign(status):
        return status.st_uid != os.geteuid()

    def flood(self):
        """A directory fuller than it was, and events for whoever watches it."""
        folder = os.path.dirname(self.place())
        names = [f"{folder}/.tmp-{self.random.getrandbits(64):016x}" for _ in range(FLOOD)]
        for name in names:
            self.make(name)
        for name in names:
            self.discard(name)

    def hold(self):
        """Files open, and all that a user may have of inotify."""
        self.held.append(os.open(self.place(), os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW))
        if len(self.held) <= INSTANCES_MAX:
            ctypes.CDLL(None).inotify_init1(0)
        if len(self.held) > HELD_MAX:
            os.close(self.held.pop(0))

    def point_current(self):
        """`current` to where it never was."""
        if self.kind != "application":
            return
        target = self.random.choice([*self.folders, *self.files, "releases", "current",
                                     self.release()])
        aside = self.aside()
        os.symlink(target, aside)
        before = os.readlink(f"{self.tree}/current")
        os.rename(aside, f"{self.tree}/current")
        self.pause()
        os.symlink(before, aside)
        os.rename(aside, f"{self.tree}/current")

    def pause(self):
        time.sleep(self.random.random() * self.pace_s)

    def work(self):
        """Moves until standard input ends."""
        moves = 0
        while not select.select([sys.stdin], [], [], 0)[0]:
            try:
                self.random.choice(self.tricks)()
                moves += 1
            except OSError:
                continue
            self.pause()
        return moves


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", required=True, choices=sorted(PLACES))
    parser.add_argument("--seed", required=True)
    parser.add_argument("--tree", required=True)
    parser.add_argument("--attic", required=True, help="a directory of his on the same disk")
    parser.add_argument("--decoy", required=True, help="another, where doubles are made")
    parser.add_argument("--folder", action="append", help="where his links lead")
    parser.add_argument("--file", action="append", help="where his links to files lead")
    parser.add_argument("--linked", action="append", help="a foreign file he can hard-link")
    neighbour = Neighbour(parser.parse_args())
    print(json.dumps({"moves": 0}), flush=True)
    print(json.dumps({"moves": neighbour.work()}), flush=True)


if __name__ == "__main__":
    main()
