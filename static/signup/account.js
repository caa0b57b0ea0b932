// Follows a signup until it has ended, and shows what the job's own page shows.

/** @typedef {{ state: string, name: string, account_id: string | null, code: string | null, reason: string | null }} Job */

const AGAIN = 3_000; // milliseconds until a stream that the faucet closed is opened again
const ENDED = ["done", "failed", "cancelled"];

/**
 * Call `show` with the job now and after each change, until it has ended.
 * @param {string} id
 * @param {(job: Job, parts: Node[]) => void} show  also the parts of the job's page that say how far it is
 * @param {(isLost: boolean) => void} onConnection  called when the stream is lost and when it is back
 * @returns {() => void}  ends it
 */
export function followJob(id, show, onConnection) {
  let events = open();
  let again = 0;
  let shown = 0;

  function open() {
    const stream = new EventSource(`/api/v1/jobs/${id}/events`);
    stream.addEventListener("open", () => onConnection(false));
    stream.addEventListener("job", take);
    stream.addEventListener("error", () => {
      onConnection(true);
      // The browser itself comes back after a broken connection, but not after a refusal, such as a proxy's 502.
      if (stream.readyState === EventSource.CLOSED) again = setTimeout(() => (events = open()), AGAIN);
    });
    return stream;
  }

  /** @param {MessageEvent<string>} event */
  async function take(event) {
    const turn = ++shown;
    const { job } = JSON.parse(event.data);
    if (ENDED.includes(job.state)) events.close();
    const parts = await partsOf(id);
    // What was asked later may have come first.
    if (turn === shown) show(job, parts);
  }

  return () => {
    shown++;
    clearTimeout(again);
    events.close();
  };
}

/**
 * @param {string} id
 * @returns {Promise<Node[]>}  none if the page can't be had now: the next change brings them
 */
async function partsOf(id) {
  const response = await fetch(`/jobs/${id}`).catch(() => null);
  if (!response?.ok) return [];
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  return [...page.querySelectorAll("#live .steps, #live dl")].map((part) => document.importNode(part, true));
}
