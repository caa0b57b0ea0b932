// The recovery sheet: on the page, on paper, and as a file.

import { ROLES } from "./keys.js";

/** @typedef {import("./keys.js").Keys} Keys */
/** @typedef {{ name: string, password: string, keys: Keys, chain: string, origin: string, made: Date }} Sheet */

/**
 * Write `sheet` into the element that has its form; null empties it.
 * @param {HTMLElement} element
 * @param {Sheet | null} sheet
 */
export function showSheet(element, sheet) {
  const texts = sheet === null ? {} : textsOf(sheet);
  element.toggleAttribute("data-filled", sheet !== null);
  for (const place of element.querySelectorAll("[data-sheet]")) {
    const text = texts[/** @type {HTMLElement} */ (place).dataset.sheet ?? ""] ?? "";
    // A password breaks into lines between its groups only.
    const groups = text.split(/(?<=-)/);
    place.replaceChildren(...groups.flatMap((group, index) => (index ? [document.createElement("wbr"), group] : [group])));
  }
}

/** @param {Sheet} sheet @returns {Record<string, string>} */
function textsOf({ name, password, keys, chain, origin, made }) {
  const wifs = Object.fromEntries(ROLES.map((role) => [role, keys[role].wif]));
  return { name, password, chain, origin, made: day(made), ...wifs };
}

/**
 * Hand `sheet` to the browser as a file to keep. It goes nowhere else.
 * @param {Sheet} sheet
 * @param {string} advice  the sentences that stand on the sheet
 */
export function saveSheet(sheet, advice) {
  const url = URL.createObjectURL(new Blob([plainSheet(sheet, advice)], { type: "text/plain" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = `recovery-sheet-${sheet.name}.txt`;
  link.click();
  // The browser has begun to read it by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** @param {Sheet} sheet @param {string} advice */
function plainSheet({ name, password, keys, chain, origin, made }, advice) {
  return [
    "RECOVERY SHEET",
    "",
    `Account name   ${name}`,
    `Password       ${password}`,
    `Chain          ${chain}`,
    `Made           ${day(made)}, at ${origin}`,
    "",
    advice,
    "",
    "Private keys, for wallets that ask for them instead of the password:",
    ...ROLES.map((role) => `${role.padEnd(15)}${keys[role].wif}`),
    "",
    "Public keys, which anybody may know:",
    ...ROLES.map((role) => `${role.padEnd(15)}${keys[role].public}`),
    "",
  ].join("\r\n");
}

/** @param {Date} date */
function day(date) {
  return date.toISOString().slice(0, 10);
}
