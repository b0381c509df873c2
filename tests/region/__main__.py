# SPDX-License-Identifier: MIT
"""Start the region: one JSON line on standard output says where it listens, then it serves.

It ends with 0 on SIGTERM, SIGINT, POST /shutdown, or, with --until-stdin-closes, when its
standard input ends: then it cannot outlive whoever started it, however that one dies.
"""
import argparse
import asyncio
import json
import os
import signal
import sys

from . import aws
from .control import Control
from .http import Listener
from .state import State


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="region", description="A small EC2 region for tests.")
    parser.add_argument("--region", default="ap-northeast-2", help="its name (%(default)s)")
    parser.add_argument("--host", default="127.0.0.1", help="address to bind (%(default)s)")
    parser.add_argument("--control-port", type=int, default=0, help="0: any free one")
    parser.add_argument("--aws-port", type=int, default=0, help="0: any free one")
    parser.add_argument("--until-stdin-closes", action="store_true")
    return parser.parse_args()


def watch_stdin(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    def readable() -> None:
        if not os.read(0, 4096):
            loop.remove_reader(0)
            ended.set()
    try:
        loop.add_reader(0, readable)
    except PermissionError:   # epoll takes no regular file and not /dev/null
        sys.exit("region: --until-stdin-closes needs a pipe or a terminal as standard input")


async def serve(options: argparse.Namespace) -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    if options.until_stdin_closes:
        watch_stdin(loop, ended)
    aws.load_models()
    state = State(options.region)
    aws.warm_up(state)
    door = Listener(aws.Door(state), options.host, options.aws_port)
    addresses = {"control": "", "aws": door.url, "region": state.name}
    control = Listener(Control(state, ended.set, addresses), options.host, options.control_port)
    addresses["control"] = control.url
    door.listen()
    control.listen()
    print(json.dumps(addresses), flush=True)
    await ended.wait()
    await asyncio.sleep(0.01)   # lets the answer to POST /shutdown leave
    state.close()
    for listener in (door, control):
        listener.close()


if __name__ == "__main__":
    asyncio.run(serve(parse_options()))
