// The figures move by themselves: the server says when a new warehouse is published.

import { ROOT } from "./address.js";
import { ago, clock, recently } from "./text.js";

const LEAST_PAUSE = 4000;
const SHARE = 20;
/** In which a browser that has lost the stream gets it again: the server ends each of them at times. */
const GRACE = 10_000;
/** A minute without a publication: there was nothing to publish, or nobody to do it. */
const QUIET = 60_000;

/** Calls `refresh({publication, now})`, which returns a promise, for each publication, and when a later
 *  time is now. Says how old the figures are; while that is paused, what `shownAt()` gives.
 *  Returns what says whether it is paused.
 *
 *  A stream is one of the few connections that a browser has for a server, so only a page that can be
 *  seen holds one. After a refresh there is a pause of at least `LEAST_PAUSE` ms, and of so many times
 *  its length that it keeps the server busy for a twentieth of the time at most. */
export const follow = (refresh, shownAt) => {
  const age = document.getElementById("age");
  const pause = document.getElementById("pause");
  let isPaused = false;
  let source;
  let trouble = "";
  let doubt;
  let published;
  let newest;
  let behind = false;
  let projecting = null;
  let earliest = 0;
  let timer;
  let retry;

  const say = () => {
    const of = isPaused && shownAt();
    if (isPaused) age.textContent = of ? `Paused: figures of ${at(Date.parse(of))}` : "Paused";
    else age.textContent = `${trouble} ${published ? told() : ""}${behind ? ", newer figures are coming" : ""}`.trim();
  };
  const at = (moment) => (Date.now() - moment < 72_000_000 ? clock(moment).slice(0, 5) : recently(moment));
  /** Of what is young its age; of what is older, why: nobody came, or nothing is published. */
  const told = () => {
    const old = Date.now() - published;
    if (old < QUIET || behind) return `Updated ${ago(old)}`;
    return projecting === false ? `No projector is at work: figures of ${at(published)}` : `Nothing newer since ${at(published)}`;
  };
  const isSeen = () => document.visibilityState === "visible" && !isPaused;
  const later = () => (timer ??= setTimeout(work, Math.max(0, earliest - performance.now())));
  const work = async () => {
    const shown = newest;
    const begun = performance.now();
    try {
      // Whoever looks again is told anew.
      if (isSeen()) await refresh(shown);
    } finally {
      // Whoever has just come and sees an older one does not wait for the next.
      earliest = behind ? 0 : performance.now() + Math.max(LEAST_PAUSE, SHARE * (performance.now() - begun));
      timer = undefined;
    }
    if (isSeen() && newest !== shown) later();
  };
  const take = (event) => {
    const { publication, now, age, behind: isBehind, projecting: isProjecting } = JSON.parse(event.data);
    behind = isBehind;
    projecting = isProjecting;
    newest = { publication, now };
    published = Date.now() - age;
    later();
    say();
  };
  /** What is known of the connection by now. */
  const settle = (words = "") => {
    clearTimeout(doubt);
    doubt = undefined;
    trouble = words;
    say();
  };
  const close = () => {
    clearTimeout(retry);
    clearTimeout(doubt);
    doubt = undefined;
    source?.close();
  };
  const open = () => {
    source = new EventSource(new URL("events", ROOT));
    source.addEventListener("published", take);
    source.addEventListener("projecting", ({ data }) => {
      projecting = JSON.parse(data);
      say();
    });
    source.addEventListener("open", () => settle());
    source.addEventListener("error", () => {
      // The browser tries again by itself, unless the answer was not a stream.
      if (source.readyState === EventSource.CLOSED) {
        settle("Updates are refused.");
        retry = setTimeout(look, 5000);
      } else {
        doubt ??= setTimeout(() => settle("Connection lost."), GRACE);
      }
    });
  };
  const look = () => {
    close();
    if (isSeen()) open();
  };

  document.addEventListener("visibilitychange", look);
  addEventListener("pageshow", (event) => event.persisted && look());
  addEventListener("pagehide", close);
  pause.addEventListener("click", () => {
    isPaused = !isPaused;
    pause.textContent = isPaused ? "Go on" : "Pause";
    look();
    say();
  });
  setInterval(say, 1000);
  look();
  return () => isPaused;
};
