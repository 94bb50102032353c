'use strict';
// Sockets. What listens prints its port first and serves one connection.

const fs = require('fs');
const net = require('net');
const { Writable } = require('stream');

const HOST = '127.0.0.1';
const MIB = 1024 * 1024;

function listen(server, then) {
  server.listen(0, HOST, () => then(server.address().port));
}

function say(port) {
  fs.writeSync(1, `${port}\n`);
}

module.exports = {
  'net-pipe'(bench, { len, seconds }) {
    const chunk = Buffer.alloc(len, 'x');
    let received = 0;
    listen(net.createServer((socket) => socket.pipe(socket)), (port) => {
      const socket = net.connect(port, HOST, () => {
        const flow = () => {
          if (socket.write(chunk)) process.nextTick(flow);
          else socket.once('drain', flow);
        };
        bench.start();
        flow();
        socket.pipe(new Writable({ write(data, encoding, callback) { received += data.length; callback(); } }));
        setTimeout(() => bench.end((2 * received) / MIB), seconds * 1000);
      });
    });
  },

  'net-proxy'(bench, { port }) {
    const server = net.createServer({ allowHalfOpen: true }, (client) => {
      const upstream = net.connect({ port, host: HOST, allowHalfOpen: true }, () => {
        bench.start();
        client.pipe(upstream);
        upstream.pipe(client);
        upstream.on('finish', () => bench.end(client.bytesRead / 1e6));
      });
    });
    listen(server, say);
  },

  'net-send-file'(bench, { source }) {
    const server = net.createServer((client) => {
      bench.start();
      fs.createReadStream(source).pipe(client);
      client.on('finish', () => bench.end(client.bytesWritten / 1e6));
    });
    listen(server, say);
  },
};
