'use strict';
// Flows that never wait, and how long each keeps the loop from a timer of a millisecond.

const { Readable, Writable, PassThrough, Transform } = require('stream');
const { pipeline: awaited, finished } = require('stream/promises');

const CHUNK = Buffer.alloc(1024);
const same = (chunk, encoding, callback) => callback(null, chunk);
const nothing = (chunk, encoding, callback) => callback();

class Ticker {
  constructor() {
    this.holds = [];
    this.cpu = [];
    this.arm();
  }

  arm() {
    this.since = process.hrtime.bigint();
    this.usage = process.cpuUsage();
    this.timer = setTimeout(() => this.tick(), 1);
  }

  tick() {
    const usage = process.cpuUsage(this.usage);
    this.holds.push(Math.max(0, Number(process.hrtime.bigint() - this.since) / 1e6 - 1));
    this.cpu.push((usage.user + usage.system) / 1e3);
    this.arm();
  }

  end() {
    clearTimeout(this.timer);
    this.tick();
    clearTimeout(this.timer);
    const ordered = this.holds.sort((a, b) => a - b);
    return {
      p50: ordered[ordered.length >> 1],
      p99: ordered[Math.floor(ordered.length * 0.99)],
      longest: ordered[ordered.length - 1],
      cpu_longest: Math.max(...this.cpu),
    };
  }
}

function source(n) {
  let sent = 0;
  return new Readable({ read() { this.push(sent++ === n ? null : CHUNK); } });
}

function* numbers(n) {
  for (let i = 0; i < n; i++) yield i;
}

const sink = (options) => new Writable({ write: nothing, ...options });

const flows = {
  'pipe': (n) => awaited(source(n), sink()),

  'pipe, 3 stages': (n) =>
    awaited(source(n), new PassThrough(), new Transform({ transform: same }), new PassThrough(), sink()),

  "'data' listener"(n) {
    const stream = source(n);
    stream.on('data', () => {});
    return finished(stream);
  },

  "read() in a 'readable' listener"(n) {
    const stream = source(n);
    stream.on('readable', () => { while (stream.read() !== null); });
    return finished(stream);
  },

  'ticks': (n) => new Promise((resolve) => {
    let left = n;
    const go = () => (--left ? process.nextTick(go) : resolve());
    process.nextTick(go);
  }),

  "write by hand, 'drain'"(n) {
    const stream = new Writable({
      highWaterMark: CHUNK.length,
      write: (chunk, encoding, callback) => process.nextTick(callback),
    });
    let left = n;
    const go = () => {
      while (left-- > 0) {
        if (!stream.write(CHUNK)) {
          stream.once('drain', go);
          return;
        }
      }
      stream.end();
    };
    go();
    return finished(stream);
  },

  'from_, pipeline': (n) => awaited(Readable.from(numbers(n)), sink({ objectMode: true })),

  'operators': (n) => Readable.from(numbers(n)).map((i) => i).filter(() => true).forEach(() => {}),

  'async operators': (n) => Readable.from(numbers(n)).map(async (i) => i).forEach(() => {}),

  'to_list': (n) => Readable.from(numbers(n)).toArray(),

  async 'async for'(n) {
    for await (const _ of Readable.from(numbers(n)));
  },

  'async generator in a pipeline': (n) =>
    awaited(numbers(n), async function* (chunks) { yield* chunks; }, sink({ objectMode: true })),
};

module.exports = {
  async 'fairness'(bench, { n, flow }) {
    if (!(flow in flows)) throw new Error(`no flow ${flow}`);
    const ticker = new Ticker();
    await flows[flow](n);
    bench.report(ticker.end());
  },
};
