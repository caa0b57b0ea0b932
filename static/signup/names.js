// Tells while somebody types whether a name can be had.

import { nameProblem } from "./request.js";

const DELAY = 300; // milliseconds without a key press until the faucet is asked
const NO_FILE = /^\.{0,2}$/; // in an address these are folders, not names

/** @typedef {{ name: string, state: "empty" | "pending" | "free" | "refused" | "unknown", sentence: string }} Answer */

/**
 * Look at what is typed into `input`, and call `show` with what is known of it.
 * @param {HTMLInputElement} input
 * @param {(answer: Answer) => void} show
 * @returns {() => Promise<Answer>}  asks at once
 */
export function watchName(input, show) {
  let question = new AbortController();
  let timer = 0;

  /** @returns {Promise<Answer>} */
  async function ask() {
    clearTimeout(timer);
    question.abort();
    question = new AbortController();
    const { signal } = question;
    const answer = await answerFor(input.value.trim(), signal);
    // Something else was typed meanwhile.
    if (!signal.aborted) show(answer);
    return answer;
  }

  input.addEventListener("input", () => {
    clearTimeout(timer);
    question.abort();
    const name = input.value.trim();
    show(name ? { name, state: "pending", sentence: "" } : empty(name));
    if (name) timer = setTimeout(ask, DELAY);
  });
  return ask;
}

/**
 * @param {string} name
 * @param {AbortSignal} signal
 * @returns {Promise<Answer>}
 */
async function answerFor(name, signal) {
  if (NO_FILE.test(name)) return empty(name);
  try {
    const problem = await nameProblem(name, signal);
    if (problem !== null) return { name, state: "refused", sentence: problem };
    return { name, state: "free", sentence: `${name} is free.` };
  } catch (error) {
    return { name, state: "unknown", sentence: /** @type {Error} */ (error).message };
  }
}

/** @param {string} name @returns {Answer} */
function empty(name) {
  return { name, state: "empty", sentence: "Choose a name first." };
}
