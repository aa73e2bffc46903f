// The dashboard: which panels there are, what they ask, and when they ask again.

import { anew, asked, changed, FILTERS, filtersIn, go, inWords, PERIOD, selection } from "./address.js";
import { ask, renew, send } from "./asking.js";
import { fetched } from "./charts.js";
import { html, reached, replace } from "./elements.js";
import * as figures from "./figures.js";
import { follow } from "./live.js";
import { Panel } from "./panel.js";
import { sessions } from "./sessions.js";
import { count, short } from "./text.js";

const panels = [
  new Panel("totals", { asks: { totals: null, series: null }, draw: figures.totals, clear: figures.noPeriod }),
  new Panel("views", { asks: { views: null, view_distribution: null }, draw: figures.views }),
  new Panel("transitions", { draw: figures.transitions }),
  new Panel("funnel", { asks: { views: null, funnel: figures.funnelAsks }, draw: figures.funnel, away: () => go({ steps: null }) }),
  new Panel("entries_and_exits", { draw: figures.entriesAndExits }),
  new Panel("pages", { draw: figures.pages }),
  new Panel("sessions_by_hour", { draw: figures.hours }),
  new Panel("retention", { asks: { retention: figures.retentionAsks }, draw: figures.retention }),
  new Panel("devices", { draw: figures.devices }),
  new Panel("browsers", { draw: figures.browsers }),
  new Panel("systems", { draw: figures.systems }),
  new Panel("referrers", { draw: figures.referrers }),
  new Panel("tabs", { draw: figures.tabs }),
  new Panel("live", { draw: figures.live, clear: figures.notLive }),
  new Panel("completeness", { draw: figures.completeness }),
  sessions,
];

/* Filters */

const form = document.getElementById("filters");
const more = document.getElementById("more");
const robots = document.getElementById("robots");

/** A day as forms have it, so many days later. */
const isDay = (text) => /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text));
const later = (day, days) => new Date(Date.parse(day) + days * 86_400_000).toISOString().slice(0, 10);

const chip = (name, label, value) => {
  const shown = name === "view" ? short(value) : inWords(name, value);
  const away = () => go({ [name]: null, ...(name === "since" ? { until: null } : {}) });
  return html(
    "li",
    {},
    html("button", { type: "button", class: "chip", "data-filter": name, "data-key": name, "aria-label": `${label} ${shown}: take away`, title: value, onclick: away }, html("span", {}, `${label} `), html("b", {}, shown)),
  );
};

const showFilters = () => {
  const now = asked();
  const chips = Object.entries(FILTERS).flatMap(([name, label]) => (now.has(name) ? [chip(name, label, now.get(name))] : []));
  const since = now.get("since") ?? "28d";
  const radio = form.querySelector(`[name=since][value="${CSS.escape(since)}"]`);
  const own = now.has("until") || !radio;
  if (own) chips.unshift(chip("since", "Period", now.has("until") || /^\d{4}-/.test(since) ? "by date" : since));
  for (const each of form.querySelectorAll("[name=since]")) each.checked = each === radio && !own;
  for (const name of Object.keys(FILTERS)) form.elements[name].value = now.get(name) ?? "";
  for (const each of form.querySelectorAll("[data-moment]")) {
    const given = now.get(each.dataset.moment) ?? "";
    each.value = isDay(given) ? later(given, -each.dataset.days) : "";
    each.dataset.shown = each.value;
  }
  bound();
  robots.hidden = now.has("bots");
  const list = document.getElementById("chips");
  const isIn = list.contains(document.activeElement);
  replace(list, chips);
  // The last chip that was taken away leaves the focus to what makes another.
  if (isIn && document.activeElement === document.body) more.querySelector("summary").focus();
};

/* What ends before it begins is told where it is entered, by the days that are entered. */
const [from, to] = form.querySelectorAll("[data-moment]");
const bound = () => (to.min = from.value);
from.addEventListener("input", bound);

/** What was entered. A day that was left as it was is not said anew: the period may begin or end within it. */
const chosen = () => {
  const changes = Object.fromEntries(Object.keys(FILTERS).map((name) => [name, form.elements[name].value.trim()]));
  for (const { dataset, value } of form.querySelectorAll("[data-moment]")) {
    if (value !== dataset.shown) changes[dataset.moment] = value && later(value, +dataset.days);
  }
  return changes;
};

form.addEventListener("submit", (event) => {
  event.preventDefault();
  more.open = false;
  more.querySelector("summary").focus();
  go(chosen());
});

for (const each of form.querySelectorAll("[name=since]")) {
  each.addEventListener("change", () => go({ since: each.value === "28d" ? null : each.value, until: null }));
}

robots.addEventListener("click", () => {
  go({ bots: "include" });
  form.querySelector("[data-filter=bots]").focus();
});

more.addEventListener("toggle", async () => {
  if (!more.open) return;
  const choices = await ask("choices.json", selection()).catch(() => ({}));
  for (const [name, values] of Object.entries(choices)) {
    const list = document.getElementById(`choices-${name}`);
    if (list && Array.isArray(values)) replace(list, values.map((value) => html("option", { value })));
  }
});

addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !more.open) return;
  more.open = false;
  more.querySelector("summary").focus();
});

addEventListener("click", (event) => {
  if (more.open && !more.contains(event.target)) more.open = false;
});

/* What is asked when */

const root = document.documentElement;
const [headline] = panels;
const live = panels.find(({ section }) => section.id === "live");
const near = new Set();
/** Who is here now is said at the top of the page, which is always on the screen. */
const shows = (panel) => near.has(panel) || panel === live;
const stale = new Set();
let isPaused = () => false;
let isEmpty = "empty" in document.getElementById("cards").dataset;

/** Panels on the screen are asked again at once, the others when they come onto it. */
const seen = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      const panel = panels.find((each) => each.section === target);
      if (isIntersecting) near.add(panel);
      else near.delete(panel);
      if (isIntersecting && !isPaused() && stale.delete(panel)) panel.refresh();
    }
  },
  { rootMargin: "200px" },
);

let turn;

/** Those on the screen first, alone: server and browser have all their time for them. */
const everything = async () => {
  const mine = (turn = Symbol("everything"));
  stale.clear();
  showFilters();
  problem.hidden = true;
  if (isEmpty) return panels.forEach((panel) => panel.wait());
  root.dataset.asking = "";
  const shown = near.size ? panels.filter(shows) : [];
  for (const panel of panels) if (!shown.includes(panel)) stale.add(panel);
  await Promise.all(shown.map((panel) => panel.refresh()));
  if (mine !== turn) return;
  if (near.size) reached("seen");
  const others = panels.filter((panel) => stale.delete(panel));
  await Promise.all(others.map((panel) => {
    const settled = panel.refresh();
    // The page has asked for the headline figures already, and for nothing else with them.
    if (panel === headline) send();
    return settled;
  }));
  if (isPaused() && mine === turn) await together();
  if (mine !== turn) return;
  delete root.dataset.asking;
  if ("ready" in root.dataset) answered();
};

/** Nobody tells a page that is paused of a publication that came between its answers. */
const together = async () => {
  const answers = panels.flatMap((panel) => Object.values(panel.answers)).filter(({ published_at }) => published_at);
  const newest = answers.reduce((one, other) => (other.published_at > one.published_at ? other : one), answers[0]);
  if (!newest) return;
  const { publication } = newest;
  const now = answers.find((each) => each.publication === publication && each.ends_now)?.until;
  await Promise.all(panels.filter((panel) => !panel.isOf({ publication, now })).map((panel) => panel.refresh()));
};

/** Say to who does not see it that a change of the filters has had its effect. */
const answered = () => {
  const [now] = headline.answers.totals?.rows ?? [];
  const told = now ? [...filtersIn(asked()), `${count(now.pageviews)} pageviews`, `${count(now.sessions)} sessions`].join(", ") : "";
  document.getElementById("answered").textContent = told;
};

/** Of a publication, and of what is now by then, what is not shown yet. */
const published = async (newest) => {
  if (isEmpty) {
    isEmpty = false;
    delete document.getElementById("cards").dataset.empty;
    return everything();
  }
  renew();
  const older = panels.filter((panel) => !panel.isOf(newest));
  for (const panel of older) if (!shows(panel)) stale.add(panel);
  const shown = older.filter(shows);
  const before = refusals;
  await Promise.all(shown.map((panel) => panel.refresh()));
  if (refusals === before && panels.every((panel) => panel.isPresent())) problem.hidden = true;
};

const problem = document.getElementById("problem");
let refusals = 0;

const tell = (words, href, wayOut) => {
  if (problem.hidden || problem.firstChild.textContent !== words) replace(problem, html("span", {}, words), html("a", { href }, wayOut));
  problem.hidden = false;
};

/** What is wrong with the selection, and a way out of it: its message begins with the name of a part, or
 *  with "the period". Or who looks has to sign in again. */
document.addEventListener("refused", ({ detail: { status, message } }) => {
  refusals += 1;
  if (status === 401) return tell("You are no longer signed in.", anew(), "Sign in");
  if (!problem.hidden) return;
  const [name] = message.replace(/^the period/, "since").split(" ");
  const away = PERIOD.includes(name) ? PERIOD : name in FILTERS ? [name] : [...PERIOD, ...Object.keys(FILTERS)];
  const href = changed(Object.fromEntries(away.map((each) => [each, null])));
  const told = PERIOD.includes(name) ? "Show the last 28 days" : away.length === 1 ? "Show it without" : "Show everything";
  tell(message, href, told);
});

addEventListener("asked", everything);
fetched().catch(() => {}); // Charts ask for it again.
await everything();
performance.mark("complete");
root.dataset.ready = "";
for (const panel of panels) seen.observe(panel.section);
// Who is here now changes by itself, as time passes.
setInterval(() => document.visibilityState === "visible" && !isEmpty && !isPaused() && live.refresh(), 30_000);
isPaused = follow(published, () => headline.answers.totals?.published_at);
