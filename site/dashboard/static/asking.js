// Asking the server: what several panels want is asked once, and what nobody wants any more not at all.

import { ROOT, selection } from "./address.js";

const underway = new Map();
let gathered;

/** What the server answers to a question for JSON; who asks the same meanwhile shares the answer. It is
 *  let go when the signals of all who asked say so. Throws an Error with the problem's own words,
 *  `status` and `type`; or `isLost`, if nobody answered. */
export const ask = (path, params, signal) => {
  const url = new URL(`${path}?${params}`, ROOT).href;
  const begun = (drop) => {
    const stop = new AbortController();
    drop(() => stop.abort());
    return fetched(url, stop.signal).then((answer) => answer.json());
  };
  return shared(url, begun, signal);
};

/** The same of a panel of the present selection. All that are asked for at once are one request, and each
 *  is there when its line is. `extra`: what this panel alone is asked with. */
export const askPanel = (name, extra, signal) => {
  const begun = (drop) => {
    if (!gathered || gathered.selection !== `${selection()}` || gathered.panels.has(name)) send();
    return gathered.add(name, extra, drop);
  };
  return shared(`${name}?${selection(extra)}`, begun, signal);
};

/** Ask now for the panels that were asked for until now: those that follow are another request. */
export const send = () => {
  gathered?.send();
  gathered = new Several();
};

/** Something new is published: who asks from now on does not share what was asked before. */
export const renew = () => underway.clear();

const shared = (key, begun, signal) => {
  const question = underway.get(key) ?? begin(key, begun);
  question.askers += 1;
  signal?.addEventListener("abort", () => (question.askers -= 1) || question.drop(), { once: true });
  return question.answer;
};

const begin = (key, begun) => {
  const question = { askers: 0 };
  const forget = () => underway.get(key) === question && underway.delete(key);
  question.answer = begun((stop) => {
    question.drop = () => {
      forget();
      stop();
    };
  }).finally(forget);
  underway.set(key, question);
  return question;
};

/** Panels of one selection that are asked for together. */
class Several {
  constructor() {
    this.selection = `${selection()}`;
    this.panels = new Map();
    this.stop = new AbortController();
    queueMicrotask(() => this.send());
  }

  add(name, extra, drop) {
    const { promise, resolve, reject } = Promise.withResolvers();
    this.panels.set(name, { extra, resolve, reject });
    drop(() => {
      this.panels.delete(name);
      reject(new DOMException("nobody asks for it any more", "AbortError"));
      if (this.isSent && !this.panels.size) this.stop.abort();
    });
    return promise;
  }

  async send() {
    if (gathered === this) gathered = undefined;
    if (this.isSent || !this.panels.size) return;
    this.isSent = true;
    try {
      const { body } = await fetched(this.url(), this.stop.signal);
      for await (const line of lines(body)) this.take(JSON.parse(line));
      lost(new Error("the answer ended too early"));
    } catch (error) {
      for (const { reject } of this.panels.values()) reject(error);
    }
  }

  url() {
    const params = new URLSearchParams(this.selection);
    for (const [name, { extra }] of this.panels) {
      for (const [key, value] of Object.entries(extra)) params.append(`${name}.${key}`, value);
    }
    return new URL(`panels.ndjson?panels=${[...this.panels.keys()]}${params.size ? `&${params}` : ""}`, ROOT).href;
  }

  take({ problem, ...answer }) {
    const asked = this.panels.get(answer.panel);
    this.panels.delete(answer.panel);
    if (problem) asked?.reject(refused(problem, problem.status));
    else asked?.resolve(answer);
  }
}

const lines = async function* (body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read().catch(lost);
    if (done) return;
    const parts = `${rest}${value}`.split("\n");
    rest = parts.pop();
    yield* parts;
  }
};

const lost = (error) => {
  throw Object.assign(error, { isLost: true });
};

const fetched = async (url, signal) => {
  const answer = await fetch(url, { signal }).catch(lost);
  if (answer.ok) return answer;
  throw refused(await answer.json().catch(() => ({})), answer.status);
};

const refused = ({ detail, title, type }, status) =>
  Object.assign(new Error(detail || title || `the server answered ${status}`), { status, type: type?.split(":").at(-1) });
