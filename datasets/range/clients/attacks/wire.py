"""Carries calls for attack.mjs over a Python library: a JSON request a line on standard input, a JSON answer a line on standard output.

Started as `wire.py requests|httpx|aiohttp`, so that the bytes on the network are the library's own. A jar is what a
careful script keeps: a session with its cookies and open connections; a call with `isFresh` uses none.
"""
import asyncio
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor

TIMEOUT_SECONDS = 15
MAX_LINE_BYTES = 1 << 20
MAX_TEXT_CHARS = 300_000
CA = os.environ.get("RANGE_CA") or os.environ.get("SSL_CERT_FILE")


def parts_of(call):
    """What all three libraries take under the same names."""
    parts = {"headers": call.get("headers") or {}}
    if call.get("json") is not None:
        parts["json"] = call["json"]
    if call.get("form") is not None:
        parts["data"] = call["form"]
    return parts


def answer_of(status, headers, text):
    return {"status": status, "headers": {name.lower(): value for name, value in headers}, "text": text[:MAX_TEXT_CHARS]}


class Requests:
    def __init__(self):
        import requests

        self.requests = requests
        self.sessions = {}
        self.pool = ThreadPoolExecutor(16)

    async def send(self, call):
        return await asyncio.get_running_loop().run_in_executor(self.pool, self.send_now, call)

    def send_now(self, call):
        source = self.requests if call.get("isFresh") else self.sessions.setdefault(call["jar"], self.requests.Session())
        if call.get("isExact") and source is not self.requests:
            source.headers.clear()
        answer = source.request(
            call["method"], call["url"], timeout=TIMEOUT_SECONDS, allow_redirects=False, verify=CA or True, **parts_of(call)
        )
        return answer_of(answer.status_code, answer.headers.items(), answer.text)

    async def close(self, jar):
        session = self.sessions.pop(jar, None)
        if session is not None:
            session.close()


class Httpx:
    def __init__(self):
        import ssl

        import httpx

        self.httpx = httpx
        self.context = ssl.create_default_context(cafile=CA)
        self.clients = {}

    def client(self, is_http2):
        return self.httpx.AsyncClient(verify=self.context, http2=is_http2, timeout=TIMEOUT_SECONDS)

    async def send(self, call):
        is_http2 = bool(call.get("isHttp2"))
        if call.get("isFresh"):
            async with self.client(is_http2) as client:
                return await self.send_by(client, call)
        if call["jar"] not in self.clients:
            self.clients[call["jar"]] = self.client(is_http2)
            if call.get("isExact"):
                self.clients[call["jar"]].headers = {}
        return await self.send_by(self.clients[call["jar"]], call)

    async def send_by(self, client, call):
        answer = await client.request(call["method"], call["url"], **parts_of(call))
        return answer_of(answer.status_code, answer.headers.items(), answer.text)

    async def close(self, jar):
        client = self.clients.pop(jar, None)
        if client is not None:
            await client.aclose()


class Aiohttp:
    def __init__(self):
        import ssl

        import aiohttp

        self.aiohttp = aiohttp
        self.context = ssl.create_default_context(cafile=CA)
        self.sessions = {}

    def session(self):
        return self.aiohttp.ClientSession(
            connector=self.aiohttp.TCPConnector(ssl=self.context, limit=16),
            timeout=self.aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
        )

    async def send(self, call):
        if call.get("isFresh"):
            async with self.session() as session:
                return await self.send_by(session, call)
        if call["jar"] not in self.sessions:
            self.sessions[call["jar"]] = self.session()
        return await self.send_by(self.sessions[call["jar"]], call)

    async def send_by(self, session, call):
        skipped = ["accept", "accept-encoding", "user-agent"] if call.get("isExact") else []
        async with session.request(
            call["method"], call["url"], allow_redirects=False, skip_auto_headers=skipped, **parts_of(call)
        ) as answer:
            return answer_of(answer.status, answer.headers.items(), await answer.text(errors="replace"))

    async def close(self, jar):
        session = self.sessions.pop(jar, None)
        if session is not None:
            await session.close()


LIBRARIES = {"requests": Requests, "httpx": Httpx, "aiohttp": Aiohttp}


async def serve(library, call):
    if call.get("close") is not None:
        await library.close(call["close"])
        return
    try:
        answer = await library.send(call)
    except Exception as error:  # A broken connection is an answer too.
        answer = {"status": 0, "headers": {}, "text": repr(error)[:300]}
    print(json.dumps({"id": call["id"], **answer}), flush=True)


async def main():
    library = LIBRARIES[sys.argv[1]]()
    reader = asyncio.StreamReader(limit=MAX_LINE_BYTES)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    running = set()
    while line := await reader.readline():
        task = asyncio.create_task(serve(library, json.loads(line)))
        running.add(task)
        task.add_done_callback(running.discard)
    os._exit(0)


asyncio.run(main())
