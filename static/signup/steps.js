// The steps of the signup page: which one is shown.

/** @type {(id: string) => any} */
export const byId = (id) => document.getElementById(id);
export const all = (/** @type {string} */ selector) => /** @type {HTMLElement[]} */ ([...document.querySelectorAll(selector)]);

/** @param {"choose" | "keep" | "account"} stage */
export function goTo(stage) {
  for (const part of all("[data-in]")) part.hidden = part.dataset.in !== stage;
  const stages = all(".stages [data-stage]");
  const reached = stages.findIndex((item) => item.dataset.stage === stage);
  for (const [place, item] of stages.entries()) {
    item.classList.toggle("passed", place < reached);
    if (place === reached) item.setAttribute("aria-current", "step");
    else item.removeAttribute("aria-current");
  }
}

/** @param {HTMLElement} heading  of what comes next: readers of the screen go on from there */
export function goOnAt(heading) {
  heading.focus({ preventScroll: true });
  byId("steps").scrollIntoView({ block: "start" });
}

/** @param {string} name */
export function showName(name) {
  for (const place of all("[data-name]")) place.textContent = name;
}
