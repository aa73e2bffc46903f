// The charts that Vega draws. It comes after the headline figures; until then a chart's place is kept.

import { html } from "./elements.js";

const compiled = async () => (await fetch(new URL("charts.json", import.meta.url))).json();
let engine;

/** Vega and the compiled charts; fetched once, when first asked for, and again if that failed. */
export const fetched = () => (engine ??= Promise.all([import("./vega.js"), compiled()]).catch(failed));

const failed = (error) => {
  engine = undefined;
  throw error;
};

const tip = html("div", { class: "tip", hidden: true, "aria-hidden": "true" });

/** Say this beside the pointer; nothing, if there is no text. */
export const say = (event, text) => {
  tip.hidden = !text;
  if (!text) return;
  if (!tip.isConnected) document.body.append(tip);
  tip.textContent = String(text);
  const { width, height } = tip.getBoundingClientRect();
  const left = Math.min(event.clientX + 14, innerWidth - width - 8);
  const below = event.clientY + 18;
  tip.style.left = `${Math.max(8, left)}px`;
  tip.style.top = `${below + height > innerHeight ? event.clientY - height - 12 : below}px`;
};

addEventListener("scroll", () => (tip.hidden = true), { passive: true });

export class Chart {
  /** Draws the chart of that name into the element, which a table stands behind. `tell`: what is said of a
   *  row while the pointer is on it; it is put into words then, for few rows ever are. */
  constructor(name, element, tell) {
    this.name = name;
    this.element = element;
    this.tell = tell;
    element.setAttribute("aria-hidden", "true");
  }

  /** Show these rows. `signals`: values of the chart's parameters, by name. Where Vega cannot be had the
   *  numbers behind the chart are there all the same. */
  async show(rows, signals = {}) {
    this.wanted = { rows, signals };
    const engine = await fetched().catch(() => null);
    this.element.classList.toggle("missing", !engine);
    if (!engine) return;
    const [{ View, parse, expressionInterpreter }, specifications] = engine;
    if (!this.view) {
      const runtime = parse(specifications[this.name], null, { ast: true });
      this.view = new View(runtime, { expr: expressionInterpreter, renderer: "svg", hover: true });
      this.view.tooltip((_, event, item, told) => say(event, told && this.tell(item.datum)));
      this.view.initialize(this.element);
      this.widths = ["width", ...specifications[this.name].signals.flatMap(({ name }) => (name === "wide" ? name : []))];
      this.size(this.element.clientWidth);
      new ResizeObserver(([{ contentRect }]) => this.fit(Math.round(contentRect.width))).observe(this.element);
    }
    const { rows: latest, signals: values } = this.wanted;
    for (const [signal, value] of Object.entries(values)) this.view.signal(signal, value);
    this.view.data("rows", latest.map((row) => ({ ...row })));
    // Axes with other words take other room.
    await this.view.resize().runAsync();
  }

  /** A chart that shows more where it has room for more is told the whole of it as `wide`. */
  size(wide) {
    this.wide = wide;
    for (const signal of this.widths) this.view.signal(signal, wide);
  }

  /** A width that was asked for while drawing would have the page laid out at once; the observer tells. */
  fit(wide) {
    if (!wide || wide === this.wide) return;
    this.size(wide);
    this.view.runAsync();
  }
}
