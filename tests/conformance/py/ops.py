"""The operations of the scenario language, one method each; README.md has the table."""

import asyncio
import contextlib
import os

import adapter as A
from fmt import Tagged, ferr, fmt


class Thrown(BaseException):
    """What the op ``throw`` raises: it leaves the callback or listener as the error that it carries."""

    def __init__(self, err):
        self.err = err


class Ctx:
    """What ``"@"``, ``{"$": ...}`` and ``["cb"]`` mean inside a script."""

    __slots__ = ("cb", "chunk", "err", "show", "stream")

    def __init__(self, stream=None, chunk=None, cb=None, err=None, show=None):
        self.stream, self.chunk, self.cb, self.err, self.show = stream, chunk, cb, err, show


def upper(x):
    return x.upper() if isinstance(x, (bytes, str)) else x


async def _slow(x):
    for _ in range(6 - x):
        await asyncio.sleep(0)
    return x * 10


def _boom3(x):
    if x == 3:
        raise Tagged("boom")
    return x


def _later(f):
    async def g(x, *a):
        return f(x)

    return g


# The functions that scenarios name.
FN = {
    "double": lambda x, *a: x * 2,
    "inc": lambda x, *a: x + 1,
    "even": lambda x, *a: x % 2 == 0,
    "odd": lambda x, *a: x % 2 == 1,
    "gt2": lambda x, *a: x > 2,
    "lt3": lambda x, *a: x < 3,
    "id": lambda x, *a: x,
    "pair": lambda x, *a: [x, x],
    "none": lambda x, *a: [],
    "sum": lambda a, b, *r: a + b,
    "aeven": _later(lambda x: x % 2 == 0),
    "adouble": _later(lambda x: x * 2),
    "aslow": lambda x, *a: _slow(x),
    "boom3": lambda x, *a: _boom3(x),
    "aboom3": _later(_boom3),
    "upper": upper,
}


def item(a, index):
    """The argument at an index, or None where the op is shorter."""
    return a[index] if len(a) > index else None


class Ops:
    """Mixed into the interpreter; ``self.label`` is what the entry of an op has before ``>`` or ``!``."""

    # ---- reading
    def op_push(self, a, ctx, name="push"):
        s = self.named(a, ctx, name)
        self.result(getattr(A, name)(s, self.data(a[1], ctx), *a[2:3]))

    def op_unshift(self, a, ctx):
        self.op_push(a, ctx, "unshift")

    def op_read(self, a, ctx):
        s = self.named(a, ctx, f"read({a[1]})" if len(a) > 1 else "read")
        self.result(s.read(*a[1:2]))

    def op_readall(self, a, ctx):
        s = self.get(a[0], ctx)
        for _ in range(100):
            chunk = s.read()
            self.log(f"{self.nm(s)}.read>{fmt(chunk)}")
            if chunk is None:
                break

    def op_pause(self, a, ctx, name="pause"):
        getattr(self.named(a, ctx, name), name)()
        self.log(self.label)

    def op_resume(self, a, ctx):
        self.op_pause(a, ctx, "resume")

    def op_setEncoding(self, a, ctx):
        self.named(a, ctx, "setEncoding").set_encoding(a[1])
        self.log(self.label)

    # ---- pipes
    def op_pipe(self, a, ctx):
        A.pipe(self.named(a, ctx, "pipe"), self.get(a[1], ctx), **(item(a, 2) or {}))
        self.log(self.label)

    def op_unpipe(self, a, ctx):
        A.unpipe(self.named(a, ctx, "unpipe"), *(self.get(x, ctx) for x in a[1:2]))
        self.log(self.label)

    # ---- writing
    def op_cork(self, a, ctx):
        self.op_pause(a, ctx, "cork")

    def op_uncork(self, a, ctx):
        self.op_pause(a, ctx, "uncork")

    def op_write(self, a, ctx):
        s = self.named(a, ctx, "write")
        self.result(A.write(s, self.data(a[1], ctx), self.reporting(s, "wcb", item(a, 2)), item(a, 3)))

    def op_writeuntil(self, a, ctx):
        s = self.named(a, ctx, "writeuntil")
        count, ok = 0, True
        while ok and count < a[2]:
            ok = A.write(s, self.data(a[1], ctx))
            count += 1
        self.log(f"{self.label}>{count},{fmt(ok)}")

    def op_end(self, a, ctx):
        s = self.named(a, ctx, "end")
        chunk = [] if item(a, 1) is None else [self.data(a[1], ctx)]
        A.end(s, *chunk, cb=self.reporting(s, "ecb", item(a, 2)))
        self.log(self.label)

    def op_setDefaultEncoding(self, a, ctx):
        self.named(a, ctx, "setDefaultEncoding").set_default_encoding(a[1])
        self.log(self.label)

    # ---- the stream as a whole
    def op_destroy(self, a, ctx):
        self.named(a, ctx, "destroy").destroy(*(self.err(x) for x in a[1:2]))
        self.log(self.label)

    def op_dispose(self, a, ctx):
        self.promise(a[1], A.dispose(self.get(a[0], ctx)))

    def op_abort(self, a, ctx):
        self.controller(a[0]).abort()
        self.log(f"abort({a[0]})")

    def op_addAbortSignal(self, a, ctx):
        A.add_abort_signal(self.signal(a[0]), self.get(a[1], ctx))

    def op_state(self, a, ctx):
        s = self.get(a[0], ctx)
        self.log(f"{self.nm(s)}{{{A.state(s)}}}")

    def op_hwm(self, a, ctx):
        s = self.get(a[0], ctx)
        readable, writable = A.hwm(s)
        self.log(f"{self.nm(s)}.hwm>{readable},{writable}")

    def op_setDefaultHWM(self, a, ctx):
        A.set_default_hwm(a[0], a[1])

    # ---- events
    def op_on(self, a, ctx, once=False):
        s = self.get(a[0], ctx)
        self.listen(s, self.nm(s), a[1], item(a, 2), item(a, 3), once)

    def op_once(self, a, ctx):
        self.op_on(a, ctx, True)

    def op_off(self, a, ctx):
        s = self.get(a[0], ctx)
        A.off(s, a[1], self.listeners.get(f"{self.nm(s)}:{a[1]}#{a[2]}"))

    def op_offall(self, a, ctx):
        A.off_all(self.get(a[0], ctx), *a[1:2])

    def op_emit(self, a, ctx):
        self.named(a, ctx, "emit").emit(a[1], *(self.err(x) for x in a[2:3]))
        self.log(self.label)

    def op_count(self, a, ctx):
        s = self.get(a[0], ctx)
        self.log(f"{self.nm(s)}.count({a[1]})>{A.count(s, a[1])}")

    # ---- callbacks and control
    def op_cb(self, a, ctx):
        self.call_back(ctx.cb, a, ctx)

    def op_hold(self, a, ctx):
        self.held[a[0]] = (ctx.cb, ctx.chunk)

    def op_release(self, a, ctx):
        if a[0] in self.held:
            cb, chunk = self.held[a[0]]
            self.call_back(cb, a[1:], Ctx(stream=ctx.stream, chunk=chunk))
        else:
            self.log("release?")

    def op_tick(self, a, ctx):
        A.next_tick(lambda: self.body(a[0], ctx))

    def op_immediate(self, a, ctx):
        self.imm(lambda: self.body(a[0], ctx))

    def op_mark(self, a, ctx):
        self.log("." + a[0])

    def op_throw(self, a, ctx):
        raise Thrown(self.err(a[0]))

    def op_repeat(self, a, ctx):
        for _ in range(a[0]):
            self.exec(a[1], ctx)

    def op_new(self, a, ctx):
        self.build(a[0], a[1])

    # ---- the end of streams
    def op_finished(self, a, ctx):
        tag = a[2]
        self.label = f"finished-{tag}"
        options = self.opts(a[1])

        def done(e=None):
            self.log(f"fin-{tag} {ferr(e)}")
            self.seen.add(f"fin-{tag}")

        self.cleanups[tag] = A.finished(self.get(a[0], ctx), options, done)

    def op_unfinish(self, a, ctx):
        self.cleanups[a[0]]()

    def op_finishedP(self, a, ctx):
        self.promise(a[2], A.finished_async(self.get(a[0], ctx), self.opts(a[1])))

    def op_pipeline(self, a, ctx):
        tag = a[2]
        self.label = f"pl-{tag}"
        options = self.opts(a[1])
        stages = [self.stage(x, tag, ctx) for x in a[0]]

        def done(e=None, value=None):
            self.log(f"pl-{tag} {ferr(e)}" + ("" if value is None else " " + fmt(value)))
            self.seen.add(f"pl-{tag}")

        A.pipeline(stages, options, done)

    def op_pipelineP(self, a, ctx):
        self.label = f"pl-{a[2]}"
        options = self.opts(a[1])
        stages = [self.stage(x, a[2], ctx) for x in a[0]]
        self.promise(a[2], A.pipeline_async(stages, options))

    # ---- streams made of others
    def op_compose(self, a, ctx):
        self.adopt(a[0], A.compose([self.stage(x, a[0], ctx) for x in a[1]]))

    def op_duplexFrom(self, a, ctx):
        x = a[1]
        if isinstance(x, dict) and "pair" in x:
            readable, writable = (None if n is None else self.get(n, ctx) for n in x["pair"])
            source = {"readable": readable, "writable": writable}
        else:
            source = self.stage(x, a[0], ctx)
        self.adopt(a[0], A.duplex_from(source))

    def op_duplexPair(self, a, ctx):
        one, other = A.duplex_pair(item(a, 2))
        self.adopt(a[0], one)
        self.adopt(a[1], other)

    # ---- iteration and operators
    def op_iterate(self, a, ctx):
        self.iterate(self.get(a[0], ctx), a[1], item(a, 2) or {})

    def op_chain(self, a, ctx):
        self.label = f"chain-{a[3]}"
        s = self.get(a[0], ctx)
        for call in a[1]:
            s = self.chain(s, call)
        self.promise(a[3], self.chain(s, a[2]))

    # ---- files
    def op_writeFile(self, a, ctx):
        with open(self.tmp(a[0]), "wb") as f:
            f.write(self.data(a[1], ctx))

    def op_readFile(self, a, ctx):
        path, content = self.tmp(a[0]), "none"
        if os.path.exists(path):
            with open(path, "rb") as f:
                content = fmt(f.read())
        self.log(f"file({a[0]})>{content}")

    # ---- what the ops share
    def named(self, a, ctx, name):
        """The stream that an op is about; sets the label of the op."""
        s = self.get(a[0], ctx)
        self.label = f"{self.nm(s)}.{name}"
        return s

    def result(self, value):
        self.log(f"{self.label}>{fmt(value)}")

    def reporting(self, s, kind, tag):
        """The callback of a write or end with a tag."""
        if not tag:
            return None
        name = self.nm(s)
        return lambda e=None: self.log(f"{name}.{kind}({tag}) {ferr(e)}")

    def opts(self, o):
        o = dict(o or {})
        if "signal" in o:
            o["signal"] = self.signal(o["signal"])
        return o

    def call_back(self, cb, a, ctx):
        if cb is None:
            self.log("cb?")
        elif len(a) > 1:
            cb(self.err(a[0]), self.data(a[1], ctx))
        else:
            cb(*(self.err(x) for x in a))

    def chain(self, s, call):
        args, options = [], None
        for x in call[1:]:
            if isinstance(x, str):
                args.append(FN.get(x, x))
            elif isinstance(x, dict):
                options = self.opts(x)
            else:
                args.append(x)
        return A.operator(s, call[0], args, options)

    def stage(self, x, tag, ctx):
        if isinstance(x, str):
            return self.get(x, ctx)
        if any(k in x for k in ("array", "gen", "agen", "text", "bytes")):
            return self.source(x, tag)
        if "map" in x:

            async def mapper(src, *_, **__):
                async for c in src:
                    self.log(f"map-{tag} {fmt(c)}")
                    yield FN[x["map"]](c)

            return mapper
        if "collect" in x:

            async def sink(src, *_, **__):
                n = 0
                async for c in src:
                    self.log(f"sink-{tag} {fmt(c)}")
                    n += 1
                    if x["collect"].get("throwAt") == n:
                        raise Tagged("sink")
                return x["collect"].get("ret")

            return sink
        if "genfn" in x:

            async def genfn(*_, **__):
                for v in x["genfn"]:
                    yield self.data(v, None)

            return genfn
        raise AssertionError(f"bad stage {x!r}")

    def promise(self, tag, awaitable):
        async def go():
            try:
                value = await awaitable
            except BaseException as e:
                self.log(f"p-{tag} {ferr(e)}")
            else:
                self.log(f"p-{tag} ok" + ("" if value is None else " " + fmt(value)))
            self.seen.add(f"p-{tag}")

        self.spawn(go())

    def iterate(self, s, tag, o):
        chunks = A.iterator(s, o.get("opts")).__aiter__()

        async def go():
            n = 0
            try:
                try:
                    async for chunk in chunks:
                        self.log(f"it-{tag} {fmt(chunk)}")
                        n += 1
                        if o.get("do"):
                            self.exec(o["do"], Ctx(stream=s, chunk=chunk))
                        if o.get("limit") == n:
                            if o.get("end") == "throw":
                                raise Tagged("iter")
                            break
                finally:
                    # JavaScript's loop closes the iterator at once when it is left.
                    await chunks.aclose()
            except BaseException as e:
                self.log(f"it-{tag} {ferr(e)}")
            else:
                self.log(f"it-{tag} done")
            self.seen.add(f"it-{tag}")

        self.spawn(go())

    def source(self, sp, name):
        if "text" in sp:
            return sp["text"]
        if "bytes" in sp:
            return sp["bytes"].encode("latin-1")
        if "array" in sp:
            return [self.data(v, None) for v in sp["array"]]
        return self.generator(sp["gen"], name) if "gen" in sp else self.async_generator(sp["agen"], name)

    def generator(self, items, name):
        done = False
        try:
            for v in items:
                if isinstance(v, dict) and "throw" in v:
                    raise self.err(v["throw"])
                self.log(f"gen-{name} next")
                yield self.data(v, None)
            done = True
        finally:
            self.log(f"gen-{name} {'done' if done else 'closed'}")

    async def async_generator(self, items, name):
        with contextlib.closing(self.generator(items, name)) as values:
            for v in values:
                yield v
