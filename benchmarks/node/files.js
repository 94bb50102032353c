'use strict';
// Streams of files. `dir` is where the files are made; they are gone when a program ends.

const fs = require('fs');
const path = require('path');
const { pipeline } = require('stream/promises');

const MIB = 1024 * 1024;
const encodings = { buf: null, asc: 'ascii', utf: 'utf8' };

function fill(file, block, count) {
  const fd = fs.openSync(file, 'w');
  for (let i = 0; i < count; i++) fs.writeSync(fd, block);
  fs.closeSync(fd);
}

module.exports = {
  'fs-read-stream-throughput'(bench, { n, type, size, hwm, dir }) {
    const file = path.join(dir, `node-read-${process.pid}`);
    fill(file, Buffer.alloc(size, type === 'utf' ? '\u00fc' : 'a'), n);
    process.on('exit', () => fs.unlinkSync(file));
    const s = fs.createReadStream(file, { highWaterMark: hwm, encoding: encodings[type] });
    let length = 0;
    s.on('open', () => bench.start());
    s.on('data', (chunk) => { length += chunk.length; });
    s.on('end', () => bench.end(length / MIB));
  },

  'fs-write-stream-throughput'(bench, { seconds, type, size, hwm, dir }) {
    const file = path.join(dir, `node-write-${process.pid}`);
    process.on('exit', () => fs.unlinkSync(file));
    let chunk;
    if (type === 'buf') chunk = Buffer.alloc(size, 'b');
    else if (type === 'asc') chunk = 'a'.repeat(size);
    else chunk = '\u00fc'.repeat(Math.ceil(size / 2));
    const encoding = encodings[type] ?? undefined;
    const s = fs.createWriteStream(file, { highWaterMark: hwm });
    let ending = false;
    function write() {
      if (ending) return;
      while (s.write(chunk, encoding) !== false);
    }
    s.on('open', () => {
      setTimeout(() => { ending = true; s.end(); }, seconds * 1000);
      bench.start();
      write();
    });
    s.on('drain', write);
    s.on('finish', () => bench.end(s.bytesWritten / MIB));
  },

  async 'fs-bench-stream-via-pipeline'(bench, { n, size, dir }) {
    const base = path.join(dir, `node-pipeline-${process.pid}`);
    const content = Buffer.alloc(size, 'a');
    const pairs = [];
    process.on('exit', () => {
      for (let i = 0; i < n; i++) {
        fs.unlinkSync(`${base}-source-${i}`);
        fs.unlinkSync(`${base}-dest-${i}`);
      }
    });
    for (let i = 0; i < n; i++) {
      fs.writeFileSync(`${base}-source-${i}`, content);
      pairs.push([fs.createReadStream(`${base}-source-${i}`), fs.createWriteStream(`${base}-dest-${i}`)]);
    }
    bench.start();
    await Promise.all(pairs.map(([source, dest]) => pipeline(source, dest)));
    bench.end(n);
  },

  // From the making of the streams to the close of the second, in MB/s.
  'file-copy'(bench, { source, dest, hwm, look = 'no' }) {
    const options = hwm ? { highWaterMark: hwm } : undefined;
    bench.start();
    const reader = fs.createReadStream(source, options);
    if (look === 'yes') reader.on('data', () => {});
    const writer = reader.pipe(fs.createWriteStream(dest, options));
    writer.on('close', () => bench.end(writer.bytesWritten / 1e6));
  },
};
