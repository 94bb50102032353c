"""Wrong uses that a type checker finds; each line names the error that mypy gives."""

from forebay import (
    Completion,
    EventEmitter,
    PassThrough,
    Readable,
    RingBuffer,
    Writable,
    next_tick,
    pipeline,
)


def no_arguments() -> None:
    """A callable."""


Writable().pipe(Writable())  # error: attr-defined
Readable().pipe(Readable())  # error: type-var
Readable(colour="red")  # error: call-arg
Readable(high_water_mark="1")  # error: arg-type
Writable(write=3)  # error: arg-type
Writable(destroy=no_arguments)  # error: arg-type
Writable().end(b"x", callback=no_arguments)  # error: arg-type
EventEmitter().on(3, print)  # error: call-overload
EventEmitter().on("x", 3)  # error: call-overload
Completion().reject("text")  # error: arg-type
PassThrough(signal=3)  # error: arg-type
Readable.from_(3)  # error: arg-type
RingBuffer("64")  # error: arg-type
next_tick(3)  # error: arg-type
pipeline([b"x"], Writable(), finish=True)  # error: call-arg
print(Readable().nothing)  # error: attr-defined
