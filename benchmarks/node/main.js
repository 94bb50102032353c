'use strict';
// node main.js PROGRAM [key=value ...]
// Runs one program and prints one line of JSON: operations, seconds, rate and CPU seconds.
// Without arguments: the version, and the high-water mark that streams of bytes have by default.

const fs = require('fs');
const stream = require('stream');

const programs = {
  ...require('./pipes'),
  ...require('./reads'),
  ...require('./sources'),
  ...require('./writes'),
  ...require('./transforms'),
  ...require('./lifecycles'),
  ...require('./operators'),
  ...require('./composition'),
  ...require('./files'),
  ...require('./memory'),
  ...require('./sockets'),
  ...require('./fairness'),
};

let startTime;
let startUsage;

function report(line) {
  fs.writeSync(1, JSON.stringify(line) + '\n');
  process.exit(0);
}

const bench = {
  report,
  start() {
    startUsage = process.cpuUsage();
    startTime = process.hrtime.bigint();
  },
  end(operations) {
    const seconds = Number(process.hrtime.bigint() - startTime) / 1e9;
    const usage = process.cpuUsage(startUsage);
    report({
      operations,
      seconds,
      rate: operations / seconds,
      cpu_seconds: (usage.user + usage.system) / 1e6,
    });
  },
};

const [name, ...pairs] = process.argv.slice(2);
if (name === undefined) {
  report({ version: process.version, mark: stream.getDefaultHighWaterMark(false) });
}
if (!(name in programs)) {
  console.error(`no program ${name}; there are ${Object.keys(programs).join(', ')}`);
  process.exit(2);
}
const parameters = {};
for (const pair of pairs) {
  const at = pair.indexOf('=');
  const value = pair.slice(at + 1);
  parameters[pair.slice(0, at)] = /^[0-9.]+(e[0-9]+)?$/.test(value) ? Number(value) : value;
}
Promise.resolve(programs[name](bench, parameters)).catch((error) => {
  console.error(error);
  process.exit(1);
});
