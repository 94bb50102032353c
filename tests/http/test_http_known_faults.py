"""Faults of other servers and clients that no other test looks at; docs/security.md lists them all."""

import os

import pytest

from forebay import HttpProtocolError, InvalidHeaderError, http
from forebay.formats import multipart
from support.http_peers import answer, body_of, hello, peer_of, request, serving


@pytest.mark.parametrize(
    "names", [("Content-Length", "content-length"), ("Content-Length", "Content-Length")]
)
def test_a_length_is_sent_once(run, names):
    async def main():
        async with serving(hello) as server:
            for values in (("1", "2"), ("1", "1")):
                with pytest.raises(InvalidHeaderError, match="Content-Length must be"):
                    await http.request(
                        server.base, method="POST", headers=list(zip(names, values, strict=True)), body=b"x"
                    )

    run(main)


def test_names_in_a_listing_are_escaped(run, tmp_path):
    (tmp_path / "<script>&'\".txt").write_bytes(b"")
    (tmp_path / "javascript:x").write_bytes(b"")

    async def main():
        async with peer_of(http.StaticFiles(tmp_path, listing=True)) as peer:
            await peer.send(request("GET /"))
            page = (await answer(peer)).body
            assert b"<script" not in page
            assert b"&lt;script&gt;" in page
            assert b'href="javascript:' not in page

    run(main)


def test_a_precompressed_file_is_no_way_out(run, tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret.gz").write_bytes(b"secret")
    (root / "a.txt").write_bytes(b"open")
    os.symlink("../secret.gz", root / "a.txt.gz")

    async def main():
        async with peer_of(http.StaticFiles(root, precompressed=True)) as peer:
            await peer.send(request("GET /a.txt", "Accept-Encoding: gzip"))
            got = await answer(peer)
            assert (got.body, "content-encoding" in got.headers) == (b"open", False)

    run(main)


def test_a_connection_without_checks_is_not_shared(run, server_tls):
    """The certificate is self-signed: only a request without checks gets an answer."""

    async def main():
        async with serving(hello, ssl=server_tls) as server, http.Agent() as agent:
            url = f"https://localhost:{server.port}/"
            assert await body_of(await agent.get(url, ssl=False)) == b"hello /"
            assert agent.free_connections == 1
            with pytest.raises(OSError, match="certificate verify failed"):
                await agent.get(url)

    run(main)


def test_a_hostile_content_type_is_searched_once():
    """With a search that begins anew at each place, this would not end."""

    class Form:
        def __init__(self):
            self.headers = {"content-type": 'multipart/form-data; !="' + "\\" * 30_000}

        def pipe(self):
            """Look like a stream."""

    with pytest.raises(HttpProtocolError, match="no boundary"):
        multipart.read(Form())
