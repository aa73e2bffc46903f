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

/** New children for an element; the focus stays on what has the same `data-key`. */
export const replace = (element, ...children) => {
  const key = element.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  element.replaceChildren(...children.flat().filter(Boolean));
  if (key) element.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
};

/** A text for a figure that has nothing to show; `detail` may be an element. */
export const none = (title, detail) =>
  html("p", { class: "none" }, html("strong", {}, title), detail);
