// The latest sessions, each a link to its timeline.

import { ROOT, selection } from "./address.js";
import { ask } from "./asking.js";
import { html, none, replace } from "./elements.js";
import { Panel } from "./panel.js";
import { count, duration, recently, short } from "./text.js";
import { notYet, wider } from "./troubles.js";

const MANY = 16;

class Sessions extends Panel {
  constructor() {
    super("sessions", {});
    this.rows = [];
    this.many = MANY;
  }

  /** The latest ones again. What was asked for beyond them goes if the question is another one. */
  async get(name, _, signal) {
    const params = selection();
    const answer = await ask("sessions.json", params, signal);
    if (signal.aborted) return;
    if (this.asked !== `${params}`) Object.assign(this, { rows: [], many: MANY, asked: `${params}` });
    const further = this.beyond(answer.rows);
    this.rows = [...answer.rows, ...further];
    if (!further.length) this.next = answer.next;
    const shown = JSON.stringify([this.rows, location.search]);
    const isShown = this.answers[name]?.shown === shown;
    this.answers[name] = { ...answer, asked: this.asked, shown };
    if (!isShown) this.show();
  }

  /** Of what was asked for earlier, what goes on behind these rows: nothing, if some can be between. */
  beyond(rows) {
    if (this.many <= rows.length) return [];
    const ids = new Set(rows.map(({ session_id }) => session_id));
    const isJoined = this.rows.some(({ session_id }) => ids.has(session_id));
    const last = rows.at(-1)?.started_at;
    return isJoined ? this.rows.filter(({ session_id, started_at }) => !ids.has(session_id) && started_at <= last) : [];
  }

  async more(button) {
    const { asked, next } = this;
    if (button.ariaDisabled) return;
    if (this.many + MANY > this.rows.length && next) {
      button.ariaDisabled = "true";
      const params = new URLSearchParams(asked);
      params.set("before", next);
      const answer = await ask("sessions.json", params).catch(() => null);
      if (asked !== this.asked || next !== this.next || !this.answers.sessions) return;
      button.ariaDisabled = null;
      if (!answer) return void (button.textContent = "They could not be shown. Try again");
      this.rows.push(...answer.rows);
      this.next = answer.next;
    }
    this.many += MANY;
    this.show();
  }

  show() {
    const { rows } = this;
    const { measured_since: measured } = this.answers.sessions;
    if (!rows.length) return replace(this.figure, measured ? none("No sessions in this period.", wider()) : notYet(this.section));
    const heads = [["Began"], ["From the first view to the last", "wideonly"], ["With", "wideonly"], ["Pageviews", "number"], ["Engaged", "number"]];
    const views = [...new Set(rows.flatMap(({ entry, exit }) => [entry, exit]))];
    return replace(
      this.figure,
      html(
        "table",
        {},
        html("thead", {}, html("tr", {}, heads.map(([text, classes]) => html("th", { scope: "col", class: classes }, text)))),
        html("tbody", {}, rows.slice(0, this.many).map((row) => line(row, views))),
      ),
      this.next || rows.length > this.many
        ? html("button", { type: "button", class: "plain", "data-key": "more", onclick: ({ target }) => this.more(target) }, "Earlier ones")
        : null,
    );
  }
}

/** Its link has the selection with it, so that the way back leads to where one came from. */
const hrefOf = ({ session_id }) => new URL(`sessions/${session_id}${location.search}`, ROOT).href;

const line = (row, views) =>
  html(
    "tr",
    {},
    html("th", { scope: "row" }, html("a", { href: hrefOf(row), "data-key": row.session_id }, recently(row.started_at))),
    html("td", { class: "wideonly walk" }, row.entry === row.exit ? short(row.entry, views) : `${short(row.entry, views)} → ${short(row.exit, views)}`),
    html("td", { class: "wideonly" }, [row.browser, row.system].filter(Boolean).join(", ")),
    html("td", { class: "number", "data-value": row.pageviews }, count(row.pageviews)),
    html("td", { class: "number", "data-value": row.seconds }, duration(row.seconds)),
  );

export const sessions = new Sessions();
