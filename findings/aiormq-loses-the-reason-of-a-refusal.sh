#!/usr/bin/env bash
# aiormq 7.2.4: why a broker refuses to open a connection is lost.
#
# A broker that does not open a connection (no such virtual host, no right to it, too many connections of a user) says
# so in the `reply_code` and `reply_text` of `Connection.Close`. aiormq has `ConnectionClosed(code, text)` for that, but
# looks first whether the frame is the answer that it expected: what it raises is `InvalidFrameError`, whose text has
# the `repr` of the frame, an object at an address, and neither code nor reason. aio-pika passes that on.
#
# Seen with aiormq 7.2.4, pamqp 4.0.1, Python 3.11, against a server that answers `Connection.Open` with
# `530 NOT_ALLOWED - vhost orders not found`, as RabbitMQ does:
#   InvalidFrameError: Expected one of ['Connection.OpenOk'], got <Connection.Close object at 0x…>
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check aiormq==7.2.4 pamqp==4.0.1
cat >"$folder/refused.py" <<'PYTHON'
import asyncio

import aiormq
from aiormq.exceptions import AMQPError
from pamqp import commands, frame

REASON = "NOT_ALLOWED - vhost orders not found"


async def broker(reader, writer):
    async def receive():
        head = await reader.readexactly(7)
        return frame.unmarshal(head + await reader.readexactly(int.from_bytes(head[3:7], "big") + 1))[2]

    def send(command):
        writer.write(frame.marshal(command, 0))

    await reader.readexactly(8)  # the protocol header
    send(commands.Connection.Start(server_properties={}, mechanisms="PLAIN", locales="en_US"))
    assert isinstance(await receive(), commands.Connection.StartOk)
    send(commands.Connection.Tune(channel_max=100, frame_max=131072, heartbeat=60))
    assert isinstance(await receive(), commands.Connection.TuneOk)
    assert isinstance(await receive(), commands.Connection.Open)
    send(commands.Connection.Close(reply_code=530, reply_text=REASON, class_id=10, method_id=40))
    await reader.read()
    writer.close()


async def main():
    async with await asyncio.start_server(broker, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        try:
            await aiormq.connect(f"amqp://guest:guest@127.0.0.1:{port}/orders")
        except AMQPError as error:
            return error
    raise SystemExit("it connected")


error = asyncio.run(main())
print(f"{type(error).__name__}: {error}")
told = f"{error!r} {error}"
if "530" in told or "NOT_ALLOWED" in told or "Connection.Close object at" not in told:
    raise SystemExit("it says the reason now")
PYTHON
"$folder/venv/bin/python" "$folder/refused.py"
echo "as stated: aiormq 7.2.4"
