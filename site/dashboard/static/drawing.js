// Small figures in plain SVG: they are there before Vega is.

import { html, svg } from "./elements.js";

/** Parts of a list in which nothing is null. */
const runs = (points) => {
  const parts = [[]];
  for (const point of points) {
    if (point === null) parts.push([]);
    else parts.at(-1).push(point);
  }
  return parts.filter(({ length }) => length);
};

/** A line with its ground, from values in order, with a gap where one is null. */
export const spark = (values) => {
  const top = Math.max(...values.map((value) => value ?? 0), 0) || 1;
  const last = Math.max(values.length - 1, 1);
  const at = (value, index) => [((100 * index) / last).toFixed(2), (27 - (25 * value) / top).toFixed(2)];
  const parts = runs(values.map((value, index) => (value === null ? null : at(value, index))));
  const line = (part) => part.map((point) => point.join(" ")).join("L");
  const ground = (part) => `M${part[0][0]} 28L${line(part)}L${part.at(-1)[0]} 28Z`;
  return svg(
    "svg",
    { class: "spark", viewBox: "0 0 100 28", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("path", { class: "ground", d: parts.map(ground).join("") }),
    svg("path", { d: parts.map((part) => `M${line(part)}h0`).join("") }),
  );
};

/** A small distribution: a bar for each class `{begin, end, value, title}`, from 0 to 1 along the scale,
 *  whose area is its value, and a mark at `median`. Classes of several widths do not mislead so. */
export const bins = (classes, median, label) => {
  const dense = ({ begin, end, value }) => value / (end - begin);
  const top = Math.max(...classes.map(dense), 1);
  const bars = classes.map((each) => {
    const tall = each.value ? Math.max(1.2, (36 * dense(each)) / top) : 0;
    return svg(
      "rect",
      { x: 100 * each.begin + 0.25, width: 100 * (each.end - each.begin) - 0.5, y: 38 - tall, height: tall },
      svg("title", {}, each.title),
    );
  });
  return svg(
    "svg",
    { class: "bins", viewBox: "0 0 100 40", preserveAspectRatio: "none", role: "img", "aria-label": label },
    bars,
    svg("rect", { class: "base", x: 0, y: 38.5, width: 100, height: 0.8 }),
    median === null ? null : svg("rect", { class: "median", x: 100 * median - 0.3, y: 0, width: 0.6, height: 40 }),
  );
};

/** Bars of one width, each `{value, title}`. */
export const bars = (parts, label) => {
  const top = Math.max(...parts.map((part) => part.value), 1);
  const wide = 100 / Math.max(parts.length, 1);
  return svg(
    "svg",
    { class: "minutes", viewBox: "0 0 100 40", preserveAspectRatio: "none", role: "img", "aria-label": label },
    parts.map(({ value, title }, index) =>
      svg(
        "rect",
        { x: index * wide + 0.3, width: wide - 0.6, y: 38 - (36 * value) / top, height: (36 * value) / top },
        svg("title", {}, title),
      ),
    ),
    svg("rect", { class: "base", x: 0, y: 38.5, width: 100, height: 0.6 }),
  );
};

/** What lies behind a name in a ranked table: how much of the greatest. */
export const part = (value, top) =>
  html("span", { class: "part", "--part": `${top ? Math.max(0.5, (100 * value) / top) : 0}%`, "aria-hidden": "true" });
