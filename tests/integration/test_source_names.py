# SPDX-License-Identifier: MIT
"""What a name means to bootagent-source: a branch, else a tag, else a commit's id.

The worker is asked by hand, as in test_source_worker.py, against a real git host.
"""
import collections

import pytest

from servers.repository import Repository

ID_REF = "refs/bootagent/pinned"
# As many commits as it takes until two ids begin with the same four digits.
COMMITS_MAX = 4000


@pytest.fixture
def history(world, repository):
    """(first, second, third): the mirror has none of them, main is at the third."""
    first = repository.head
    second = repository.commit({"README": b"second\n"}, "second")
    return first, second, repository.commit({"README": b"third\n"}, "third")


def annotate(repository, name, *what):
    repository.git("tag", "--annotate", "--message", name, name, *what)


@pytest.mark.parametrize("is_annotated", [False, True])
def test_a_tag(world, repository, history, is_annotated):
    if is_annotated:
        annotate(repository, "v1", history[1])
        annotate(repository, "v1-again", "v1")
    else:
        repository.git("tag", "v1", history[1])
        repository.git("tag", "v1-again", history[1])
    for name in ("v1", "v1-again"):
        result = world.fetch(ref=name).done()
        assert (result["revision"], result["ref"]) == (history[1], f"refs/tags/{name}")
        world.whole(history[1], f"refs/tags/{name}")
        assert world.fetch(ref=name).done()["fetched"] is False


def test_a_branch_comes_before_a_tag(world, repository, history):
    repository.git("tag", "both", history[0])
    repository.git("branch", "both", history[1])
    assert world.fetch(ref="both").done()["revision"] == history[1]
    assert world.fetch(ref="refs/tags/both").done()["revision"] == history[0]
    assert world.fetch(ref="refs/heads/both").done()["revision"] == history[1]


def test_a_tag_that_moved(world, repository, history):
    repository.git("tag", "live", history[0])
    world.fetch(ref="live").done()
    repository.git("tag", "--force", "live", history[2])
    result = world.fetch(ref="live").done()
    assert (result["revision"], result["previous_revision"]) == (history[2], history[0])


@pytest.mark.parametrize("what", ["HEAD^{tree}", "HEAD:README"])
def test_a_tag_of_no_commit(world, repository, history, what):
    annotate(repository, "odd", what)
    world.fetch(ref="odd").refused("EINVAL", "no commit stands behind it")


@pytest.mark.parametrize("length", [40, 12, 7])
def test_an_id_that_a_branch_reaches(world, history, length):
    result = world.fetch(ref=history[1][:length]).done()
    assert (result["revision"], result["ref"]) == (history[1], ID_REF)
    world.whole(history[1], ID_REF)
    assert world.git("rev-parse", "--verify", f"{history[2]}^{{commit}}") == history[2]


def test_capitals(world, history):
    assert world.fetch(ref=history[1][:12].upper()).done()["revision"] == history[1]


def test_an_id_that_only_a_tag_reaches(world, repository, history):
    annotate(repository, "old")
    repository.reset(history[0])
    assert world.fetch(ref=history[1][:12]).done()["revision"] == history[1]
    world.whole(history[1], ID_REF)


def test_an_id_that_is_no_branch_and_no_tag_but_advertised(world, repository, history):
    repository.git("update-ref", "refs/pull/1/head", history[2])
    repository.reset(history[0])
    assert world.fetch(ref=history[2]).done()["revision"] == history[2]
    world.whole(history[2], ID_REF)


def test_a_full_id_that_is_here_is_not_asked_for(world, history):
    world.fetch().done()
    assert world.asked()
    result = world.fetch(ref=history[0]).done()
    assert (result["revision"], result["fetched"]) == (history[0], False)
    assert world.asked() == []
    world.whole(history[0], ID_REF)
    world.fault({"status": 503})
    assert world.fetch(ref=history[0]).done()["revision"] == history[0]
    assert world.asked() == []


def test_a_full_id_that_is_here_outlives_a_forced_push(world, repository, history):
    world.fetch().done()
    repository.reset(history[0])
    sideways = repository.commit({"README": b"sideways\n"}, "sideways")
    assert world.fetch().done()["revision"] == sideways
    assert world.fetch(ref=history[2]).done()["revision"] == history[2]


def test_then_the_branch_again(world, repository, history):
    world.fetch(ref=history[1]).done()
    fourth = repository.commit({"README": b"fourth\n"}, "fourth")
    assert world.fetch().done()["revision"] == fourth
    world.whole(fourth)


@pytest.mark.parametrize("name, words", [
    ("mian", ["no branch or tag 'mian'", "'main'", "'v1'"]),
    ("0123456789abcdef", ["no branch, tag or commit '0123456789abcdef'", "'main'"]),
    ("f" * 40, ["no branch, tag or commit", "'main'"]),
    ("abc", ["no branch or tag 'abc'"]),
    ("refs/heads/none", ["no branch or tag"]),
])
def test_nowhere(world, repository, history, name, words):
    repository.git("tag", "v1")
    world.fetch(ref=name).refused("ENOENT", *words)


def test_an_id_in_an_empty_repository(world, history):
    Repository(world.served, "empty.git")
    world.fetch(url=f"{world.url}/empty.git", ref="0123abcd").refused("ENODATA", "empty")


def test_an_id_of_no_commit(world, repository, history):
    blob = repository.git("rev-parse", "HEAD:README")
    world.fetch(ref=blob[:12]).refused("ENOENT", "no branch, tag or commit")
    world.fetch(ref=blob).refused("ENOENT", "no branch, tag or commit")


def many_commits(repository):
    """Thousands of commits in a second: only their dates differ."""
    commits = "".join(
        f"commit refs/heads/many\ncommitter tests <tests@example.org> {number} +0000\n"
        "data 2\n.\n\nM 100644 :1 file\n\n" for number in range(COMMITS_MAX))
    repository.git("fast-import", "--quiet",
                   input=f"blob\nmark :1\ndata 2\na\n\n{commits}done\n".encode())
    return repository.git("rev-list", "many").split()


def test_several_commits(world, repository):
    alike = collections.defaultdict(list)
    for each in many_commits(repository):
        alike[each[:4]].append(each)
    prefix, twins = next(item for item in alike.items() if len(item[1]) == 2)
    text = world.fetch(ref=prefix).refused("ENOTUNIQ", f"begins with '{prefix}'", "more digits",
                                           *twins)
    assert "2 commits" in text
    assert world.fetch(ref=twins[0]).done()["revision"] == twins[0]
