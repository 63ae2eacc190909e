// What the pages do beyond links and forms. Every page works without this file.

const root = document.documentElement;
const app = () => document.getElementById("app");
const say = (text) => { document.getElementById("said").textContent = text; };

// The server escapes all text it was sent, and inline scripts are refused by the page's policy;
// what htmx inserts is therefore as safe as the page itself.
const policy = globalThis.trustedTypes?.createPolicy("throughline", {
  createHTML: (text) => text,
  createScript: (text) => text,
});
if (policy) {
  htmx.registerExtension("throughline", { init: (api) => api.initSecurity(policy) });
}

// Choices take effect at once; the button is for browsers without scripts.
document.addEventListener("change", (event) => {
  event.target.closest("form[data-auto]")?.requestSubmit();
});

// Light, dark or system, without loading the page again.
document.addEventListener("submit", (event) => {
  const form = event.target.closest("[data-theme-switch]");
  if (!form || !event.submitter) return;
  event.preventDefault();
  const theme = event.submitter.value;
  root.dataset.theme = theme;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `throughline_theme=${theme}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
  for (const button of form.querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(button.value === theme));
  }
  document.dispatchEvent(new Event("throughline:theme"));
});

// Open panels close on Escape and on a click elsewhere.
const openPanels = () => document.querySelectorAll("details.pop[open]");
document.addEventListener("click", (event) => {
  for (const panel of openPanels()) if (!panel.contains(event.target)) panel.open = false;
  if (event.target.closest("[data-help]")) help.showModal();
});

// After a swap: keep open what was open, show the top of a new page, and say what is there now.
// Where only a part of the page was exchanged, it speaks for itself.
let opened = [];
let path = app().dataset.path;
let shown = app();
document.addEventListener("htmx:before:swap", () => {
  opened = [...openPanels()].map((panel) => panel.id).filter((id) => id === "more");
});
document.addEventListener("htmx:after:swap", () => {
  for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
  opened = [];
  if (app() === shown) return;
  shown = app();
  if (app().dataset.path !== path) {
    path = app().dataset.path;
    scrollTo(0, 0);
    document.getElementById("main").focus({ preventScroll: true });
  }
  say(`${document.title.split(" · ")[0]}: shown`);
});
// Only what was asked for since the loss says by its answer that the service is back: the answer to
// an older question may come after the loss and says nothing.
let askedSince = new WeakSet();
document.addEventListener("htmx:before:request", (event) => { askedSince.add(event.detail.ctx); });
document.addEventListener("htmx:after:request", (event) => {
  if (askedSince.has(event.detail.ctx)) document.getElementById("lost").hidden = true;
});
document.addEventListener("htmx:error", () => {
  askedSince = new WeakSet();
  document.getElementById("lost").hidden = false;
});

// Copying: where the browser keeps the clipboard to itself, the text is at least marked.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const text = document.getElementById(button.dataset.copy);
  let done = "Copied";
  try {
    await navigator.clipboard.writeText(text.textContent);
  } catch {
    getSelection().selectAllChildren(text);
    done = document.execCommand("copy") ? "Copied" : "Marked: press Ctrl C";
  }
  button.textContent = done;
  say(done);
  setTimeout(() => { button.textContent = "Copy"; }, 3000);
});

// Single keys, which a reader can switch off for good.
const help = document.getElementById("help");
const keysOn = document.getElementById("keys-on");
const remember = (key, value) => { try { localStorage.setItem(key, value); } catch { /* private mode */ } };
const recall = (key) => { try { return localStorage.getItem(key); } catch { return null; } };
keysOn.checked = recall("throughline_keys") !== "off";
keysOn.addEventListener("change", () => remember("throughline_keys", keysOn.checked ? "on" : "off"));

const PERIODS = {
  d: "today", e: "yesterday", w: "7d", t: "30d", n: "90d",
  m: "month", p: "last_month", y: "year", l: "12m",
};

function choose(id, value) {
  const select = document.getElementById(id);
  if (!select) return;
  select.value = value;
  select.form.requestSubmit();
}

const KEYS = {
  x: () => {
    const select = document.getElementById("compare");
    if (select) choose("compare", select.value === "none" ? recall("throughline_compare") || "previous" : "none");
  },
  c: () => {
    const days = document.getElementById("days");
    if (days) { days.open = true; document.getElementById("start").focus(); }
  },
  "/": () => document.getElementById("search")?.focus(),
  "?": () => help.showModal(),
  arrowleft: () => document.getElementById("earlier")?.click(),
  arrowright: () => document.getElementById("later")?.click(),
};

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    const panel = event.target.closest?.("details.pop[open]") ?? openPanels()[0];
    if (panel) { panel.open = false; panel.querySelector("summary").focus(); }
    return;
  }
  const busy = event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || help.open;
  if (busy || !keysOn.checked) return;
  if (event.target.closest?.("input, select, textarea, [data-walk], .scroll, dialog")) return;
  const key = event.key.toLowerCase();
  const act = PERIODS[key] ? () => choose("period", PERIODS[key]) : KEYS[key];
  if (!act) return;
  event.preventDefault();
  act();
});
