// Runs before the page's own scripts, and tells when what they drew is on the screen: at the end of the
// frame that shows it. `drawn` has the milliseconds by the page's own marks, since the page was asked
// for or, after a click, since that.
const begun = { at: 0 };
const waiting = new Map();
window.drawn = {};

/** Calls `then` when that is drawn. */
window.when = (name, then) => (name in drawn ? then() : waiting.set(name, then));

/** What is posted while a frame is prepared comes when it is done. */
const note = (name) =>
  requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      drawn[name] ??= performance.now() - begun.at;
      waiting.get(name)?.();
      waiting.delete(name);
    };
    port2.postMessage(null);
  });

const mark = performance.mark.bind(performance);
performance.mark = (name, ...more) => {
  note(name);
  return mark(name, ...more);
};

/** After the next click, "settled" is when the last panel is drawn anew. */
window.armed = () => {
  const left = new Set(document.querySelectorAll(".card"));
  const watch = new MutationObserver((changes) => {
    for (const { target } of changes) left.delete(target);
    if (left.size) return;
    watch.disconnect();
    note("settled");
  });
  const begin = ({ timeStamp }) => {
    begun.at = timeStamp;
    window.drawn = {};
    for (const card of left) watch.observe(card, { attributeFilter: ["data-state"] });
  };
  addEventListener("click", begin, { capture: true, once: true });
};
