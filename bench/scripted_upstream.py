"""An upstream without a model for measurements: it streams the words that it is told to, one every `--interval` milliseconds.

    python3 bench/scripted_upstream.py --port N [--interval MS]
"""

import argparse
import asyncio
import json

MODEL = "scripted"


def chunk(choices: list, **fields) -> bytes:
    value = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": MODEL, "choices": choices, **fields}
    event = b"data: " + json.dumps(value).encode() + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(event), event)


def delta(content: dict, end: str | None = None) -> bytes:
    return chunk([{"index": 0, "delta": content, "finish_reason": end}])


WORD, FIRST, LAST = delta({"content": " word"}), delta({"role": "assistant", "content": "A"}), delta({}, "stop")
DONE = b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def whole(value, status: str = "200 OK") -> bytes:
    body = json.dumps(value).encode()
    return f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


async def answer(writer, body: dict, interval: float):
    count = body.get("max_tokens") or body.get("max_completion_tokens") or 16
    begin = asyncio.get_running_loop().time()
    writer.write(HEAD + FIRST)
    for index in range(1, count):
        if interval:
            # The pace does not depend on the receiver.
            pause = begin + index * interval - asyncio.get_running_loop().time()
            if pause > 0:
                await asyncio.sleep(pause)
        writer.write(WORD)
        await writer.drain()
    usage = {"prompt_tokens": 8, "completion_tokens": count, "total_tokens": 8 + count}
    writer.write(LAST + chunk([], usage=usage) + DONE)
    await writer.drain()


async def serve(reader, writer, interval: float):
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            if lines[0].startswith("POST /v1/chat/completions"):
                await answer(writer, json.loads(body), interval)
            elif lines[0].startswith("GET /v1/models"):
                writer.write(whole({"object": "list", "data": [{"id": MODEL, "object": "model"}]}))
            elif lines[0].startswith("GET /health"):
                writer.write(whole({"status": "ok"}))
            else:
                writer.write(whole({"error": {"message": "no such route", "type": "invalid_request_error"}}, "404 Not Found"))
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--interval", type=float, default=0, help="milliseconds between two words; 0: as fast as possible")
    options = parser.parse_args()
    server = await asyncio.start_server(lambda reader, writer: serve(reader, writer, options.interval / 1e3), "127.0.0.1", options.port, backlog=512)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
