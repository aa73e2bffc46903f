// A panel: a section of the page whose figure is drawn from what the server answers.

import { selection, ROOT } from "./address.js";
import { html, noData, replace } from "./elements.js";
import { inUnit } from "./text.js";

const SHOWN = 200;

const underway = new Map();

/** What the server answers to a question for JSON; who asks the same meanwhile shares the answer.
 *  Throws an Error with the problem's own words, and `status`. */
export const ask = (path, params) => {
  const url = new URL(`${path}?${params}`, ROOT).href;
  if (!underway.has(url)) underway.set(url, fetched(url).finally(() => underway.delete(url)));
  return underway.get(url);
};

const fetched = async (url) => {
  const answer = await fetch(url).catch((error) => {
    throw Object.assign(error, { isLost: true });
  });
  if (answer.ok) return answer.json();
  const problem = await answer.json().catch(() => ({}));
  const error = new Error(problem.detail || problem.title || `the server answered ${answer.status}`);
  error.status = answer.status;
  throw error;
};

export class Panel {
  /** `asks`: the panels of the server it is drawn from, by name, each with its extra parameters.
   *  `draw(figure, answers)`: called whenever one of them is there or has changed. */
  constructor(name, { asks = { [name]: null }, draw }) {
    this.section = document.getElementById(name);
    this.figure = this.section.querySelector(".figure");
    this.behind = this.section.querySelector(".behind");
    this.asks = asks;
    this.draw = draw;
    this.answers = {};
    this.behind?.addEventListener("toggle", () => this.tabulate());
  }

  /** Ask again and draw what is new. What is shown stays until then, and if nobody answers. Of two
   *  questions the earlier one is let go. */
  async refresh() {
    const turn = (this.turn = Symbol("a question"));
    this.point();
    try {
      await Promise.all(Object.entries(this.asks).map((each) => this.get(...each, turn)));
      delete this.section.dataset.stale;
    } catch (error) {
      if (turn === this.turn) this.fail(error);
    }
    if (turn === this.turn) this.section.dataset.state = "settled";
  }

  async get(name, extra, turn) {
    const more = extra ? extra() : {};
    if (!more) return this.take(name, { rows: [], columns: [], told: "" });
    const params = selection(more);
    const answer = await ask(`panels/${name}.json`, params);
    if (turn !== this.turn) return;
    await this.take(name, { ...answer, told: `${JSON.stringify(answer.rows)} ${location.search}` });
  }

  /** Draw, unless it is what is shown. */
  async take(name, answer) {
    const isShown = this.answers[name]?.told === answer.told;
    this.answers[name] = answer;
    if (isShown) return;
    this.tabulate();
    await this.draw(this.figure, this.answers);
  }

  fail(error) {
    this.section.dataset.stale = error.message;
    if (error.isLost && this.figure.hasChildNodes()) return;
    if (!error.isLost && !error.status) console.error(error);
    this.answers = {};
    const retry = html("button", { type: "button", onclick: () => this.refresh() }, "Try again");
    replace(
      this.figure,
      error.status === 503
        ? noData(this)
        : html("p", { class: "wrong", role: "status" }, `This could not be shown: ${error.message}. `, retry),
    );
  }

  /** Lead the links to files where the same is asked. */
  point() {
    for (const link of this.section.querySelectorAll("[data-form]")) {
      const { panel, form } = link.dataset;
      link.href = new URL(`panels/${panel}.${form}?${selection(this.asks[panel]?.() ?? {})}`, ROOT);
    }
  }

  /** The tables behind the figure, made when somebody opens them. */
  tabulate() {
    if (!this.behind?.open) return;
    const title = this.section.querySelector("h2").textContent;
    const answers = Object.keys(this.asks).flatMap((name) => (this.answers[name]?.columns.length ? [this.answers[name]] : []));
    replace(this.behind.querySelector(".tables"), answers.map((each) => table(each, title)));
  }
}

/** Any answer as a table: names with what they mean, values in their units. */
export const table = ({ question, columns, rows }, title) => {
  const isNumber = ({ name }) => rows.some((row) => typeof row[name] === "number");
  const cell = (row, column, index) =>
    html(
      index ? "td" : "th",
      { class: isNumber(column) ? "number" : null, scope: index ? null : "row", "data-value": row[column.name] },
      inUnit(row[column.name], column.unit),
    );
  const head = columns.map((column) =>
    html("th", { scope: "col", title: column.meaning, class: isNumber(column) ? "number" : null }, column.name.replaceAll("_", " ")),
  );
  return html(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": `${title}: ${question}` },
    html(
      "table",
      {},
      html("caption", { class: "unsighted" }, question),
      html("thead", {}, html("tr", {}, head)),
      html("tbody", {}, rows.slice(0, SHOWN).map((row) => html("tr", {}, columns.map((column, index) => cell(row, column, index))))),
    ),
    rows.length > SHOWN ? html("p", { class: "rest" }, `${rows.length - SHOWN} rows more are in the files.`) : null,
  );
};
