#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A small supervisor for Puma, for the demo and the tests.

It stands where systemd's puma.socket and puma.service stand on a real instance: it owns
the listening socket and hands it to each Puma by the socket activation protocol
(LISTEN_FDS, LISTEN_PID, descriptor 3). Between two Pumas requests wait in the backlog,
so nobody sees a refused connection and the answers flip from the old release to the new.

SIGHUP starts what DIRECTORY/current points to *now*, in place of what runs. A Puma that
dies by itself is started again after a pause that grows. SIGTERM stops everything.

All signals are blocked and taken by sigtimedwait: there are no handlers to race with, no
polling, and the loop wakes at once. Everything is one thread, so fork is safe.
"""
import argparse
import contextlib
import ctypes
import json
import os
import signal
import socket
import sys
import time

STOP_S = 10.0
# Puma 5.6 loses a TERM that comes between setting its handlers and making its server.
TERM_AGAIN_S = 0.5
PAUSE_FIRST_S = 0.5
PAUSE_MAX_S = 15.0
# A Puma that lived this long was healthy: its death starts the pauses from the first one.
HEALTHY_S = 30.0
BACKLOG = 1024
SOCKET_FD = 3
PR_SET_PDEATHSIG = 1
TAKEN = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
# What bundler, Ruby, Puma or systemd of the *caller* left would steer the wrong release.
FOREIGN_PREFIXES = ("BUNDLE_", "BUNDLER_", "GEM_", "RUBY", "PUMA_", "LISTEN_", "NOTIFY_")


def write_atomically(path, text):
    """Readers see the whole file or none: written beside its place, then renamed."""
    temporary = f"{path}.{os.getpid()}"
    with open(temporary, "w", encoding="ascii") as file:
        file.write(text)
    os.rename(temporary, path)


def child_environment(release, port):
    """The caller's environment without anything that points at another bundle or socket."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(FOREIGN_PREFIXES)
    }
    environment.setdefault("RACK_ENV", "production")
    environment.update(
        BUNDLE_GEMFILE=os.path.join(release, "Gemfile"),
        # Puma prefers PWD to getcwd(): the caller's must not leak in.
        PWD=release,
        PORT=str(port),
        LISTEN_FDS="1",
        LISTEN_PID=str(os.getpid()),
    )
    return environment


class Supervisor:
    """One socket, at most one Puma, and the times at which something is due."""

    def __init__(self, options):
        self.current = os.path.join(options.directory, "current")
        self.pid_file = options.pid_file
        self.log_fd = os.open(
            options.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644
        )
        self.socket = socket.create_server(("127.0.0.1", options.port), backlog=BACKLOG)
        self.port = self.socket.getsockname()[1]
        self.libc = ctypes.CDLL(None)
        self.pid = None
        self.started_at = 0.0
        self.kill_at = None
        self.term_at = None
        self.start_at = None
        self.pause_s = PAUSE_FIRST_S
        self.ending = False

    def log(self, text):
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        os.write(self.log_fd, f"{stamp} supervisor[{os.getpid()}]: {text}\n".encode())

    # What the signals mean.

    def on_hup(self):
        """A new release is wanted now; a Puma already stopping is simply followed by it."""
        self.pause_s = PAUSE_FIRST_S
        self.start_at = time.monotonic()
        self.stop()

    def on_term(self):
        self.ending = True
        self.start_at = None
        self.stop()

    def on_child(self):
        """Reap every child. SIGCHLD coalesces, so one signal may stand for several."""
        while True:
            try:
                info = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if info is None:
                return
            if info.si_pid == self.pid:
                # While its leader is a zombie the group's number cannot be another's:
                # the last moment to end what Puma itself may have left behind.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.pid, signal.SIGKILL)
            os.waitpid(info.si_pid, 0)
            if info.si_pid == self.pid:
                self.ended(info)

    def ended(self, info):
        """Decide what follows the end of the Puma we knew."""
        asked = self.kill_at is not None
        how = "exited with" if info.si_code == os.CLD_EXITED else "was ended by signal"
        self.log(f"puma {self.pid} {how} {info.si_status}")
        lived_s = time.monotonic() - self.started_at
        self.pid = self.kill_at = None
        if asked:
            return
        if lived_s >= HEALTHY_S:
            self.pause_s = PAUSE_FIRST_S
        self.log(f"it died by itself: starting again in {self.pause_s:g} s")
        self.start_at = time.monotonic() + self.pause_s
        self.pause_s = min(2 * self.pause_s, PAUSE_MAX_S)

    # What is done to Puma.

    def stop(self):
        """Ask the running Puma to end; repeated requests keep the first deadline."""
        if self.pid is None or self.kill_at is not None:
            return
        self.term_at = time.monotonic()
        self.kill_at = self.term_at + STOP_S

    def start(self):
        """Start what `current` points to; no `current` means no application, not an error."""
        self.start_at = None
        release = os.path.realpath(self.current)
        if not os.path.isdir(release):
            self.log(f"no release at '{self.current}' yet: nothing to run")
            return
        parent = os.getpid()
        self.started_at = time.monotonic()
        self.pid = os.fork()
        if self.pid == 0:
            self.become_puma(release, parent)
        self.log(f"puma {self.pid} starts in '{release}'")

    def become_puma(self, release, parent):
        """In the child: descriptor 3, own session, plain signals, then exec. Never returns."""
        try:
            os.setsid()
            # Puma must not outlive a supervisor that was killed.
            self.libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)
            os.dup2(self.log_fd, 1)
            os.dup2(self.log_fd, 2)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            if self.socket.fileno() == SOCKET_FD:
                os.set_inheritable(SOCKET_FD, True)
            else:
                os.dup2(self.socket.fileno(), SOCKET_FD)
            os.chdir(release)
            for number in (signal.SIGPIPE, signal.SIGXFSZ):
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            # Puma takes an activated socket only if a bind names the same address.
            bind = f"tcp://127.0.0.1:{self.port}"
            argv = ["bundle", "exec", "puma", "--bind", bind, "config.ru"]
            os.execvpe(argv[0], argv, child_environment(release, self.port))
        except BaseException as error:  # pylint: disable=broad-except
            os.write(2, f"cannot start puma in '{release}': {error}\n".encode())
        finally:
            os._exit(127)

    # The loop.

    def do_what_is_due(self):
        """Act on the times that have come; returns seconds until the next, or None."""
        now = time.monotonic()
        if self.kill_at is not None:
            self.end_puma(now)
        elif self.pid is None and self.start_at is not None and now >= self.start_at:
            self.start()
        if self.kill_at is not None:
            due = min(self.term_at, self.kill_at)
        else:
            due = self.start_at if self.pid is None else None
        return None if due is None else max(0.0, due - time.monotonic())

    def end_puma(self, now):
        """TERM, and again while it does not end; KILL for the whole group at last."""
        if now >= self.kill_at:
            self.log(f"puma {self.pid} did not end in {STOP_S:g} s: killing it")
            os.killpg(self.pid, signal.SIGKILL)
            self.kill_at = now + STOP_S
        if now >= self.term_at:
            os.kill(self.pid, signal.SIGTERM)
            self.term_at = now + TERM_AGAIN_S

    def run(self):
        """Serve until TERM. An idle wait has no end to wait for, hence no deadline."""
        actions = {
            signal.SIGHUP: self.on_hup,
            signal.SIGTERM: self.on_term,
            signal.SIGINT: self.on_term,
            signal.SIGCHLD: self.on_child,
        }
        self.start_at = time.monotonic()
        while not (self.ending and self.pid is None):
            wait_s = self.do_what_is_due()
            if wait_s is None:
                actions[signal.sigwait(TAKEN)]()
                continue
            info = signal.sigtimedwait(TAKEN, wait_s)
            if info is not None:
                actions[info.si_signo]()


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--directory", required=True, help="runs DIRECTORY/current")
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; 0 = any")
    parser.add_argument("--pid-file", required=True)
    parser.add_argument("--log", required=True, help="appended to")
    return parser.parse_args()


def main():
    options = parse_options()
    for number in TAKEN:
        # An inherited "ignore" (nohup) would lose HUP, or have the kernel reap for us.
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_BLOCK, TAKEN)
    supervisor = Supervisor(options)
    write_atomically(options.pid_file, f"{os.getpid()}\n")
    print(json.dumps({"port": supervisor.port, "pid": os.getpid()}), flush=True)
    try:
        supervisor.run()
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(options.pid_file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
