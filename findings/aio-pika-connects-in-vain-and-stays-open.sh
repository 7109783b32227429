#!/usr/bin/env bash
# aio-pika 10.2.1: a connection that could not be opened is left to the garbage collector, which cannot close it.
#
# `aio_pika.connect` raises when the broker does not answer in time, and its caller has no object to close. The object
# that is left closes itself when it is collected: it makes the coroutine `Connection.close()` and gives it to the running
# event loop. The collector runs in whichever thread allocates; in one without an event loop the coroutine is awaited by
# nobody, and all that is heard is a RuntimeWarning that names a line of aio-pika's. A program with a thread that exports
# telemetry has it in its log now and then while its broker is away. To subclass `Connection` and close in `connect`
# (`connection_class`) avoids it.
#
# Seen with aio-pika 10.2.1, Python 3.11, against a server that takes a connection and says nothing:
#   RuntimeWarning: coroutine 'Connection.close' was never awaited
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check aio-pika==10.2.1
cat >"$folder/left.py" <<'PYTHON'
import asyncio
import gc
import threading
import warnings

import aio_pika


async def silent(reader, writer):
    while await reader.read(1024):
        pass
    writer.close()


async def main():
    async with await asyncio.start_server(silent, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        gc.disable()  # it is to run in the thread below, and not by chance before
        try:
            async with asyncio.timeout(0.3):
                await aio_pika.connect(f"amqp://guest:guest@127.0.0.1:{port}/")
        except TimeoutError:
            pass
        await asyncio.sleep(0.1)
        thread = threading.Thread(target=gc.collect)
        thread.start()
        await asyncio.to_thread(thread.join)
        await asyncio.sleep(0.1)


with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    asyncio.run(main())
    gc.collect()
said = [str(one.message) for one in caught if issubclass(one.category, RuntimeWarning)]
print(*said, sep="\n")
if not any("'Connection.close' was never awaited" in text for text in said):
    raise SystemExit("it warns of nothing now")
PYTHON
"$folder/venv/bin/python" "$folder/left.py"
echo "as stated: aio-pika 10.2.1"
