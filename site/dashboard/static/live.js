// The figures move by themselves: the server says when a new warehouse is published.

import { ROOT } from "./address.js";
import { ago } from "./text.js";

const LEAST_PAUSE = 4000;
const SHARE = 20;

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
  let earliest = 0;
  let timer;
  let retry;

  const say = () => {
    if (published) age.textContent = `${lost ? "Connection lost. " : ""}Updated ${ago(Date.now() - published)}${behind ? ", newer figures are coming" : ""}`;
    else if (lost) age.textContent = "Connection lost.";
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
  const told = (event) => {
    const { publication, age, behind: isBehind } = JSON.parse(event.data);
    lost = false;
    behind = isBehind;
    newest = publication;
    published = Date.now() - age;
    later();
    say();
  };
  const open = () => {
    source?.close();
    source = new EventSource(new URL("events", ROOT));
    source.addEventListener("published", told);
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
