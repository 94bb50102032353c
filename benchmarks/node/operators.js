'use strict';
// The operators of Readable, each over n integers.

const { Readable } = require('stream');

const sources = {
  'array'(n) {
    return Readable.from(Array.from({ length: n }, (_, i) => i));
  },
  'iterator'(n) {
    return Readable.from((function* () { for (let i = 0; i < n; i++) yield i; })());
  },
  'readable'(n) {
    let i = 0;
    return new Readable({ objectMode: true, read() { this.push(i === n ? null : i++); } });
  },
};

const add = (sum, value) => sum + value;
const addLater = async (sum, value) => sum + value;
const next = (value) => value + 1;
const nextLater = async (value) => value + 1;

const operations = {
  'reduce': (r) => r.reduce(add, 0),
  'reduce-async': (r) => r.reduce(addLater, 0),
  'map-sync-1': (r) => r.map(next, { concurrency: 1 }).reduce(add, 0),
  'map-sync-8': (r) => r.map(next, { concurrency: 8 }).reduce(add, 0),
  'map-async-1': (r) => r.map(nextLater, { concurrency: 1 }).reduce(add, 0),
  'map-async-8': (r) => r.map(nextLater, { concurrency: 8 }).reduce(add, 0),
  'find-sync-1': (r, n) => r.find((value) => value === n - 1, { concurrency: 1 }),
  'find-async-1': (r, n) => r.find(async (value) => value === n - 1, { concurrency: 1 }),
  'filter': (r) => r.filter((value) => (value & 1) === 0).reduce(add, 0),
  'forEach': async (r) => {
    let sum = 0;
    await r.forEach((value) => { sum += value; });
    return sum;
  },
  'toArray': (r) => r.toArray(),
};

module.exports = {
  async 'operator-throughput'(bench, { n, operation, source }) {
    const readable = sources[source](n);
    bench.start();
    const result = await operations[operation](readable, n);
    if (result === undefined) throw new Error('no result');
    bench.end(n);
  },
};
