// What is asked stands in the address of the page, so that a view can be shared and gone back to.

export const FILTERS = {
  view: "View",
  path: "Page",
  browser: "Browser",
  system: "System",
  device: "Device",
  visitors: "Visitors",
  bots: "Robots",
};
export const PERIOD = ["since", "until"];
const ROBOTS = { exclude: "left out", include: "counted too", only: "counted alone" };

/** The value of a filter in words. */
export const inWords = (name, value) => (name === "bots" ? (ROBOTS[value] ?? value) : value);

/** The filters among these parameters, in words: "Device phone". */
export const filtersIn = (given) =>
  Object.entries(FILTERS).flatMap(([name, label]) => (given.has(name) ? [`${label} ${inWords(name, given.get(name))}`] : []));

const KEPT = [...PERIOD, ...Object.keys(FILTERS), "measure", "steps", "tabs"];

/** The root of the dashboard, wherever it is mounted. */
export const ROOT = new URL(`${document.documentElement.dataset.root}/`, location.href);

/** The parameters of the page, as they are now. */
export const asked = () => {
  const given = new URLSearchParams(location.search);
  return new Map(KEPT.flatMap((name) => (given.get(name) ? [[name, given.get(name)]] : [])));
};

const DAYS = { h: 1 / 24, d: 1, w: 7 };

/** How many days the period of these parameters has, roughly. */
export const spanOf = (given) => {
  const [, many, unit] = /^(\d+)([hdw])$/.exec(given.get("since") ?? "28d") ?? [];
  if (unit) return many * DAYS[unit];
  const [since, until] = PERIOD.map((name) => Date.parse(given.get(name)));
  return ((until || Date.now()) - since) / 86_400_000;
};

/** This page, without the place in it: whoever follows that leaves it and comes again. */
export const anew = () => location.pathname + location.search;

/** The address with these parameters changed; null or "" takes one away. */
export const changed = (changes) => {
  const params = new URLSearchParams([...asked()]);
  for (const [name, value] of Object.entries(changes)) {
    if (value) params.set(name, value);
    else params.delete(name);
  }
  const query = params.toString().replaceAll("%2C", ",").replaceAll("%2F", "/");
  return `${location.pathname}${query ? `?${query}` : ""}`;
};

/** What the panels are asked with: period and filters. */
export const selection = (extra = {}) => {
  const params = new URLSearchParams();
  for (const [name, value] of asked()) {
    if (PERIOD.includes(name) || name in FILTERS) params.set(name, value);
  }
  for (const [name, value] of Object.entries(extra)) if (value) params.set(name, value);
  return params;
};

/** Go there without loading the page anew; whoever listens to "asked" draws it. */
export const go = (changes) => {
  history.pushState(null, "", changed(changes));
  dispatchEvent(new Event("asked"));
};

addEventListener("popstate", () => dispatchEvent(new Event("asked")));

/** Whether that filter has that value, or the end of its dotted name. */
export const isAsked = (filter, value) => {
  const given = asked().get(filter);
  return given === value || (filter === "view" && Boolean(given) && value.endsWith(`.${given}`));
};

/** What a link is made with that asks for that value alone, or for all again. */
export const toggling = (filter, value) => ({
  href: changed({ [filter]: isAsked(filter, value) ? null : value }),
  "data-go": filter,
  "data-wanted": value,
  "aria-current": isAsked(filter, value) ? "true" : null,
});

// Such a link needs no new page, unless somebody wants one. What it was made with may be older than what
// is asked by now, so only its own filter is changed.
addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-go]");
  if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  const { go: filter, wanted } = link.dataset;
  go({ [filter]: isAsked(filter, wanted) ? null : wanted });
});
