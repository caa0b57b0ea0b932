// Proof of work for the signup page: done while somebody saves the sheet, so that hardly anybody waits for it.

import { proveWork } from "../work/work.js";
import { all } from "./steps.js";

/** The work in hand, or done for the next signup. @type {Promise<string | null> | null} */
let work = null;

/** Begin, unless this faucet asks for none or it is done already. */
export function startWork() {
  if (all("[data-work]").length === 0) return;
  work ??= proveWork({ onProgress: show });
  // Who waits for it hears of a failure, and the next start tries again.
  work.catch(() => (work = null));
}

/**
 * What to send with a signup, once it is done; null where none is needed.
 * @returns {Promise<string | null>}
 */
export function workDone() {
  startWork();
  return work ?? Promise.resolve(null);
}

/** Forget what was done: it was for nothing, or too long ago. */
export function dropWork() {
  work = null;
}

/** @param {number} share */
function show(share) {
  for (const place of all("[data-work]")) {
    place.hidden = false;
    place.querySelector("progress")?.setAttribute("value", String(share));
    place.dataset.work = share === 1 ? "done" : "doing";
  }
}
