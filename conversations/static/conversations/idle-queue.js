// Tasks that can wait, run in batches while the browser is idle.

const BATCH_MS = 8;
const MAX_WAIT_MS = 200;

/** @type {(() => void)[]} */
const tasks = [];
let isScheduled = false;

/** Runs tasks in order. @param {(() => void)[]} newTasks should be short */
export function runWhenIdle(newTasks) {
  tasks.push(...newTasks);
  schedule();
}

function schedule() {
  if (!tasks.length || isScheduled) {
    return;
  }
  isScheduled = true;
  if ("requestIdleCallback" in window) {
    requestIdleCallback(runBatch, { timeout: MAX_WAIT_MS });
  } else {
    setTimeout(runBatch, 0);
  }
}

function runBatch() {
  const end = performance.now() + BATCH_MS;
  do {
    tasks.shift()?.();
  } while (tasks.length && performance.now() < end);
  isScheduled = false;
  schedule();
}
