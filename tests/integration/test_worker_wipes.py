# SPDX-License-Identifier: MIT
"""No memory that supervisor or worker gives back holds a secret of the request."""
import shlex
import subprocess
from pathlib import Path

import pytest

from conftest import compile_c
from worker.reply import TIMEOUT_S

TREE = Path(__file__).resolve().parents[2]
# Both ends of a talk, with a free() that looks; without sanitizers, which have their own.
TALK = """
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/wire.h"
#include "loop/loop.h"
#include "worker/worker.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECRET "hunter2-of-the-request"

void __libc_free(void *block);

void free(void *block)
{
	if (block && memmem(block, malloc_usable_size(block), SECRET, strlen(SECRET)))
		abort();
	__libc_free(block);
}

/* It always moves, and gives the old block back. */
void *realloc(void *block, size_t bytes)
{
	char *moved = malloc(bytes);
	size_t old_bytes = block ? malloc_usable_size(block) : 0;

	if (moved && block)
		memcpy(moved, block, old_bytes < bytes ? old_bytes : bytes);
	free(block);
	return moved;
}

static int take(const struct json_object *request, struct json_object **ret_result,
		struct error *err)
{
	(void)ret_result;
	return json_string(request, "secret") ? 0 : error_set(err, EINVAL, "no secret");
}

static int ask(int padding_bytes)
{
	struct json_object *request = json_new_object(), *result = NULL;
	struct loop loop;
	struct error err = { 0 };
	const struct worker_context context = { .loop = &loop, .lock_fd = -1 };
	const struct worker_task task = { .helper = "talk",
					  .request = request,
					  .idle_timeout_ms = 10000,
					  .deadline = deadline_in(10000) };
	char *padding = calloc(1, (size_t)padding_bytes + 1);

	memset(padding, '/', (size_t)padding_bytes);
	json_set_string(request, "verb", "take");
	json_set_string(request, "secret", SECRET);
	json_set_string(request, "padding", padding);
	free(padding);
	if (loop_init(&loop, &err) == 0 && worker_perform(&context, &task, &result, &err) < 0)
		(void)fprintf(stderr, "%s\\n", err.text);
	json_wipe(request);
	(void)json_object_put(request);
	(void)json_object_put(result);
	loop_done(&loop);
	return err.code != 0;
}

static int forget_nothing(void)
{
	struct json_object *request = json_new_object();

	json_set_string(request, "secret", SECRET);
	(void)json_line(request);
	json_wipe(request);
	return !json_object_put(request);
}

int main(int argc, char **argv)
{
	const struct wire_verb verbs[] = { { "take", take }, { NULL, NULL } };

	if (argc < 2)
		return wire_serve(verbs);
	return strcmp(argv[1], "careless") == 0 ? forget_nothing() : ask(atoi(argv[1]));
}
"""


@pytest.fixture(scope="module")
def talk(tmp_path_factory):
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "json-c", "libsystemd"],
                           capture_output=True, text=True, check=True,
                           timeout=TIMEOUT_S).stdout
    sources = [str(path) for part in ("base", "loop", "worker")
               for path in TREE.glob(f"agent/{part}/*.c")]
    return compile_c(TALK, tmp_path_factory.mktemp("talk") / "talk", "-std=gnu17",
                     "-D_GNU_SOURCE", f"-I{TREE}/include", *sources, "-Wl,--no-as-needed",
                     *shlex.split(flags))


def run(program, argument):
    return subprocess.run([program, argument], capture_output=True, text=True, check=False,
                          timeout=TIMEOUT_S)


@pytest.mark.parametrize("padding_bytes", [0, 10, 1000, 100000, 1000000])
def test_what_is_given_back_holds_no_secret(talk, padding_bytes):
    result = run(talk, str(padding_bytes))
    assert (result.returncode, result.stderr) == (0, "")


def test_what_is_not_wiped_is_found(talk):
    """Or the test before would show nothing."""
    assert run(talk, "careless").returncode < 0
