from forebay._core.listeners cimport Listener
from forebay._core.state.stream cimport Stream

cdef class MessageTransport(Listener):
    cdef Stream _socket
    cdef bint _decodes                   # it hands out bodies without their Content-Encoding
    cdef object _body_limit(self)
    cdef object _body_wanted(self, object incoming)
    cdef object _listeners_changed(self, object incoming)
    cdef object _incoming_closed(self, object incoming, object error)
    cdef object _outgoing_finished(self, object outgoing)
    cdef object _outgoing_given_up(self, object outgoing, object error)
    cdef object _handler_done(self, object outgoing, object error)
    cdef object _await_drain(self)
