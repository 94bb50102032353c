from forebay._core.scheduling.hook_runner cimport HookRunner
from forebay.http._messages.header_checks cimport check_name, check_value
from forebay.http._messages.incoming cimport ServerRequest
from forebay.http._messages.outgoing cimport Outgoing, date_line

cdef int _BY_LENGTH
cdef int _CHUNKED
cdef int _UNTIL_CLOSE
cdef int _NO_BODY
cdef int _HANDLER
cdef dict _first_lines

cpdef str first_line(object status, object message)

cdef class ServerResponse(Outgoing):
    cdef readonly ServerRequest request
    cdef public object status_code
    cdef public object status_message
    cdef public bint send_date
    cdef bint _keep_alive                # the connection may be used again after this response
    cdef HookRunner _runner              # of the asynchronous handler that makes this response
