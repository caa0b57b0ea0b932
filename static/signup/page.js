// The signup page: a name, a sheet to keep, an account. Keys stay in this module's variables and on the sheet.

import { followJob } from "./account.js";
import { deriveKeys, makePassword, ROLES } from "./keys.js";
import { watchName } from "./names.js";
import { forget, lastRecord, recordOf, remember } from "./records.js";
import { signUp } from "./request.js";
import { saveSheet, showSheet } from "./sheet.js";
import { all, byId, goOnAt, goTo, showName } from "./steps.js";
import { startWork } from "./work.js";

/** @typedef {import("./sheet.js").Sheet} Sheet */
/** @typedef {import("./records.js").Record} Record */

const live = byId("live");
const nameInput = byId("name");

/** Sheets by name: whoever comes back to a name finds its sheet, never a second one. @type {Map<string, Sheet>} */
const sheets = new Map();
/** What is registered, or is about to be. @type {Record | null} */
let current = null;
let isKept = true; // or there is nothing to lose
let waiting = 0; // timer until the signup may be sent again
let stopFollowing = () => {};

/** By the job's state. @type {{ [state: string]: string }} */
const NEWS = {
  queued: "The faucet has accepted it. You may close this page: the account is made all the same.",
  broadcast: "On its way to the chain.",
  registered: "The account is in a block. In a moment nothing can undo that.",
  done: "Nothing can undo that any more. Log in with a wallet, with the name and the password of your sheet.",
};

/** @param {string} text @param {string} [mark] */
function showAnswer(text, mark = "") {
  byId("answer").textContent = text;
  byId("answer").dataset.state = mark;
  nameInput.setAttribute("aria-invalid", String(mark === "refused"));
}

// --- A name, and a sheet for it ------------------------------------------------------------------------------

const askNow = watchName(nameInput, ({ state, sentence }) => showAnswer(state === "empty" ? "" : sentence, state));

byId("choose").addEventListener("submit", async (/** @type {Event} */ event) => {
  event.preventDefault();
  const { name, state, sentence } = await askNow();
  if (name !== nameInput.value.trim()) return; // somebody goes on typing
  if (state !== "free") {
    showAnswer(sentence, state);
    nameInput.focus();
  } else if (!sheets.has(name) && recordOf(name)) {
    offerToResume(/** @type {Record} */ (recordOf(name)));
  } else {
    keep(name);
  }
});

/** Show the sheet of `name`, made now unless there is one. @param {string} name */
function keep(name) {
  const sheet = sheets.get(name) ?? makeSheet(name);
  const [owner, active, memo] = ROLES.map((role) => sheet.keys[role].public);
  sheets.set(name, sheet);
  current = { name, keys: { owner, active, memo }, job: null };
  remember(current);
  isKept = false;
  byId("replaced").hidden = sheets.size === 1;
  byId("kept").textContent = "";
  byId("send").reset();
  byId("send").kept.checked = false;
  allow();
  showName(name);
  showSheet(byId("sheet"), sheet);
  goTo("keep");
  startWork();
  goOnAt(all("[data-in=keep] h2")[0]);
}

/** @param {string} name @returns {Sheet} */
function makeSheet(name) {
  const password = makePassword();
  const keys = deriveKeys(name, password, live.dataset.prefix);
  return { name, password, keys, chain: live.dataset.chain, origin: location.origin, made: new Date() };
}

for (const button of all("[data-sheet-action]")) {
  button.addEventListener("click", () => {
    const sheet = current && sheets.get(current.name);
    if (!sheet) return;
    if (button.dataset.sheetAction === "print") {
      window.print();
    } else {
      saveSheet(sheet, all("#advice p").map((part) => part.textContent?.trim()).join("\r\n\r\n"));
      byId("kept").textContent = "The file is among your downloads. Look whether it is really there.";
    }
  });
}

/** Buttons that lead on are there to be pressed only where that can succeed. */
function allow() {
  const isOpen = live.dataset.open === "yes";
  byId("make").disabled = !isOpen;
  byId("register").disabled = !(isOpen && byId("send").kept.checked);
  byId("resume-send").disabled = !isOpen;
}

byId("send").kept.addEventListener("change", allow);
new MutationObserver(allow).observe(live, { attributes: true, attributeFilter: ["data-open"] });

// --- A sheet of before a reload ------------------------------------------------------------------------------

/** @param {Record} record */
function offerToResume(record) {
  showName(record.name);
  nameInput.value = record.name;
  byId("resume").hidden = false;
  byId("resume-send").onclick = () => {
    if (!byId("choose").reportValidity()) return;
    byId("resume").hidden = true;
    current = record;
    send();
  };
  byId("resume-forget").onclick = () => {
    forget(record.name);
    byId("resume").hidden = true;
    byId("choose").requestSubmit();
  };
  goOnAt(all("#resume h2")[0]);
}

// --- The account ---------------------------------------------------------------------------------------------

byId("send").addEventListener("submit", (/** @type {Event} */ event) => {
  event.preventDefault();
  isKept = true;
  send();
});
byId("resend").addEventListener("click", () => send());

async function send() {
  const record = current;
  if (record === null) return;
  showAccount("Sending the name and three public keys …");
  try {
    const job = await signUp(record.name, record.keys, filledFields());
    if (job !== null) remember({ ...record, job: job.id });
    if (current !== record) return; // somebody went back meanwhile
    if (job !== null) follow({ ...record, job: job.id });
    else showProblem("The faucet only tries such a name out, and registers nothing. Choose another name.");
  } catch (error) {
    if (current === record) refuse(/** @type {import("./request.js").Refused} */ (error));
  }
}

/** What is sent besides. @returns {{ [name: string]: string }} */
function filledFields() {
  const fields = all("[data-field]").map((field) => /** @type {HTMLInputElement} */ (field));
  return Object.fromEntries(fields.map((field) => [field.name, field.value.trim()]).filter(([, text]) => text));
}

/** @param {string} news */
function showAccount(news) {
  const name = current?.name ?? "";
  clearTimeout(waiting);
  showName(name);
  byId("doing").textContent = `Registering ${name}`;
  byId("news").textContent = news;
  byId("account").classList.remove("there");
  byId("problem").hidden = true;
  byId("back").textContent = "Go back";
  byId("progress").replaceChildren();
  byId("sheet-again").hidden = !sheets.has(name);
  goTo("account");
  goOnAt(all("#account h2")[0]);
}

/** @param {{ code: string | null, message: string, field: string | null, retryAfter: number }} refused */
function refuse({ code, message, field, retryAfter }) {
  if (code === "account_exists") {
    forget(current?.name ?? "");
    sheets.delete(current?.name ?? "");
    byId("sheet-again").hidden = true;
    showProblem(`${message}: somebody was faster. The sheet is worthless now: throw it away, and choose another name.`);
  } else if (field !== null && field !== "work") {
    showProblem(sentence(message)); // the same would be refused again
  } else if (retryAfter) {
    const at = new Date(Date.now() + retryAfter * 1000);
    showProblem(`${sentence(message)} You can send it again at ${at.toLocaleTimeString()}; the sheet stays good.`, at);
  } else {
    showProblem(sentence(message), new Date());
  }
}

/** @param {string} text */
function sentence(text) {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/**
 * @param {string} text
 * @param {Date | null} [again]  when the same may be sent again; null: never
 */
function showProblem(text, again = null) {
  const rest = again === null ? 0 : again.getTime() - Date.now();
  byId("doing").textContent = `${current?.name} is not registered`;
  byId("news").textContent = "";
  byId("sentence").textContent = text;
  byId("problem").hidden = false;
  byId("resend").hidden = again === null;
  byId("resend").disabled = rest > 0;
  if (rest > 0) waiting = setTimeout(allowAgain, rest);
}

function allowAgain() {
  byId("resend").disabled = false;
  byId("news").textContent = "You can send it again now.";
}

/** @param {Record} record  whose job is on disk */
function follow(record) {
  current = record;
  showAccount(NEWS.queued);
  byId("back").textContent = "Sign up another name";
  stopFollowing = followJob(/** @type {string} */ (record.job), showJob, (isLost) =>
    byId("progress").classList.toggle("stale", isLost),
  );
}

/** @param {import("./account.js").Job} job @param {Node[]} parts */
function showJob(job, parts) {
  if (parts.length) byId("progress").replaceChildren(...parts);
  if (job.state === "failed" || job.state === "cancelled") {
    refuse({ code: job.code, message: job.reason ?? "The signup failed.", field: null, retryAfter: 0 });
    return;
  }
  const isThere = job.account_id !== null;
  byId("doing").textContent = isThere ? `${job.name} is yours` : `Registering ${job.name}`;
  byId("account").classList.toggle("there", isThere);
  byId("news").textContent = NEWS[job.state] ?? NEWS.registered;
}

for (const button of all("[data-again]")) {
  button.addEventListener("click", () => {
    clearTimeout(waiting);
    stopFollowing();
    if (current?.job) {
      forget(current.name);
      nameInput.value = "";
    }
    current = null;
    isKept = true;
    showAnswer("");
    showSheet(byId("sheet"), null);
    goTo("choose");
    goOnAt(all("#choose h2")[0]);
  });
}

// --- Coming and going ----------------------------------------------------------------------------------------

addEventListener("beforeunload", (event) => isKept || event.preventDefault());
// Neither the browser's cache of pages nor whoever goes back in it gets to see a password.
addEventListener("pagehide", () => {
  sheets.clear();
  showSheet(byId("sheet"), null);
});
addEventListener("pageshow", (event) => event.persisted && location.reload());
addEventListener("beforeprint", () => all("#sheet details").forEach((part) => part.setAttribute("open", "")));
addEventListener("afterprint", () => all("#sheet details").forEach((part) => part.removeAttribute("open")));

function start() {
  byId("unable").remove();
  byId("insecure").hidden = isSecureContext;
  byId("steps").hidden = !isSecureContext;
  goTo("choose");
  allow();
  // In the fragment, which no server or proxy sees.
  byId("invite").value = new URLSearchParams(location.hash.slice(1)).get("invite") ?? "";
  const record = lastRecord();
  if (record?.job) follow(record);
  else if (record) offerToResume(record);
}

start();
