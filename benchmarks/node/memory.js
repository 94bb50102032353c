'use strict';
// Bytes of heap for each of many objects. Run with --expose-gc.

const { Readable, Writable, Duplex, Transform, PassThrough } = require('stream');

function heap() {
  global.gc();
  return process.memoryUsage().heapUsed;
}

const kinds = { Readable, Writable, Duplex, Transform, PassThrough };

// Each makes its objects and returns what holds them, so that they are alive when the heap is looked at again.
const subjects = {
  'stream'(kind, n) {
    return () => Array.from({ length: n }, () => new kinds[kind]());
  },
  'readable-chunk'(kind, n) {
    const s = new Readable({ read() {} });
    const chunk = Buffer.alloc(1024);
    return () => { for (let i = 0; i < n; i++) s.push(chunk); return s; };
  },
  'writable-chunk'(kind, n) {
    const s = new Writable({ write() {} });
    const chunk = Buffer.alloc(1024);
    s.write(chunk);
    return () => { for (let i = 0; i < n; i++) s.write(chunk); return s; };
  },
  'first-listener'(kind, n) {
    const streams = Array.from({ length: n }, () => new Readable());
    const listener = () => {};
    return () => { for (const s of streams) s.on('close', listener); return streams; };
  },
  'further-listener'(kind, n) {
    const s = new Readable();
    const listener = () => {};
    s.setMaxListeners(0);
    s.on('close', listener);
    s.on('close', listener);
    return () => { for (let i = 0; i < n; i++) s.on('close', listener); return s; };
  },
};

module.exports = {
  'memory'(bench, { n, subject, kind }) {
    subjects[subject](kind, 10)();
    const make = subjects[subject](kind, n);
    const before = heap();
    const kept = make();
    const after = heap();
    bench.report({ rate: (after - before) / n, kept: kept !== undefined });
  },
};
