#!/usr/bin/env bash
# Granian 2.8.9 gives an ASGI application ports as text, and IPv4 clients of `::` as IPv6.
#
# ASGI says that `client` and `server` are pairs of a host and an integer port
# (https://asgi.readthedocs.io/en/latest/specs/www.html#http-connection-scope). With Granian the port is a str, so
# code that compares it with a number, or puts it into a numeric span attribute such as `server.port`, is wrong without
# an error. Bound to `::`, a client that came over IPv4 is `::ffff:127.0.0.1`: a rate limit or an allow-list by address
# does not recognise it.
#
# Seen with granian 2.8.9, Python 3.11, Linux:
#   127.0.0.1: client ('127.0.0.1', str), server ('127.0.0.1', str)
#   :: by IPv4: client ('::ffff:127.0.0.1', str), server ('::', str): the address that was bound, not the one reached
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check granian==2.8.9
cat >"$folder/seen.py" <<'PYTHON'
import asyncio
import json
import socket
import urllib.request

from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server


async def app(scope, receive, send):
    sides = {side: [scope[side][0], type(scope[side][1]).__name__] for side in ("client", "server")}
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(sides).encode()})


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


async def seen_at(address):
    port, ready = free_port(), asyncio.Event()
    server = Server(app, address=address, port=port, interface=Interfaces.ASGINL, http=HTTPModes.http1)
    server.on_startup(ready.set)
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(20):
        await ready.wait()
        answer = await asyncio.to_thread(
            lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).read()
        )
    server.stop()
    await asyncio.wait([serving], timeout=5)
    return json.loads(answer)


async def main():
    plain, dual = await seen_at("127.0.0.1"), await seen_at("::")
    print("127.0.0.1:", plain)
    print(":: by IPv4:", dual)
    assert plain == {"client": ["127.0.0.1", "str"], "server": ["127.0.0.1", "str"]}, plain
    assert dual["client"] == ["::ffff:127.0.0.1", "str"], dual


asyncio.run(main())
PYTHON
timeout 60 "$folder/venv/bin/python" "$folder/seen.py"
echo "as stated: granian 2.8.9"
