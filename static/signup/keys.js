// A password, the keys that wallets derive from it, and their notations. Nothing here touches the page or the network.

import { secp256k1 } from "@noble/curves/secp256k1.js";
import { ripemd160 } from "@noble/hashes/legacy.js";
import { sha256 } from "@noble/hashes/sha2.js";

/** @typedef {{ public: string, wif: string }} Key  as the chain writes it, and as wallets import it */
/** @typedef {{ owner: Key, active: Key, memo: Key }} Keys */

export const ROLES = /** @type {const} */ (["owner", "active", "memo"]);

// 32 characters, so each is five random bits. None looks like another: neither l, 1, o nor 0 is among them.
const PASSWORD_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789";
const [GROUPS, GROUP] = [7, 4];
export const PASSWORD_BITS = 5 * GROUPS * GROUP;

const BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const WIF_VERSION = 0x80;

/**
 * A new password of PASSWORD_BITS random bits, in groups that are easy to copy by hand.
 * @returns {string}
 */
export function makePassword() {
  const random = crypto.getRandomValues(new Uint8Array(GROUPS * GROUP));
  const characters = Array.from(random, (byte) => PASSWORD_ALPHABET[byte % PASSWORD_ALPHABET.length]);
  const groups = Array.from({ length: GROUPS }, (_, index) => characters.slice(index * GROUP, (index + 1) * GROUP));
  return groups.map((group) => group.join("")).join("-");
}

/**
 * The keys of the account `name` that a wallet derives from `password`, for a chain whose public keys begin with
 * `prefix`. Throws if one of them is no number on the curve, which happens once in 2^128 times.
 * @param {string} name
 * @param {string} password
 * @param {string} prefix
 * @returns {Keys}
 */
export function deriveKeys(name, password, prefix) {
  const keys = ROLES.map((role) => {
    const secret = sha256(new TextEncoder().encode(name + role + password));
    return [role, { public: publicKey(secret, prefix), wif: wif(secret) }];
  });
  return Object.fromEntries(keys);
}

/** @param {Uint8Array} secret @param {string} prefix */
function publicKey(secret, prefix) {
  const point = secp256k1.getPublicKey(secret, true);
  return prefix + base58(join(point, ripemd160(point).subarray(0, 4)));
}

/** @param {Uint8Array} secret */
function wif(secret) {
  const body = join(Uint8Array.of(WIF_VERSION), secret);
  return base58(join(body, sha256(sha256(body)).subarray(0, 4)));
}

/** @param {Uint8Array} first @param {Uint8Array} second */
function join(first, second) {
  return Uint8Array.of(...first, ...second);
}

/** @param {Uint8Array} bytes  which begin with no zero, as those of keys */
function base58(bytes) {
  let number = bytes.reduce((value, byte) => value * 256n + BigInt(byte), 0n);
  let digits = "";
  for (; number > 0n; number /= 58n) digits = BASE58[Number(number % 58n)] + digits;
  return digits;
}
