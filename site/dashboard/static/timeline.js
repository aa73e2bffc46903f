// A session as it went: each pageview on a line, with what could be seen when, to scale.

import { ask } from "./asking.js";
import { html, none, replace, svg } from "./elements.js";
import { table } from "./panel.js";
import { clock, count, duration, mark, moment, short } from "./text.js";
import { said } from "./troubles.js";

const place = document.getElementById("session");
const figure = document.getElementById("timeline");

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400];

/** Marks of the axis: whole steps from the beginning, some six of them. */
const marks = (seconds) => {
  const step = STEPS.find((each) => seconds / each <= 7) ?? 604800;
  return Array.from({ length: Math.floor(seconds / step) + 1 }, (_, index) => index * step);
};

const percentOf = (value) => `${(100 * value).toFixed(3)}%`;

const lane = (pageview, begin, length) => {
  const at = (time) => (Date.parse(time) - begin) / length;
  const stretches = pageview.stretches.map(({ state, from, to }) => {
    const isThin = state === "hidden";
    const title = `${state} ${clock(from)} to ${clock(to)}, ${duration((Date.parse(to) - Date.parse(from)) / 1000)}`;
    const rect = svg(
      "rect",
      { class: state, x: percentOf(at(from)), y: isThin ? 10.5 : 2, height: isThin ? 3 : 20, "data-state": state, "data-seconds": (Date.parse(to) - Date.parse(from)) / 1000 },
      svg("title", {}, title),
    );
    // However short, it can be seen.
    rect.style.width = `max(2px, ${percentOf(at(to) - at(from))})`;
    return rect;
  });
  return svg("svg", { class: "lane", role: "img", "aria-label": sentence(pageview) }, svg("rect", { class: "line", x: 0, y: 11.5, width: "100%", height: 1 }), stretches);
};

const sentence = ({ view_name, engagement_time, stretches }) =>
  `${short(view_name)}: visible for ${duration(engagement_time)} in ${count(stretches.filter(({ state }) => state === "visible").length)} stretches`;

const axis = (length) =>
  html(
    "div",
    { class: "track", "aria-hidden": "true" },
    html("span"),
    svg(
      "svg",
      { class: "lane" },
      marks(length / 1000).map((second) =>
        svg("text", { x: percentOf((1000 * second) / length), y: 16, "text-anchor": second ? "middle" : "start" }, second ? mark(second) : "0"),
      ),
    ),
  );

const row = (pageview, names, begin, length) =>
  html(
    "li",
    { class: "track", "data-pageview": pageview.pageview_id, "data-value": pageview.engagement_time },
    html("span", { class: "what", title: pageview.view_name }, short(pageview.view_name, names), " ", html("small", {}, pageview.path)),
    lane(pageview, begin, length),
    html("span", { class: "number" }, duration(pageview.engagement_time)),
  );

const draw = (timeline) => {
  const { session, pageviews } = timeline;
  const times = pageviews.flatMap(({ started_at, stretches }) => [started_at, ...stretches.flatMap(({ from, to }) => [from, to])]).map(Date.parse);
  const begin = Math.min(...times);
  const length = Math.max(Math.max(...times) - begin, 1000);
  const names = pageviews.map(({ view_name }) => view_name);
  document.getElementById("session-title").textContent = `A session of ${moment(session.started_at)}`;
  const facts = [
    ["Pageviews", count(pageviews.length)],
    ["Engaged", duration(pageviews.reduce((sum, { engagement_time }) => sum + engagement_time, 0))],
    ["From first to last", duration(length / 1000)],
    ["With", [session.browser, session.system, session.device].filter(Boolean).join(", ") || "unknown"],
  ];
  replace(document.getElementById("facts"), facts.map(([name, told]) => html("div", {}, html("dt", {}, name), html("dd", {}, told))));
  replace(figure, axis(length), html("ol", { class: "tracks" }, pageviews.map((each) => row(each, names, begin, length))));
  const columns = [["view_name", ""], ["state", ""], ["from", "time"], ["to", "time"], ["seconds", "s"]].map(([name, unit]) => ({ name, unit, meaning: "" }));
  const rows = pageviews.flatMap(({ view_name, stretches }) =>
    stretches.map((each) => ({ view_name, ...each, seconds: (Date.parse(each.to) - Date.parse(each.from)) / 1000 })),
  );
  replace(document.getElementById("stretches"), table({ question: "When was what visible?", columns, rows }, "As it went"));
};

const show = async () => {
  try {
    draw(await ask(`sessions/${place.dataset.session}.json`, ""));
  } catch (error) {
    if (!error.status && !error.isLost) console.error(error);
    replace(figure, error.status === 404 ? none("There is no such session.", "It may have been erased.") : said(error, show));
  }
};

await show();
document.documentElement.dataset.ready = "";
