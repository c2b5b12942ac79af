"""Processes that do not what they should, for the tests of `ChildProcess`; the argument says which."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from importlib import import_module

from tiernas.executors.channel import READY, Channel


def main() -> None:
    """Begins as every child does, then goes wrong."""
    if sys.argv[-1] == "mute":
        os._exit(4)
    if sys.argv[-1] == "broken":
        import_module("no_such_module")
    channel, (kind,) = Channel.of_this_process()
    if kind != "unready":
        channel.send(READY)
    channel.send("number", value=1)
    match kind:
        case "half a line":
            os.write(channel._socket.fileno(), b'["number", {"val')
            os.kill(os.getpid(), signal.SIGKILL)
        case "no JSON":
            os.write(channel._socket.fileno(), b"onednn_verbose,v1,info\n")
        case "no message":
            channel.send("number", other=2)
        case "other kind":
            channel.send("letter", value="a")
        case "bytes":
            os.write(channel._socket.fileno(), b'["number", {"value": "\xff"}]\n')
        case "endless line":
            while True:
                os.write(channel._socket.fileno(), b"x" * 65536)
        case "closed":
            channel._socket.close()
        case "stopped":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "heir":  # what it started holds the descriptor
            if os.fork() == 0:
                time.sleep(600)
            os._exit(3)
        case "exit":
            sys.exit(7)
        case "terminated":
            os.kill(os.getpid(), signal.SIGTERM)
        case "noisy":
            os.write(1, b'["number", {"value": 2}]\n')
            subprocess.run(["sh", "-c", "echo no JSON; echo no JSON >&2"], check=True)
            print("no JSON", flush=True)
            channel.send("number", value=3)
        case "echo":
            for _, values in channel.receive():
                channel.send("number", **values)
            return
    time.sleep(60)


if __name__ == "__main__":
    main()
