// Keeps the page as it is on the server: it is fetched again, and its main part replaced.
"use strict";

const main = document.querySelector("main");

async function refresh() {
  const reply = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
  if (!reply || !reply.ok) return;
  const page = new DOMParser().parseFromString(await reply.text(), "text/html");
  main.innerHTML = page.querySelector("main").innerHTML;
}

if (main.dataset.poll) {
  setInterval(() => document.hidden || refresh(), Number(main.dataset.poll));
}

if (main.dataset.events) {
  const events = new EventSource(main.dataset.events);
  events.addEventListener("job", (event) => {
    refresh();
    if (["done", "failed", "cancelled"].includes(JSON.parse(event.data).job.state)) events.close();
  });
}
