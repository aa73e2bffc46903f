// What a figure says that cannot be shown.

import { html, none } from "./elements.js";

/** The same where nothing is published; said once, above everything else. */
export const noData = ({ section }) =>
  section.id === "totals"
    ? none("No data yet.", "The figures come by themselves, as soon as somebody has looked at a page.")
    : html("p", { class: "none" }, "Nothing yet.");

/** Whether it passes, and the same may be asked again by itself. */
export const passes = (error) => error.type === "busy";

/** In words for people. `again`: asks once more. */
export const said = (error, again) => {
  const button = () => html("button", { type: "button", "data-key": "again", onclick: again }, "Try again");
  if (error.status === 401) {
    return none("You are no longer signed in.", html("a", { href: location.href }, "Sign in"));
  }
  if (passes(error)) return none("One moment.", "Much is asked at once; this comes by itself.");
  if (error.isLost) return wrong("The dashboard does not answer. ", button());
  return wrong(`This could not be shown: ${error.message}. `, button());
};

const wrong = (...words) => html("p", { class: "wrong", role: "status" }, words);
