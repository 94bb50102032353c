'use strict';
// Readable.from() over each kind of iterable, and asynchronous iteration.

const { Readable } = require('stream');

const iterables = {
  'array'(n) {
    const items = [];
    for (let i = 0; i < n; i++) items.push(String(i));
    return items;
  },
  *'sync-generator-with-sync-values'(n) {
    for (let i = 0; i < n; i++) yield String(i);
  },
  *'sync-generator-with-async-values'(n) {
    for (let i = 0; i < n; i++) yield Promise.resolve(String(i));
  },
  async *'async-generator'(n) {
    for (let i = 0; i < n; i++) yield String(i);
  },
};

module.exports = {
  'readable-from'(bench, { n, type }) {
    const s = Readable.from(iterables[type](n));
    bench.start();
    s.on('data', () => {});
    s.on('close', () => bench.end(n));
  },

  async 'readable-async-iterator'(bench, { n, sync }) {
    const s = new Readable({
      objectMode: true,
      read: sync === 'yes' ?
        function() { this.push(1); } :
        function() { process.nextTick(() => this.push(1)); },
    });
    let sum = 0;
    bench.start();
    for await (const item of s) {
      sum += item;
      if (sum > n) break;
    }
    bench.end(n);
  },
};
