# SPDX-License-Identifier: MIT
"""bootagent-tree by hand: the conversation itself."""
import json
import resource
from pathlib import Path

import pytest

from worker.reply import TIMEOUT_S


@pytest.mark.parametrize("request_text, code, word", [
    (b"", "EINVAL", "end of data"),
    (b"{", "EINVAL", "end of data"),
    (b"[]", "EINVAL", "not a JSON object"),
    (b"{} {}", "EINVAL", "behind the document"),
    (b"{}", "EINVAL", "'verb'"),
    (b'{"verb": "fly"}', "EOPNOTSUPP", "'fly'"),
    (b'{"verb": "inspect"}', "EINVAL", "'deploy_to'"),
    (b'{"verb": "inspect", "deploy_to": "srv/app"}', "EINVAL", "absolute"),
    (b'{"verb": "inspect", "deploy_to": "//"}', "EINVAL", "absolute"),
    (b'{"verb": "inspect", "deploy_to": "/no/such/place"}', "ENOENT", "/no/such/place"),
    (b'{"verb": "inspect", "deploy_to": "/tmp\\u0000/x"}', "EINVAL", "'deploy_to'"),
    (b" " * (1024 * 1024 + 1), "EFBIG", "request"),
])
def test_refuses_what_is_no_request(tree, request_text, code, word):
    tree.send(request_text).refused(code, word)


def test_deploy_to_must_not_be_a_link_or_a_file(tree):
    tree.link(tree.path.parent / "link", tree.path)
    for name in ("link", "link/", "bootagent-tree"):
        request = {"verb": "inspect", "deploy_to": str(tree.path.parent) + "/" + name}
        tree.send(json.dumps(request).encode()).refused("ENOTDIR", "deploy_to")


def test_nobody_listens(tree):
    """The reply cannot be written: status 2, not a death by SIGPIPE."""
    with tree.start() as worker:
        worker.stdout.close()
        worker.stdin.write(json.dumps({"verb": "inspect", "deploy_to": "/x"}).encode())
        worker.stdin.close()
        assert worker.wait(TIMEOUT_S) == 2
        assert worker.stderr.read() == b""


def test_process_has_its_name(tree):
    with tree.start() as worker:
        comm = Path(f"/proc/{worker.pid}/comm")
        for _ in range(1000):
            if comm.read_text() == "bootagent-tree\n":
                break
        worker.communicate(b"{}", TIMEOUT_S)
        assert worker.returncode == 1


def test_a_hard_limit_of_no_core_at_all_is_enough(tree):
    """It cannot be raised to 1 without privileges, and a worker has none."""
    def no_core():
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    request = {"verb": "inspect", "deploy_to": str(tree.path)}
    reply = tree.send(json.dumps(request).encode(), preexec_fn=no_core)
    assert reply.result == {"current": None}
