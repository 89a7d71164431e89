// Work that can wait, done in pieces while the page has nothing else to do.

const PIECE = 8;
const WITHIN = 200;

/** @type {(() => void)[]} */
const waiting = [];
let isPlanned = false;

/** @param {(() => void)[]} tasks each short, done in order */
export function whenIdle(tasks) {
  waiting.push(...tasks);
  plan();
}

function plan() {
  if (!waiting.length || isPlanned) {
    return;
  }
  isPlanned = true;
  if ("requestIdleCallback" in window) {
    requestIdleCallback(work, { timeout: WITHIN });
  } else {
    setTimeout(work, 0);
  }
}

function work() {
  const end = performance.now() + PIECE;
  do {
    waiting.shift()?.();
  } while (waiting.length && performance.now() < end);
  isPlanned = false;
  plan();
}
