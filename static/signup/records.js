// What a tab remembers across a reload: for which names it has made keys, their public halves, and their jobs.
// Nothing of it is secret, and it ends with the tab.

/** @typedef {{ owner: string, active: string, memo: string }} PublicKeys */
/** @typedef {{ name: string, keys: PublicKeys, job: string | null }} Record */

const KEY = "signups";

/** @returns {Record[]}  the newest last */
function read() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "[]");
  } catch {
    return []; // storage is off, or somebody else wrote there
  }
}

/** @param {Record[]} records */
function write(records) {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(records));
  } catch {
    // Then a reload forgets them, and the ledger still refuses a second key set of a name.
  }
}

/** @param {string} name @returns {Record | null} */
export function recordOf(name) {
  return read().find((record) => record.name === name) ?? null;
}

/** @returns {Record | null} */
export function lastRecord() {
  return read().at(-1) ?? null;
}

/** @param {Record} record */
export function remember(record) {
  write([...read().filter(({ name }) => name !== record.name), record]);
}

/** @param {string} name */
export function forget(name) {
  write(read().filter((record) => record.name !== name));
}
