// Keeps the live part of a page as it is on the server: the page is fetched again, and that part made like it.
"use strict";

const live = document.getElementById("live");
const ENDED = ["done", "failed", "cancelled"];

let asked = 0;
let shown = 0;

async function refresh() {
  const turn = ++asked;
  const reply = await fetch(location.href).catch(() => null);
  // The answer to a later question may have come first.
  if (turn < shown) return;
  shown = turn;
  // What can't be brought up to date must not look as if it were.
  live.classList.toggle("stale", !reply?.ok);
  if (!reply?.ok) return;
  const page = new DOMParser().parseFromString(await reply.text(), "text/html");
  const fresh = page.getElementById("live");
  // Without that part it has become another page, such as the login after a session's end.
  if (fresh) follow(live, fresh);
  else location.reload();
}

// Makes `node` like `fresh` and leaves what is alike in place: what somebody writes, marks or unfolds stays.
function follow(node, fresh) {
  if (node.isEqualNode(fresh)) return;
  if (node.nodeName !== fresh.nodeName) {
    node.replaceWith(fresh);
  } else if (node.nodeType === Node.ELEMENT_NODE) {
    followAttributes(node, fresh);
    followChildren(node, fresh);
  } else {
    node.data = fresh.data;
  }
}

function followAttributes(node, fresh) {
  for (const { name, value } of fresh.attributes) node.setAttribute(name, value);
  for (const name of node.getAttributeNames()) {
    if (!fresh.hasAttribute(name) && name !== "open") node.removeAttribute(name);
  }
}

function followChildren(node, fresh) {
  const [children, fresher] = [[...node.childNodes], [...fresh.childNodes]];
  for (const child of children.splice(fresher.length)) child.remove();
  for (const [place, child] of fresher.entries()) {
    if (place < children.length) follow(children[place], child);
    else node.append(child);
  }
}

if (live?.dataset.poll) {
  setInterval(() => document.hidden || refresh(), Number(live.dataset.poll));
  document.addEventListener("visibilitychange", () => document.hidden || refresh());
}

if (live?.dataset.events) {
  const events = new EventSource(live.dataset.events);
  events.addEventListener("job", (event) => {
    refresh();
    if (ENDED.includes(JSON.parse(event.data).job.state)) events.close();
  });
  events.addEventListener("error", () => live.classList.add("stale"));
}

for (const button of document.querySelectorAll("[data-copy]")) {
  // Browsers offer the clipboard on secure origins only; elsewhere the text can still be selected.
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).innerText);
    button.textContent = "Copied";
  });
}
