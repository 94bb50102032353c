'use strict';
// write() to hooks that are done at once or a tick later, by chunk or by batch.

const { Writable } = require('stream');

const atOnce = (callback) => callback();
const nextTick = (callback) => process.nextTick(callback);

module.exports = {
  'writable-manywrites'(bench, { n, sync, writev, callback, len, hwm }) {
    const chunk = Buffer.allocUnsafe(len);
    const done = sync === 'yes' ? atOnce : nextTick;
    const s = new Writable({ highWaterMark: hwm });
    if (writev === 'yes') s._writev = (chunks, cb) => done(cb);
    else s._write = (data, encoding, cb) => done(cb);
    const cb = callback === 'yes' ? () => {} : null;
    let k = 0;
    function run() {
      while (k++ < n && s.write(chunk, cb));
      if (k >= n) bench.end(n);
    }
    bench.start();
    s.on('drain', run);
    run();
  },

  'writable-uint8array'(bench, { n, kind }) {
    const abc = new Uint8Array([0x41, 0x42, 0x43]);
    bench.start();
    const s = new Writable(kind === 'writev' ?
      { writev(chunks, cb) { cb(); } } :
      { objectMode: kind === 'object-mode', write(chunk, encoding, cb) { cb(); } });
    for (let i = 0; i < n; i++) s.write(abc);
    bench.end(n);
  },

  'writable-simple'(bench, { n, input, encoding }) {
    const text = '\u788c\u788f \u9c15\u9d3c, \u8f23\n'.repeat(23).slice(0, 180);
    const s = new Writable({ write(chunk, enc, cb) { cb(); } });
    const value = input === 'buffer' ? Buffer.from(text, encoding) : text;
    const enc = input === 'buffer' ? undefined : encoding;
    bench.start();
    for (let k = 0; k < n; k++) s.write(value, enc);
    bench.end(n);
  },

  'writable-buffered-drain'(bench, { n, count }) {
    const item = {};
    let done;
    const s = new Writable({ objectMode: true, write(chunk, encoding, cb) { done = cb; } });
    bench.start();
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < count; j++) s.write(item);
      for (let j = 0; j < count; j++) done();
    }
    bench.end(n);
  },

  'writable-writev-string'(bench, { n, chunks, encoding, type }) {
    const text = 'Hello, benchmark! '.repeat(4);
    const bytes = Buffer.from(text, encoding);
    const s = new Writable({ writev(list, cb) { cb(); }, write(chunk, enc, cb) { cb(); } });
    bench.start();
    for (let i = 0; i < n; i++) {
      s.cork();
      for (let j = 0; j < chunks; j++) {
        if (type === 'buffer' || (type === 'mixed' && j % 2 === 0)) s.write(bytes);
        else s.write(text, encoding);
      }
      s.uncork();
    }
    bench.end(n);
  },
};
