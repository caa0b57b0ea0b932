// Does proof of work beside the page: takes a challenge, and posts how far it is until it has the solution.

import { solver } from "./solver.js";

const SLICE = 100; // milliseconds between two messages

addEventListener("message", ({ data }) => {
  const search = solver(data);
  let found;
  do {
    found = search(SLICE);
    postMessage(found);
  } while (found.nonce === null);
});
