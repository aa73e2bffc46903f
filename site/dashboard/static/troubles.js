// What a figure says that cannot be shown.

import { anew, asked, FILTERS } from "./address.js";
import { html, none } from "./elements.js";

/** The same where nothing is published; said once, above everything else. */
export const noData = ({ section }) =>
  section.id === "totals"
    ? none("No data yet.", "The figures come by themselves, as soon as somebody has looked at a page.")
    : html("p", { class: "none" }, "Nothing yet.");

/** What to do about a period with nothing in it. */
export const wider = () =>
  Object.keys(FILTERS).some((name) => asked().has(name)) ? "Choose a longer one, or fewer filters." : "Choose a longer one.";

/** The same where nothing was ever measured: how to get something is said once. */
export const notYet = (section) =>
  section.id === "totals"
    ? none("Nothing has come yet.", html("span", {}, "Look at a page of the site, or have ", html("code", {}, "dwell simulate"), " send visitors that are made up."))
    : html("p", { class: "none" }, "Nothing has come yet.");

/** Whether it passes, and the same may be asked again by itself. */
export const passes = (error) => error.type === "busy";

/** In words for people. `again`: asks once more. */
export const said = (error, again) => {
  const button = () => html("button", { type: "button", "data-key": "again", onclick: again }, "Try again");
  if (error.status === 401) {
    return none("You are no longer signed in.", html("a", { href: anew() }, "Sign in"));
  }
  if (passes(error)) return none("One moment.", "Much is asked at once; this comes by itself.");
  if (error.isLost) return wrong("The dashboard does not answer. ", button());
  return wrong(`This could not be shown: ${error.message}. `, button());
};

/** What a panel alone was asked with, and a way out of it. */
export const begunAnew = (error, away) => wrong(`${error.message} `, html("button", { type: "button", "data-key": "anew", onclick: away }, "Begin anew"));

const wrong = (...words) => html("p", { class: "wrong", role: "status" }, words);
