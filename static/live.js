// Keeps the live part of a page as it is on the server: the page is fetched again, and that part replaced.
"use strict";

const live = document.getElementById("live");
const ENDED = ["done", "failed", "cancelled"];

async function refresh() {
  const reply = await fetch(location.href).catch(() => null);
  // What can't be brought up to date must not look as if it were.
  live.classList.toggle("stale", !reply?.ok);
  if (!reply?.ok) return;
  const page = new DOMParser().parseFromString(await reply.text(), "text/html");
  const fresh = page.getElementById("live");
  if (fresh.innerHTML !== live.innerHTML) live.replaceChildren(...fresh.childNodes);
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
