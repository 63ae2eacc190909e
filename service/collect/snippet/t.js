// Throughline's snippet: page views, routes of single-page applications, track and identify.
// Browsers get t.min.js, which `make snippet` makes of this file; a test keeps the two together.
//
// Nothing here throws into the page, and nothing is forgotten before the service has said that it
// holds it: events wait in localStorage, and are sent again under the same ids.
((w, d) => {
  const old = w.throughline || {};
  if (old.track && !old.q) return; // loaded twice
  const tag = d.currentScript || d.querySelector("script[data-key]");
  const set = tag.dataset;
  const to = tag.src.replace(/t\.js.*/, "t");
  const nav = navigator;
  const debug = "debug" in set;
  const silent = "respectDnt" in set && (nav.globalPrivacyControl || nav.doNotTrack == 1);
  const bare = silent || set.mode == "cookieless";
  const idKey = "throughline_id";
  const mark = "throughline:"; // before the names of waiting events
  let queue = []; // [name in localStorage, the event's JSON, whether a beacon had it]
  let flying = 0; // how many of them, from the oldest, are on their way
  let wait = 1e3;
  let timer, last, id;

  const log = (what) => { debug && console.log("throughline", what); };

  const store = (use) => {
    if (!bare) try { use(localStorage); } catch (e) { log(e); }
  };

  // crypto.randomUUID is there on secure pages only.
  const uuid = () => ([1e7] + -1e3 + -4e3 + -8e3 + -1e11).replace(/[018]/g, (c) =>
    (c ^ crypto.getRandomValues(new Uint8Array(1))[0] & 15 >> c / 4).toString(16));

  const add = (type, more) => {
    if (silent) return log("not sent: do not track");
    try {
      const name = uuid();
      const item = [mark + name, JSON.stringify(Object.assign({
        id: name, type, at: new Date(), anonymous_id: id, url: location.href
      }, more))];
      log(item[1]);
      queue.push(item);
      store((s) => { s[item[0]] = item[1]; });
      forget(queue.slice(0, -100));
      later(200);
    } catch (e) { log(e); }
  };

  const forget = (items) => items.map((item) => {
    queue = queue.filter((other) => other != item);
    store((s) => s.removeItem(item[0]));
  });

  const body = (items) => JSON.stringify({ key: set.key, sent_at: new Date() }).slice(0, -1) +
    ',"events":[' + items.map((item) => item[1]) + "]}";

  const later = (pause) => { timer = timer || setTimeout(send, pause); };

  const send = () => {
    clearTimeout(timer);
    timer = 0;
    if (flying || !queue[0]) return;
    const items = queue.slice(0, 20);
    const text = body(items);
    let pause = 0;
    flying = items.length;
    // Text needs no preflight; browsers keep at most 64 KiB alive.
    fetch(to, { method: "POST", body: text, keepalive: text.length < 5e4, credentials: "omit" })
      .then((got) => {
        if (got.status > 499 || got.status == 429) throw got.status;
        forget(items);
        wait = 1e3;
        debug && got.text().then(log);
      })
      .catch((e) => {
        log(e);
        pause = wait = Math.min(wait * 2, 6e4);
      })
      .then(() => {
        flying = 0;
        queue[0] && later(pause);
      });
  };

  // A beacon says nothing of its fate: what it carried is sent again by the next page.
  const leave = () => {
    const items = queue.slice(flying).filter((item) => !item[2]).slice(0, 20);
    items.map((item) => { item[2] = 1; });
    items[0] && nav.sendBeacon(to, body(items));
  };

  // A fragment is a place on the page, unless it is written like a route.
  const page = (anew) => {
    const here = location.href.replace(/#(?![\/!]).*/, "");
    if (anew || here != last) add("page", { referrer: last || d.referrer, title: d.title });
    last = here;
  };

  // Titles are set after the route.
  const soon = () => { setTimeout(page); };

  const api = w.throughline = {
    track: (name, properties) => add("track", { name, properties }),
    identify: (who) => add("identify", { identifiers: who instanceof Object ? who : { user_id: who } })
  };
  const on = w.addEventListener;

  store((s) => {
    // The first-party id begins with the moment it was made: 13 months later it ends, however often
    // it is used. Where the browser keeps nothing there is none.
    const life = 34128e3;
    let made = (RegExp(idKey + "=([\\w.-]+)").exec(d.cookie) || [])[1] || s[idKey];
    let age = (Date.now() - parseInt(made, 36)) / 1e3; // "undefined" lies far ahead
    if (!(age >= 0 && age < life)) {
      age = 0;
      made = Date.now().toString(36) + "." + uuid();
    }
    d.cookie = idKey + "=" + made + ";path=/;samesite=lax;max-age=" + (life - age | 0) +
      (set.domain ? ";domain=" + set.domain : "") + (w.isSecureContext ? ";secure" : "");
    id = s[idKey] = made;
    Object.keys(s).map((key) => key.indexOf(mark) || queue.push([key, s[key]]));
  });
  ["pushState", "replaceState"].map((name) => {
    const real = history[name];
    history[name] = function () {
      real.apply(this, arguments);
      soon();
    };
  });
  on("popstate", soon);
  on("pageshow", (e) => { e.persisted && page(1); });
  on("online", send);
  on("pagehide", leave);
  on("visibilitychange", () => { d.hidden && leave(); });
  d.prerendering ? d.addEventListener("prerenderingchange", soon) : page();
  (old.q || []).map((call) => api[call[0]].apply(api, call[1]));
})(window, document);
