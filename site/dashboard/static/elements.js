// Making elements. Nothing here takes HTML as text: what visitors sent stays text.

const SVG = "http://www.w3.org/2000/svg";

const fill = (element, attributes, children) => {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    // Through the object model: a style attribute would be refused by the page's policy.
    else if (name.startsWith("--")) element.style.setProperty(name, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
};

/** An element of HTML: `html("a", {href: "…"}, "text", child)`. */
export const html = (tag, attributes, ...children) =>
  fill(document.createElement(tag), attributes, children);

/** An element of SVG. */
export const svg = (tag, attributes, ...children) =>
  fill(document.createElementNS(SVG, tag), attributes, children);

/** New children for an element; the focus stays on what has the same `data-key`, or goes to what came
 *  next, or before, or to what there is instead. */
export const replace = (element, ...children) => {
  const hadFocus = element.contains(document.activeElement) && element !== document.activeElement;
  const keyed = [...element.querySelectorAll("[data-key]")];
  const at = keyed.indexOf(document.activeElement);
  element.replaceChildren(...children.flat().filter(Boolean));
  if (!hadFocus || !element.hasChildNodes()) return;
  const found = (each) => element.querySelector(`[data-key="${CSS.escape(each.dataset.key)}"]`);
  const heir = at < 0 ? undefined : [...keyed.slice(at), ...keyed.slice(0, at).reverse()].find(found);
  const instead = heir ? found(heir) : (element.querySelector("a[href], button, [tabindex='0']") ?? element);
  if (instead === element) element.tabIndex = -1;
  instead.focus({ preventScroll: true });
};

/** Mark that the page has come so far, for who measures it; the latest mark alone is kept. */
export const reached = (name) => {
  performance.clearMarks(name);
  performance.mark(name);
};

/** A text for a figure that has nothing to show; `detail` may be an element. */
export const none = (title, detail) =>
  html("p", { class: "none" }, html("strong", {}, title), detail);
