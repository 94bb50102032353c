cimport forebay.http._messages.constants as k
from forebay._core.scheduling.hook_runner cimport HookRunner
from forebay.http._messages.header_checks cimport check_name, check_value
from forebay.http._messages.incoming cimport ServerRequest
from forebay.http._messages.outgoing cimport Outgoing, date_line

cdef dict _first_lines

cpdef str first_line(object status, object message)

cdef class ServerResponse(Outgoing):
    cdef readonly ServerRequest request
    cdef public object status_code
    cdef public object status_message
    cdef public bint send_date
    cdef bint _keep_alive                # the connection may be reused after this response
    cdef HookRunner _runner              # the task of the async handler that makes this response
    cdef public int _failure_status      # that the client gets if this fails before its head was sent
