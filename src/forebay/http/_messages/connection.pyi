from forebay.http._messages.transport import Carrier

class HttpConnection(Carrier):
    """The reading half of a connection, for both ends."""
