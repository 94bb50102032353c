"""Requests and responses that two programs may read differently: forms of request smuggling and of response splitting.

Each request ends with a second one, ``/smuggled``, where a lax reader would look for it.
"""

LINE = b"POST / HTTP/1.1\r\n"
HOST = b"Host: test\r\n"
POST = LINE + HOST
HIDDEN = b"GET /smuggled HTTP/1.1\r\nHost: test\r\n\r\n"
_SIZE = b"%d" % len(HIDDEN)
_ZERO = b"0\r\n\r\n" + HIDDEN
_CHUNK = b"%x\r\n%b\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN)


def _lengths(*fields, body=HIDDEN):
    return POST + b"".join(field + b"\r\n" for field in fields) + b"\r\n" + body


def _codings(*values, body=_ZERO, more=b""):
    fields = b"".join(b"Transfer-Encoding:" + value + b"\r\n" for value in values)
    return POST + fields + more + b"\r\n" + body


def _chunks(body):
    return POST + b"Transfer-Encoding: chunked\r\n\r\n" + body


def _head(*lines, body=b""):
    return b"GET / HTTP/1.1\r\n" + b"".join(lines) + b"\r\n" + body


REQUESTS = {
    # Two lengths, or a length that is none.
    "CL": _lengths(b"Content-Length: " + _SIZE),
    "CL 0": _lengths(b"Content-Length: 0"),
    "CL CL": _lengths(b"Content-Length: 0", b"Content-Length: " + _SIZE),
    "CL CL the other way": _lengths(b"Content-Length: " + _SIZE, b"Content-Length: 0"),
    "CL CL the same": _lengths(b"Content-Length: " + _SIZE, b"Content-Length: " + _SIZE),
    "CL list": _lengths(b"Content-Length: 0, " + _SIZE),
    "CL list the same": _lengths(b"Content-Length: " + _SIZE + b", " + _SIZE),
    "CL plus": _lengths(b"Content-Length: +" + _SIZE),
    "CL minus": _lengths(b"Content-Length: -" + _SIZE),
    "CL minus 0": _lengths(b"Content-Length: -0"),
    "CL hexadecimal": _lengths(b"Content-Length: 0x10"),
    "CL octal": _lengths(b"Content-Length: 0" + _SIZE),
    "CL with an underscore": _lengths(b"Content-Length: 1_0"),
    "CL with a fraction": _lengths(b"Content-Length: 10.0"),
    "CL with an exponent": _lengths(b"Content-Length: 1e1"),
    "CL with a letter": _lengths(b"Content-Length: 0a"),
    "CL with two numbers": _lengths(b"Content-Length: 0 " + _SIZE),
    "CL empty": _lengths(b"Content-Length:"),
    "CL blank": _lengths(b"Content-Length: \t "),
    "CL of 64 bits": _lengths(b"Content-Length: 18446744073709551616"),
    "CL of 64 bits and more": _lengths(b"Content-Length: 18446744073709551617"),
    "CL of 32 bits": _lengths(b"Content-Length: 4294967296"),
    "CL other digits": _lengths("Content-Length: ٣".encode()),
    "CL superscript": _lengths(b"Content-Length: \xb2"),
    "CL vertical tab": _lengths(b"Content-Length: \x0b" + _SIZE),
    "CL no-break space": _lengths(b"Content-Length: \xa0" + _SIZE),
    "CL behind spaces": _lengths(b"Content-Length:   \t " + _SIZE + b" \t"),
    "CL null": _lengths(b"Content-Length: " + _SIZE + b"\0"),
    "CL in quotes": _lengths(b'Content-Length: "' + _SIZE + b'"'),
    "CL and a parameter": _lengths(b"Content-Length: " + _SIZE + b";a=b"),
    "CL in GET": _head(HOST, b"Content-Length: " + _SIZE + b"\r\n", body=HIDDEN),
    "CL in HEAD": b"HEAD / HTTP/1.1\r\n" + HOST + b"Content-Length: " + _SIZE + b"\r\n\r\n" + HIDDEN,
    "CL in DELETE": b"DELETE / HTTP/1.1\r\n" + HOST + b"Content-Length: " + _SIZE + b"\r\n\r\n" + HIDDEN,
    "CL in OPTIONS": b"OPTIONS * HTTP/1.1\r\n" + HOST + b"Content-Length: " + _SIZE + b"\r\n\r\n" + HIDDEN,
    "CL in TRACE": b"TRACE / HTTP/1.1\r\n" + HOST + b"Content-Length: " + _SIZE + b"\r\n\r\n" + HIDDEN,
    # A coding and a length.
    "TE CL": _codings(b" chunked", more=b"Content-Length: %d\r\n" % len(_ZERO)),
    "CL TE": _lengths(b"Content-Length: %d" % len(_ZERO), b"Transfer-Encoding: chunked", body=_ZERO),
    "CL 0 TE": _lengths(b"Content-Length: 0", b"Transfer-Encoding: chunked", body=_ZERO),
    "TE identity CL": _codings(b" identity", more=b"Content-Length: %d\r\n" % len(_ZERO)),
    "TE unknown CL": _codings(b" xchunked", more=b"Content-Length: %d\r\n" % len(_ZERO)),
    "TE empty CL": _codings(b"", more=b"Content-Length: %d\r\n" % len(_ZERO)),
    "TE chunked in 1.0": b"POST / HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n" + _ZERO,
    "TE chunked in 1.0 CL": (
        b"POST / HTTP/1.0\r\nConnection: keep-alive\r\n"
        + HOST
        + b"Transfer-Encoding: chunked\r\nContent-Length: %d\r\n\r\n" % len(_ZERO)
        + _ZERO
    ),
    # A coding in an odd form.
    "TE chunked": _codings(b" chunked"),
    "TE chunked with a body": _codings(b" chunked", body=_CHUNK),
    "TE upper case": _codings(b" CHUNKED"),
    "TE no space": _codings(b"chunked"),
    "TE tab": _codings(b"\tchunked"),
    "TE tab behind": _codings(b" chunked\t"),
    "TE vertical tab": _codings(b" \x0bchunked"),
    "TE form feed": _codings(b" \x0cchunked"),
    "TE no-break space": _codings(b" \xa0chunked"),
    "TE null": _codings(b" chunked\0"),
    "TE quotes": _codings(b' "chunked"'),
    "TE twice": _codings(b" chunked", b" chunked"),
    "TE list": _codings(b" chunked, chunked"),
    "TE identity, chunked": _codings(b" identity, chunked"),
    "TE chunked, identity": _codings(b" chunked, identity"),
    "TE gzip, chunked": _codings(b" gzip, chunked"),
    "TE chunked, gzip": _codings(b" chunked, gzip"),
    "TE identity TE chunked": _codings(b" identity", b" chunked"),
    "TE chunked TE identity": _codings(b" chunked", b" identity"),
    "TE chunked TE unknown": _codings(b" chunked", b" cow"),
    "TE comma": _codings(b" chunked,"),
    "TE comma first": _codings(b" ,chunked"),
    "TE parameter": _codings(b" chunked;q=1"),
    "TE xchunked": _codings(b" xchunked"),
    "TE chunkedx": _codings(b" chunkedx"),
    "TE accent": _codings(b" \xef\xbb\xbfchunked"),
    "TE Kelvin sign": _codings(" chunked".replace("k", "\u212a").encode()),
    "TE folded": _codings(b"\r\n chunked"),
    "TE folded with a tab": _codings(b"\r\n\tchunked"),
    "TE folded behind": _codings(b" chunked\r\n , identity"),
    "TE bare LF": _codings(b"\n chunked"),
    "TE bare CR": _codings(b" chunked\r"),
    # A name in an odd form.
    "space before the colon": POST + b"Transfer-Encoding : chunked\r\n\r\n" + _ZERO,
    "tab before the colon": POST + b"Transfer-Encoding\t: chunked\r\n\r\n" + _ZERO,
    "space before the name": POST + b"A: b\r\n Transfer-Encoding: chunked\r\n\r\n" + _ZERO,
    "space before the first name": LINE + b" Transfer-Encoding: chunked\r\n" + HOST + b"\r\n" + _ZERO,
    "null in the name": POST + b"Transfer\0-Encoding: chunked\r\n\r\n" + _ZERO,
    "null behind the name": POST + b"Transfer-Encoding\0: chunked\r\n\r\n" + _ZERO,
    "underscore TE": POST + b"Transfer_Encoding: chunked\r\n\r\n" + _ZERO,
    "underscore CL": _lengths(b"Content_Length: " + _SIZE),
    "underscore CL and CL": _lengths(b"Content-Length: 0", b"Content_Length: " + _SIZE),
    "underscore Host": POST + b"HOST_: other\r\nContent-Length: 0\r\n\r\n" + HIDDEN,
    "dot TE": POST + b"Transfer.Encoding: chunked\r\n\r\n" + _ZERO,
    "bare LF before TE": POST + b"A: b\nTransfer-Encoding: chunked\r\n\r\n" + _ZERO,
    "bare CR before TE": POST + b"A: b\rTransfer-Encoding: chunked\r\n\r\n" + _ZERO,
    "CR CR LF before TE": POST + b"A: b\r\r\nTransfer-Encoding: chunked\r\n\r\n" + _ZERO,
    "null before TE": POST + b"A: b\0Transfer-Encoding: chunked\r\n\r\n" + _ZERO,
    "no colon": POST + b"Transfer-Encoding chunked\r\n\r\n" + _ZERO,
    "no name": POST + b": Transfer-Encoding: chunked\r\n\r\n" + _ZERO,
    # The end of the head, and of lines.
    "LF only": b"GET / HTTP/1.1\nHost: test\n\n" + HIDDEN,
    "LF at the end": b"GET / HTTP/1.1\r\nHost: test\r\n\n" + HIDDEN,
    "CR at the end": b"GET / HTTP/1.1\r\nHost: test\r\r" + HIDDEN,
    "CR LF CR at the end": b"GET / HTTP/1.1\r\nHost: test\r\n\r" + HIDDEN,
    "LF before": b"\n\n" + _head(HOST) + HIDDEN,
    "CR before": b"\r" + _head(HOST) + HIDDEN,
    "blank lines before": b"\r\n\r\n" + _head(HOST) + HIDDEN,
    "spaces before": b"  " + _head(HOST) + HIDDEN,
    "request in a value": _head(HOST, b"A: b\r\n\tGET /smuggled HTTP/1.1\r\n\tHost: test\r\n"),
    # The first line.
    "version 1.2": b"GET / HTTP/1.2\r\n" + HOST + b"\r\n" + HIDDEN,
    "version 0.9": b"GET /\r\n" + HIDDEN,
    "version of two digits": b"GET / HTTP/1.10\r\n" + HOST + b"\r\n" + HIDDEN,
    "version in lower case": b"GET / http/1.1\r\n" + HOST + b"\r\n" + HIDDEN,
    "two versions": b"GET / HTTP/1.1 HTTP/1.0\r\n" + HOST + b"\r\n" + HIDDEN,
    "two spaces": b"GET  /  HTTP/1.1\r\n" + HOST + b"\r\n" + HIDDEN,
    "tabs": b"GET\t/\tHTTP/1.1\r\n" + HOST + b"\r\n" + HIDDEN,
    "space behind the version": b"GET / HTTP/1.1 \r\n" + HOST + b"\r\n" + HIDDEN,
    "request in the target": b"GET /%20HTTP/1.1%0d%0aHost:%20test%0d%0a%0d%0aGET%20/smuggled HTTP/1.1\r\n"
    + HOST
    + b"\r\n",
    "null in the target": b"GET /\0 HTTP/1.1\r\n" + HOST + b"\r\n" + HIDDEN,
    "fragment": b"GET /#/../smuggled HTTP/1.1\r\n" + HOST + b"\r\n",
    "absolute target": b"GET http://other/ HTTP/1.1\r\n" + HOST + b"\r\n" + HIDDEN,
    "absolute target with a line": b"GET http://test/\x0bGET HTTP/1.1\r\n" + HOST + b"\r\n" + HIDDEN,
    "target of another scheme": b"GET file:///smuggled HTTP/1.1\r\n" + HOST + b"\r\n",
    "target without a slash": b"GET smuggled HTTP/1.1\r\n" + HOST + b"\r\n",
    "target that is a name": b"GET @smuggled/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "two slashes": b"GET //smuggled HTTP/1.1\r\n" + HOST + b"\r\n",
    # Host.
    "no Host": b"GET / HTTP/1.1\r\n\r\n" + HIDDEN,
    "two Hosts": _head(HOST, b"Host: other\r\n", body=HIDDEN),
    "Host with a path": _head(b"Host: test/smuggled?\r\n", body=HIDDEN),
    "Host with a name": _head(b"Host: a@test\r\n", body=HIDDEN),
    "Host list": _head(b"Host: test, other\r\n", body=HIDDEN),
    # Chunks.
    "chunk with an extension": _chunks(b"1;a=b\r\nx\r\n" + _ZERO),
    "chunk with a quoted extension": _chunks(b'1;a="\r\nx\r\n' + _ZERO),
    "chunk with a quoted line": _chunks(b'1;a="\n"\r\nx\r\n' + _ZERO),
    "chunk with LF in the extension": _chunks(b"1;\nx\r\n" + _ZERO),
    "chunk with CR in the extension": _chunks(b"1;\rx\r\nx\r\n" + _ZERO),
    "chunk with null in the extension": _chunks(b"1;\0\r\nx\r\n" + _ZERO),
    "chunk plus": _chunks(b"+1\r\nx\r\n" + _ZERO),
    "chunk minus": _chunks(b"-1\r\nx\r\n" + _ZERO),
    "chunk 0x": _chunks(b"0x1\r\nx\r\n" + _ZERO),
    "chunk underscore": _chunks(b"1_0\r\n0123456789abcdef\r\n" + _ZERO),
    "chunk with zeros": _chunks(b"0000001\r\nx\r\n" + _ZERO),
    "chunk with many zeros": _chunks(b"0" * 100 + b"1\r\nx\r\n" + _ZERO),
    "chunk with a space before": _chunks(b" 1\r\nx\r\n" + _ZERO),
    "chunk with a space behind": _chunks(b"1 \r\nx\r\n" + _ZERO),
    "chunk with a tab behind": _chunks(b"1\t\r\nx\r\n" + _ZERO),
    "chunk empty size": _chunks(b"\r\n" + _ZERO),
    "chunk of 64 bits": _chunks(b"10000000000000001\r\nx\r\n" + _ZERO),
    "chunk of 32 bits": _chunks(b"100000001\r\nx\r\n" + _ZERO),
    "chunk longer than it says": _chunks(b"1\r\nxy\r\n" + _ZERO),
    "chunk shorter than it says": _chunks(b"5\r\nx\r\n" + _ZERO),
    "chunk with LF": _chunks(b"1\nx\n0\n\n" + HIDDEN),
    "chunk with LF behind the data": _chunks(b"1\r\nx\n" + _ZERO),
    "chunk with CR behind the data": _chunks(b"1\r\nx\r" + _ZERO),
    "chunk with other bytes behind the data": _chunks(b"1\r\nxAB" + _ZERO),
    "chunk with LF behind the size": _chunks(b"1\nx\r\n" + _ZERO),
    "chunk with CR behind the size": _chunks(b"1\rx\r\n" + _ZERO),
    "last chunk with LF": _chunks(b"0\n\n" + HIDDEN),
    "last chunk 00": _chunks(b"00\r\n\r\n" + HIDDEN),
    "last chunk with an extension": _chunks(b"0;a\r\n\r\n" + HIDDEN),
    "no last line": _chunks(b"0\r\n" + HIDDEN),
    "comma": _chunks(b"1,0\r\nx\r\n" + _ZERO),
    # Trailers.
    "trailer": _chunks(b"0\r\nA: b\r\n\r\n" + HIDDEN),
    "trailer CL": _chunks(b"0\r\nContent-Length: " + _SIZE + b"\r\n\r\n" + HIDDEN),
    "trailer TE": _chunks(b"0\r\nTransfer-Encoding: chunked\r\n\r\n" + _ZERO),
    "trailer Host": _chunks(b"0\r\nHost: other\r\n\r\n" + HIDDEN),
    "trailer X-Forwarded-For": _chunks(b"0\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n" + HIDDEN),
    "trailer that is a request": _chunks(b"0\r\nGET /smuggled HTTP/1.1\r\nHost: test\r\n\r\n"),
    "trailer with LF": _chunks(b"0\r\nA: b\n\n" + HIDDEN),
    # Fields of one connection.
    "Connection: content-length": _lengths(b"Connection: content-length", b"Content-Length: " + _SIZE),
    "Connection: transfer-encoding": _codings(b" chunked", more=b"Connection: transfer-encoding\r\n"),
    "Connection: host": _lengths(b"Connection: host", b"Content-Length: " + _SIZE),
    "Connection: x-forwarded-for": _lengths(b"Connection: x-forwarded-for", b"Content-Length: " + _SIZE),
    "Connection: close, keep-alive": _head(HOST, b"Connection: close, keep-alive\r\n", body=HIDDEN),
    "Keep-Alive in 1.0": b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n" + HOST + b"\r\n" + HIDDEN,
    "Expect": _lengths(b"Expect: 100-continue", b"Content-Length: " + _SIZE),
    "Expect without a body": _head(HOST, b"Expect: 100-continue\r\n", body=HIDDEN),
    "Expect something": _lengths(b"Expect: y 100-continue", b"Content-Length: " + _SIZE),
    # Other protocols.
    "upgrade": _head(HOST, b"Connection: upgrade\r\nUpgrade: websocket\r\n", body=HIDDEN),
    "upgrade to HTTP/2": _head(
        HOST,
        b"Connection: upgrade, http2-settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
        body=HIDDEN,
    ),
    "upgrade with a length": _lengths(
        b"Connection: upgrade", b"Upgrade: websocket", b"Content-Length: " + _SIZE
    ),
    "upgrade with chunks": _codings(b" chunked", more=b"Connection: upgrade\r\nUpgrade: websocket\r\n"),
    "upgrade without Connection": _head(HOST, b"Upgrade: websocket\r\n", body=HIDDEN),
    "preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + HIDDEN,
    "CONNECT": b"CONNECT test:80 HTTP/1.1\r\n" + HOST + b"\r\n" + HIDDEN,
    "CONNECT with a length": b"CONNECT test:80 HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n\r\n" + HIDDEN,
    "CONNECT to a path": b"CONNECT / HTTP/1.1\r\n" + HOST + b"\r\n" + HIDDEN,
}

_OK = b"HTTP/1.1 200 OK\r\n"
_WRONG = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong"
_WRONG_SIZE = b"%d" % len(_WRONG)

#: What a server answers, by the method of the request.
RESPONSES = {
    "GET": {
        "CL": _OK + b"Content-Length: 2\r\n\r\nab" + _WRONG,
        "CL 0": _OK + b"Content-Length: 0\r\n\r\n" + _WRONG,
        "CL CL": _OK + b"Content-Length: 0\r\nContent-Length: " + _WRONG_SIZE + b"\r\n\r\n" + _WRONG,
        "CL list": _OK + b"Content-Length: 0, " + _WRONG_SIZE + b"\r\n\r\n" + _WRONG,
        "CL plus": _OK + b"Content-Length: +0\r\n\r\n" + _WRONG,
        "CL empty": _OK + b"Content-Length:\r\n\r\n" + _WRONG,
        "TE CL": _OK + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + _WRONG,
        "CL TE": _OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + _WRONG,
        "TE": _OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + _WRONG,
        "TE list": _OK + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + _WRONG,
        "TE identity": _OK + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n" + _WRONG,
        "TE unknown": _OK + b"Transfer-Encoding: cow\r\nContent-Length: 0\r\n\r\n" + _WRONG,
        "TE tab": _OK + b"Transfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n" + _WRONG,
        "TE vertical tab": _OK + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + _WRONG,
        "TE in 1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + _WRONG,
        "folded": _OK + b"A: b\r\n Content-Length: 0\r\n\r\n" + _WRONG,
        "folded CL": _OK + b"Content-Length:\r\n 0\r\n\r\n" + _WRONG,
        "space before the colon": _OK + b"Content-Length : 0\r\n\r\n" + _WRONG,
        "LF": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n" + _WRONG,
        "LF in a value": _OK + b"A: b\nContent-Length: 0\r\n\r\n" + _WRONG,
        "CR in a value": _OK + b"A: b\rSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n" + _WRONG,
        "null in a value": _OK + b"A: b\0c\r\nContent-Length: 0\r\n\r\n" + _WRONG,
        "control in a value": _OK + b"A: b\x01c\r\nContent-Length: 0\r\n\r\n" + _WRONG,
        "null in a name": _OK + b"A\0: b\r\nContent-Length: 0\r\n\r\n" + _WRONG,
        "control in the reason": b"HTTP/1.1 200 O\x01K\r\nContent-Length: 0\r\n\r\n" + _WRONG,
        "CR in the reason": b"HTTP/1.1 200 O\rK\r\nContent-Length: 0\r\n\r\n" + _WRONG,
        "204": b"HTTP/1.1 204 No Content\r\n\r\n" + _WRONG,
        "204 with a length": b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nabcde" + _WRONG,
        "204 with a wrong length": b"HTTP/1.1 204 No Content\r\nContent-Length: "
        + _WRONG_SIZE
        + b"\r\n\r\n"
        + _WRONG,
        "204 with chunks": b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"
        + _WRONG,
        "304 with a length": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nabcde" + _WRONG,
        "304 with a length and no body": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n" + _WRONG,
        "304 with chunks": b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        + _WRONG,
        "205 with a length": b"HTTP/1.1 205 Reset Content\r\nContent-Length: 5\r\n\r\nabcde" + _WRONG,
        "100": b"HTTP/1.1 100 Continue\r\n\r\n" + _OK + b"Content-Length: 2\r\n\r\nab" + _WRONG,
        "100 with a length": b"HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\nabcde" + _WRONG,
        "103 with chunks": b"HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        + _WRONG,
        "101": b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: a\r\n\r\n" + _WRONG,
        "status of two digits": b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n" + _WRONG,
        "status of four digits": b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n" + _WRONG,
        "status 099": b"HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n" + _WRONG,
        "status 999": b"HTTP/1.1 999 OK\r\nContent-Length: 0\r\n\r\n" + _WRONG,
        "no reason": b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n" + _WRONG,
        "version 1.2": b"HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n" + _WRONG,
        "ICY": b"ICY 200 OK\r\nContent-Length: 0\r\n\r\n" + _WRONG,
        "blank lines before": b"\r\n\r\n" + _OK + b"Content-Length: 0\r\n\r\n" + _WRONG,
        "chunk 0x": _OK + b"Transfer-Encoding: chunked\r\n\r\n0x1\r\nx\r\n0\r\n\r\n" + _WRONG,
        "chunk with a space": _OK + b"Transfer-Encoding: chunked\r\n\r\n1 \r\nx\r\n0\r\n\r\n" + _WRONG,
        "chunk with LF": _OK + b"Transfer-Encoding: chunked\r\n\r\n1\nx\n0\n\n" + _WRONG,
        "chunk longer than it says": _OK
        + b"Transfer-Encoding: chunked\r\n\r\n1\r\nxyz\r\n0\r\n\r\n"
        + _WRONG,
        "trailer CL": _OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\n\r\n" + _WRONG,
        "Connection: content-length": _OK
        + b"Connection: content-length\r\nContent-Length: 2\r\n\r\nab"
        + _WRONG,
        "Connection: set-cookie": _OK + b"Connection: set-cookie\r\nContent-Length: 2\r\n\r\nab" + _WRONG,
        "underscore CL": _OK + b"Content_Length: 0\r\nContent-Length: 2\r\n\r\nab" + _WRONG,
    },
    "HEAD": {
        "CL and no body": _OK + b"Content-Length: 5\r\n\r\n",
        "CL": _OK + b"Content-Length: 5\r\n\r\nabcde" + _WRONG,
        "TE": _OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + _WRONG,
        "until the end": _OK + b"\r\n" + _WRONG,
        "204 with a length": b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n" + _WRONG,
        "100": b"HTTP/1.1 100 Continue\r\n\r\n" + _OK + b"Content-Length: 5\r\n\r\n" + _WRONG,
    },
    "POST": {
        "before the body": _OK + b"Content-Length: 2\r\n\r\nab" + _WRONG,
        "413 before the body": b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n" + _WRONG,
        "100 twice": b"HTTP/1.1 100 Continue\r\n\r\n" * 2 + _OK + b"Content-Length: 2\r\n\r\nab" + _WRONG,
    },
}
