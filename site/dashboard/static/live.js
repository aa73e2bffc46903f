// The figures move by themselves: the server says when a new warehouse is published.

import { ROOT } from "./address.js";
import { ago, clock, recently } from "./text.js";

const LEAST_PAUSE = 4000;
const SHARE = 20;
/** A minute without a publication: there was nothing to publish, or nobody to do it. */
const QUIET = 60_000;

/** Calls `refresh(publication)`, which returns a promise, for each publication. Says how old the figures
 *  are.
 *
 *  A stream is one of the few connections that a browser has for a server, so only a page that can be
 *  seen holds one. After a refresh there is a pause of at least `LEAST_PAUSE` ms, and of so many times
 *  its length that it keeps the server busy for a twentieth of the time at most. */
export const follow = (refresh) => {
  const age = document.getElementById("age");
  let source;
  let lost = false;
  let published;
  let newest;
  let behind = false;
  let projecting = null;
  let earliest = 0;
  let timer;
  let retry;

  const say = () => {
    if (published) age.textContent = `${lost ? "Connection lost. " : ""}${told()}${behind ? ", newer figures are coming" : ""}`;
    else if (lost) age.textContent = "Connection lost.";
  };
  /** Of what is young its age; of what is older, why: nobody came, or nothing is published. */
  const told = () => {
    const old = Date.now() - published;
    if (old < QUIET || behind) return `Updated ${ago(old)}`;
    const since = old < 72_000_000 ? clock(published).slice(0, 5) : recently(published);
    return projecting === false ? `No projector is at work: figures of ${since}` : `Nothing newer since ${since}`;
  };
  const isSeen = () => document.visibilityState === "visible";
  const later = () => (timer ??= setTimeout(work, Math.max(0, earliest - performance.now())));
  const work = async () => {
    const publication = newest;
    const begun = performance.now();
    try {
      // Whoever looks again is told anew.
      if (isSeen()) await refresh(publication);
    } finally {
      // Whoever has just come and sees an older one does not wait for the next.
      earliest = behind ? 0 : performance.now() + Math.max(LEAST_PAUSE, SHARE * (performance.now() - begun));
      timer = undefined;
    }
    if (isSeen() && newest !== publication) later();
  };
  const take = (event) => {
    const { publication, age, behind: isBehind, projecting: isProjecting } = JSON.parse(event.data);
    lost = false;
    behind = isBehind;
    projecting = isProjecting;
    newest = publication;
    published = Date.now() - age;
    later();
    say();
  };
  const open = () => {
    source?.close();
    source = new EventSource(new URL("events", ROOT));
    source.addEventListener("published", take);
    source.addEventListener("projecting", ({ data }) => {
      projecting = JSON.parse(data);
      say();
    });
    source.addEventListener("error", () => {
      lost = true;
      say();
      // The browser tries again by itself, unless the answer was not a stream.
      clearTimeout(retry);
      if (source.readyState === EventSource.CLOSED) retry = setTimeout(look, 5000);
    });
  };
  const look = () => {
    clearTimeout(retry);
    if (isSeen()) open();
    else source?.close();
  };

  document.addEventListener("visibilitychange", look);
  addEventListener("pageshow", (event) => event.persisted && look());
  addEventListener("pagehide", () => source?.close());
  setInterval(say, 1000);
  look();
};
