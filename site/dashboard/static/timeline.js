// A session as it went: each pageview on a line, with what could be seen when, to scale.

import { ROOT } from "./address.js";
import { ask } from "./asking.js";
import { say } from "./charts.js";
import { html, none, replace, svg } from "./elements.js";
import { table } from "./numbers.js";
import { clock, count, duration, exact, mark, moment, percent, recently, short } from "./text.js";
import { passes, said } from "./troubles.js";

const place = document.getElementById("session");
const figure = document.getElementById("timeline");

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400];

/** Marks of the axis: whole steps from the beginning, some six of them. */
const marks = (seconds) => {
  const step = STEPS.find((each) => seconds / each <= 7) ?? 604800;
  return Array.from({ length: Math.floor(seconds / step) + 1 }, (_, index) => index * step);
};

const percentOf = (value) => `${(100 * value).toFixed(3)}%`;
const secondsOf = ({ from, to }) => (Date.parse(to) - Date.parse(from)) / 1000;
const STATES = { visible: "visible", hidden: "hidden", unknown: "not known" };

/** What the pointer is on is told, with exact times. */
const hovering = (text) => ({
  onpointermove: (event) => say(event, text),
  onpointerleave: (event) => say(event, ""),
});

const stretch = (each, name, begin, length) => {
  const { state, from, to } = each;
  const isThin = state === "hidden";
  const at = (time) => (Date.parse(time) - begin) / length;
  const told = `${name}: ${STATES[state]} for ${duration(secondsOf(each))}\n${exact(from)} to ${exact(to)}`;
  const rect = svg("rect", {
    class: state,
    x: percentOf(at(from)),
    y: isThin ? 10.5 : 2,
    height: isThin ? 3 : 20,
    "data-state": state,
    "data-seconds": secondsOf(each),
  });
  // However short, it can be seen.
  rect.style.width = `max(2px, ${percentOf(at(to) - at(from))})`;
  // A thin one is hit as easily as a thick one.
  const hit = svg("rect", { class: "hit", x: percentOf(at(from)), y: 0, height: 24, ...hovering(told) });
  hit.style.width = `max(6px, ${percentOf(at(to) - at(from))})`;
  return [rect, hit];
};

const grid = (length) => marks(length / 1000).map((second) => svg("rect", { class: "grid", x: percentOf((1000 * second) / length), y: -6, width: 1, height: 36 }));

const lane = (pageview, name, begin, length) =>
  svg(
    "svg",
    { class: "lane", role: "img", "aria-label": sentence(pageview, name) },
    grid(length),
    svg("rect", { class: "line", x: 0, y: 11.5, width: "100%", height: 1 }),
    pageview.stretches.flatMap((each) => stretch(each, name, begin, length)),
  );

const sentence = ({ engagement_time, stretches }, name) => {
  const many = stretches.filter(({ state }) => state === "visible").length;
  return `${name}: visible for ${duration(engagement_time)} in ${count(many)} ${many === 1 ? "stretch" : "stretches"}`;
};

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
    html("span", { class: "number" }, "engaged"),
  );

const row = (pageview, names, begin, length) => {
  const { pageview_id, engagement_time, view_name, path, title, started_at } = pageview;
  const name = short(view_name, names);
  return html(
    "li",
    { class: "track", "data-pageview": pageview_id, "data-value": engagement_time },
    html("span", { class: "what", title: [title, view_name, `from ${exact(started_at)}`].filter(Boolean).join("\n") }, name, " ", html("small", {}, path)),
    lane(pageview, name, begin, length),
    html("span", { class: "number" }, duration(engagement_time)),
  );
};

const hrefOf = ({ session_id }) => new URL(`sessions/${session_id}${location.search}`, ROOT).href;

/** Those before and after it of the same visitor. */
const neighbours = (visits, at) => {
  const link = (visit, rel, text) => (visit ? html("a", { href: hrefOf(visit), rel }, text(recently(visit.started_at))) : null);
  replace(
    document.getElementById("neighbours"),
    link(visits[at - 1], "prev", (when) => `← earlier, ${when}`),
    link(visits[at + 1], "next", (when) => `later, ${when} →`),
  );
};

const visitor = (visits, at) => {
  const { number, sessions } = visits[at];
  const line = (visit, index) =>
    html(
      "tr",
      { "aria-current": index === at ? "true" : null },
      html("th", { scope: "row" }, index === at ? `${moment(visit.started_at)}, this one` : html("a", { href: hrefOf(visit) }, moment(visit.started_at))),
      html("td", { class: "number", "data-value": visit.pageviews }, count(visit.pageviews)),
      html("td", { class: "number", "data-value": visit.seconds }, duration(visit.seconds)),
    );
  const heads = [["Began"], ["Pageviews", "number"], ["Engaged", "number"]];
  const more = sessions > visits.length ? `, of which the nearest are here` : "";
  document.getElementById("visits").textContent = sessions === 1 ? "This is the only session of this visitor." : `This is number ${count(number)} of ${count(sessions)} sessions of this visitor${more}.`;
  replace(
    document.getElementById("others"),
    html(
      "table",
      {},
      html("thead", {}, html("tr", {}, heads.map(([text, classes]) => html("th", { scope: "col", class: classes }, text)))),
      html("tbody", {}, visits.map(line)),
    ),
  );
};

/** What is longer than a line has one of its own. */
const fact = (name, told, title) => html("div", { class: told.length > 48 ? "long" : null }, html("dt", {}, name), html("dd", { title }, told));

const columns = [
  ["view_name", "View", ""],
  ["state", "State", ""],
  ["from", "From", "exact"],
  ["to", "To", "exact"],
  ["seconds", "Seconds (s)", "s"],
].map(([name, heading, unit]) => ({ name, heading, unit }));

const tabulate = ({ session, pageviews }) => {
  const rows = pageviews.flatMap(({ view_name, stretches }) =>
    stretches.map((each) => ({ view_name, ...each, state: STATES[each.state], seconds: secondsOf(each) })),
  );
  const question = `When was what visible? · ${moment(session.started_at)}`;
  replace(document.getElementById("stretches"), table({ question, columns, rows }, "As it went"));
};

const draw = (timeline) => {
  const { session, pageviews, visits } = timeline;
  const times = pageviews.flatMap(({ started_at, stretches }) => [started_at, ...stretches.flatMap(({ from, to }) => [from, to])]).map(Date.parse);
  const begin = Math.min(...times);
  const length = Math.max(Math.max(...times) - begin, 1000);
  const names = pageviews.map(({ view_name }) => view_name);
  const engaged = pageviews.reduce((sum, { engagement_time }) => sum + engagement_time, 0);
  const referrer = pageviews[0]?.referrer;
  const when = `Session of ${moment(session.started_at)}`;
  document.title = `${when} - Dwell`;
  document.getElementById("session-title").textContent = when;
  replace(
    document.getElementById("facts"),
    fact("Pageviews", count(pageviews.length)),
    fact("Engaged", duration(engaged), `${percent(Math.min(100, (100_000 * engaged) / length))} of the time from first to last`),
    fact(`From ${clock(begin)} to ${clock(begin + length)}`, duration(length / 1000)),
    fact("With", [session.browser, session.system, session.device].filter(Boolean).join(", ") || "unknown"),
    fact("Came from", referrer ? referrer.replace(/^https?:\/\/(www\.)?/, "").replace(/\/$/, "") : "direct, or not known", referrer || null),
  );
  const link = document.getElementById("visitor-id");
  link.textContent = session.visitor_id;
  link.hidden = false;
  replace(figure, axis(length), html("ol", { class: "tracks" }, pageviews.map((each) => row(each, names, begin, length))));
  tabulate(timeline);
  const at = visits.findIndex(({ session_id }) => session_id === session.session_id);
  neighbours(visits, at);
  visitor(visits, at);
};

const PAUSE = 1500;

const hide = (parts, isHidden) => {
  for (const part of document.querySelectorAll(parts)) part.hidden = isHidden;
};

const show = async () => {
  try {
    draw(await ask(`sessions/${place.dataset.session}.json`, ""));
    hide("#visitor", false);
  } catch (error) {
    if (!error.status && !error.isLost) console.error(error);
    if (passes(error)) setTimeout(show, PAUSE * (1 + Math.random()));
    hide(error.status === 404 ? "#visitor, .ids, .legend, .behind" : "#visitor", true);
    replace(figure, error.status === 404 ? none("There is no such session.", "It may have been erased.") : said(error, show));
  }
};

await show();
document.documentElement.dataset.ready = "";
