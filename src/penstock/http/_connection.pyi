from penstock.http._carrier import Carrier

class HttpConnection(Carrier):
    """The reading half of a connection, for both ends."""
