'use strict';
// push() and read() by turns, with no listener and no turn of the loop.

const { Readable } = require('stream');

function pushThenRead(bench, n, inner, chunk, size) {
  const s = new Readable();
  s._read = () => {};
  bench.start();
  for (let k = 0; k < n; k++) {
    for (let i = 0; i < inner; i++) s.push(chunk);
    while (s.read(size));
  }
  bench.end(n);
}

const INNER = 10000;

module.exports = {
  'readable-bigread'(bench, { n, inner = INNER }) {
    pushThenRead(bench, n, inner, Buffer.alloc(32), 128);
  },

  'readable-bigunevenread'(bench, { n, inner = INNER }) {
    pushThenRead(bench, n, inner, Buffer.alloc(32), 106);
  },

  'readable-boundaryread'(bench, { n, inner = INNER, type }) {
    pushThenRead(bench, n, inner, type === 'string' ? 'a'.repeat(32) : Buffer.alloc(32), 32);
  },

  'readable-unevenread'(bench, { n, inner = INNER }) {
    pushThenRead(bench, n, inner, Buffer.alloc(32), 12);
  },

  'readable-readall'(bench, { n, inner = INNER }) {
    const chunk = Buffer.alloc(32);
    const s = new Readable();
    s._read = () => {};
    bench.start();
    for (let k = 0; k < n; k++) {
      for (let i = 0; i < inner; i++) s.push(chunk);
      while (s.read());
    }
    bench.end(n);
  },

  'readable-uint8array'(bench, { n, kind }) {
    const abc = new Uint8Array([0x41, 0x42, 0x43]);
    bench.start();
    const s = new Readable({ read() {} });
    if (kind === 'encoding') s.setEncoding('utf8');
    for (let i = 0; i < n; i++) s.push(abc);
    bench.end(n);
  },

  'readable-encoding'(bench, { n, encoding, len, op }) {
    const text = 'hello world\n\n'.repeat(len);
    const s = new Readable({ read() {} });
    bench.start();
    if (op === 'push') {
      for (let i = 0; i < n; i++) s.push(text, encoding);
    } else {
      for (let i = 0; i < n; i++) s.unshift(text, encoding);
    }
    bench.end(n);
  },
};
