'use strict';
// compose(): making a duplex of a hundred stages, and writing through it.

const { Readable, Writable, PassThrough, compose } = require('stream');

function passThroughs(count) {
  const stages = [];
  for (let i = 0; i < count; i++) stages.push(new PassThrough());
  return stages;
}

module.exports = {
  'compose-creation'(bench, { n, streams }) {
    const sets = [];
    for (let i = 0; i < n; i++) {
      sets.push([
        Readable.from(['hello', 'world']),
        ...passThroughs(streams),
        new Writable({ objectMode: true, write(chunk, encoding, cb) { cb(); } }),
      ]);
    }
    bench.start();
    for (let i = 0; i < n; i++) compose(...sets[i]).end();
    bench.end(n);
  },

  'compose-throughput'(bench, { n, streams, chunks }) {
    const chunk = Buffer.alloc(1024);
    let round = 0;
    function run() {
      if (round++ === n) return bench.end(n * chunks);
      const c = compose(...passThroughs(streams));
      let left = chunks;
      function write() {
        while (left-- > 0) {
          if (!c.write(chunk)) { c.once('drain', write); return; }
        }
        c.end();
      }
      c.on('data', () => {});
      c.on('end', run);
      write();
    }
    bench.start();
    run();
  },
};
