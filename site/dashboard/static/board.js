// The dashboard: which panels there are, what they ask, and when they ask again.

import { asked, changed, FILTERS, go, selection } from "./address.js";
import { fetched } from "./charts.js";
import { html, replace } from "./elements.js";
import * as figures from "./figures.js";
import { follow } from "./live.js";
import { ask, Panel } from "./panel.js";
import { sessions } from "./sessions.js";
import { day, short } from "./text.js";

const panels = [
  new Panel("totals", { asks: { totals: null, series: null }, draw: figures.totals }),
  new Panel("views", { asks: { views: null, view_distribution: null }, draw: figures.views }),
  new Panel("transitions", { draw: figures.transitions }),
  new Panel("funnel", { asks: { views: null, funnel: figures.funnelAsks }, draw: figures.funnel }),
  new Panel("entries_and_exits", { draw: figures.entriesAndExits }),
  new Panel("pages", { draw: figures.pages }),
  new Panel("sessions_by_hour", { draw: figures.hours }),
  new Panel("retention", { draw: figures.retention }),
  new Panel("devices", { draw: figures.devices }),
  new Panel("browsers", { draw: figures.browsers }),
  new Panel("systems", { draw: figures.systems }),
  new Panel("referrers", { draw: figures.referrers }),
  new Panel("tabs", { draw: figures.tabs }),
  new Panel("live", { draw: figures.live }),
  new Panel("completeness", { draw: figures.completeness }),
  sessions,
];

/* Filters */

const form = document.getElementById("filters");

const chip = (name, label, value) => {
  const shown = name === "view" ? short(value) : value;
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
  if (own) chips.unshift(chip("since", "Period", `${since} – ${now.get("until") ?? "now"}`));
  for (const each of form.querySelectorAll("[name=since]")) each.checked = each === radio && !own;
  for (const name of Object.keys(FILTERS)) form.elements[name].value = now.get(name) ?? "";
  for (const each of form.querySelectorAll("[data-moment]")) {
    const given = now.get(each.dataset.moment) ?? "";
    each.value = /^\d{4}-\d\d-\d\d/.test(given) ? given.slice(0, 10) : "";
  }
  replace(document.getElementById("chips"), chips);
};

const chosen = () => {
  const changes = Object.fromEntries(Object.keys(FILTERS).map((name) => [name, form.elements[name].value.trim()]));
  const moments = Object.fromEntries([...form.querySelectorAll("[data-moment]")].map((each) => [each.dataset.moment, each.value]));
  if (moments.since || moments.until) Object.assign(changes, moments);
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

const more = document.getElementById("more");

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

const near = new Set();
const stale = new Set();

/** Panels on the screen are asked again at once, the others when they come onto it. */
const seen = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      const panel = panels.find((each) => each.section === target);
      if (isIntersecting) near.add(panel);
      else near.delete(panel);
      if (isIntersecting && stale.delete(panel)) panel.refresh();
    }
  },
  { rootMargin: "200px" },
);

const everything = () => {
  stale.clear();
  showFilters();
  return Promise.all(panels.map((panel) => panel.refresh()));
};

const whatIsSeen = () => {
  for (const panel of panels) if (!near.has(panel)) stale.add(panel);
  return Promise.all([...near].map((panel) => panel.refresh()));
};

addEventListener("asked", everything);
const first = everything();
fetched();
await first;
performance.mark("complete");
document.documentElement.dataset.ready = "";
for (const panel of panels) seen.observe(panel.section);
// Who is here now changes by itself, as time passes.
const live = panels.find(({ section }) => section.id === "live");
setInterval(() => document.visibilityState === "visible" && live.refresh(), 30_000);
follow(whatIsSeen, () => panels[0].answers.totals?.publication);
