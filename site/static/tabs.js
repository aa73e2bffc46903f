// The tabs of page C: links that become the ARIA tabs pattern, switched in place.
//
// Selection follows focus, as the ARIA Authoring Practices advise where a panel shows at once:
// both panels came with the page.
(() => {
  const root = document.documentElement;
  const strip = document.querySelector(".tabs");
  const tabs = [...strip.querySelectorAll("a")];
  const panels = [...document.querySelectorAll(".panel")];
  const panelOf = (tab) => panels.find((panel) => panel.dataset.path === tab.pathname);
  const tabHere = () => tabs.find((tab) => tab.pathname === location.pathname);

  const show = (chosen) => {
    for (const tab of tabs) {
      const selected = tab === chosen;
      tab.setAttribute("aria-selected", selected);
      tab.tabIndex = selected ? 0 : -1;
      panelOf(tab).hidden = !selected;
    }
    const { title, view, identity } = panelOf(chosen).dataset;
    document.title = title;
    root.dataset.dwellView = view;
    root.dataset.dwellIdentity = identity;
  };

  const go = (tab) => {
    tab.focus({ preventScroll: true });
    if (tab === tabHere()) return;
    // The entry first: a title set before it would name the entry that is left.
    history.pushState(null, "", tab.pathname);
    show(tab);
  };

  // Back and Forward. Focus in a panel that disappears would be lost: it goes to the tab instead.
  const follow = () => {
    const tab = tabHere();
    if (!tab || !panelOf(tab).hidden) return;
    const focused = document.activeElement;
    show(tab);
    if (tabs.includes(focused) || focused.closest("[hidden]")) tab.focus({ preventScroll: true });
  };

  const plain = (event) => !(event.altKey || event.ctrlKey || event.metaKey || event.shiftKey);

  strip.addEventListener("click", (event) => {
    const tab = event.target.closest("a");
    if (!tab || !plain(event)) return; // A new tab or window, or a download: the browser's.
    event.preventDefault();
    go(tab);
  });

  strip.addEventListener("keydown", (event) => {
    if (!plain(event)) return; // Alt and an arrow is Back or Forward.
    const at = tabs.indexOf(event.target.closest("a"));
    const to = {
      ArrowLeft: at - 1,
      ArrowRight: at + 1,
      Home: 0,
      End: -1,
      " ": at,
    }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    go(tabs.at(to % tabs.length));
  });

  strip.setAttribute("role", "tablist");
  for (const tab of tabs) {
    const panel = panelOf(tab);
    panel.id = `${tab.id}-panel`;
    panel.tabIndex = 0;
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", tab.id);
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", panel.id);
    tab.removeAttribute("aria-current");
  }
  show(tabHere() ?? tabs.find((tab) => !panelOf(tab).hidden));
  addEventListener("popstate", follow);
  addEventListener("pageshow", follow);
})();
