// What each panel shows: from the server's answers to elements.

import { asked, go, spanOf, toggling } from "./address.js";
import { Chart } from "./charts.js";
import { bars, bins, part, spark } from "./drawing.js";
import { html, none, reached, replace } from "./elements.js";
import { brief, clock, count, dateOf, day, dayOf, duration, hourOf, inUnit, mark, percent, period, short, WEEKDAYS, weekOf } from "./text.js";
import { notYet, wider } from "./troubles.js";

const FEW = 10;

const MEASURES = {
  visitors: { name: "Visitors", told: brief, column: "visitors" },
  sessions: { name: "Sessions", told: brief, column: "sessions" },
  pageviews: { name: "Pageviews", told: brief, column: "pageviews" },
  median: { name: "Median engaged", told: duration, column: "median", seconds: true },
  total: { name: "Total engaged", told: duration, column: "total", seconds: true },
};

/** The measure that is shown over time. */
const measure = () => (asked().get("measure") in MEASURES ? asked().get("measure") : "total");

const numbered = (value, unit, attributes = {}) =>
  html("td", { class: "number", "data-value": value, ...attributes }, inUnit(value, unit));

/** A name that asks for itself alone when it is followed, or the whole again. */
const named = (text, filter, value, place = "") =>
  html("a", { ...toggling(filter, value), "data-key": `${place}${filter}=${value}`, title: value }, text);

const nothingIn = (figure, { measured_since: measured }) =>
  measured ? none("Nothing in this period.", wider()) : notYet(figure.closest(".card"));

const nothing = (figure, answer) => replace(figure, nothingIn(figure, answer));

/** A figure's chart, with a place of its own that is made once: what stands beside it may change. */
const chartIn = (figure, name, tall, tell) => {
  figure.chart ??= new Chart(name, html("div", { class: "chart" }), tell);
  figure.chart.element.style.setProperty("--tall", tall);
  return figure.chart;
};

/* Headline figures */

const changeOf = (value, before) => {
  if (value === null) return [""]; // a median of nothing
  if (!before) return [value ? "none before" : ""];
  const difference = (100 * (value - before)) / before;
  const rounded = Math.abs(difference) < 10 ? difference.toFixed(1) : difference.toFixed(0);
  if (Number(rounded) === 0) return ["as before"];
  const up = difference > 0;
  const told = Math.abs(difference) < 10 ? Number(Math.abs(rounded)) : brief(Math.abs(rounded));
  return [html("b", { class: up ? "up" : "down" }, `${up ? "▲" : "▼"} ${told} %`), html("span", { class: "unsighted" }, up ? " more" : " less")];
};

/** Its value in one hour, day or week: of no pageviews there is no median, and all else is 0. */
const valueIn = (row, { column }) => row[column] ?? (column === "median" ? null : 0);

/** What is told of the change: nothing, if the period before was not measured from its beginning. */
const change = ({ name, told, column }, present, earlier, compared) =>
  html(
    "span",
    { class: "change", title: compared ? `${told(earlier[column])} in the period before` : null },
    compared ? changeOf(present[column], earlier[column]) : null,
  );

const tile = (key, { rows: [present, earlier], columns, compared }, courses) => {
  const { name, told, column } = MEASURES[key];
  const value = present[column];
  return html(
    "li",
    {},
    html(
      "button",
      {
        type: "button",
        class: "tile",
        title: columns.find((each) => each.name === column).meaning,
        "aria-pressed": String(measure() === key),
        "data-key": key,
        "data-measure": key,
        "data-value": value,
        "data-before": compared ? earlier[column] : null,
        onclick: () => go({ measure: key === "total" ? null : key }),
      },
      html("span", { class: "name" }, name),
      html("span", { class: "value" }, told(value)),
      change(MEASURES[key], present, earlier, compared),
      courses ? spark(courses.map((row) => (row.blank ? null : valueIn(row, MEASURES[key])))) : html("span", { class: "spark" }),
    ),
  );
};

export const totals = (figure, { totals, series }) => {
  const courses = series && whole(bucketsOf(series));
  figure.tiles ??= html("ul", { class: "tiles" });
  if (totals) replace(figure.tiles, Object.keys(MEASURES).map((key) => tile(key, totals, courses)));
  if (totals) tellPeriod(totals);
  if (totals) figure.tiles.classList.toggle("alone", !totals.compared);
  const chart = chartIn(figure, "series", "15.5rem", ({ told }) => told);
  figure.key ??= html("p", { class: "key", "aria-hidden": "true" });
  const isNothing = series?.rows.every(({ earlier, sessions, pageviews }) => (earlier && !series.compared) || !(sessions + pageviews));
  if (isNothing) replace(figure, figure.tiles, nothingIn(figure, series));
  else if (!figure.contains(chart.element)) replace(figure, figure.tiles, chart.element, figure.key);
  if (totals) reached("headline");
  if (isNothing || !series) return;
  tellLines(figure.key, series);
  return overTime(chart, series);
};

/** What the lines of the chart mean. */
const tellLines = (key, series) => {
  const { since, until, before, before_until: ended, compared } = series;
  const line = (name, text) => html("span", {}, html("i", { class: name }), text);
  replace(
    key,
    line(null, period(since, until)),
    compared && line("before", `the period before, ${period(before, ended)}`),
    bucketsOf(series).some(({ open, blank }) => open && !blank) && line("open", "not whole yet"),
  );
};

/** Which period it is, beside the filters, and why it is not compared with the one before. */
const tellPeriod = ({ since, until, compared, measured_since: measured }) => {
  const why = !compared && measured ? ` · measured since ${day(measured)}, so not compared` : "";
  const told = `${period(since, until)}${why}`;
  const place = document.getElementById("span");
  if (place.textContent !== told) place.textContent = told;
};

export const noPeriod = () => (document.getElementById("span").textContent = "");

/** The unit of time in which an axis has round numbers, and its seconds. */
const unitFor = (most) => (most < 120 ? ["s", 1] : most < 7200 ? ["min", 60] : ["h", 3600]);

/** Clocks of the dashboard's zone as if they were UTC: then no other zone has a say. */
const at = ({ local }) => Date.parse(`${local}Z`);
const HOUR = 3_600_000;
const LENGTHS = { hour: HOUR, day: 24 * HOUR, week: 168 * HOUR };

/** Whether a period that ends then has not the whole of the day or week that begins so. */
const isRunningIn = ({ local }, step, until) =>
  new Date(Date.parse(local.slice(0, 10)) + step - 24 * HOUR).toISOString().slice(0, 10) >= dateOf(until);

/** The hours, days or weeks of the period, each with its `end`, and whether it is `open`: the period
 *  ends or begins within it; or `blank`: nothing was measured yet. */
const bucketsOf = ({ rows, until, by, measured_since: measured }) => {
  const now = rows.filter(({ earlier }) => !earlier);
  const step = LENGTHS[by];
  // A day has 23 hours when clocks go forward.
  const least = step > HOUR ? step - HOUR : step;
  const ends = (index) => Date.parse(now[index + 1]?.begins_at ?? until);
  return now.map((row, index) => ({
    ...row,
    step,
    blank: !measured || ends(index) <= Date.parse(measured),
    end: now[index + 1] ? at(now[index + 1]) : at(row) + step,
    open: ends(index) - Date.parse(row.begins_at) < least || (step > HOUR && !now[index + 1] && isRunningIn(row, step, until)),
  }));
};

/** Those that are whole; all, if none is. */
const whole = (buckets) => (buckets.some(({ open }) => !open) ? buckets.filter(({ open }) => !open) : buckets);

const overTime = (chart, series) => {
  const shown = MEASURES[measure()];
  const { column, told, seconds } = shown;
  const now = bucketsOf(series);
  const before = series.compared ? series.rows.filter(({ earlier }) => earlier).slice(0, now.length) : [];
  const [unit, of] = seconds ? unitFor(Math.max(...[...now, ...before].map((row) => row[column] ?? 0))) : ["", 1];
  const hourly = now[0].step < 24 * HOUR;
  const name = ({ local }) => (hourly ? hourOf(local) : now[0].step > 24 * HOUR ? weekOf(local) : dayOf(local));
  const line = (row) => `${name(row)}: ${row.blank ? "not measured yet" : told(row[column])}`;
  const value = (row) => (valueIn(row, shown) === null ? null : row[column] / of);
  const rows = now.map((row, index) => ({
    at: at(row),
    // What is under the pointer is told of the point that is nearest.
    from: index ? (at(now[index - 1]) + at(row)) / 2 : at(row),
    to: now[index + 1] ? (at(row) + at(now[index + 1])) / 2 : index ? at(row) : row.end,
    value: value(row),
    before: false,
    open: row.open || row.blank,
    // What is open is dotted, from its neighbour on.
    lead: now[0].open && !now[0].blank && index < 2,
    tail: now.at(-1).open && index >= now.length - 2 && !row.blank,
    told: [line(row), before[index] && `${line(before[index])} before`].filter(Boolean).join("\n"),
  }));
  const earlier = before.map((row, index) => ({ at: at(now[index]), value: value(row), before: true }));
  return chart.show([...rows, ...earlier], { told_in: unit, hourly });
};

/* Ranked tables */

/** The first of many rows; the rest on demand. */
const some = (figure, rows, draw, few = FEW) => {
  const shown = figure.all ? rows : rows.slice(0, few);
  const more = rows.length - shown.length;
  const button = (text, all) =>
    html("button", { type: "button", class: "plain", "data-key": "all", onclick: () => { figure.all = all; some(figure, rows, draw, few); } }, text);
  replace(
    figure,
    draw(shown),
    more ? button(`${count(more)} more`, true) : rows.length > few ? button("Fewer", false) : null,
  );
};

const headed = (attributes, heads, rows) =>
  html(
    "table",
    attributes,
    html("thead", {}, html("tr", {}, heads.map(([text, classes]) => html("th", { scope: "col", class: classes }, text)))),
    html("tbody", {}, rows),
  );

/** Rows by one number, with a bar for it behind the name; `unnamed`: what has none is called. */
const ranking = (title, filter, name, numbers, unnamed = "(not known)") => (rows) => {
  const [main] = numbers;
  const top = Math.max(...rows.map((row) => row[main.column] ?? 0));
  return headed(
    { class: "ranked" },
    [[title], ...numbers.map(({ head, wide }) => [head, wide ? "number wideonly" : "number"])],
    rows.map((row) =>
      html(
        "tr",
        { "data-name": row[name] },
        html("th", { scope: "row" }, part(row[main.column], top), filter && row[name] ? named(filter === "view" ? short(row[name], rows.map((each) => each[name])) : row[name], filter, row[name]) : html("span", { class: "named" }, row[name] || unnamed)),
        numbers.map(({ column, unit, wide }) => numbered(row[column], unit, wide ? { class: "number wideonly" } : {})),
      ),
    ),
  );
};

const VISITORS = { head: "Visitors", column: "visitors" };
const PAGEVIEWS = { head: "Pageviews", column: "pageviews" };
const MEDIAN = { head: "Median", column: "median", unit: "s" };
const SESSIONS = { head: "Sessions", column: "sessions" };

export const ranked = (panel, title, filter, name, numbers, unnamed) => (figure, answers) => {
  const { rows } = answers[panel];
  return rows.length ? some(figure, rows, ranking(title, filter, name, numbers, unnamed)) : nothing(figure, answers[panel]);
};

export const pages = ranked("pages", "Page", "path", "path", [PAGEVIEWS, MEDIAN], "(no path)");
export const devices = ranked("devices", "Device", "device", "device", [VISITORS, MEDIAN]);
export const browsers = ranked("browsers", "Browser", "browser", "browser", [VISITORS, MEDIAN]);
export const systems = ranked("systems", "System", "system", "system", [VISITORS, MEDIAN]);
export const referrers = ranked("referrers", "Site", null, "host", [VISITORS, SESSIONS], "Direct, or not known");

/* Views, each with its distribution */

/** The scale of the distributions: a second and ten minutes both have room on it. */
const along = (seconds) => Math.log2(1 + seconds);
const TICKS = [0, 5, 30, 120, 600];

const ticks = (length) =>
  html("span", { class: "ticks", "aria-hidden": "true" }, TICKS.map((seconds) => html("span", { "--at": `${(100 * along(seconds)) / length}%` }, mark(seconds))));

const shapeOf = (row, parts, length) => {
  const told = `half of them under ${duration(row.median)}, nine in ten under ${duration(row.p90)}`;
  const classes = parts.map(({ at_least, below, pageviews }) => ({
    begin: along(at_least) / length,
    end: below === null ? 1 : along(below) / length,
    value: pageviews,
    title: `${mark(at_least)} ${below === null ? "and more" : `to ${mark(below)}`}: ${count(pageviews)}`,
  }));
  return bins(classes, row.median === null ? null : Math.min(1, along(row.median) / length), told);
};

export const views = (figure, answers) => {
  const rows = answers.views?.rows;
  if (!rows) return;
  if (!rows.length) return nothing(figure, answers.views);
  const parts = Map.groupBy(answers.view_distribution?.rows ?? [], (row) => row.view_name);
  const [first] = parts.values();
  const length = first && along(first.at(-1).at_least) + 1;
  const all = rows.map((row) => row.view_name);
  const top = Math.max(...rows.map((row) => row.pageviews));
  some(figure, rows, (shown) =>
    headed(
      { class: "ranked views" },
      [["View"], [["Engaged", first && ticks(length)], "shape"], ["Median", "number"], ["9 in 10 under", "number wideonly"], ["Total", "number wideonly"], ["Pageviews", "number"]],
      shown.map((row) =>
        html(
          "tr",
          { "data-name": row.view_name },
          html("th", { scope: "row" }, part(row.pageviews, top), named(short(row.view_name, all), "view", row.view_name)),
          html("td", { class: "shape" }, parts.has(row.view_name) ? shapeOf(row, parts.get(row.view_name), length) : null),
          numbered(row.median, "s"),
          numbered(row.p90, "s", { class: "number wideonly" }),
          numbered(row.total, "s", { class: "number wideonly" }),
          numbered(row.pageviews, ""),
        ),
      ),
    ),
  );
};

/* Entries and exits */

export const entriesAndExits = (figure, answers) => {
  const { rows } = answers.entries_and_exits;
  if (!rows.length) return nothing(figure, answers.entries_and_exits);
  const all = rows.map((row) => row.view_name);
  const list = (title, column) => {
    const some = rows.filter((row) => row[column]).sort((one, other) => other[column] - one[column]).slice(0, FEW);
    const top = Math.max(...some.map((row) => row[column]));
    return headed(
      { class: "ranked" },
      [[title], ["Sessions", "number"]],
      some.map((row) =>
        html(
          "tr",
          { "data-name": row.view_name },
          html("th", { scope: "row" }, part(row[column], top), named(short(row.view_name, all), "view", row.view_name, `${column} `)),
          numbered(row[column], ""),
        ),
      ),
    );
  };
  replace(figure, html("div", { class: "pair" }, list("First view", "entries"), list("Last view", "exits")));
};

/* Charts */

const charted = (figure, name, rows, tall, tell) => {
  const chart = chartIn(figure, name, tall, tell);
  if (!figure.contains(chart.element)) replace(figure, chart.element);
  return chart.show(rows);
};

export const hours = (figure, { sessions_by_hour: answer }) => {
  if (!answer.rows.some(({ sessions }) => sessions)) return nothing(figure, answer);
  return charted(figure, "sessions_by_hour", answer.rows, "15rem", ({ weekday, hour, sessions }) => {
    const many = sessions === 1 ? "1 session" : `${count(sessions)} sessions`;
    return `${WEEKDAYS[weekday - 1]} ${String(hour).padStart(2, "0")}:00: ${many}`;
  });
};

const WEEKS = 8;

/** Who comes back shows in weeks: a shorter period is that many weeks up to its end. */
export const retentionAsks = () => (spanOf(asked()) < WEEKS * 7 ? { since: `${WEEKS}w` } : {});

/** Whether the period ends within the week that is so many weeks after that one. */
const isRunning = ({ week, weeks_later: later }, { until }) =>
  new Date(Date.parse(week) + (later + 1) * 7 * 24 * HOUR).toISOString().slice(0, 10) > dateOf(until);

export const retention = (figure, answers) => {
  const rows = answers.retention.rows
    .filter((row) => row.weeks_later > 0)
    .map((row) => ({ ...row, open: isRunning(row, answers.retention) }));
  if (rows.length) {
    const chart = chartIn(figure, "retention", "15rem", ({ week, visitors, weeks_later: later, returned, open }) => {
      const many = later === 1 ? "1 week" : `${later} weeks`;
      return `${count(returned)} of ${count(visitors)} who were new in the ${weekOf(`${week}T00:00`)}\ncame again ${many} later${open ? ", which are not over" : ""}`;
    });
    const key = rows.some(({ open }) => open) && html("p", { class: "key", "aria-hidden": "true" }, html("span", {}, html("i", { class: "open" }), "not whole yet"));
    replace(figure, chart.element, key);
    return chart.show(rows);
  }
  return replace(figure, none("Nothing yet.", "A week has to pass before anybody can come back in a later one."));
};

const START = "(start)";
const END = "(end)";

export const transitions = (figure, answers) => {
  const given = answers.transitions.rows;
  if (!given.length) return nothing(figure, answers.transitions);
  const names = [...new Set(given.flatMap((row) => [row.view_name, row.next_view_name]))].filter(Boolean);
  const weight = (column) => {
    const sums = new Map();
    for (const row of given) sums.set(row[column], (sums.get(row[column]) ?? 0) + row.times);
    return [...sums].sort((one, other) => other[1] - one[1]).map(([name]) => name);
  };
  const order = (column, edge) => {
    const ranked = weight(column).filter((name) => name !== null).slice(0, 9);
    return given.some((row) => row[column] === null) ? (edge === START ? [null, ...ranked] : [...ranked, null]) : ranked;
  };
  const [from, to] = [order("view_name", START), order("next_view_name", END)];
  const called = (name, edge) => (name === null ? edge : short(name, names));
  return charted(
    figure,
    "transitions",
    given
      .filter((row) => from.includes(row.view_name) && to.includes(row.next_view_name))
      .map((row) => ({
        ...row,
        from: called(row.view_name, START),
        to: called(row.next_view_name, END),
        from_rank: from.indexOf(row.view_name),
        to_rank: to.indexOf(row.next_view_name),
      })),
    "19rem",
    (row) => `${row.from} → ${row.to}\n${count(row.times)} times, ${percent(row.percent)}`,
  );
};

/* A funnel, built by clicking views */

/* Names with commas between them; one with a comma in it stands in quotation marks, as in CSV. */
const NAMES = /\s*(?:"((?:[^"]|"")*)"|([^,]*))(?:,|$)/g;
const steps = () =>
  [...(asked().get("steps") ?? "").matchAll(NAMES)]
    .map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain.trim())
    .filter(Boolean);
const listed = (views) => views.map((view) => (/[",]/.test(view) ? `"${view.replaceAll('"', '""')}"` : view)).join(",");
export const funnelAsks = () => (steps().length ? { views: listed(steps()) } : null);

const stepped = ({ step, name, sessions, percent_of_first: first, percent_of_previous: previous }) =>
  [name, `${count(sessions)} sessions, ${percent(first)} of the first step`, step > 1 && `${percent(previous)} of the step before`].filter(Boolean).join("\n");

export const funnel = (figure, answers) => {
  const known = answers.views?.rows.map((row) => row.view_name) ?? [];
  const given = answers.funnel?.rows ?? [];
  // Where something else is selected, a step may be none of the views that are shown.
  const every = [...known, ...given.map((row) => row.view_name)];
  const isMeant = (view, step) => `.${view}`.endsWith(`.${step}`);
  const whole = (step) =>
    every.find((view) => isMeant(view, step)) ?? every.find((view) => isMeant(view.toLowerCase(), step.toLowerCase())) ?? step;
  const chosen = steps().map(whole);
  const names = [...new Set([...known, ...chosen])];
  // The address knows of clicks that are not drawn yet.
  const add = (view) => go({ steps: listed([...steps(), view]) });
  const leave = (view) => go({ steps: listed(steps().filter((step) => whole(step) !== view)) });
  const taken = chosen.map((view, index) =>
    html("li", {}, html("button", { type: "button", class: "step", "data-key": `step${index}`, "aria-label": `Take out step ${index + 1}, ${short(view, names)}`, title: "Take out", onclick: () => leave(view) }, short(view, names))),
  );
  const offers = known
    .filter((view) => !chosen.includes(view))
    .slice(0, 14)
    .map((view) => html("li", {}, html("button", { type: "button", "data-key": `offer=${view}`, "aria-label": `Add ${short(view, names)} as step ${chosen.length + 1}`, onclick: () => add(view) }, short(view, names))));
  const rows = given.length === chosen.length && given.every((row, index) => row.view_name === chosen[index]) ? given : [];
  const chart = chartIn(figure, "funnel", `${3 * chosen.length}rem`, stepped);
  replace(
    figure,
    taken.length ? html("ol", { class: "steps", "aria-label": "Steps" }, taken) : null,
    chosen.length ? chart.element : null,
    chosen.length && !offers.length ? null : html("p", { class: "hint" }, chosen.length ? "And then:" : "Click the views in the order in which visitors should see them."),
    offers.length ? html("ul", { class: "offers", "aria-label": "Views to add" }, offers) : null,
  );
  return rows.length && chart.show(rows.map((row) => ({ ...row, name: `${row.step}. ${short(row.view_name, names)}` })));
};

/* Tabs of one page */

export const tabs = (figure, answers) => {
  const { rows } = answers.tabs;
  if (!rows.length) return replace(figure, answers.tabs.measured_since ? none("No tabs in this period.", "Pages whose tabs are views of their own are compared here.") : notYet(figure.closest(".card")));
  const times = ([, parts]) => parts.reduce((sum, { pageviews }) => sum + pageviews, 0);
  const pages = [...Map.groupBy(rows, (row) => row.page)].sort((one, other) => times(other) - times(one));
  const share = { head: "Of its time", column: "percent_of_time", unit: "%" };
  const compared = ([page, parts]) => {
    const called = parts.map((row) => ({ ...row, tab: /^\d+$/.test(row.tab) ? `Tab ${row.tab}` : row.tab }));
    return ranking(page || "Tab", null, "tab", [share, MEDIAN, { ...PAGEVIEWS, wide: true }])(called);
  };
  return some(figure, pages, (shown) => shown.map(compared), 4);
};

/* Now */

export const live = (figure, answers) => {
  const parts = Map.groupBy(answers.live.rows, (row) => row.part);
  const now = parts.get("now")?.[0]?.visitors ?? 0;
  const minutes = parts.get("minute") ?? [];
  const views = (parts.get("view") ?? []).slice(0, 4);
  const sign = document.getElementById("now");
  sign.dataset.visitors = now;
  sign.firstChild.textContent = `${count(now)} here now`;
  const people = (row) => (row.visitors === 1 ? "1 visitor" : `${count(row.visitors)} visitors`);
  replace(
    figure,
    bars(
      minutes.map((row) => ({ value: row.visitors, title: `${clock(row.begins_at).slice(0, 5)}: ${people(row)}` })),
      `${people({ visitors: now })} in the last five minutes`,
    ),
    html("div", { class: "scale", "aria-hidden": "true" }, html("span", {}, "30 min ago"), html("span", {}, "now")),
    html("div", { class: "present" }, views.length ? ranking("In view now", "view", "view_name", [VISITORS])(views) : none("", "Nobody is here now.")),
  );
};

/** Who is here is not known. */
export const notLive = () => {
  const sign = document.getElementById("now");
  delete sign.dataset.visitors;
  sign.firstChild.textContent = "– here now";
};

/* How complete */

const fact = (name, value, told) => html("div", {}, html("dt", {}, name), html("dd", { "data-value": value }, told));

export const completeness = (figure, answers) => {
  const { rows } = answers.completeness;
  const row = (part, what) => rows.find((each) => each.part === part && each.what === what) ?? { count: 0 };
  const [made, arrived, lost] = ["made", "arrived", "lost"].map((what) => row("facts", what));
  const [all, exact] = ["all", "exact"].map((what) => row("pageviews", what));
  if (!made.count) return nothing(figure, answers.completeness);
  // Exactly: the percentages of the answer are rounded, and 100 would be said though one is lost.
  const of = (part, whole) => (100 * part.count) / whole.count;
  const letters = rows.filter(({ part }) => part === "dead_letters").reduce((sum, each) => sum + each.count, 0);
  replace(
    figure,
    html("div", { class: "gauge", "aria-hidden": "true" }, html("i", { "--part": `${of(arrived, made)}%` })),
    html(
      "dl",
      { class: "facts" },
      fact("of all facts arrived", arrived.count, percent(of(arrived, made))),
      fact(lost.count === 1 ? "fact is lost" : "facts are lost", lost.count, count(lost.count)),
      fact("of pageviews known to the end", exact.count, percent(of(exact, all))),
      fact(letters === 1 ? "record that nobody could read" : "records that nobody could read", letters, count(letters)),
    ),
  );
};
