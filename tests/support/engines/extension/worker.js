// Does to one tab what a test asks for, with no debugger attached: that would forbid discarding.
let tab;
let loaded = (id) =>
  new Promise((done) => {
    chrome.tabs.onUpdated.addListener((changed, { status }) => changed == id && status == "complete" && done());
  });
let acts = {
  open: async (url) => {
    tab = (await chrome.tabs.create({ url })).id;
    await loaded(tab);
  },
  hide: () => chrome.tabs.create({ url: "about:blank" }),
  discard: async () => {
    let made = await chrome.tabs.discard(tab);
    if (!made?.discarded) throw new Error("the tab was not discarded");
    tab = made.id;
  },
  show: async () => {
    let again = loaded(tab);
    await chrome.tabs.update(tab, { active: true });
    await again;
  },
  close: () => chrome.tabs.remove(tab),
};
(async () => {
  let test = await (await fetch(chrome.runtime.getURL("test"))).text();
  let said = "";
  for (;;) {
    let [name, value] = await (await fetch(test, { method: "POST", body: said })).json();
    if (!name) break;
    said = await acts[name](value).then(
      () => "",
      (error) => "" + error,
    );
  }
})();
