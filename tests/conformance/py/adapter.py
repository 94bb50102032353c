"""Everything the interpreter assumes about forebay, in one place.

The interpreter hands over *canonical* callbacks: the stream first, Node's callback last. `create` turns them
into forebay's hooks: no stream argument, no callback, a Completion returned. A Completion that is resolved
before the hook returns is Node's synchronous callback.
"""

import contextlib

from fmt import ferr

import forebay as P
from forebay import fs

OPTS = {
    "hwm": "high_water_mark",
    "rhwm": "readable_high_water_mark",
    "whwm": "writable_high_water_mark",
    "objectMode": "object_mode",
    "readableObjectMode": "readable_object_mode",
    "writableObjectMode": "writable_object_mode",
    "encoding": "encoding",
    "decodeStrings": "decode_strings",
    "autoDestroy": "auto_destroy",
    "emitClose": "emit_close",
    "allowHalfOpen": "allow_half_open",
    "readable": "readable",
    "writable": "writable",
    "signal": "signal",
    "defaultEncoding": "default_encoding",
}
FILE_OPTS = {
    "start": "start",
    "end": "end",
    "flags": "flags",
    "hwm": "high_water_mark",
    "highWaterMark": "high_water_mark",
    "autoClose": "auto_close",
    "emitClose": "emit_close",
    "encoding": "encoding",
    "flush": "flush",
}


@contextlib.contextmanager
def nodes_marks():
    """The traces are Node v20's, whose byte mark was 16 KiB; a scenario may also change the marks."""
    before = [(mode, P.get_default_high_water_mark(mode)) for mode in (False, True)]
    P.set_default_high_water_mark(False, 16 * 1024)
    try:
        yield
    finally:
        for mode, value in before:
            P.set_default_high_water_mark(mode, value)


# --- scheduling -----------------------------------------------------------------------------------------
def next_tick(fn):
    """Queue fn in the very queue forebay uses for its own deferred work (FIFO with it)."""
    P.next_tick(fn)


def idle(loop):
    """True when the loop has nothing else to run.  Called from inside a loop callback."""
    ready = getattr(loop, "_ready", None)
    if ready is None:
        return None  # uvloop does not tell: the interpreter then lets a fixed number of turns pass
    return len(ready) == 0


# --- construction ---------------------------------------------------------------------------------------
def options(o, signal):
    return {OPTS[k]: (signal(v) if k == "signal" else v) for k, v in o.items()}


def create(kind, opts, cbs):
    """cbs: name -> canonical callable.

    read(stream, size), write/transform(stream, chunk, encoding, callback), writev(stream, chunks, callback),
    final/flush/construct(stream, callback), destroy(stream, error, callback).
    """
    box = []

    def completing(fn, *after):
        def hook(*args):
            done = P.Completion()

            def callback(error=None, *data):
                if error is None:
                    done.resolve(*data)
                else:
                    done.reject(error)

            fn(box[0], *args, *after, callback)
            return done

        return hook

    def hook_of(name, fn):
        if name == "read":
            return lambda size: fn(box[0], size)
        if name == "writev":
            # forebay hands over the chunks; Node each with its encoding, which forebay does not have.
            return completing(lambda s, chunks, cb: fn(s, [(c, None) for c in chunks], cb))
        if name in ("write", "transform"):
            return completing(fn, None)
        return completing(fn)

    stream = getattr(P, kind)(**opts, **{name: hook_of(name, fn) for name, fn in cbs.items()})
    box.append(stream)
    return stream


def from_iterable(source, opts):
    return P.Readable.from_(source, **opts)


def open_read(path, o):
    return fs.create_read_stream(path, **{FILE_OPTS[k]: v for k, v in o.items()})


def open_write(path, o):
    return fs.create_write_stream(path, **{FILE_OPTS[k]: v for k, v in o.items()})


# --- methods ----------------------------------------------------------------------------------------------
def push(s, chunk, enc=None):
    return s.push(chunk, enc) if enc is not None else s.push(chunk)


def unshift(s, chunk, enc=None):
    return s.unshift(chunk, enc) if enc is not None else s.unshift(chunk)


def write(s, chunk, cb=None, enc=None):
    kw = {}
    if enc is not None:
        kw["encoding"] = enc
    if cb is not None:
        kw["callback"] = cb
    return s.write(chunk, **kw)


def end(s, *chunk, cb=None):
    return s.end(*chunk, **({"callback": cb} if cb is not None else {}))


def pipe(a, b, **o):
    return a.pipe(b, **o)


def unpipe(a, *b):
    return a.unpipe(*b)


def on(s, ev, fn):
    s.on(ev, fn)


def once(s, ev, fn):
    s.once(ev, fn)


def off(s, ev, fn):
    s.off(ev, fn)


def off_all(s, *ev):
    s.remove_all_listeners(*ev)


def count(s, ev):
    return s.listener_count(ev)


def hwm(s):
    r = getattr(s, "readable_high_water_mark", None)
    w = getattr(s, "writable_high_water_mark", None)
    return ("-" if r is None else r), ("-" if w is None else w)


def set_default_hwm(object_mode, value):
    P.set_default_high_water_mark(object_mode, value)


def state(s):
    """The public state in the harness's compact form: only fields that differ from a fresh stream."""
    o = []
    if isinstance(s, P.Readable):
        if s.readable_flowing is not None:
            o.append(f"flow={int(s.readable_flowing)}")
        if s.readable_length:
            o.append(f"len={s.readable_length}")
        if s.is_paused():
            o.append("paused")
        if not s.readable:
            o.append("!r")
        if s.readable_ended:
            o.append("ended")
        if s.readable_did_read:
            o.append("did")
        if s.readable_aborted:
            o.append("rab")
        if s.readable_encoding:
            o.append("enc=" + s.readable_encoding)
    if isinstance(s, P.Writable):
        if s.writable_length:
            o.append(f"wlen={s.writable_length}")
        if s.writable_need_drain:
            o.append("need")
        if s.writable_corked:
            o.append(f"cork={s.writable_corked}")
        if not s.writable:
            o.append("!w")
        if s.writable_ended:
            o.append("wended")
        if s.writable_finished:
            o.append("fin")
        if not isinstance(s, P.Readable) and s.writable_aborted:  # Node's Duplex has no writableAborted
            o.append("wab")
    if s.destroyed:
        o.append("destroyed")
    if s.closed:
        o.append("closed")
    if s.errored is not None:
        o.append("err=" + ferr(s.errored))
    return " ".join(o)


# --- utilities --------------------------------------------------------------------------------------------
SNAKE = {
    "readable": "readable",
    "writable": "writable",
    "error": "error",
    "signal": "signal",
    "end": "end",
    "cleanup": "cleanup",
    "destroyOnReturn": "destroy_on_return",
    "concurrency": "concurrency",
    "highWaterMark": "high_water_mark",
}


def kwargs(o):
    return {SNAKE[k]: v for k, v in (o or {}).items()}


def abort_controller():
    return P.AbortController()


def add_abort_signal(signal, s):
    P.add_abort_signal(signal, s)


def outcome(handle):
    """The arguments of Node's callback: (error,) or (None, value)."""
    e = handle.exception()
    return (e,) if e is not None else (None, handle.result())


def finished(s, opts, cb):
    h = P.finished(s, **kwargs(opts))
    h.add_done_callback(lambda h: cb(h.exception()))
    return h.cancel


def pipeline(stages, opts, cb):
    h = P.pipeline(*stages, **kwargs(opts))
    h.add_done_callback(lambda h: cb(*outcome(h)))
    return h


def finished_async(s, opts):
    return P.finished(s, **kwargs(opts))


def pipeline_async(stages, opts):
    return P.pipeline(*stages, **kwargs(opts))


def compose(stages):
    return P.compose(*stages)


def duplex_from(x):
    return P.Duplex.from_(x)


def duplex_pair(opts):
    return P.duplex_pair(**({"high_water_mark": opts["hwm"]} if opts and "hwm" in opts else {}))


def iterator(s, opts):
    return s.iterator(**kwargs(opts)) if opts else s


def dispose(s):
    return s.aclose()


OPERATORS = {
    "toArray": "to_list",
    "map": "map",
    "filter": "filter",
    "forEach": "for_each",
    "some": "some",
    "every": "every",
    "find": "find",
    "flatMap": "flat_map",
    "take": "take",
    "drop": "drop",
    "reduce": "reduce",
    "asIndexedPairs": "as_indexed_pairs",
}


def operator(s, name, args, opts):
    return getattr(s, OPERATORS[name])(*args, **kwargs(opts))
