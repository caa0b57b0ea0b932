// Proof of work for wallets: fetches a challenge, and has a worker solve it. docs/proof-of-work.md tells how to use it.

/** @typedef {import("./solver.js").Challenge} Challenge */

const WORKER = new URL("./worker.js", import.meta.url);

/**
 * What a signup sends as `work`; null where this faucet asks for none.
 * @param {object} [options]
 * @param {string} [options.faucet]  its origin; default: where this script comes from
 * @param {AbortSignal} [options.signal]  ends it
 * @param {(share: number) => void} [options.onProgress]  called with how likely it was to be done by now, 0 to 1
 * @returns {Promise<string | null>}
 * @throws {Error} if the faucet does not answer, the worker does not run, or `signal` ended it
 */
export async function proveWork({ faucet = WORKER.origin, signal, onProgress = () => {} } = {}) {
  const response = await fetch(`${faucet}/api/v1/challenge`, { signal, cache: "no-store" }).catch(() => null);
  signal?.throwIfAborted();
  if (response === null) throw new Error("The faucet does not answer. Is this device online?");
  if (response.status === 404) return null; // a faucet of before
  if (!response.ok) throw new Error(`The faucet gives no challenge: status ${response.status}.`);
  const { challenge } = await response.json();
  if (challenge === null) return null;
  return `${challenge.token}.${await solve(challenge, { signal, onProgress })}`;
}

/**
 * The nonce that solves `challenge`.
 * @param {Challenge} challenge
 * @param {{ signal?: AbortSignal, onProgress?: (share: number) => void }} [options]
 * @returns {Promise<number>}
 */
export function solve(challenge, { signal, onProgress = () => {} } = {}) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const { worker, end } = startWorker();
    const stop = (/** @type {() => void} */ then) => () => {
      end();
      signal?.removeEventListener("abort", abort);
      then();
    };
    const abort = stop(() => reject(signal?.reason));
    signal?.addEventListener("abort", abort);
    worker.onerror = stop(() => reject(new Error("This browser does not run the script that does the work.")));
    worker.onmessage = ({ data: { nonce, tried } }) => {
      onProgress(nonce === null ? 1 - Math.exp(-tried / challenge.attempts) : 1);
      if (nonce !== null) stop(() => resolve(nonce))();
    };
    worker.postMessage(challenge);
  });
}

/** A worker, also from another origin, whose scripts browsers start within a script of the page's own only. */
function startWorker() {
  const isOwn = WORKER.origin === location.origin;
  const wrapped = isOwn ? "" : URL.createObjectURL(new Blob([`import "${WORKER}";`], { type: "text/javascript" }));
  const worker = new Worker(isOwn ? WORKER : wrapped, { type: "module" });
  const end = () => {
    worker.terminate();
    if (!isOwn) URL.revokeObjectURL(wrapped);
  };
  return { worker, end };
}
