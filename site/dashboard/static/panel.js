// A panel: a section of the page whose figure is drawn from what the server answers.

import { selection, ROOT } from "./address.js";
import { askPanel } from "./asking.js";
import { none, replace } from "./elements.js";
import { begunAnew, noData, passes, said } from "./troubles.js";

const PAUSE = 1500;

/** What is asked by now with these parameters more; null, if it is not to be asked. */
const selected = (extra) => {
  const more = extra ? extra() : {};
  return more && `${selection(more)}`;
};

export class Panel {
  /** `asks`: the panels of the server it is drawn from, by name, each with what gives its extra
   *  parameters, or null if it is not to be asked. `draw(figure, answers)`: called whenever one of them
   *  is there or has changed. `away()`: takes away what this panel alone is asked with. `clear()`: takes
   *  back what is said elsewhere than in the figure. */
  constructor(name, { asks = { [name]: null }, draw, away, clear }) {
    this.section = document.getElementById(name);
    this.figure = this.section.querySelector(".figure");
    this.behind = this.section.querySelector(".behind");
    this.asks = asks;
    this.draw = draw;
    this.away = away;
    this.clear = clear;
    this.answers = {};
    this.behind?.addEventListener("toggle", () => this.tabulate());
  }

  /** Ask again and draw what is new. What is shown stays until then, and if nobody answers. Of two
   *  questions the earlier one is let go. */
  async refresh() {
    this.stop?.abort();
    const stop = (this.stop = new AbortController());
    clearTimeout(this.again);
    this.point();
    const told = await Promise.allSettled(Object.entries(this.asks).map((each) => this.get(...each, stop.signal)));
    if (this.stop !== stop) return;
    const errors = told.flatMap(({ reason }) => reason ?? []);
    if (!errors.length) await this.present();
    if (this.stop !== stop) return;
    if (errors.length) this.fail(errors.find(({ isOwn }) => !isOwn) ?? errors[0]);
    this.section.dataset.state = Object.keys(this.answers).length ? "settled" : "empty";
  }

  async get(name, extra, signal) {
    const more = extra ? extra() : {};
    const asked = selected(extra);
    if (!more) return this.take(name, { rows: [], columns: [], shown: "", asked });
    const answer = await askPanel(name, more, signal).catch((error) => {
      throw Object.assign(error, { isOwn: "views" in more });
    });
    if (signal.aborted) return;
    await this.take(name, { ...answer, asked, shown: JSON.stringify([answer.rows, answer.compared, location.search]) });
  }

  /** Draw, unless it is what is shown. A first answer is drawn at once; where there is something already,
   *  all of them together take its place. */
  async take(name, answer) {
    this.isNew ||= this.answers[name]?.shown !== answer.shown;
    this.answers[name] = answer;
    if (!this.figure.hasChildNodes()) await this.present();
  }

  async present() {
    if (!this.isNew) return;
    this.isNew = false;
    this.tabulate();
    await this.draw(this.figure, this.answers);
  }

  /** Whether all that is shown is of the present selection and of this publication; and of this `now`, where
   *  the period ends now. */
  isOf({ publication, now }) {
    const isOf = (answer) => (answer.publication ?? publication) === publication && (!answer.ends_now || answer.until === now);
    return this.isPresent() && Object.keys(this.asks).every((name) => isOf(this.answers[name]));
  }

  /** Whether all that is shown is what is asked by now. */
  isPresent() {
    return Object.entries(this.asks).every(([name, extra]) => this.answers[name]?.asked === selected(extra));
  }

  /** Say that there is nothing yet, without asking. */
  wait() {
    replace(this.figure, noData(this));
    this.section.dataset.state = "empty";
  }

  fail(error) {
    const stays = (error.isLost || passes(error)) && this.figure.hasChildNodes() && this.isPresent();
    if (!error.isLost && !error.status) console.error(error);
    if (passes(error)) this.again = setTimeout(() => this.refresh(), PAUSE * (1 + Math.random()));
    if (stays) return;
    this.answers = {};
    this.clear?.();
    this.tabulate();
    const problem = this.problem(error);
    if (this.figure.textContent !== problem.textContent) replace(this.figure, problem);
  }

  problem(error) {
    if (error.type === "nothing_published") return noData(this);
    // What is wrong with the selection is said above too; with what this panel alone was asked, here.
    const isOfAll = error.status === 401 || (error.status === 400 && !error.isOwn);
    if (isOfAll) document.dispatchEvent(new CustomEvent("refused", { detail: error }));
    if (error.status === 400 && !error.isOwn) return none("Nothing to show.", error.message);
    return error.status === 400 && this.away ? begunAnew(error, this.away) : said(error, () => this.refresh());
  }

  /** Lead the links to files where the same is asked. */
  point() {
    for (const link of this.section.querySelectorAll("[data-form]")) {
      const { panel, form } = link.dataset;
      link.href = new URL(`panels/${panel}.${form}?${selection(this.asks[panel]?.() ?? {})}`, ROOT);
    }
  }

  /** The tables behind the figure, made when somebody opens them: what has files. They stay where they
   *  were scrolled to. */
  async tabulate() {
    if (!this.behind?.open) return;
    const place = this.behind.querySelector(".tables");
    const module = await import("./numbers.js").catch(() => null);
    if (!module) return replace(place, none("The table could not be loaded.", "Its files are below."));
    const title = this.section.querySelector("h2").textContent;
    const names = [...this.behind.querySelectorAll("[data-form=csv]")].map(({ dataset }) => dataset.panel);
    const answers = names.flatMap((name) => (this.answers[name]?.columns.length ? [[name, this.answers[name]]] : []));
    const scrolled = [...place.children].map(({ scrollTop, scrollLeft }) => ({ scrollTop, scrollLeft }));
    replace(place, answers.map(([name, answer]) => module.table(answer, title, name)));
    [...place.children].forEach((each, index) => Object.assign(each, scrolled[index]));
  }
}
