'use strict';
// Node's own stream module with what forebay decided differently, for use as DIFF_STREAM:
//   DIFF_STREAM=lib/decided.js node --expose-internals run.js FILE...
// The sources are taken out of the running binary (v20) and changed in a few places; a place that is not found is an
// error. DECIDED=onechunk,... takes only the changes named.
const path = require('path');
const { internalBinding, primordials } = require('internal/test/binding');
const { natives } = internalBinding('builtins');

const READABLE = 'internal/streams/readable';
const WRITABLE = 'internal/streams/writable';
const TRANSFORM = 'internal/streams/transform';
const EOS = 'internal/streams/end-of-stream';
const WRITTEN = `(isWritableFinished(stream, false) && (isWritableFinished(stream) || wState.prefinished ||
  (!wState.finalCalled && typeof (stream._transform ? stream._flush : stream._final) !== 'function')))`;
const changes = {
  // read() without a size gives one chunk.
  onechunk: [[READABLE, 'if ((state[kState] & kFlowing) !== 0 && state.length)',
              'if ((state[kState] & (kFlowing | kDecoder)) !== kDecoder && state.length)']],
  // No special tick in object mode.
  objecttick: [[WRITABLE, '(state[kState] & kDestroyed !== 0)', 'false']],
  // A failed write ends the flush.
  flush: [[WRITABLE, '    do {\n      const { chunk, encoding, callback } = buffered[i];',
           '    const before = state.errored;\n    do {\n      const { chunk, encoding, callback } = buffered[i];'],
          [WRITABLE, 'while (i < buffered.length && (state[kState] & kWriting) === 0);',
           'while (i < buffered.length && (state[kState] & kWriting) === 0 && state.errored === before);']],
  // end(callback): called after destroy(), and before 'error' when final fails on the spot.
  end: [[WRITABLE, '    state[kState] |= kEnding;\n    finishMaybe(this, state, true);\n    state[kState] |= kEnded;',
         `    if (typeof cb === 'function' && (state[kState] & kDestroyed) === 0) {
           state[kState] |= kOnFinished;
           state[kOnFinishedValue] ??= [];
           state[kOnFinishedValue].push(cb);
           cb = null;
         }
         state[kState] |= kEnding;
         finishMaybe(this, state, true);
         state[kState] |= kEnded;
         if ((state[kState] & kDestroyed) !== 0) err = new ERR_STREAM_DESTROYED('end');`],
        [WRITABLE, '    callFinishedCallbacks(state, err);\n    errorOrDestroy(stream, err,',
         `    if ((state[kState] & kSync) === 0) callFinishedCallbacks(state, err);
         else if ((state[kState] & (kAutoDestroy | kOnFinished)) === kOnFinished) process.nextTick(errorBuffer, state);
         errorOrDestroy(stream, err,`]],
  // A pipe that is gone installs no 'drain' listener.
  unpipe: [[READABLE, '    if (!ondrain) {', '    if (!ondrain && !cleanedUp) {']],
  // Each chunk that came is progress, also a part of a character.
  progress: [[READABLE, '    if (chunk.length === 0) {\n      maybeReadMore(stream, state);',
              '    if (chunk.length === 0) {\n      state.progressed = true;\n      maybeReadMore(stream, state);'],
             [READABLE, '    stream.read(0);\n    if (len === state.length)',
              '    state.progressed = false;\n    stream.read(0);\n    if (len === state.length && !state.progressed)']],
  // A stream that opens slowly, with a mark of 0, reads for a 'readable' listener.
  opening: [[READABLE, '  if ((this[kState] & kNeedReadable) !== 0) {\n    maybeReadMore(stream, this);',
             `  if (this.highWaterMark === 0 && (this[kState] & (kNeedReadable | kReadableListening)) ===
                   (kNeedReadable | kReadableListening)) {
               process.nextTick(() => stream.read(0));
             } else if ((this[kState] & kNeedReadable) !== 0) {
               maybeReadMore(stream, this);`]],
  // A stream that is destroyed while its final runs is not done.
  final: [[EOS, 'let writableFinished = isWritableFinished(stream, false);', `let writableFinished = ${WRITTEN};`],
          [EOS, 'if (!isWritableFinished(stream, false))', `if (!${WRITTEN})`]],
  // A write is not held back while a read is outstanding: only unshift() has filled the buffer.
  reading: [[TRANSFORM, 'rState.length < rState.highWaterMark\n', 'rState.length < rState.highWaterMark || rState.reading\n']],
  // After destroy() the end is dropped like any chunk.
  dropped: [[READABLE, "  debug('onEofChunk');\n  if (", "  debug('onEofChunk');\n  if (state.destroyed || "]],
  // A destination that has failed and is gone does not hold up the others.
  failing: [[READABLE, '(!dest._writableState || dest._writableState.needDrain))',
             `(!dest._writableState || dest._writableState.needDrain ||
               (!state.destroyed && state.pipes.length > 0 && !state.pipes.includes(dest) &&
                (state.multiAwaitDrain ? state.awaitDrainWriters.has(dest) : state.awaitDrainWriters === dest))))`]],
};
const wanted = (process.env.DECIDED || Object.keys(changes).join()).split(',');
const texts = {};
for (const name of wanted) {
  for (const [id, from, to] of changes[name]) {
    const text = texts[id] || natives[id];
    if (text.split(from).length !== 2) throw new Error(`${name}: not once in ${id}: ${from}`);
    texts[id] = text.replace(from, () => to);
  }
}

const OWN = /^(stream|stream\/promises|internal\/streams\/.*)$/;
const SHARED = new Set(['internal/streams/state', 'internal/streams/utils', 'internal/streams/legacy']);
const modules = {};
function load(id) {
  if (!OWN.test(id) || SHARED.has(id)) return require(id);
  if (modules[id]) return modules[id].exports;
  const module = modules[id] = { exports: {} };
  const fn = new Function('exports', 'require', 'module', 'process', 'internalBinding', 'primordials',
                          texts[id] || natives[id]);
  fn(module.exports, load, module, process, internalBinding, primordials);
  return module.exports;
}

process.removeAllListeners('warning');
module.exports = load('stream');
