'use strict';
// Transforms: many chunks through one, and many of them made.

const { Transform } = require('stream');
const { inherits } = require('util');

const atOnce = (callback) => callback();
const nextTick = (callback) => process.nextTick(callback);

module.exports = {
  'transform-manytransforms'(bench, { n, sync, callback }) {
    const chunk = Buffer.allocUnsafe(1024);
    const done = sync === 'yes' ? atOnce : nextTick;
    const s = new Transform();
    s._transform = (data, encoding, cb) => done(cb);
    const cb = callback === 'yes' ? () => {} : null;
    let k = 0;
    function run() {
      while (k++ < n && s.write(chunk, cb));
      if (k >= n) bench.end(n);
    }
    bench.start();
    s.on('drain', run);
    s.on('data', () => {});
    run();
  },

  'transform-creation'(bench, { n }) {
    function Mine() { Transform.call(this); }
    inherits(Mine, Transform);
    Mine.prototype._transform = function() {};
    bench.start();
    for (let i = 0; i < n; i++) new Mine();
    bench.end(n);
  },
};
