"""A file over HTTP, as fast as each client takes it and with ranges, so that downloads can be resumed.

    python examples/file_over_http.py [FILE] [--port 8000]
    curl -O http://127.0.0.1:8000/

A slow client does not make the program read ahead: what it does not take stays on the disk.
"""

import argparse
import contextlib
import os

import forebay
from forebay import http


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", default=__file__, help="the file (default: this program)")
    parser.add_argument(
        "--port", type=int, default=8000, help="where to listen (default: 8000; 0 is any free port)"
    )
    args = parser.parse_args()

    async def handler(request: http.ServerRequest, response: http.ServerResponse) -> None:
        name = os.path.basename(args.file)
        response.set_header("Content-Disposition", f'attachment; filename="{name}"')
        await response.send_file(args.file)

    async with await http.create_server(handler).listen(args.port, "127.0.0.1") as server:
        print(f"{args.file} on http://127.0.0.1:{server.port}/", flush=True)
        await server.wait_closed()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        forebay.run(main)
