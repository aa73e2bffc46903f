// The tables behind figures, with exact values; this comes when somebody opens one.

import { filtersIn } from "./address.js";
import { html } from "./elements.js";
import { exact, moment, period, WEEKDAYS, ZONE } from "./text.js";

const SHOWN = 200;

/** Columns that say to programs what others say to people. */
const OF_PROGRAMS = ["bucket", "local"];

const ENDS = { view_name: "(start)", next_view_name: "(end)" };

/** What some columns say in words. */
const WORDS = {
  earlier: (isEarlier) => (isEarlier ? "the one before" : "this period"),
  weekday: (number) => WEEKDAYS[number - 1],
  hour: (hour) => `${String(hour).padStart(2, "0")}:00`,
};
const UNITS = { time: moment, exact };

/** As many places behind the point as the longest number has, so that all stand under each other. */
const places = (values) => {
  const numbers = values.filter((value) => typeof value === "number");
  const most = Math.max(0, ...numbers.map((value) => String(value).split(".")[1]?.length ?? 0));
  return new Intl.NumberFormat("en", { minimumFractionDigits: most, maximumFractionDigits: most });
};

/** What puts the values of a column into words, exactly. */
const telling = ({ name, unit }, { panel, rows }) => {
  const told = WORDS[name] ?? UNITS[unit];
  const format = places(rows.map((row) => row[name]));
  return (value) => {
    if (value === null || value === "") return (panel === "transitions" && ENDS[name]) || "–";
    if (told) return told(value);
    return typeof value === "number" ? format.format(value) : String(value);
  };
};

const classOf = ({ name, unit }, rows) => {
  if (unit in UNITS) return "time";
  return !WORDS[name] && rows.some((row) => typeof row[name] === "number") ? "number" : null;
};

const captionOf = ({ panel, question, filters: given, since, until, columns }) => {
  const filters = filtersIn(new URLSearchParams(given));
  const when = since && panel !== "live" ? [period(since, until)] : [];
  const zone = columns.some(({ unit }) => unit in UNITS) ? [`times in ${ZONE}`] : [];
  return [question, ...when, ...filters, ...zone].join(" · ");
};

/** An answer as a table: headings with their units, what they mean, exact values. Of a period that is not
 *  compared with the one before, that one is left out. */
export const table = (answer, title, key = null) => {
  const { panel, compared } = answer;
  const rows = answer.rows.filter(({ earlier }) => compared || !earlier);
  const isShown = ({ name }) => !OF_PROGRAMS.includes(name) && (name !== "earlier" || compared || panel === "totals");
  const columns = answer.columns.filter(isShown).map((column) => ({
    ...column,
    tell: telling(column, { panel, rows }),
    class: classOf(column, rows),
  }));
  const cell = (row, { name, tell, class: classes }, index) =>
    html(index ? "td" : "th", { class: classes, scope: index ? null : "row", "data-value": row[name] }, tell(row[name]));
  return html(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": `${title}: ${answer.question}`, "data-key": key },
    html(
      "table",
      {},
      html("caption", {}, captionOf({ ...answer, columns })),
      html("thead", {}, html("tr", {}, columns.map(({ heading, meaning, class: classes }) => html("th", { scope: "col", title: meaning || null, class: classes }, heading)))),
      html("tbody", {}, rows.slice(0, SHOWN).map((row) => html("tr", {}, columns.map((column, index) => cell(row, column, index))))),
    ),
    rows.length > SHOWN ? html("p", { class: "rest" }, `${rows.length - SHOWN} rows more are in the files.`) : null,
  );
};
