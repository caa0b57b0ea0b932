// Searches the nonce that solves a challenge of proof of work. Nothing here touches the page or the network.

import { argon2id } from "../vendor/noble-hashes-2.3.0/argon2.js";
import { sha256 } from "../vendor/noble-hashes-2.3.0/sha2.js";

/**
 * @typedef {object} Challenge  as GET /api/v1/challenge gives it
 * @property {string} token
 * @property {"sha256" | "argon2"} algorithm
 * @property {number} attempts  in the mean
 * @property {{ memory: number, passes: number, lanes: number, precheck: number } | null} argon2
 */
/** @typedef {{ nonce: number | null, tried: number }} Found  the solution, if there is one yet, and how many were tried */

const RANGE = 2 ** 48; // values of a hash's first six bytes
const LOOK = 256; // nonces between two looks at the clock

/**
 * Search on each call for about `milliseconds`, from where the last call ended.
 * @param {Challenge} challenge
 * @returns {(milliseconds: number) => Found}
 */
export function solver({ token, algorithm, attempts, argon2 }) {
  const seed = sha256(new TextEncoder().encode(token));
  const input = new Uint8Array(seed.length + 8);
  input.set(seed);
  const view = new DataView(input.buffer, seed.length);
  const nonceBytes = input.subarray(seed.length);
  const target = Math.floor(RANGE / attempts);
  const options = argon2 && { t: argon2.passes, m: argon2.memory, p: argon2.lanes, dkLen: 32 };
  const shaTarget = argon2 ? Math.floor(RANGE / argon2.precheck) : target;
  let nonce = 0;
  let tried = 0;

  function isSolution() {
    if (first(sha256(input)) >= shaTarget) return false;
    if (options === null || algorithm === "sha256") return true;
    tried++;
    return first(argon2id(nonceBytes, seed, options)) < target;
  }

  return (milliseconds) => {
    const end = performance.now() + milliseconds;
    do {
      for (const stop = nonce + LOOK; nonce < stop; nonce++) {
        view.setUint32(0, Math.floor(nonce / 2 ** 32));
        view.setUint32(4, nonce >>> 0);
        if (isSolution()) return { nonce, tried: options === null ? nonce : tried };
      }
    } while (performance.now() < end);
    return { nonce: null, tried: options === null ? nonce : tried };
  };
}

/** @param {Uint8Array} digest  its first six bytes as a number */
function first(digest) {
  return ((digest[0] << 16) | (digest[1] << 8) | digest[2]) * 2 ** 24 + ((digest[3] << 16) | (digest[4] << 8) | digest[5]);
}
