"""The readable side of a stream: its buffer, its two reading modes, its end. Rules R1 to R14."""

from time import monotonic as now
from types import MethodType

from penstock._flow.chunk import byte_chunk, invalid_chunk, size_of
from penstock._flow.decoding import encode, encoding_name, make_decoder
from penstock._flow.events import call1
from penstock._flow.fifo import Fifo
from penstock._flow.lifecycle import Lifecycle
from penstock.errors import (
    NotImplementedHookError,
    OutOfRangeError,
    PushAfterEofError,
    UnshiftAfterEndError,
)

_TICK_READ_MORE = 10
_TICK_RESUME = 11
_TICK_READABLE = 12
_TICK_READ_ZERO = 13
_TICK_END = 14
_TICK_LISTENING = 15
_TICK_END_WRITABLE = 16
_READ = 10

# read() without a size.
_ANY = -1
_LARGEST_READ = 1 << 30


class ReadableSide(Lifecycle):
    def _start_readable(self, read, hwm, object_mode, encoding):
        self._has_readable = True
        self._r_hook = read
        self._r_hwm = hwm
        self._r_size = hwm
        self._r_object = object_mode
        self._r_sync = True
        self._r_flowing = -1
        self._r_paused = -1
        self._half_open = True
        if encoding is not None:
            self._r_decoder = make_decoder(encoding)
            self._r_encoding = encoding_name(encoding)

    # ---- data coming in

    def _can_push(self):
        return not self._r_ended and (self._r_length < self._r_hwm or self._r_length == 0)

    def _push(self, chunk, encoding):
        """R1."""
        if chunk is None:
            return self._push_eof()
        if not self._r_object and (type(chunk) is not bytes or encoding is not None):
            chunk = self._checked(chunk, encoding)
            if chunk is None:
                return False
        size = 1 if self._r_object else size_of(chunk)
        if size == 0:
            self._r_reading = False
            self._read_more()
            return self._can_push()
        if self._r_ended:
            self._fail(PushAfterEofError("push() after push(None), which marks the end of the data"), False)
            return False
        if self._destroyed or self._errored is not None:
            return False
        self._r_reading = False
        if self._r_decoder is not None and not isinstance(chunk, str):
            chunk = self._decode(chunk)
            size = 1 if self._r_object else len(chunk)
            if not self._r_object and size == 0:
                # Part of a character; the rest has to be fetched.
                self._r_chunks += 1
                self._read_more()
                return self._can_push()
        self._add_chunk(chunk, size, False)
        return self._can_push()

    def _unshift(self, chunk, encoding):
        """R2."""
        if chunk is None:
            return self._push_eof()
        if not self._r_object:
            chunk = self._checked(chunk, encoding)
            if chunk is None:
                return False
            if self._r_decoder is not None and not isinstance(chunk, str):
                # What comes back to the front is whole text; the decoder's state belongs to what is still to come.
                decoder = make_decoder(self._r_encoding)
                chunk = decoder.decode(bytes(chunk), True)
        size = 1 if self._r_object else len(chunk)
        if size == 0:
            return self._can_push()
        if self._r_end_emitted:
            self._fail(UnshiftAfterEndError("unshift() after the 'end' event"), False)
        elif self._destroyed or self._errored is not None:
            return False
        else:
            self._add_chunk(chunk, size, True)
        return self._can_push()

    def _checked(self, chunk, encoding):
        """The chunk as bytes or, where the stream decodes, as the text that it is; None once an error is reported."""
        if isinstance(chunk, str):
            if self._r_decoder is not None and (
                encoding is None or encoding_name(encoding) == self._r_encoding
            ):
                return chunk
            if encoding is not None:
                return encode(chunk, encoding)
            data = None
        else:
            data = byte_chunk(chunk)
        if data is None:
            self._fail(invalid_chunk(chunk), False)
        return data

    def _decode(self, chunk):
        if self._r_object:
            data = byte_chunk(chunk)
            return chunk if data is None else self._r_decoder.decode(bytes(data))
        return self._r_decoder.decode(chunk)

    def _push_eof(self):
        """R5."""
        self._r_reading = False
        if self._r_ended:
            return False
        if self._r_decoder is not None:
            tail = self._r_decoder.decode(b"", True)
            if tail:
                if self._r_buffer is None:
                    self._r_buffer = Fifo()
                self._r_buffer.append(tail)
                self._r_length += 1 if self._r_object else len(tail)
        self._r_ended = True
        if self._r_sync:
            self._announce()
        else:
            self._r_need_readable = False
            self._r_emitted_readable = True
            self._announce_now()
        return False

    def _add_chunk(self, chunk, size, front):
        """R3."""
        if not front:
            self._r_chunks += 1
            self._r_bytes += size
        if (
            self._r_flowing == 1
            and self._r_length == 0
            and not self._r_sync
            and self._data_handler is not None
        ):
            if self._r_await is not None:
                self._forget_drains()
            self._r_did_read = True
            self._emit_data(chunk)
        else:
            buffer = self._r_buffer
            if buffer is None:
                buffer = self._r_buffer = Fifo()
            self._r_length += size
            if self._r_length > self._r_peak:
                self._r_peak = self._r_length
            if front:
                if self._r_offset:
                    # The front chunk is half read: what is left of it is a chunk of its own from here on.
                    buffer.replace_first(buffer.first()[self._r_offset :])
                    self._r_offset = 0
                buffer.appendleft(chunk)
            else:
                buffer.append(chunk)
            if self._r_need_readable:
                self._announce()
        if not self._r_reading_more and self._constructed:
            self._r_reading_more = True
            self._tick(_TICK_READ_MORE, None)

    def _emit_data(self, chunk):
        listener = self._data_listener
        if listener is not None:
            listener._notify1(chunk)
            return
        handler = self._data_handler
        if type(handler) is list:
            self._call_all1(handler, chunk)
        elif handler is not None:
            call1(self, handler, chunk)

    # ---- data going out

    def _how_much(self, n):
        if self._r_length == 0 and self._r_ended:
            return 0
        if n == _ANY:
            if self._r_length == 0:
                return 0
            if self._r_object:
                return 1
            if self._r_decoder is None or self._r_flowing == 1:
                return size_of(self._r_buffer.first()) - self._r_offset
            return self._r_length
        if n <= 0:
            return 0
        if self._r_object:
            return 1
        if n <= self._r_length:
            return n
        return self._r_length if self._r_ended else 0

    def _take_first(self):
        chunk = self._r_buffer.popleft()
        if self._r_offset:
            chunk = chunk[self._r_offset :]
            self._r_offset = 0
        return chunk

    def _take(self, n):
        """n bytes, characters or (1) object from the front of the buffer, which holds them; None where it is empty."""
        buffer = self._r_buffer
        if buffer is None or buffer.size == 0:
            return None
        if self._r_object:
            return buffer.popleft()
        first = buffer.first()
        offset = self._r_offset
        left = size_of(first) - offset
        if n == left:
            return self._take_first()
        if n < left:
            self._r_offset = offset + n
            part = first[offset : offset + n]
            return part if isinstance(part, (bytes, str)) else bytes(part)
        parts = [self._take_first()]
        n -= left
        while n > 0 and buffer.size:
            first = buffer.first()
            left = len(first)
            if left <= n:
                parts.append(buffer.popleft())
                n -= left
            else:
                parts.append(first[:n])
                self._r_offset = n
                n = 0
        if self._r_decoder is not None:
            return "".join(parts)
        return b"".join(parts)

    def _read_chunk(self, n):
        """R4: read(n), or read() with _ANY."""
        wanted = n
        if n > self._r_hwm:
            if n > _LARGEST_READ:
                raise OutOfRangeError(f"read(n) takes at most {_LARGEST_READ} bytes at once, got {n}")
            self._r_hwm = 1
            while self._r_hwm < n:
                self._r_hwm *= 2
            self._r_size = self._r_hwm
        if n != 0:
            self._r_emitted_readable = False
        elif self._r_need_readable and (
            self._r_ended or (self._r_length >= self._r_hwm if self._r_hwm else self._r_length > 0)
        ):
            if self._r_length == 0 and self._r_ended:
                self._end_readable()
            else:
                self._announce()
            return None
        n = self._how_much(wanted)
        if n == 0 and self._r_ended:
            if self._r_length == 0:
                self._end_readable()
            return None
        if (
            not self._r_ended
            and not self._r_reading
            and not self._destroyed
            and self._constructed
            and self._errored is None
            and (self._r_need_readable or self._r_length == 0 or self._r_length - n < self._r_hwm)
        ):
            self._r_reading = True
            self._r_sync = True
            if self._r_length == 0:
                self._r_need_readable = True
            self._call_read()
            self._r_sync = False
            if not self._r_reading and (n == 0 or wanted != _ANY or self._r_decoder is not None):
                n = self._how_much(wanted)
        chunk = self._take(n) if n > 0 else None
        if chunk is None:
            if self._r_length <= self._r_hwm:
                self._r_need_readable = True
            n = 0
        else:
            # A bytearray that its owner has resized meanwhile must not leave a count behind.
            self._r_length = self._r_length - n if self._r_buffer.size else 0
            if self._r_await is not None:
                self._forget_drains()
        if self._r_length == 0:
            if not self._r_ended:
                self._r_need_readable = True
            elif wanted != n:
                self._end_readable()
        if chunk is not None and not self._error_emitted and not self._close_emitted:
            self._r_did_read = True
            if self._data_handler is not None:
                self._emit_data(chunk)
        return chunk

    def _call_read(self):
        hook = self._r_hook
        try:
            if hook is None or not self._r_hook_self:
                hook = self._resolve_read()
            if hook is None:
                result = self._read_default()
            elif self._r_hook_self:
                result = hook(self, self._r_size)
            else:
                result = hook(self._r_size)
            # push() returns a bool, and a hook is often nothing but a push().
            if type(result) is bytes:
                self._read_done(result)
            elif result is not None and result is not True and result is not False:
                self._hook_returned(_READ, result)
        except Exception as error:
            self._fail(error, False)

    def _resolve_read(self):
        """The hook as it is called; looked up once, at the first read."""
        hook = self._r_hook
        if hook is None:
            hook = getattr(self, "_read", None)
            if type(hook) is MethodType and hook.__self__ is self:
                # The function instead of the bound method: nothing then holds the stream in a cycle.
                hook = hook.__func__
                self._r_hook_self = True
            self._r_hook = hook
        return hook

    def _read_default(self):
        raise NotImplementedHookError(
            "this Readable has no _read: give read=, or override _read in a subclass"
        )

    def _read_done(self, value):
        """The value of a _read hook: what it read."""
        if value is None or value is True or value is False:
            return
        if (
            not self._r_object
            and not isinstance(value, str)
            and byte_chunk(value) is not None
            and len(value) == 0
        ):
            value = None
        self._push(value, None)

    def _complete(self, kind, error, value):
        if kind != _READ:
            Lifecycle._complete(self, kind, error, value)
        elif error is not None:
            self._fail(error, False)
        else:
            self._read_done(value)

    # ---- 'readable', the flow, the end

    def _announce(self):
        """R6."""
        self._r_need_readable = False
        if not self._r_emitted_readable:
            self._r_emitted_readable = True
            self._tick(_TICK_READABLE, None)

    def _announce_now(self):
        """R7."""
        if not self._destroyed and self._errored is None and (self._r_length or self._r_ended):
            self._emit0("readable")
            self._r_emitted_readable = False
        if self._r_flowing != 1 and not self._r_ended and self._r_length <= self._r_hwm:
            self._r_need_readable = True
        self._flow()

    def _flow(self):
        while self._r_flowing == 1 and self._read_chunk(_ANY) is not None:
            pass

    def _read_more(self):
        """R9."""
        if not self._r_reading_more and self._constructed:
            self._r_reading_more = True
            self._tick(_TICK_READ_MORE, None)

    def _end_readable(self):
        """R8."""
        if not self._r_end_emitted:
            self._r_ended = True
            self._tick(_TICK_END, None)

    def _emit_end(self):
        if self._errored is not None or self._close_emitted or self._r_end_emitted or self._r_length:
            return
        self._r_end_emitted = True
        self._emit0("end")
        if self._has_writable and not self._half_open and not self._writable_done():
            self._tick(_TICK_END_WRITABLE, None)
        elif self._auto_destroy and self._writable_done():
            self._destroy_stream(None)

    def _run_tick(self, op, arg):
        if op == _TICK_READ_MORE:
            while (
                not self._r_reading
                and not self._r_ended
                and (self._r_length < self._r_hwm or (self._r_flowing == 1 and self._r_length == 0))
            ):
                length = self._r_length
                chunks = self._r_chunks
                self._read_chunk(0)
                if length == self._r_length and chunks == self._r_chunks:
                    break
            self._r_reading_more = False
        elif op == _TICK_RESUME:
            if not self._r_reading:
                self._read_chunk(0)
            self._r_resume_scheduled = False
            self._emit0("resume")
            self._flow()
            if self._r_flowing == 1 and not self._r_reading:
                self._read_chunk(0)
        elif op == _TICK_READABLE:
            self._announce_now()
        elif op == _TICK_END:
            self._emit_end()
        elif op == _TICK_READ_ZERO:
            self._read_chunk(0)
        elif op == _TICK_LISTENING:
            self._update_listening()
        elif op == _TICK_END_WRITABLE:
            self._end_writable()
        else:
            Lifecycle._run_tick(self, op, arg)

    def _pause(self):
        """R10."""
        if self._r_flowing != 0:
            self._r_flowing = 0
            self._emit0("pause")
        self._r_paused = 1

    def _resume(self):
        """R11."""
        if self._r_flowing != 1:
            self._r_flowing = 0 if self._r_listening else 1
            if not self._r_resume_scheduled:
                self._r_resume_scheduled = True
                self._tick(_TICK_RESUME, None)
        self._r_paused = 0

    # ---- listeners

    def _added(self, event):
        """R12."""
        if not self._has_readable:
            return
        if event == "data":
            if self._count("readable"):
                self._r_listening = True
            if self._r_flowing != 0:
                self._resume()
        elif event == "readable" and not self._r_end_emitted and not self._r_listening:
            self._r_listening = True
            self._r_need_readable = True
            self._r_flowing = 0
            self._r_emitted_readable = False
            if self._r_length:
                self._announce()
            elif not self._r_reading:
                self._tick(_TICK_READ_ZERO, None)

    def _removed(self, event):
        """R13."""
        if event == "readable" and self._has_readable:
            self._tick(_TICK_LISTENING, None)

    def _update_listening(self):
        self._r_listening = self._count("readable") > 0
        if self._r_resume_scheduled and self._r_paused == 0:
            self._r_flowing = 1
        elif self._data_handler is not None:
            self._resume()
        elif not self._r_listening:
            self._r_flowing = -1

    # ---- destinations that must drain

    def _forget_drains(self):
        """P7: whoever reads does not wait for anybody."""
        if self._r_multi_await:
            self._r_await.clear()
        else:
            self._r_await = None
        self._unstall()

    def _stall(self):
        if self._r_stalled_since == 0:
            self._r_stalls += 1
            self._r_stalled_since = now()

    def _unstall(self):
        if self._r_stalled_since != 0:
            self._r_stalled += now() - self._r_stalled_since
            self._r_stalled_since = 0

    # ---- text

    def _set_encoding(self, encoding):
        """R14."""
        decoder = make_decoder(encoding)
        self._r_decoder = decoder
        self._r_encoding = encoding_name(encoding)
        buffer = self._r_buffer
        if buffer is None or buffer.size == 0:
            return
        if self._r_object:
            for _ in range(buffer.size):
                buffer.append(self._decode(buffer.popleft()))
            return
        text = []
        while buffer.size:
            chunk = self._take_first()
            text.append(chunk if isinstance(chunk, str) else decoder.decode(bytes(chunk)))
        joined = "".join(text)
        if joined:
            buffer.append(joined)
        self._r_length = len(joined)

    # ---- the other side, where there is one

    def _writable_done(self):
        return True

    def _end_writable(self):
        return None

    def _release(self):
        self._r_hook = None
        self._r_hook_self = False
        self._unstall()
        Lifecycle._release(self)
