'use strict';
// Streams made, destroyed and waited for. Each kind has a loop of its own, so that its calls see one class only.

const { Readable, Writable, Duplex, Transform, finished } = require('stream');

function make(n, kind) {
  if (kind === 'readable') for (let i = 0; i < n; i++) new Readable();
  else if (kind === 'writable') for (let i = 0; i < n; i++) new Writable();
  else if (kind === 'duplex') for (let i = 0; i < n; i++) new Duplex();
  else for (let i = 0; i < n; i++) new Transform();
}

function makeAndDestroy(n, kind) {
  if (kind === 'readable') for (let i = 0; i < n; i++) new Readable().destroy();
  else if (kind === 'writable') for (let i = 0; i < n; i++) new Writable().destroy();
  else if (kind === 'duplex') for (let i = 0; i < n; i++) new Duplex().destroy();
  else for (let i = 0; i < n; i++) new Transform().destroy();
}

module.exports = {
  'creation'(bench, { n, kind }) {
    make(1, kind);
    bench.start();
    make(n, kind);
    bench.end(n);
  },

  'destroy'(bench, { n, kind }) {
    make(1, kind);
    bench.start();
    makeAndDestroy(n, kind);
    bench.end(n);
  },

  async 'finished'(bench, { n, kind }) {
    const { finished } = require('stream/promises');
    bench.start();
    for (let i = 0; i < n; i++) {
      let s;
      if (kind === 'readable') {
        s = new Readable({ read() { this.push(null); } });
        s.resume();
      } else {
        s = new Writable({ write(chunk, encoding, cb) { cb(); } });
        s.end();
      }
      await finished(s);
    }
    bench.end(n);
  },

  'finished-callback'(bench, { n, kind }) {
    bench.start();
    for (let i = 0; i < n; i++) {
      let s;
      if (kind === 'readable') {
        s = new Readable({ read() { this.push(null); } });
      } else if (kind === 'writable') {
        s = new Writable({ write(chunk, encoding, cb) { cb(); } });
        s.end();
      } else {
        s = new Duplex({ read() { this.push(null); }, write(chunk, encoding, cb) { cb(); } });
        s.end();
      }
      finished(s, () => {});
    }
    bench.end(n);
  },
};
