"""A handler that the tests of the HTTP client share."""


def show(request, response):
    """Answers with what it was asked."""
    lines = [f"{request.method} {request.url}"]
    lines += [f"{name.decode()}: {value.decode()}" for name, value in request.raw_headers]
    response.end("\n".join(lines))
