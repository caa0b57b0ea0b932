// The page's requests to the faucet's API.

import { dropWork, workDone } from "./work.js";

/**
 * @typedef {object} Refusal
 * @property {string | null} code  of the API; null: a proxy answered, or nobody did
 * @property {string} sentence
 * @property {string | null} field  of the request, if one is to blame
 * @property {number} retryAfter  seconds; 0: at once
 */
/** @typedef {{ id: string } | null} Accepted  the job; null: the faucet only tries such a name out */

const MAX_TRIES = 3; // of a signup whose work was refused
const TIMEOUT = 60_000; // milliseconds; a reply may be held for half of that

const UNANSWERED = "The faucet does not answer. Is this device online?";
const SAFE = "Sending it again is safe: it is the same signup, with the same keys.";

/** A signup was not accepted. */
export class Refused extends Error {
  /** @param {Refusal} refusal */
  constructor({ code, sentence, field, retryAfter }) {
    super(sentence);
    this.code = code;
    this.field = field;
    this.retryAfter = retryAfter;
  }
}

/**
 * The body of a signup.
 * @param {string} name
 * @param {{ owner: string, active: string, memo: string }} publicKeys
 * @param {Record<string, string>} fields  that this faucet asks for besides
 */
export function signupBody(name, publicKeys, fields) {
  const { owner, active, memo } = publicKeys;
  return { account: { ...fields, name, owner_key: owner, active_key: active, memo_key: memo } };
}

/**
 * Send a signup, with the work that this faucet asks of those without an invitation. The same one may be sent any
 * number of times: it is one job.
 * @param {string} name
 * @param {{ owner: string, active: string, memo: string }} publicKeys
 * @param {Record<string, string>} fields
 * @returns {Promise<Accepted>}
 * @throws {Refused}
 */
export async function signUp(name, publicKeys, fields) {
  for (let tries = 1; ; tries++) {
    const work = fields.invite ? null : await provenWork();
    try {
      return await send(signupBody(name, publicKeys, work === null ? fields : { ...fields, work }));
    } catch (error) {
      if (/** @type {Refused} */ (error).field !== "work") throw error;
      dropWork();
      if (tries === MAX_TRIES) throw error;
    }
  }
}

/** @throws {Refused} */
async function provenWork() {
  try {
    return await workDone();
  } catch (error) {
    throw new Refused({ code: null, sentence: /** @type {Error} */ (error).message, field: null, retryAfter: 0 });
  }
}

/**
 * @param {ReturnType<typeof signupBody>} body
 * @returns {Promise<Accepted>}
 * @throws {Refused}
 */
async function send(body) {
  const response = await fetch("/api/v1/accounts", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(TIMEOUT),
  }).catch(() => null);
  const reply = await response?.json().catch(() => null);
  // Whether it was refused is in the reply: a faucet with `old_clients` refuses with status 200.
  if (reply?.job || reply?.dry_run) return reply.job ?? null;
  const { sentence, ...refused } = refusal(response ?? null, reply);
  throw new Refused({ ...refused, sentence: refused.code === null ? `${sentence} ${SAFE}` : sentence });
}

/**
 * Why `name` can't be had, null if it can.
 * @param {string} name
 * @param {AbortSignal} signal
 * @returns {Promise<string | null>}
 * @throws {Refused} if it can't be told now
 */
export async function nameProblem(name, signal) {
  const response = await fetch(`/api/v1/accounts/${encodeURIComponent(name)}`, { signal }).catch(() => null);
  const reply = await response?.json().catch(() => null);
  if (reply?.account) return reply.account.reason;
  throw new Refused(refusal(response ?? null, reply));
}

/**
 * @param {Response | null} response
 * @param {any} reply
 * @returns {Refusal}
 */
function refusal(response, reply) {
  return {
    code: reply?.error_code ?? null,
    sentence: reply?.error?.base?.[0] ?? UNANSWERED,
    field: reply?.error_field ?? null,
    retryAfter: Number(response?.headers.get("Retry-After")) || 0,
  };
}
