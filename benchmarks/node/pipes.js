'use strict';
// From a read hook through pipe() to a write hook, with nothing, or PassThrough stages, between.

const { Readable, Writable, PassThrough } = require('stream');

function source(n, chunk, options) {
  let sent = 0;
  const src = new Readable(options);
  src._read = () => src.push(sent++ === n ? null : chunk);
  return src;
}

function flow(bench, n, src, dst, stages = 0) {
  let tail = src;
  bench.start();
  for (let i = 0; i < stages; i++) tail = tail.pipe(new PassThrough());
  tail.pipe(dst);
  dst.on('finish', () => bench.end(n));
}

module.exports = {
  'pipe'(bench, { n }) {
    const dst = new Writable();
    dst._write = (chunk, encoding, callback) => callback();
    flow(bench, n, source(n, Buffer.alloc(1024)), dst);
  },

  'pipe-object-mode'(bench, { n }) {
    const dst = new Writable({ objectMode: true });
    dst._write = (chunk, encoding, callback) => callback();
    flow(bench, n, source(n, {}, { objectMode: true }), dst);
  },

  'pipe-backpressure'(bench, { n }) {
    const dst = new Writable();
    dst._write = (chunk, encoding, callback) => queueMicrotask(callback);
    flow(bench, n, source(n, Buffer.alloc(1024)), dst);
  },

  'pipe-passthrough'(bench, { n, stages }) {
    const dst = new Writable();
    dst._write = (chunk, encoding, callback) => callback();
    flow(bench, n, source(n, Buffer.alloc(1024)), dst, stages);
  },
};
