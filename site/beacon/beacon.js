// The beacon: tells the collector beside this script how long the page could be seen.
//
// A pageview is one stretch of one view in one tab. It begins when the page is first visible, and
// every fact of it carries its whole context and the milliseconds visible so far, so that losing,
// doubling or reordering facts does no harm. Facts wait in a queue until the collector settles
// them. Bytes count here, and only comments are free: they say what the code is too short to say.
// What could stand in any order stands in the one that compresses best. A document that runs it once
// more, by another tag or another version of it, goes on with the first.
self.dwell?.consent || (HONOUR_OPT_OUT && (navigator.globalPrivacyControl || navigator.doNotTrack == 1)) || (() => {
  // Storage throws where the visitor forbids it, or has it full; then memory has to do.
  let attempt = (action) => {
    try {
      return action();
    } catch {}
  };

  let checkpoint; // milliseconds visible at which the next fact is due
  let held; // the visitor has not consented, or no longer does
  let engaged; // milliseconds visible in this pageview, counted up to `now`
  let now; // milliseconds since the document began, by a clock that nobody sets

  // The queue is this page's own; what is stored of it waits for the next page that begins.
  let [store, tab] = attempt(() => (localStorage.dwell, [localStorage, sessionStorage])) || [{}, {}];
  let view; // what the page called itself when the pageview began
  let place = () => location.pathname + ("dwellHash" in page ? location.hash : "");
  let page = document.documentElement.dataset;

  // Makes a fact. A session has the id of its first pageview and ends with its cookie, so long
  // after the last fact. A pageview of an older session leaves the cookie of a newer one alone.
  let state = (seen) => {
    visible = seen;
    let known = document.cookie.split("dwell_session=")[1]?.slice(0, 36);
    let session = (context.session_id ||= known || context.pageview_id);
    if (session == known || !seq)
      document.cookie = `dwell_session=${session};max-age=SESSION_TIMEOUT;path=/;samesite=lax`;
    save([fact(), ...queue]);
    attempt(() => (tab.dwell = context.pageview_id + seq++));
  };

  let seq; // of the pageview's next fact
  let quiet; // half the seconds since the last news, and a half

  // As text, so that those which come twice, from lists that two pages have, are known for one.
  let fact = () =>
    JSON.stringify({
      seq,
      visibility: visible || "hidden",
      engagement_ms: engaged,
      age_ms: now - start,
      // The moment, until `ask` makes the delay of it, which a later document may do. By the wall clock:
      // that of `now` stands still while the computer sleeps.
      delay_ms: now + Math.round(Date.now() - performance.now()),
      ...context,
    });

  let save = (facts) => {
    quiet = 0.5;
    queue = [...new Set(facts)].slice(0, 300);
    attempt(() => (queue[0] ? (store[key] = JSON.stringify(queue)) : delete store[key]));
  };

  let context; // what the facts of the pageview share; nothing while there is none
  let deferred; // takes back what is left with the browser
  let observer = new PerformanceObserver((list) => list.getEntries().map(look));

  let ask = (by, facts, signal) =>
    by(new URL(held ? "visitor" : "facts", src), {
      body: JSON.stringify({
        facts: facts.map((fact) => ({ ...(fact = JSON.parse(fact)), delay_ms: Math.max(Date.now() - fact.delay_ms, 0) })),
      }),
      method: "POST",
      signal,
      credentials: "include",
      keepalive: 1,
    });

  // Sends what waits, the newest facts first. With the seconds of the current one it is also left
  // with the browser, to be sent if this page dies within the second and cannot say so itself.
  let deliver = (leaving) => {
    let due = queue.slice(0, 16); // under 64 KiB, as keepalive wants
    let armed = visible ? [fact(), ...due] : due;
    deferred?.abort();
    deferred = new AbortController();
    if (armed[0]) {
      attempt(() => ask(fetchLater, armed, deferred.signal)) ||
        (leaving && ask((url, { body }) => navigator.sendBeacon(url, body), due));
      // At once, then after 2, 4, 8, … seconds: when half the seconds reach a power of two.
      if (due[0] && !(quiet & (quiet += 0.5)))
        ask(fetch, due).then(
          (answer) => {
            // 204, 400, 403 and 413; the other codes of this form nobody sends here.
            if (/204|4.[03]/.test(answer.status)) {
              save(queue.filter((fact) => !due.includes(fact)));
              look(); // another tab may have heard that consent is withdrawn,
              if (held) ask(fetch, queue); // and this answer may have brought the visitor back
            }
          },
          attempt, // no answer: does nothing, they wait on
        );
    }
  };

  let visible; // "visible" while the page can be seen
  let queue = []; // the newest fact first
  let path; // where the pageview is; false once it moved, until it is looked at
  let src = document.currentScript.src;

  self.dwell = {
    pageview: ({ view, identity }) => {
      page.dwellView = view;
      page.dwellIdentity = JSON.stringify(identity);
      path = 0;
      look();
    },
    consent: (given) => {
      store.dwell = given;
      look();
      return given || ((document.cookie = "dwell_session=;max-age=0;path=/"), ask(fetch, queue));
    },
  };

  // All that happens comes here: the page is shown or hidden, moves, leaves, or a second is over.
  //
  // The browser's records come here as well, each with the moment it is about: changes of
  // visibility from before this script ran, and long tasks, which are why timers were silent.
  // A silence of more than 3 s that no long task explains was sleep or a stopped process. Only
  // records have a duration; it is 0 if they are of visibility.
  let look = ({ type, duration, name, startTime = performance.now() } = {}) => {
    held = REQUIRE_CONSENT ? !/true/.test(store.dwell) : /false/.test(store.dwell);
    if (!key && (REQUIRE_CONSENT ? store.dwell && page.dwellView != "" : page.dwellView != "")) {
      key = "dwell:" + Math.random();
      for (let old in store)
        /^dwell:/.test(old) && (attempt(() => queue.push(...JSON.parse(store[old]))), delete store[old]);
      save(queue);
      observer.observe({ type: "longtask" });
      observer.observe({ type: "visibility-state", buffered: 1 });
    }
    if (duration === undefined) observer.takeRecords().map(look);
    let leaving = type == "pagehide";
    let seen = leaving || (duration === 0 ? name == "hidden" : document.hidden) ? 0 : "visible";
    let before = now;
    now = Math.round(
      Math.max(
        performance.timing.responseStart - performance.timing.navigationStart, // until then the page before is in view
        startTime + (duration | 0),
      ),
    );
    if (visible) engaged += Math.min(now - before, deferred ? 3e3 + (duration | 0) : now);
    if (type) quiet = 0.5;
    if (context && (held || leaving || view != page.dwellView || path != place())) {
      if (!held && visible) state();
      context = visible = 0;
    }
    if (held) key && (save([]), delete tab.dwell);
    else if (!context && key && seen) {
      engaged = seq = 0;
      view = page.dwellView;
      context = {
        identity: {
          title: document.title.slice(0, 300),
          path: (path = place()).slice(0, 300),
          ...attempt(() => JSON.parse(page.dwellIdentity)),
        },
        referrer: document.referrer.split("?")[0].slice(0, 300),
        // UUIDv7: 48 bits of time, then random digits. Decimal digits are hexadecimal ones too.
        pageview_id:
          Date.now().toString(16).replace(/.{7}/, "0$&-") +
          "-7000-8000-000000000000".replace(/0/g, () => (Math.random() * 10) | 0),
        previous_pageview_id: tab.dwell?.slice(0, 36),
        view: view || path.slice(0, 200),
        previous_seq: +tab.dwell?.slice(36),
      };
      start = now;
      checkpoint = 5000;
    }
    if (context && (visible != seen || (engaged >= checkpoint && (checkpoint += checkpoint > 3e4 ? 6e4 : checkpoint))))
      state(seen);
    if (seq && duration === undefined) deliver(leaving);
  };

  let start; // when the pageview began
  let key; // under which the queue is stored; nothing until something may be measured

  // Pushes and traversals; the page may change its title and view before or after, in the same task.
  // They are looked at after it; until then no path stands for one that changed, and a replacement
  // changes that no more. Where there is no Navigation API the next second notices.
  self.navigation?.addEventListener("currententrychange", (event) => {
    path &&= (event.navigationType == "replace" || path == place()) && place();
    setTimeout(look);
  });

  setInterval(look, 1e3);

  ["pagehide", "visibilitychange", "online"].map((type) => addEventListener(type, look, 1));

  setTimeout(look);
})();
