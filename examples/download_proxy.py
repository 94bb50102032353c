"""A proxy for downloads: it asks the server for what the client wants, and holds only a few buffers.

    python examples/download_proxy.py [--port 8001]
    curl -O 'http://127.0.0.1:8001/?url=https://www.python.org/ftp/python/3.13.0/Python-3.13.0.tgz'

A client that is slower than the server makes the proxy read more slowly from the server; one that goes away ends
the download there, too. Use it on this machine only: it fetches every URL that a client names.
"""

import argparse
import contextlib
from urllib.parse import parse_qs

import forebay
from forebay import HttpError, http, pipeline

PASSED_ON = ("content-type", "content-length", "last-modified", "etag", "content-encoding")


class DownloadProxy:
    def __init__(self, agent: http.Agent) -> None:
        self.agent = agent

    async def __call__(self, request: http.ServerRequest, response: http.ServerResponse) -> None:
        url = parse_qs(request.query_string).get("url", [""])[0]
        try:
            source = await self.agent.get(url, redirects=5, timeout=http.Timeouts(connect=10, idle=30))
        except (OSError, ValueError, HttpError) as error:
            response.write_head(502, headers={"Content-Type": "text/plain"})
            response.end(f"{error}\n")
            return
        response.status_code = source.status_code
        for name in PASSED_ON:
            if name in source.headers:
                response.set_header(name, source.headers[name])
        await pipeline(source, response)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--port", type=int, default=8001, help="where to listen (default: 8001; 0 is any free port)"
    )
    args = parser.parse_args()
    async with http.Agent() as agent:
        server = http.create_server(DownloadProxy(agent))
        async with await server.listen(args.port, "127.0.0.1"):
            print(f"ask http://127.0.0.1:{server.port}/?url=...", flush=True)
            await server.wait_closed()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        forebay.run(main)
