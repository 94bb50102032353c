cimport forebay.http._messages.constants as k
from forebay.http._messages.body_types cimport ReadableBody
from forebay.http._messages.transport cimport MessageTransport


cdef class Incoming(ReadableBody):
    cdef MessageTransport _transport
    cdef object _headers                 # the Headers of raw_headers, made at the first access
    cdef object _trailers
    cdef readonly str http_version
    cdef public list raw_headers
    cdef public list raw_trailers
    cdef public bint complete
    cdef public object _coding_error     # why the body could not be decoded, else None
    cdef object _start_incoming(self, MessageTransport transport, object high_water_mark)
    cdef object _whole(self)
    cdef bint _is_read(self) except -1

cdef class ServerRequest(Incoming):
    cdef readonly str method
    cdef readonly str url
    cdef bint _expects_continue          # the client waits for "100 Continue"
    cdef bint _upgrades                  # another protocol uses the connection from here on
    cdef bint _keep_alive                # the client wants to use the connection again

cdef class ClientResponse(Incoming):
    cdef public int status_code
    cdef public str status_message
    cdef public str url
    cdef object _request                 # the ClientRequest while the connection holds neither of the two, else None
    cdef object _broken                  # the error of a truncated body until it is reported, else None
    cpdef object _break(self, object error, bint at_once)
    cdef bint _is_heard(self) except -1
    cdef object _tell_broken(self)
