"""Servers of other projects as processes, for tests that look at the requests that they receive."""

import contextlib
import json
import pathlib
import shutil
import subprocess
import sys

PROGRAM = pathlib.Path(__file__).with_name("recording_program.py")

NODE = """
const http = require('http'), crypto = require('crypto');
let requests = [];
const server = http.createServer((req, res) => {
  const parts = [], seq = req.headers['x-seq'] || '';
  req.on('data', (part) => parts.push(part));
  req.on('end', () => {
    let body = Buffer.concat(parts);
    if (req.url === '/recorded') {
      body = Buffer.from(JSON.stringify(requests));
      requests = [];
    } else {
      const sha = crypto.createHash('sha256').update(body).digest('hex');
      requests.push({ method: req.method, target: req.url, seq, size: body.length, sha });
    }
    res.setHeader('x-seq', seq);
    res.end(body);
  });
}).listen(0, '127.0.0.1', () => console.log(JSON.stringify({ node: server.address().port })));
process.stdin.on('end', () => process.exit(0)).resume();
"""


@contextlib.contextmanager
def recording_servers():
    """Start the servers that are installed. Yield their ports by name."""
    commands = [[sys.executable, PROGRAM]]
    if shutil.which("node"):
        commands.append(["node", "-e", NODE])
    with contextlib.ExitStack() as stack:
        processes = []
        for command in commands:
            process = stack.enter_context(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            )
            stack.callback(process.stdin.close)
            processes.append(process)
        ports = {}
        for process in processes:
            ports |= json.loads(process.stdout.readline())
        yield ports
