// The beacon: tells the collector beside this script how long the page could be seen.
//
// A pageview is one stretch of one view in one tab. It begins when the page is first visible, and
// every fact of it carries its whole context and the milliseconds visible so far, so that losing,
// doubling or reordering facts does no harm. Facts wait in the outbox until the collector settles
// them. Bytes count here, and only comments are free: they say what the code is too short to say.
(() => {
  if (HONOUR_OPT_OUT && (navigator.globalPrivacyControl || navigator.doNotTrack == 1)) return;

  // Storage throws where the visitor forbids it, or has it full; then memory has to do.
  let attempt = (action) => {
    try {
      return action();
    } catch {}
  };

  let tab = attempt(() => sessionStorage) || {};
  let jar; // holds the session where the browser keeps no cookies
  let deferred; // takes back what is left with the browser
  let seq, start, engaged, checkpoint; // of the pageview: its next fact, its start, milliseconds
  let room = 15; // facts in a request but one: under 64 KiB, as keepalive wants; 0 after a refusal as a whole
  let wait; // milliseconds of the last pause
  let pause = 0; // no retry before this moment, unless something happens
  let from = performance.timing.responseStart; // the next pageview begins then at the earliest
  let page = document.documentElement.dataset;
  let context; // what all its facts share; nothing while there is no pageview
  let url = new URL("facts", document.currentScript.src);
  let path, view; // where the pageview is
  let visible; // whether the page could be seen since then
  let now; // the moment up to which `engaged` is counted
  let outbox = attempt(() => localStorage) || {}; // "dwell.<moment>.<pageview_id>.<seq>" to JSON

  // All that happens comes here: the page is shown or hidden, moves, leaves, or a second is over.
  let look = (type) => {
    let leaving = type == "pagehide";
    let seen = !document.hidden && !leaving;
    count(observer.takeRecords());
    if (type) pause = 0;
    if (context && (leaving || path != location.pathname || view != page.dwellView)) {
      if (visible) state();
      context = 0;
      from = 1 / 0;
    }
    if (!context) begin(seen);
    else if (visible != seen || (engaged >= checkpoint && (checkpoint += checkpoint < 4e4 ? checkpoint : 6e4))) state(seen);
    if (context || leaving) deliver(leaving);
  };

  // Brings `engaged` up to now. Timers that were silent for more than 3 s mean sleep or a stopped
  // process, but for the long tasks that kept them waiting.
  let count = (longTasks) => {
    let before = now;
    now = moment(performance.now());
    if (visible)
      engaged += Math.min(
        now - before,
        longTasks.reduce((sum, task) => (sum + task.duration) | 0, 3e3),
      );
  };

  // Puts a fact into the outbox.
  //
  // The cookie tells other tabs of the session and of the time of its last fact. Only a pageview
  // that begins looks at the time-out; one of an older session leaves a newer one alone. A session
  // has the id of its first pageview.
  let state = (seen) => {
    visible = seen;
    let second = Math.round(Date.now() / 1e3);
    let [, known, last] = /dwell_session=(\S{36}).(\d+)/.exec(document.cookie + jar) || [];
    let session = (context.session_id ||= second - last < SESSION_TIMEOUT ? known : context.pageview_id);
    if (session == known || !seq) document.cookie = jar = `dwell_session=${session}.${second};path=/;samesite=lax`;
    let put = () => (outbox[`dwell.${now}.${context.pageview_id}.${seq}`] = fact());
    attempt(put) || put((outbox = {})); // what a full storage holds waits for the next page
    seq++;
  };

  // Whole milliseconds since 1970 by the wall clock as it was when the document began; from there
  // on changes of that clock do not matter.
  let moment = (sinceOrigin) => Math.round(performance.timeOrigin + sinceOrigin);

  // Sends what waits, the newest facts first. With the seconds of the current one it is also left
  // with the browser, to be sent if this page dies within the second and cannot say so itself.
  // The outbox holds 7 days and 50,000 characters, which are about 100 kB.
  let deliver = (leaving) => {
    let due = [];
    let keys = [];
    let size = 0;
    Object.keys(outbox)
      .sort()
      .reverse()
      .map((key) => {
        let at = /^dwell\.(\d{13})/.exec(key)?.[1];
        let delay = Math.max(0, now - at);
        if (at) {
          size += outbox[key].length;
          if (delay > 6048e5 || size > 5e4) delete outbox[key];
          else if (!due[room]) {
            keys.push(key);
            due.push(outbox[key].slice(0, -2) + delay + "}");
          }
        }
      });
    let post = (by, facts, signal) =>
      by(url, { keepalive: 1, method: "POST", body: `{"facts":[${facts}]}`, credentials: "include", signal });
    let armed = visible ? [fact(), ...due] : due;
    deferred?.abort();
    if (armed[0]) {
      deferred = new AbortController();
      attempt(() => post(fetchLater, armed, deferred.signal)) ||
        (leaving && navigator.sendBeacon(url, `{"facts":[${due}]}`));
      if (due[0] && now >= pause) {
        pause = now + (wait = Math.min(wait * 2 || 2e3, 6e4));
        post(fetch, due).then(
          (answer) => {
            if (/204|400|403|413/.test(answer.status)) {
              if (answer.status < 401 || !due[1]) keys.map((key) => delete outbox[key]);
              else room = 0;
              pause = wait = 0;
            } else pause += answer.headers.get("retry-after") * 1e3 || 0;
          },
          attempt, // no answer: does nothing, the pause stands
        );
      }
    }
  };

  // A page that was opened in the background and never looked at is no pageview. What was seen
  // before this script came is in the browser's record, counted from the document's first byte.
  let begin = (seen) => {
    let end = (start = now);
    engaged = seq = 0;
    performance.getEntriesByType("visibility-state").reverse().map(({ name, startTime }) => {
      let at = Math.max(moment(startTime), from);
      if (name == "visible" && end > at) engaged += end - (start = at);
      end = at;
    });
    if (seen || engaged) {
      view = page.dwellView;
      context = {
        identity: {
          title: document.title.slice(0, 300),
          path: (path = location.pathname).slice(0, 300),
          ...attempt(() => JSON.parse(page.dwellIdentity)),
        },
        referrer: document.referrer.split("?")[0].slice(0, 300),
        // UUIDv7: 48 bits of time, then random digits. Decimal digits are hexadecimal ones too.
        pageview_id: "00000000-0000-7000-8000-000000000000".replace(
          /0/g,
          () => (now + 2 ** 48).toString(16)[++seq] || (Math.random() * 10) | 0,
        ),
        view: (view || path).slice(0, 200),
        previous_pageview_id: tab.dwell,
      };
      seq = 0;
      checkpoint = 5e3;
      state(seen);
      attempt(() => (tab.dwell = context.pageview_id));
    }
  };

  let fact = () =>
    JSON.stringify({
      type: seq ? "page.visibility_changed" : "page.viewed",
      visibility: visible ? "visible" : "hidden",
      age_ms: now - start,
      seq,
      ...context,
      engagement_ms: engaged,
      delay_ms: 0, // stays last: `deliver` writes the delay there
    });

  let observer = new PerformanceObserver((list) => count(list.getEntries()));
  observer.observe({ type: "longtask" });

  // Pushes and traversals; the page may change its title and view before or after, in the same task.
  // They are looked at after it; until then no path stands for one that changed, and a replacement
  // changes that no more.
  // Where there is no Navigation API the next second notices.
  self.navigation?.addEventListener("currententrychange", (event) => {
    path = (event.navigationType == "replace" ? path : path == location.pathname) && location.pathname;
    setTimeout(look);
  });
  ["visibilitychange", "freeze", "online", "pagehide"].map((type) => addEventListener(type, () => look(type), 1));
  setInterval(look, 1e3);
  setTimeout(look);
})();
