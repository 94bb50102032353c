"""Requests at the server of forebay and at the parser of Node: ``python -m fuzz.against_node --count N``.

It prints the requests that forebay serves, and that both Node and h11 refuse, and those that are read differently.
"""

import argparse
import base64
import json
import subprocess
import sys
from itertools import islice

from fuzz import oracles
from fuzz.corpus_files import seeds_of
from fuzz.http_pieces import served
from fuzz.mutations import inputs
from fuzz.targets.http_request import by_h11

# Inputs of one process of Node.
BATCH = 2000

PROGRAM = """
const { HTTPParser, methods, allMethods } = process.binding('http_parser');
const kOnHeaders = HTTPParser.kOnHeaders | 0, kOnHeadersComplete = HTTPParser.kOnHeadersComplete | 0;
const kOnBody = HTTPParser.kOnBody | 0, kOnMessageComplete = HTTPParser.kOnMessageComplete | 0;
const lines = require('fs').readFileSync(0, 'utf8').trim().split('\\n');
for (const line of lines) {
  const found = [];
  const parser = new HTTPParser();
  parser.initialize(HTTPParser.REQUEST, {});
  // Of a head with many fields the target comes before its end.
  let begun = '';
  parser[kOnHeaders] = (headers, url) => { begun += url; };
  parser[kOnHeadersComplete] = (major, minor, headers, method, url) => {
    found.push({ method: (allMethods || methods)[method], url: begun + (url || ''), body: [], whole: false });
    begun = '';
    return 0;
  };
  parser[kOnBody] = (part) => { found[found.length - 1].body.push(Buffer.from(part)); };
  parser[kOnMessageComplete] = () => { found[found.length - 1].whole = true; begun = ''; };
  const result = parser.execute(Buffer.from(line, 'base64'));
  for (const each of found) each.body = Buffer.concat(each.body).toString('base64');
  console.log(JSON.stringify({ found, refused: result instanceof Error ? result.code : null }));
}
"""


def by_node(batch):
    """Return what Node's parser finds in each input."""
    text = "\n".join(base64.b64encode(data).decode() for data in batch)
    done = subprocess.run(
        ["node", "--no-deprecation", "-e", PROGRAM], input=text, stdout=subprocess.PIPE, text=True, check=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def difference(data, node):
    """Return what forebay makes of an input and Node does not, or None."""
    seen, _, _ = oracles.run(served([data]))
    whole = [entry for entry in seen if entry[4] is not None]
    theirs = [entry for entry in node["found"] if entry["whole"]]
    for number, (method, url, _, _, body, *_) in enumerate(whole):
        if number >= len(theirs):
            # Node ends behind a request to upgrade; what follows is not parsed.
            upgrades = b"pgrade" in data or b"CONNECT" in data or b"PRI" in data
            if (upgrades and node["refused"] is None) or len(by_h11(data)[0]) > number:
                return None
            return f"{method} {url} is served, Node: {node}"
        other = theirs[number]
        same = (other["method"], other["url"].encode().decode("latin-1")) == (method, url) or max(
            url
        ) >= "\x80"
        if not same or base64.b64decode(other["body"]) != body:
            return f"{method} {url} {body!r}, Node: {other}"
    return None


def compare(count, seed):
    """Compare so many inputs. Return the number of differences, which are printed."""
    data = inputs(seeds_of("http_request"), seed)
    found = 0
    for begin in range(0, count, BATCH):
        batch = [each for each in islice(data, min(BATCH, count - begin)) if each]
        for each, node in zip(batch, by_node(batch), strict=True):
            text = difference(each, node)
            if text is not None:
                found += 1
                print(f"{each!r:.700}\n  {text:.700}\n", flush=True)
    return found


def main():
    parser = argparse.ArgumentParser(prog="fuzz.against_node", description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    found = compare(args.count, args.seed)
    oracles.close()
    print(f"{args.count:,} inputs, {found} differences")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
