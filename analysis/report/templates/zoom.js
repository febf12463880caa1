/* Zooms the time axis of the drawings inside one figure; without it they are as printed. */
const SVG = "http://www.w3.org/2000/svg";
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];
const CLOSEST = 0.02; // seconds across the whole drawing

function stepOf(span) {
  const whole = STEPS.find((step) => span / step >= 1 && span / step <= 10);
  if (whole) return whole;
  if (span > 1) return 86400 * Math.ceil(span / 864000);
  const power = 10 ** Math.floor(Math.log10(span));
  return [0.1, 0.2, 0.5, 1].map((part) => part * power).find((step) => span / step <= 10);
}

function timeText(seconds, step, long) {
  const digits = step < 1 ? Math.ceil(-Math.log10(step) - 1e-9) : 0;
  if (!long) {
    return seconds.toLocaleString(document.documentElement.lang, { minimumFractionDigits: digits, maximumFractionDigits: digits });
  }
  const [whole, part] = seconds.toFixed(digits).split(".");
  const clock = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
    .map((value, place) => (place ? String(value).padStart(2, "0") : value)).join(":");
  return part ? `${clock}.${part}` : clock;
}

function placeOf(element) {
  return element.getAttribute("transform").match(/-?[\d.]+/g).map(Number);
}

/* One drawing: its marks move into a window of their own, and its time axis is written anew. */
class Drawing {
  constructor(svg) {
    const root = svg.querySelector(".role-frame.root > g");
    const [, width, height] = root.querySelector("path.background").getAttribute("d").match(/h([\d.]+)v([\d.]+)/).map(Number);
    this.svg = svg;
    this.width = width;
    const content = root.querySelector(":scope > g");
    const marks = [...content.children].filter((child) => child.matches(".role-mark, .role-scope"));
    const texts = marks.filter((mark) => mark.matches(".mark-text"));
    this.window = Drawing.#window(content, marks.filter((mark) => !texts.includes(mark)), width, height, 0);
    Drawing.#window(content, texts, width, height, 16); // a label may stand over the edge
    this.lines = [...content.querySelectorAll(".mark-line path, .mark-rect path, .mark-area path")];
    this.placed = marks.flatMap((mark) => [...mark.querySelectorAll(".mark-rule line, .mark-text text, :scope > line, :scope > text")])
      .map((element) => [element, placeOf(element)]);
    const axes = [...content.querySelectorAll(":scope > .role-axis > g")].filter((axis) => placeOf(axis)[1] >= height);
    this.axes = axes.flatMap((axis) => [...axis.querySelectorAll(".role-axis-grid, .role-axis-tick, .role-axis-label")])
      .filter((group) => group.firstElementChild);
    for (const group of this.axes) group.model = group.children[Math.min(1, group.children.length - 1)].cloneNode(true);
  }

  static #window(content, marks, width, height, side) {
    const above = 19;
    const view = document.createElementNS(SVG, "svg");
    const size = { x: -side, y: -above, width: width + 2 * side, height: height + above };
    for (const [name, value] of Object.entries({ ...size, viewBox: Object.values(size).join(" ") })) view.setAttribute(name, value);
    content.append(view);
    view.append(...marks);
    return view;
  }

  show(first, last, length, step) {
    const scale = length / (last - first);
    const shift = (-first / length) * this.width * scale;
    for (const line of this.lines) line.setAttribute("transform", `matrix(${scale} 0 0 1 ${shift} 0)`);
    for (const [element, [x, y]] of this.placed) element.setAttribute("transform", `translate(${x * scale + shift},${y})`);
    const ticks = [];
    for (let n = Math.ceil(first / step - 1e-9) || 0; n * step <= last + 1e-9; n += 1) ticks.push(n * step);
    for (const group of this.axes) {
      group.replaceChildren(...ticks.map((tick) => {
        const mark = group.model.cloneNode(true);
        const [, y] = placeOf(mark);
        mark.setAttribute("transform", `translate(${((tick - first) / (last - first)) * this.width},${y})`);
        if (mark.localName === "text") {
          mark.setAttribute("text-anchor", "middle");
          mark.textContent = timeText(tick, step, length >= 300);
        }
        return mark;
      }));
    }
  }
}

function zoomable(figure) {
  const region = figure.querySelector(".chart");
  const drawings = [...region.querySelectorAll("svg")].map((svg) => new Drawing(svg));
  const length = Number(figure.dataset.length);
  let first = 0, last = length;

  function show(from, to, speak = true) {
    const span = Math.min(Math.max(to - from, Math.min(CLOSEST, length)), length);
    const start = Math.min(Math.max((from + to - span) / 2, 0), length - span);
    [first, last] = [start, start + span];
    const step = stepOf(span);
    for (const drawing of drawings) drawing.show(first, last, length, step);
    figure.classList.toggle("zoomed", span < length);
    if (!speak) return;
    const [a, b] = [first, last].map((at) => timeText(at, Math.min(step / 10, 1), length >= 300));
    document.getElementById("announce").textContent = figure.dataset.range.replace("{first}", a).replace("{last}", b);
  }
  function zoom(by, at = (first + last) / 2) {
    show(at - (at - first) / by, at + (last - at) / by);
  }
  function pan(share) {
    const by = Math.min(Math.max((last - first) * share, -first), length - last);
    show(first + by, last + by);
  }
  const actions = { in: () => zoom(2), out: () => zoom(0.5), left: () => pan(-0.25), right: () => pan(0.25), all: () => show(0, length) };
  for (const button of figure.querySelectorAll("button[data-zoom]")) {
    button.addEventListener("click", () => {
      const at = Number(button.dataset.at);
      if (button.dataset.at === undefined) actions[button.dataset.zoom]();
      else {
        show(at - length / 20, at + length / 20);
        // the moment is in the middle now: on a narrow screen that may be beside the box
        region.scrollLeft = (region.scrollWidth - region.clientWidth) * 0.55;
      }
    });
  }
  figure.querySelector(".zoom-tools").hidden = false;
  const keys = { "+": "in", "=": "in", "-": "out", 0: "all", Home: "all", ArrowLeft: "left", ArrowRight: "right" };
  region.addEventListener("keydown", (event) => {
    const action = keys[event.key];
    const arrows = event.key.startsWith("Arrow") && !figure.classList.contains("zoomed");
    if (!action || arrows || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    actions[action]();
  });
  function secondsAt(x) {
    const { svg, width } = drawings[0];
    const box = drawings[0].window.getBoundingClientRect();
    const left = new DOMPoint(0, 0).matrixTransform(drawings[0].window.getScreenCTM()).x;
    const right = new DOMPoint(width, 0).matrixTransform(drawings[0].window.getScreenCTM()).x;
    return first + ((x - left) / (right - left || box.width || svg.clientWidth)) * (last - first);
  }
  region.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return; // the page scrolls as ever
    event.preventDefault();
    zoom(event.deltaY < 0 ? 1.25 : 0.8, secondsAt(event.clientX));
  }, { passive: false });
  let grabbed = null;
  region.addEventListener("pointerdown", (event) => {
    if (event.button || !figure.classList.contains("zoomed")) return;
    grabbed = secondsAt(event.clientX);
    region.setPointerCapture(event.pointerId);
  });
  region.addEventListener("pointermove", (event) => {
    if (grabbed === null) return;
    const by = Math.min(Math.max(grabbed - secondsAt(event.clientX), -first), length - last);
    show(first + by, last + by, false);
  });
  for (const over of ["pointerup", "pointercancel"]) region.addEventListener(over, () => { grabbed = null; });
  region.addEventListener("dblclick", (event) => zoom(3, secondsAt(event.clientX)));
}

for (const figure of document.querySelectorAll(".zoomable")) zoomable(figure);
