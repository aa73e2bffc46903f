// Asking the server: what several panels want is asked once, and what nobody wants any more not at all.

import { ROOT } from "./address.js";

const underway = new Map();

/** What the server answers to a question for JSON; who asks the same meanwhile shares the answer. It is
 *  let go when the signals of all who asked say so. Throws an Error with the problem's own words,
 *  `status` and `type`; or `isLost`, if nobody answered. */
export const ask = (path, params, signal) => {
  const url = new URL(`${path}?${params}`, ROOT).href;
  const question = underway.get(url) ?? begun(url);
  question.askers += 1;
  signal?.addEventListener("abort", () => (question.askers -= 1) || question.drop(), { once: true });
  return question.answer;
};

/** Something new is published: who asks from now on does not share what was asked before. */
export const renew = () => underway.clear();

const begun = (url) => {
  const stop = new AbortController();
  const question = { askers: 0 };
  const forget = () => underway.get(url) === question && underway.delete(url);
  question.drop = () => {
    forget();
    stop.abort();
  };
  question.answer = fetched(url, stop.signal).finally(forget);
  underway.set(url, question);
  return question;
};

const fetched = async (url, signal) => {
  const answer = await fetch(url, { signal }).catch((error) => {
    throw Object.assign(error, { isLost: true });
  });
  if (answer.ok) return answer.json();
  const { detail, title, type } = await answer.json().catch(() => ({}));
  const error = new Error(detail || title || `the server answered ${answer.status}`);
  throw Object.assign(error, { status: answer.status, type: type?.split(":").at(-1) });
};
