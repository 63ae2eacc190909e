// Draws the trend over the drawing the server made, from the numbers of the table in the page.

// A colour as the canvas needs it: light-dark() is resolved by the browser, not by the canvas.
function colour(variable) {
  const probe = document.createElement("i");
  probe.style.color = `var(${variable})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

const LOOKS = {
  spend: { variable: "--c1", dash: [6, 4] },
  before: { variable: "--edge", dash: [2, 4] },
};

function numbersFor(data) {
  const options = { notation: "compact", maximumFractionDigits: 1 };
  if (data.kind === "money") Object.assign(options, { style: "currency", currency: data.currency });
  return new Intl.NumberFormat(data.locale, options);
}

function optionsFor(data, width) {
  const font = `12px ${getComputedStyle(document.body).fontFamily}`;
  const [ink, line] = [colour("--soft"), colour("--line")];
  const numbers = numbersFor(data);
  const days = new Intl.DateTimeFormat(data.locale, { day: "numeric", month: "short", timeZone: "UTC" });
  const axis = { stroke: ink, font, ticks: { show: false } };
  return {
    width,
    height: width < 520 ? 210 : 270,
    padding: [8, 26, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
    scales: { y: { range: (u, low, high) => [Math.min(0, low), high > 0 ? high * 1.05 : 1] } },
    axes: [
      { ...axis, grid: { show: false }, values: (u, at) => at.map((second) => days.format(second * 1000)), space: 80, size: 26 },
      { ...axis, grid: { stroke: line, width: 1 }, values: (u, at) => at.map((value) => numbers.format(value)), size: 58, space: 44 },
    ],
    series: [{}, ...data.series.map((series, index) => {
      const look = LOOKS[series.name] ?? { variable: "--c0" };
      const stroke = colour(look.variable);
      const first = index === 0;
      return {
        stroke, dash: look.dash, width: first ? 2.25 : 1.75, spanGaps: false,
        fill: first ? stroke.replace(/^rgb\((.*)\)$/, "rgba($1, .07)") : undefined,
        points: { show: data.x.length < 3 },
      };
    })],
  };
}

function bubbleIn(box) {
  const bubble = document.createElement("div");
  bubble.className = "bubble";
  bubble.hidden = true;
  bubble.setAttribute("aria-hidden", "true");
  box.append(bubble);
  return bubble;
}

function fill(bubble, data, index) {
  const head = document.createElement("b");
  head.textContent = data.days[index];
  bubble.replaceChildren(head, ...data.series.map((series) => {
    const line = document.createElement("p");
    const [label, text] = [document.createElement("span"), document.createElement("span")];
    label.textContent = series.label;
    text.textContent = series.texts[index];
    line.append(label, text);
    return line;
  }));
}

function enhance(walk) {
  const box = walk.querySelector("[data-plot]");
  const data = JSON.parse(walk.parentElement.querySelector("[data-points]").textContent);
  const points = [data.x, ...data.series.map((series) => series.values)];
  let plot, bubble, at = data.x.length - 1, walking = false;

  function show(u) {
    const index = u.cursor.idx;
    bubble.hidden = index == null;
    if (bubble.hidden) return;
    at = index;
    fill(bubble, data, index);
    const left = u.over.offsetLeft + u.valToPos(data.x[index], "x");
    const room = box.clientWidth - bubble.offsetWidth;
    const wanted = left + 14 + bubble.offsetWidth > box.clientWidth ? left - 14 - bubble.offsetWidth : left + 14;
    bubble.style.left = `${Math.max(0, Math.min(room, wanted))}px`;
  }

  function draw() {
    plot?.destroy();
    box.replaceChildren();
    const options = optionsFor(data, box.clientWidth);
    options.hooks = { setCursor: [show] };
    bubble = bubbleIn(box);
    plot = new uPlot(options, points, box);
  }

  function move(index) {
    at = Math.max(0, Math.min(data.x.length - 1, index));
    plot.setCursor({ left: plot.valToPos(data.x[at], "x"), top: 0 });
    const values = data.series.map((series) => `${series.label} ${series.texts[at]}`);
    document.getElementById("said").textContent = `${data.days[at]}: ${values.join(", ")}`;
  }

  walk.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: at - (walking ? 1 : 0), ArrowRight: at + (walking ? 1 : 0), Home: 0, End: data.x.length - 1 };
    if (!(event.key in steps) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    move(steps[event.key]);
    walking = true;
  });
  walk.addEventListener("focusout", () => { walking = false; plot.setCursor({ left: -10, top: -10 }); });

  draw();
  const redraw = () => (walk.isConnected ? draw() : document.removeEventListener("throughline:theme", redraw));
  document.addEventListener("throughline:theme", redraw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  let width = box.clientWidth;
  new ResizeObserver(() => {
    if (box.clientWidth === width || !box.clientWidth || !walk.isConnected) return;
    width = box.clientWidth;
    draw();
  }).observe(box);
}

function enhanceAll() {
  for (const walk of document.querySelectorAll("[data-walk]:not([data-live])")) {
    walk.dataset.live = "";
    enhance(walk);
  }
}

enhanceAll();
document.addEventListener("htmx:after:swap", enhanceAll);
