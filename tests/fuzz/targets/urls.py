"""URLs of requests, of redirects, of proxies and of storage, and what is sent for them."""

from forebay import InvalidArgValueError
from forebay.errors import InvalidArgTypeError
from forebay.http._client.proxies import as_proxies
from forebay.http._client.redirects import next_target
from forebay.http._client.url import check_authority, parse_target
from forebay.http._messages.url_path import decoded_path, folder_location, raw_path, raw_query
from fuzz.oracles import Finding

SEEDS = [
    b"http://user:pw@example.org:8080/a/../b%20c?d=e#f",
    b"https://[fe80::1%25eth0]:1/\\x",
    b"//other/../x?y",
    "http://b\u00fccher.example/\u00e4".encode(),
    b"example.org:443",
    b"../../a;b?c",
]
BASE = parse_target("http://base.example/a/b?c")


def one(data):
    text = data.decode("utf-8", "surrogateescape")
    for parse in (parse_target, lambda url: next_target(BASE, url), as_proxies, check_authority):
        try:
            target = parse(text)
        except (InvalidArgValueError, InvalidArgTypeError):
            continue
        except Exception as error:
            raise Finding(f"an error that is not documented: {error!r:.300}") from error
        if hasattr(target, "line"):
            check(target)
    latin = data.decode("latin-1")
    decoded_path(latin), raw_path(latin), raw_query(latin)
    place = folder_location(latin)
    if (
        not place.startswith("/")
        or place.startswith(("//", "/\\"))
        or any(byte <= " " or byte > "~" for byte in place)
    ):
        raise Finding(f"a redirect to {place!r}")


def check(target):
    """What goes into a head has no byte that ends a line or a word, and means the same when it is parsed again."""
    for part in (target.line, target.host, target.url):
        if not part.isascii() or any(byte <= " " or byte == "\x7f" for byte in part):
            raise Finding(f"a head would have {part!r}")
    if not target.line.startswith("/") and not target.line.startswith("?"):
        raise Finding(f"a target {target.line!r}")
    again = parse_target(target.url)
    if again._replace(authorization=None) != target._replace(authorization=None):
        raise Finding(f"{target} is {again} when it is parsed again")
