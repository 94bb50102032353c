cimport cython

from forebay.http._messages.incoming cimport ClientResponse
from forebay.http._messages.transport cimport MessageTransport


cdef class DecodedBodies(MessageTransport):
    cdef ClientResponse _received        # the response as it came
    cdef object _stages                  # what decodes it, until reading begins
    cdef object _body                    # both together, from then on
    cdef ClientResponse _shown           # the program's response while it takes the body
    cdef object _begin(self, ClientResponse shown)
    @cython.locals(shown=ClientResponse)
    cpdef object _came(self, object chunk)
    @cython.locals(shown=ClientResponse)
    cpdef object _ended(self)
    @cython.locals(shown=ClientResponse)
    cpdef object _failed(self, object error)

@cython.locals(transport=MessageTransport, carrier=DecodedBodies, shown=ClientResponse)
cpdef ClientResponse decoded_response(ClientResponse received, object limit)
