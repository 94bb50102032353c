"""An upload to disk, with a hash taken on the way.

    python examples/upload_with_hash.py [FOLDER] [--port 8002]
    curl -T some.file http://127.0.0.1:8002/some.file

The file appears under its name when it is whole, and not at all where the client breaks off. A disk that is slower
than the network makes the client wait.
"""

import argparse
import contextlib
import os
import re
import tempfile

import forebay
from forebay import create_write_stream, http, pipeline
from forebay.codecs import hashing


class Uploads:
    def __init__(self, folder: str) -> None:
        self.folder = folder

    async def __call__(self, request: http.ServerRequest, response: http.ServerResponse) -> None:
        name = request.path.lstrip("/")
        if request.method != "PUT" or not re.fullmatch(r"[\w\- ][\w\-. ]*", name):
            response.write_head(400, headers={"Content-Type": "text/plain"})
            response.end("PUT a body to /NAME\n")
            return
        digest = hashing("sha256")
        file = create_write_stream(os.path.join(self.folder, name), atomic=True)
        await pipeline(request, digest, file)
        response.write_head(201, headers={"Content-Type": "text/plain"})
        response.end(f"{digest.hexdigest()}  {name}\n")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", help="where to put the files (default: a new folder)")
    parser.add_argument(
        "--port", type=int, default=8002, help="where to listen (default: 8002; 0 is any free port)"
    )
    args = parser.parse_args()
    folder = args.folder or tempfile.mkdtemp(prefix="uploads-")
    async with await http.create_server(Uploads(folder)).listen(args.port, "127.0.0.1") as server:
        print(f"uploads to {folder} on http://127.0.0.1:{server.port}/", flush=True)
        await server.wait_closed()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        forebay.run(main)
