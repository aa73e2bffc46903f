// The latest sessions, each a link to its timeline.

import { ROOT, selection } from "./address.js";
import { html, noData, none, replace } from "./elements.js";
import { ask } from "./panel.js";
import { count, duration, recently, short } from "./text.js";

const MANY = 12;

class Sessions {
  constructor() {
    this.section = document.getElementById("sessions");
    this.figure = this.section.querySelector(".figure");
    this.further = [];
    this.many = MANY;
  }

  /** The latest ones again. What was asked for beyond them goes if the question is another one. */
  async refresh() {
    const params = selection();
    const turn = (this.turn = Symbol("a question"));
    try {
      const answer = await ask("sessions.json", params);
      if (turn !== this.turn) return;
      if (this.asked !== `${params}`) Object.assign(this, { further: [], many: MANY, asked: `${params}` });
      if (!this.further.length) this.next = answer.next;
      this.first = answer.rows;
      this.show();
    } catch (error) {
      if (turn === this.turn && (error.status || !this.figure.hasChildNodes())) {
        replace(this.figure, error.status === 503 ? noData(this) : none("This could not be shown.", error.message));
      }
    }
    if (turn === this.turn) this.section.dataset.state = "settled";
  }

  async more() {
    this.many += MANY;
    if (this.many > this.rows().length && this.next) {
      const answer = await ask("sessions.json", selection({ before: this.next }));
      this.further.push(...answer.rows);
      this.next = answer.next;
    }
    this.show();
  }

  rows() {
    const known = new Set();
    return [...this.first, ...this.further].filter(({ session_id }) => !known.has(session_id) && known.add(session_id));
  }

  show() {
    const rows = this.rows();
    if (!rows.length) return replace(this.figure, none("No sessions in this period.", "Choose a longer one, or fewer filters."));
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
        ? html("button", { type: "button", class: "plain", "data-key": "more", onclick: () => this.more() }, "Earlier ones")
        : null,
    );
  }
}

const line = (row, views) =>
  html(
    "tr",
    {},
    html("th", { scope: "row" }, html("a", { href: new URL(`sessions/${row.session_id}`, ROOT).href, "data-key": row.session_id }, recently(row.started_at))),
    html("td", { class: "wideonly" }, row.entry === row.exit ? short(row.entry, views) : `${short(row.entry, views)} → ${short(row.exit, views)}`),
    html("td", { class: "wideonly" }, [row.browser, row.system].filter(Boolean).join(", ")),
    html("td", { class: "number", "data-value": row.pageviews }, count(row.pageviews)),
    html("td", { class: "number", "data-value": row.seconds }, duration(row.seconds)),
  );

export const sessions = new Sessions();
