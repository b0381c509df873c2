# SPDX-License-Identifier: MIT
"""The places where runs are disturbed.

A Ground is what the points of a scenario share: region, git server, repository, programs
and a template of the root directory. A Slot has an application and a root directory of
its own, made anew from the template for each point; two slots work at the same time.
"""
import contextlib
import os
import shutil
import subprocess
from pathlib import Path

from box.box import NAME, Box, build_directory
from kill import manifests, processes, tracing
from kill.tables import (CALLS, FIRST, HELPERS, NEW_SECRET, OLD_SECRET, SECRET_PARAMETER,
                         SUPERVISOR, TOUCHED, VARIABLE, VARIABLES_PARAMETER)
from servers.process import wait_until
from worker.damage import put, put_all

# How long a helper stands before its call; it is ended long before.
HOLD_S = 60
HERE = Path(__file__).resolve().parent
RUN_DEADLINE_S = 30
LEFT_DEADLINE_S = 8
POLL_S = 0.004
COMPILE_DEADLINE_S = 60
READINESS = {"interval": "20ms", "timeout": "600ms", "healthy_threshold": 1}


def copy(source, target):
    """A directory with owners, modes, times and links."""
    subprocess.run(["cp", "-a", str(source), str(target)], check=True, timeout=RUN_DEADLINE_S)


def configure(config, scenario):
    """Box's configuration with what the scenario needs, and quick probes."""
    config["readiness"].update(READINESS)
    for name, section in scenario.config.items():
        config[name] = {**config.get(name, {}), **section} if isinstance(section, dict) \
            else section
    return config


def with_changes(files, changes):
    return {name: entry for name, entry in {**files, **changes}.items() if entry is not None}


def has_entered(log, point):
    text = log.read_text(errors="replace") if log.exists() else ""
    return tracing.count(text, [point.call]).get(point.call, 0) >= point.number


def orphan(process, log, point, run):
    """Kill the supervisor while the helper stands before its call: what is wrong then.

    strace stays with a held process for as long as it was told to, even if that is killed
    meanwhile; so once that is seen, strace is ended, too.
    """
    with contextlib.suppress(TimeoutError):
        wait_until(lambda: process.poll() is not None or has_entered(log, point),
                   RUN_DEADLINE_S, POLL_S)
    others = processes.of_run(run)
    others.pop(process.pid, None)
    tracers = {pid for pid, name in others.items() if name == "strace"}
    process.kill()
    try:
        wait_until(lambda: all(map(processes.is_dying, others.keys() - tracers)),
                   LEFT_DEADLINE_S, POLL_S)
    except TimeoutError:
        return [f"its supervisor is dead, and {others} lives on"]
    finally:
        processes.end(tracers)
    return [] if has_entered(log, point) else ["the point was not reached"]


def build_programs(build, directory):
    """Copies of the programs, so that a rebuild meanwhile changes nothing, and the wrapper."""
    directory.mkdir()
    for name in (SUPERVISOR, *HELPERS):
        shutil.copy(build / name, directory)
    subprocess.run([os.environ.get("CC", "cc"), "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra",
                    "-Werror", "-o", str(directory / "wrap"), str(HERE / "wrap.c")],
                   check=True, timeout=COMPILE_DEADLINE_S)


class Ground(Box):
    """One box, made ready for the scenario's run; `trees` are the commits' contents."""

    def __init__(self, scenario):
        super().__init__(files=FIRST)
        self.scenario = scenario

    def _start(self):
        super()._start()
        build_programs(build_directory(), self.directory / "programs")
        self.build = self.directory / "programs"
        self.trees = {self.repository.head: FIRST}
        self.operands = ()
        self.wanted = self.repository.head
        self.prunable = frozenset()
        self.region.put_parameter(f"{VARIABLES_PARAMETER}/{VARIABLE}", NEW_SECRET)
        self.region.put_parameter(SECRET_PARAMETER, OLD_SECRET)
        if not self.scenario.is_first_boot:
            self._boot()
        self.region.put_parameter(SECRET_PARAMETER, NEW_SECRET)

    def default_config(self):
        return configure(super().default_config(), self.scenario)

    def _boot(self):
        self._perform("boot")
        first = self.current()
        for change in self.scenario.served:
            self._commit(change)
            self._perform("sync")
        if self.scenario.change:
            self._commit(self.scenario.change)
        if self.scenario.is_damaged:
            self._damage()
        self.wanted = self.repository.head
        if self.scenario.prunes:
            self.prunable = frozenset({first[0]})
        if self.scenario.goes_back:
            name, self.wanted = first
            self.operands = (name,)

    def _damage(self):
        mirror = self.root / "var/cache/bootagent" / f"{NAME}.git"
        aside = mirror.with_name(f"{NAME}.git.damaged")
        put(mirror, f"../{aside.name}")
        put_all(("objects", None), ("objects/object", b"old\n"), ("HEAD", b"old\n"))(aside)
        put_all(("HEAD", None))(mirror)

    def _perform(self, verb):
        result = self.run(verb)
        if result.returncode != 0:
            raise RuntimeError(f"the template cannot be made: {result.stderr}{result.stdout}")

    def _commit(self, change):
        files = with_changes(self.trees[self.repository.head], change)
        self.trees[self.repository.commit(change, "a change")] = files


class Slot(Box):
    """A root directory and programs of its own, on a shared ground."""

    def __init__(self, ground):
        super().__init__()
        self.ground = ground
        self.scenario = ground.scenario
        self.build = self.directory / "bin"
        self.log = self.build / "log"
        self.supervisor_log = self.directory / "bootagent.log"

    def _start(self):
        ground = self.ground
        self.repository, self.region, self.git = ground.repository, ground.region, ground.git
        self.instance = ground.instance
        self.application = self.start_application()
        self.config = configure(self.default_config(), self.scenario)
        self._make_programs()

    def _make_programs(self):
        programs = self.ground.directory / "programs"
        (self.build / "real").mkdir(parents=True)
        shutil.copy(programs / SUPERVISOR, self.build)
        for name in HELPERS:
            shutil.copy(programs / name, self.build / "real")
            shutil.copy(programs / "wrap", self.build / name)
        self.log.mkdir()
        self.set_plan([])

    def close(self):
        """The region is the ground's."""
        self.__dict__.pop("region", None)
        super().close()

    def keep(self):
        """Let the directory outlive the slot: its new place, where no close() finds it."""
        kept = self.directory.with_name(self.directory.name.replace("box", "kept"))
        self.directory.rename(kept)
        return kept

    def reset(self):
        """The state in which the run begins; a first boot has a new instance."""
        shutil.rmtree(self.root, ignore_errors=True)
        copy(self.ground.root, self.root)
        manifests.renew(self.deploy_to, TOUCHED)
        if self.scenario.is_first_boot:
            self.instance = self.region.launch()
        self.write_config()

    def set_plan(self, lines):
        """What the wrappers do (wrap.c); counting begins again. The users differ."""
        shutil.rmtree(self.log)
        self.log.mkdir()
        self.log.chmod(0o777)
        (self.build / "plan").write_text("".join(line + "\n" for line in lines))

    def begin(self, wrapper=()):
        """Start the verb in a session of its own."""
        return self.start(self.scenario.verb, *self.ground.operands, wrapper=wrapper,
                          start_new_session=True, stderr=subprocess.STDOUT)

    def finish(self, process):
        """Wait for its end: (exit status, output)."""
        try:
            output, _ = process.communicate(timeout=RUN_DEADLINE_S)
        except subprocess.TimeoutExpired:
            processes.end(processes.of_run(self.run_of(process)))
            output, _ = process.communicate(timeout=RUN_DEADLINE_S)
            output += f"\nnot over after {RUN_DEADLINE_S} s"
            return None, output
        return process.returncode, output

    def run_of(self, process):
        return processes.Run(process.pid, self.build, self.root)

    def perform(self, wrapper=()):
        """A run from beginning to end: (exit status, output, what is left of it)."""
        process = self.begin(wrapper)
        return (*self.finish(process), self.end_of(process))

    def end_of(self, process):
        """What a run leaves in spite of a deadline, as sentences; it is ended then."""
        left = processes.left_after(self.run_of(process), LEFT_DEADLINE_S)
        processes.end(left)
        return [f"{LEFT_DEADLINE_S} s later there is still {name} ({pid})"
                for pid, name in left.items()]

    def count(self, calls=CALLS):
        """An undisturbed run under strace: {(process, index): (verb, {call: count})}."""
        expression = tracing.trace(calls)
        self.reset()
        self.set_plan(f"{name} 0 {expression}" for name in HELPERS)
        status, output, left = self.perform(
            tracing.supervisor_wrapper(self.supervisor_log, [expression]))
        if status != self.scenario.exit_code or left:
            raise RuntimeError(f"undisturbed, it ended with {status}, left {left}: {output}")
        found = {(SUPERVISOR, 0): (self.scenario.verb,
                                   tracing.count(self.supervisor_log.read_text(), calls))}
        for request in self.log.glob("*.request"):
            name, _, index = request.stem.rpartition(".")
            text = request.with_suffix("").read_text(errors="replace")
            found[name, int(index)] = (tracing.verb_of(request.read_text()),
                                       tracing.count(text, calls))
        return dict(sorted(found.items()))

    def kill(self, point):
        """The run that dies at the point: (exit status, output, what is wrong so far)."""
        trace = tracing.trace([point.call])
        fatal = tracing.inject(point.call, point.number)
        log = self.log / f"{point.process}.{point.index}"
        if point.index == 0:
            log = self.supervisor_log
            self.set_plan([])
            process = self.begin(tracing.supervisor_wrapper(log, [trace, fatal]))
        else:
            if point.is_orphaned:
                fatal = tracing.hold(point.call, point.number, HOLD_S)
            self.set_plan([f"{point.process} {point.index} {trace} {fatal}"])
            process = self.begin()
        wrong = orphan(process, log, point, self.run_of(process)) if point.is_orphaned else []
        result = self.finish(process)
        wrong += self.end_of(process)
        if not point.is_orphaned and not tracing.was_killed(log):
            wrong.append("the point was not reached")
        return (*result, wrong)

    def next_run(self):
        self.set_plan([])
        return self.perform()
