// The explorer's face: search, map, lists, blend, sounds and reasons. Used by notebook 08 (through anywidget)
// and by explorer.html, which holds all answers itself. Plain DOM, nothing to build, nothing to fetch.
//
// Conventions
// - A *source* has `world` (see world.py), `ask(kind, fields, buffers)` and `onGone(callback)`.
// - Artists and clips are numbers: their places in `world.artists` and `world.clips`.
// - Names come from outside. They become text nodes inside <bdi>, never markup.

const TRUTH = "truth";
const PATIENCE = 30_000; // milliseconds until an answer counts as missing
const SPLATS_FROM = 3000; // artists on the map: so many are drawn pixel by pixel
const LABELS = 24; // names on the map at most
const KEPT = 60; // answers kept of each kind
const SHARES = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1];
const WEIGHTS = [0, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2];
const VIRIDIS = ["#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30", "#fde725"];
const GROUPS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#882255", "#44AA99", "#999933", "#AA4499", "#DDCC77"];
const UNGROUPED = "#999999";
const SPLITS = ["train", "dev", "test"];
const AMONG = { all: "all artists", unheard: "not trained on", other: "of other styles" };

let instances = 0;

// ---------------------------------------------------------------- ranking

/** Mean 0 and standard deviation 1 over some places of a row; values that are no number stay out. */
export function standardised(row, places) {
  let n = 0, sum = 0;
  for (const k of places) if (!Number.isNaN(row[k])) { n += 1; sum += row[k]; }
  const mean = sum / n;
  let squares = 0;
  for (const k of places) if (!Number.isNaN(row[k])) squares += (row[k] - mean) ** 2;
  const spread = Math.sqrt(squares / n);
  const out = new Float64Array(row.length).fill(NaN);
  for (const k of places) if (!Number.isNaN(row[k])) out[k] = spread > 1e-12 ? (row[k] - mean) / spread : 0;
  return out;
}

/** Scores with shared listeners and popularity in them; as `lib.beyond.adjust.blend`. */
export function blended(row, truth, listeners, places, share, popularity) {
  if (!share && !popularity) return row;
  const known = places.filter((k) => !Number.isNaN(row[k]));
  const sound = standardised(row, known);
  const shared = share ? standardised(truth, known) : null;
  const famous = popularity ? standardised(Float64Array.from(listeners, Math.log), known) : null;
  const out = new Float64Array(row.length).fill(NaN);
  for (const k of known) {
    out[k] = (1 - share) * sound[k] + (share ? share * shared[k] : 0) + (popularity ? popularity * famous[k] : 0);
  }
  return out;
}

/** The n places with the highest values, the highest first; equal values in the order of the places. */
export function highest(row, places, n) {
  const top = [];
  for (const k of places) {
    const value = row[k];
    if (Number.isNaN(value) || (top.length === n && value <= row[top[n - 1]])) continue;
    let at = top.length;
    while (at > 0 && row[top[at - 1]] < value) at -= 1;
    top.splice(at, 0, k);
    if (top.length > n) top.pop();
  }
  return top;
}

/** From 1: how many have a higher value, and one more. */
function rankOf(row, places, artist) {
  let higher = 0;
  for (const k of places) if (row[k] > row[artist]) higher += 1;
  return higher + 1;
}

// ---------------------------------------------------------------- closest clip and moment

/** Products of all frames of two clips: frames are unit vectors times 127. */
function products(a, b, { n, dims }) {
  const out = new Float32Array(n * n);
  for (let i = 0; i < n; i += 1) {
    for (let j = 0; j < n; j += 1) {
      let sum = 0;
      for (let d = 0; d < dims; d += 1) sum += a[i * dims + d] * b[j * dims + d];
      out[i * n + j] = sum / 16129;
    }
  }
  return out;
}

/**
 * How alike two clips are, and where most: `alike` is the mean, over the frames of both, of each frame's best
 * match in the other clip; the moment is where three frames in a row match best.
 */
export function closest(a, b, moments, windowA, windowB) {
  const { n } = moments;
  const inside = (window) => (i) => !window || (i >= window[0] && i <= window[1]);
  const all = products(a, b, moments), [inA, inB] = [inside(windowA), inside(windowB)];
  const bestOfA = new Float32Array(n).fill(-1), bestOfB = new Float32Array(n).fill(-1);
  let best = -Infinity, moment = null;
  for (let i = 0; i < n; i += 1) {
    for (let j = 0; j < n; j += 1) {
      const value = all[i * n + j];
      if (value > bestOfA[i]) bestOfA[i] = value;
      if (value > bestOfB[j]) bestOfB[j] = value;
      if (i > 0 && j > 0 && i < n - 1 && j < n - 1 && inA(i) && inB(j)) {
        const three = all[(i - 1) * n + j - 1] + value + all[(i + 1) * n + j + 1];
        if (three > best) { best = three; moment = [i, j]; }
      }
    }
  }
  let alike = 0;
  for (let i = 0; i < n; i += 1) alike += (bestOfA[i] + bestOfB[i]) / (2 * n);
  return { alike, moment, cosine: best / 3 };
}

/** Whether chance alone would give so few or so many in more than one of twenty pairs; of a Poisson distribution. */
export function byChance(number, expected) {
  if (expected > 100) return Math.abs(number - expected) < 1.96 * Math.sqrt(expected);
  let term = Math.exp(-expected), below = 0;
  for (let k = 0; k < number; k += 1) {
    below += term;
    term *= expected / (k + 1);
  }
  return Math.min(below + term, 1 - below) > 0.025;
}

// ---------------------------------------------------------------- search

const LETTERS = { ß: "ss", æ: "ae", œ: "oe", ø: "o", ł: "l", đ: "d", ð: "d", þ: "th", ı: "i", "&": " and " };

/** A text for comparing: no accents, no case, no punctuation, single blanks. */
export function folded(text) {
  const plain = text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  return plain.replace(/[ßæœøłđðþı&]/g, (letter) => LETTERS[letter]).replace(/[^\p{L}\p{N}]+/gu, " ").trim();
}

/** How many letters of a word have to be changed, put in, left out or swapped with the next for another to begin so. */
function edits(a, b, most) {
  if (a.length - b.length > most) return most + 1;
  b = b.slice(0, a.length + most);
  let [before, last] = [[], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      row[j] = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) row[j] = Math.min(row[j], before[j - 2] + 1);
    }
    [before, last] = [last, row];
  }
  return Math.min(...last, most + 1);
}

/** Places of names that fit a text, the best first: whole names, beginnings, all words, then with a typing error. */
export function search(names, text, most) {
  const wanted = folded(text);
  if (!wanted) {
    const lower = text.trim().toLowerCase(); // signs only
    const literal = [];
    for (let k = 0; k < names.length && literal.length < most; k += 1) if (!lower || names[k].raw.includes(lower)) literal.push(k);
    return literal;
  }
  const words = wanted.split(" ");
  const tiers = [[], [], [], []];
  for (let k = 0; k < names.length; k += 1) {
    const name = names[k];
    if (name.folded === wanted) tiers[0].push(k);
    else if (name.folded.startsWith(wanted)) tiers[1].push(k);
    else if (words.every((word) => name.words.some((own) => own.startsWith(word)))) tiers[2].push(k);
    else if (words.every((word) => name.folded.includes(word))) tiers[3].push(k);
  }
  let fitting = tiers.flat();
  if (!fitting.length) {
    const near = [];
    for (let k = 0; k < names.length; k += 1) {
      let total = 0;
      for (const word of words) {
        const allowed = word.length < 2 ? 0 : word.length < 4 ? 1 : 2;
        const best = Math.min(...names[k].words.map((own) => edits(word, own, allowed)), allowed + 1);
        if (best > allowed) { total = Infinity; break; }
        total += best;
      }
      if (total < Infinity) near.push([total, k]);
    }
    fitting = near.sort((a, b) => a[0] - b[0] || a[1] - b[1]).map(([, k]) => k);
  }
  return fitting.slice(0, most);
}

// ---------------------------------------------------------------- small things

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const bdi = (text) => make("bdi", { dir: "auto" }, text);
const isolated = (text) => `\u2068${text}\u2069`; // where only text is possible
const count = (n) => n.toLocaleString("en");
const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(1)}`;
const ordinal = (n) => `${count(n)}${["th", "st", "nd", "rd"][n % 100 > 10 && n % 100 < 14 ? 0 : n % 10] ?? "th"}`;
const rounded = (value) => (value < 9.95 ? value.toPrecision(2).replace(/\.0$/, "") : count(Math.round(value)));
const percent = (part, whole) => (whole ? `${part ? rounded((100 * part) / whole) : 0} %` : "–");
const listeners = (n) => `${count(n)} ${n === 1 ? "listener" : "listeners"}`;

function hexOf(text) {
  return [1, 3, 5].map((at) => Number.parseInt(text.slice(at, at + 2), 16));
}

const RAMP = Array.from({ length: 256 }, (_, k) => {
  const at = (k / 255) * (VIRIDIS.length - 1), low = Math.min(Math.floor(at), VIRIDIS.length - 2);
  const [a, b] = [hexOf(VIRIDIS[low]), hexOf(VIRIDIS[low + 1])];
  return a.map((value, channel) => Math.round(value + (b[channel] - value) * (at - low)));
});

/** Answers that were asked for last, by key; the oldest go first. */
class Latest {
  constructor() { this.entries = new Map(); }

  get(key, otherwise) {
    const value = this.entries.get(key) ?? otherwise();
    this.entries.delete(key);
    this.entries.set(key, value);
    value.catch(() => this.entries.delete(key));
    if (this.entries.size > KEPT) this.entries.delete(this.entries.keys().next().value);
    return value;
  }
}

// ---------------------------------------------------------------- the map

class ArtistMap {
  constructor(root, world, { choose, name }) {
    this.world = world;
    this.name = name;
    this.choose = choose;
    this.root = root;
    this.x = Float32Array.from(world.map.x);
    this.y = Float32Array.from(world.map.y);
    this.n = this.x.length;
    const most = world.artists.listeners.reduce((high, value) => Math.max(high, value), 1);
    this.radius = Float32Array.from(world.artists.listeners, (value) => 2 + 6 * Math.sqrt(value / most));
    this.colours = new Uint32Array(this.n);
    this.view = { x: 0, y: 0, scale: 1 };
    this.pointer = -1;
    this.chosen = { query: -1, other: -1, near: [], own: null };
    this.canvas = make("canvas", { class: "mse-canvas", tabindex: "0", role: "application", "aria-label": "Map of artists. Arrow keys move to the next artist, Enter chooses, plus and minus zoom." });
    this.tip = make("div", { class: "mse-tip", hidden: true });
    this.frame = make("div", { class: "mse-map" }, this.canvas, this.tip);
    this.context = this.canvas.getContext("2d");
    this.buildGrid();
    this.listen();
  }

  buildGrid() {
    const side = (this.side = Math.max(4, Math.ceil(Math.sqrt(this.n / 4))));
    const cell = (k) => this.cellOf(this.x[k], this.y[k]);
    this.starts = new Uint32Array(side * side + 1);
    for (let k = 0; k < this.n; k += 1) this.starts[cell(k) + 1] += 1;
    for (let c = 0; c < side * side; c += 1) this.starts[c + 1] += this.starts[c];
    const next = this.starts.slice();
    this.members = new Uint32Array(this.n);
    for (let k = 0; k < this.n; k += 1) this.members[next[cell(k)]++] = k;
  }

  column(value) { return Math.min(this.side - 1, Math.max(0, Math.floor(((value + 1) / 2) * this.side))); }

  cellOf(x, y) { return this.column(y) * this.side + this.column(x); }

  listen() {
    const { canvas } = this;
    let drag = null;
    canvas.addEventListener("pointerdown", (event) => {
      drag = { x: event.clientX, y: event.clientY, view: { ...this.view }, moved: false };
      canvas.setPointerCapture?.(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (drag) {
        const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
        drag.moved ||= Math.hypot(dx, dy) > 4;
        if (drag.moved) {
          this.view.x = drag.view.x - dx / this.unit();
          this.view.y = drag.view.y + dy / this.unit();
          this.draw();
        }
      } else this.point(this.nearest(event.offsetX, event.offsetY, 14));
    });
    canvas.addEventListener("pointerup", (event) => {
      const moved = drag?.moved;
      drag = null;
      const artist = moved ? -1 : this.nearest(event.offsetX, event.offsetY, 14);
      if (artist >= 0) this.choose(artist);
    });
    canvas.addEventListener("pointercancel", () => { drag = null; });
    for (const kind of ["pointerleave", "blur"]) canvas.addEventListener(kind, () => this.point(-1));
    canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && this.root.getRootNode().activeElement !== canvas) return; // else the page could not be scrolled past
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY / 300), event.offsetX, event.offsetY);
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => {
      const directions = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
      if (directions[event.key]) this.step(...directions[event.key]);
      else if (event.key === "Enter" || event.key === " ") this.choose(this.pointer >= 0 ? this.pointer : this.chosen.query);
      else if (event.key === "+" || event.key === "=") this.zoom(1.4);
      else if (event.key === "-") this.zoom(1 / 1.4);
      else if (event.key === "0") this.reset();
      else return;
      event.preventDefault();
    });
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.frame);
  }

  unit() { return (0.46 * Math.min(this.width ?? 1, this.height ?? 1)) * this.view.scale; }

  place(k) { return [this.toX(this.x[k]), this.toY(this.y[k])]; }

  toX(x) { return this.width / 2 + (x - this.view.x) * this.unit(); }

  toY(y) { return this.height / 2 - (y - this.view.y) * this.unit(); }

  /** The artist nearest to a place on the screen, in pixels; -1 if none is so near. */
  nearest(left, top, most) {
    const unit = this.unit();
    const [x, y] = [(left - this.width / 2) / unit + this.view.x, this.view.y - (top - this.height / 2) / unit];
    const reach = most / unit;
    let best = -1, distance = reach ** 2;
    for (let row = this.column(y - reach); row <= this.column(y + reach); row += 1) {
      for (let column = this.column(x - reach); column <= this.column(x + reach); column += 1) {
        const cell = row * this.side + column;
        for (let at = this.starts[cell]; at < this.starts[cell + 1]; at += 1) {
          const k = this.members[at], own = (this.x[k] - x) ** 2 + (this.y[k] - y) ** 2;
          if (own < distance) { best = k; distance = own; }
        }
      }
    }
    return best;
  }

  /** Move the pointer to the nearest artist in a direction. */
  step(dx, dy) {
    const from = this.pointer >= 0 ? this.pointer : this.chosen.query;
    if (from < 0) return;
    let best = -1, cost = Infinity;
    for (let k = 0; k < this.n; k += 1) {
      const [x, y] = [this.x[k] - this.x[from], this.y[k] - this.y[from]];
      const ahead = x * dx + y * dy, aside = Math.abs(x * dy) + Math.abs(y * dx);
      if (ahead <= 0 || aside > ahead) continue;
      const own = ahead + 2 * aside;
      if (own < cost) { best = k; cost = own; }
    }
    if (best < 0) return;
    this.reveal(best);
    this.point(best);
  }

  /** Move the view so far that an artist is in it. */
  reveal(k) {
    const [x, y] = this.place(k), edge = 8;
    if (x >= edge && y >= edge && x <= this.width - edge && y <= this.height - edge) return;
    this.view.x = this.x[k];
    this.view.y = this.y[k];
    this.draw();
  }

  point(artist) {
    if (artist === this.pointer) return;
    this.pointer = artist;
    this.canvas.style.cursor = artist >= 0 ? "pointer" : "grab";
    if (artist >= 0) this.tip.replaceChildren(bdi(this.name(artist)), ` · ${listeners(this.world.artists.listeners[artist])}`);
    this.draw();
  }

  /** The name stands above its artist, inside of the map. */
  placeTip() {
    const k = this.pointer, [x, y] = k < 0 ? [-1, -1] : this.place(k);
    this.tip.hidden = x < 0 || y < 0 || x > this.width || y > this.height;
    if (this.tip.hidden) return;
    const half = this.tip.offsetWidth / 2 + 2, high = this.tip.offsetHeight + 2;
    this.tip.style.left = `${Math.min(Math.max(x, half), this.width - half)}px`;
    this.tip.style.top = `${y - 14 < high ? y + 14 + high : y - 14}px`;
  }

  /** Around a place on the screen; without one, around the artist that is pointed to or chosen. */
  zoom(factor, left, top) {
    const k = this.pointer >= 0 ? this.pointer : this.chosen.query;
    if (left === undefined && k >= 0) this.reveal(k);
    if (left === undefined) [left, top] = k >= 0 ? this.place(k) : [this.width / 2, this.height / 2];
    const unit = this.unit();
    const [x, y] = [(left - this.width / 2) / unit + this.view.x, this.view.y - (top - this.height / 2) / unit];
    const scale = Math.min(80, Math.max(0.8, this.view.scale * factor));
    const shift = this.view.scale / scale;
    this.view = { scale, x: x - (x - this.view.x) * shift, y: y - (y - this.view.y) * shift };
    this.draw();
  }

  reset() {
    this.view = { x: 0, y: 0, scale: 1 };
    this.draw();
  }

  show(chosen, colours) {
    const other = chosen.query >= 0 && chosen.query !== this.chosen.query;
    this.chosen = chosen;
    this.colours = colours;
    this.draw();
    if (other && this.width) this.reveal(chosen.query);
  }

  draw() {
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [this.frame.clientWidth, this.frame.clientHeight];
    if (!width || !height) return;
    if (this.canvas.width !== Math.round(width * ratio) || this.canvas.height !== Math.round(height * ratio)) {
      this.canvas.width = Math.round(width * ratio);
      this.canvas.height = Math.round(height * ratio);
    }
    [this.width, this.height] = [width, height];
    const { context } = this;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    if (this.n > SPLATS_FROM) this.drawPixels(ratio);
    else this.drawDiscs();
    this.drawMarks();
    this.placeTip();
  }

  drawDiscs() {
    const { context } = this, grown = Math.min(2, Math.sqrt(this.view.scale));
    context.globalAlpha = 0.8;
    for (let k = 0; k < this.n; k += 1) { // most listeners first: small ones stay on top
      const [x, y] = this.place(k);
      if (x < -20 || y < -20 || x > this.width + 20 || y > this.height + 20) continue;
      const colour = this.colours[k];
      context.fillStyle = `rgb(${colour & 255} ${(colour >> 8) & 255} ${(colour >> 16) & 255})`;
      context.beginPath();
      context.arc(x, y, this.radius[k] * grown, 0, 7);
      context.fill();
    }
    context.globalAlpha = 1;
  }

  drawPixels(ratio) {
    const { canvas, context } = this;
    if (this.image?.width !== canvas.width || this.image?.height !== canvas.height) {
      this.image = context.createImageData(canvas.width, canvas.height);
      this.pixels = new Uint32Array(this.image.data.buffer);
    }
    const { pixels } = this, [wide, high] = [canvas.width, canvas.height];
    pixels.fill(0);
    const unit = this.unit() * ratio, left = wide / 2 - this.view.x * unit, top = high / 2 + this.view.y * unit;
    const size = Math.max(1, Math.round(ratio * Math.min(4, (this.n > 20_000 ? 1 : 2) * Math.sqrt(this.view.scale))));
    for (let k = this.n - 1; k >= 0; k -= 1) { // most listeners on top
      const x = Math.round(left + this.x[k] * unit), y = Math.round(top - this.y[k] * unit);
      const own = this.radius[k] > 4 ? size + 1 : size;
      if (x < 0 || y < 0 || x + own > wide || y + own > high) continue;
      const colour = this.colours[k] | 0xff000000;
      for (let row = 0; row < own; row += 1) {
        const from = (y + row) * wide + x;
        for (let at = from; at < from + own; at += 1) pixels[at] = colour;
      }
    }
    context.putImageData(this.image, 0, 0);
  }

  drawMarks() {
    const { context, chosen } = this;
    const style = getComputedStyle(this.root);
    const [ink, paper] = [style.getPropertyValue("--mse-ink"), style.getPropertyValue("--mse-paper")];
    const ring = (k, radius, wide) => {
      const [x, y] = this.place(k);
      context.beginPath();
      context.arc(x, y, radius, 0, 7);
      context.lineWidth = wide;
      context.strokeStyle = ink;
      context.stroke();
    };
    for (const k of chosen.near) ring(k, 6, 1);
    if (chosen.other >= 0) ring(chosen.other, 8, 2);
    if (chosen.query >= 0) ring(chosen.query, 10, 3);
    if (this.pointer >= 0) ring(this.pointer, 8, 1.5);
    if (chosen.own) this.drawStar(this.toX(chosen.own[0]), this.toY(chosen.own[1]), ink);
    this.drawNames(ink, paper, style.fontFamily);
  }

  drawStar(x, y, ink) {
    const { context } = this;
    context.beginPath();
    for (let k = 0; k < 10; k += 1) {
      const [radius, angle] = [k % 2 ? 5 : 11, (k * Math.PI) / 5 - Math.PI / 2];
      context.lineTo(x + radius * Math.cos(angle), y + radius * Math.sin(angle));
    }
    context.closePath();
    context.fillStyle = ink;
    context.fill();
  }

  drawNames(ink, paper, family) {
    const { context, chosen } = this;
    const taken = [];
    const wanted = [chosen.query, chosen.other, ...chosen.near].filter((k) => k >= 0);
    for (let k = 0; k < this.n && wanted.length < 150; k += 1) {
      const [x, y] = this.place(k); // most listeners first
      if (x > 0 && y > 0 && x < this.width && y < this.height) wanted.push(k);
    }
    let shown = 0;
    context.textBaseline = "middle";
    context.lineJoin = "round";
    for (const k of new Set(wanted)) {
      if (shown >= LABELS) break;
      const bold = k === chosen.query || k === chosen.other;
      context.font = `${bold ? "bold " : ""}12px ${family}`;
      const text = shortened(this.name(k), 28), wide = context.measureText(text).width;
      const [x, y] = this.place(k);
      const left = x + 10 + wide < this.width ? x + 10 : x - 10 - wide;
      const box = [left - 2, y - 8, left + wide + 2, y + 8];
      const over = taken.some((other) => box[0] < other[2] && other[0] < box[2] && box[1] < other[3] && other[1] < box[3]);
      if (box[0] < 0 || box[1] < 0 || box[3] > this.height || (over && k !== chosen.query)) continue;
      taken.push(box);
      shown += 1;
      context.lineWidth = 3;
      context.strokeStyle = paper;
      context.strokeText(text, left, y);
      context.fillStyle = ink;
      context.fillText(text, left, y);
    }
  }

  stop() { this.observer.disconnect(); }
}

function shortened(text, most) {
  const letters = [...text];
  return letters.length > most ? `${letters.slice(0, most - 1).join("")}…` : text;
}

// ---------------------------------------------------------------- the clips

const HIGHEST = 11_025; // Hz, of the spectrograms

/** Where a frequency lies in a picture of 64 mel bands, from 0 (low) to 1; Slaney's scale, as librosa has it. */
function melShare(hertz) {
  const mel = (f) => (f < 1000 ? (3 * f) / 200 : 15 + (27 * Math.log(f / 1000)) / Math.log(6.4));
  return mel(hertz) / mel(HIGHEST);
}

/** One clip: title, spectrogram with axes, the closest moment, and where the sound is. */
class ClipCard {
  constructor(label, { play, pick }) {
    this.play = play;
    this.id = `mse-clip-${(instances += 1)}`;
    this.heading = make("h3", { class: "mse-name" });
    this.select = make("select", { "aria-label": `${label}: clip`, onchange: () => pick(Number(this.select.value)) });
    this.whole = make("button", { type: "button", onclick: () => play(null) }, "▶ play");
    this.moment = make("button", { type: "button", onclick: () => play("moment") }, "▶ closest moment");
    this.image = make("img", { class: "mse-spectrogram", alt: "" });
    this.mark = make("div", { class: "mse-moment", hidden: true });
    this.cursor = make("div", { class: "mse-cursor", hidden: true });
    this.picture = make("div", { class: "mse-picture", onclick: (event) => this.seek(event) }, this.image, this.mark, this.cursor);
    for (const [hertz, text] of [[500, "0.5 kHz"], [2000, "2 kHz"], [8000, "8 kHz"]]) {
      const tick = make("span", { class: "mse-tick" }, text);
      tick.style.bottom = `${100 * melShare(hertz)}%`;
      this.picture.append(tick);
    }
    this.times = make("div", { class: "mse-times", "aria-hidden": "true" });
    this.note = make("p", { class: "mse-note", role: "status" });
    this.root = make("section", { class: "mse-clip", "aria-label": label }, this.heading,
      make("div", { class: "mse-row" }, this.select, this.whole, this.moment), this.picture, this.times, this.note);
  }

  seek(event) {
    const box = this.picture.getBoundingClientRect();
    this.play(((event.clientX - box.left) / box.width) * this.seconds);
  }

  /** Show who is heard; the picture comes when there is one. */
  title(name, suffix, choices, chosen, hasSound, hasMoment) {
    this.heading.replaceChildren(bdi(name), suffix);
    this.select.replaceChildren(...choices.map(([value, text]) => make("option", { value }, isolated(text))));
    this.select.value = String(chosen);
    this.select.disabled = choices.length < 2;
    this.select.hidden = !choices.length;
    this.whole.hidden = !hasSound;
    this.moment.hidden = !hasSound || !hasMoment;
    this.at(null);
  }

  fill(url, seconds, alt, span, window) {
    this.seconds = seconds;
    this.image.src = url;
    this.image.alt = alt;
    this.mark.hidden = !span;
    this.moment.disabled = !span;
    if (span) {
      this.mark.style.left = `${(100 * span[0]) / seconds}%`;
      this.mark.style.width = `${(100 * (span[1] - span[0])) / seconds}%`;
    }
    this.whole.textContent = "▶ play";
    this.times.replaceChildren(...[0, 10, 20, 30].filter((t) => t <= seconds).map((t) => {
      const text = make("span", {}, `${t} s`);
      text.style.left = `${(100 * t) / seconds}%`;
      return text;
    }));
    this.note.textContent = window ? `Sound: from ${window[0].toFixed(0)} to ${window[1].toFixed(0)} s.` : "";
  }

  empty(message) {
    this.image.removeAttribute("src");
    this.image.alt = "";
    this.mark.hidden = true;
    this.moment.disabled = true;
    this.note.textContent = message;
  }

  at(second) {
    this.cursor.hidden = second === null || second < 0 || second > this.seconds;
    if (!this.cursor.hidden) this.cursor.style.left = `${(100 * second) / this.seconds}%`;
  }
}

// ---------------------------------------------------------------- the explorer

class Explorer {
  constructor(root, source) {
    this.root = root;
    this.source = source;
    this.world = source.world;
    this.id = `mse-${(instances += 1)}`;
    const { artists } = this.world;
    this.n = artists.id.length;
    this.places = Array.from({ length: this.n }, (_, k) => k);
    this.byId = [...this.places].sort((a, b) => (artists.id[a] < artists.id[b] ? -1 : 1)); // equal scores stand in this order
    this.names = artists.name.map((name) => {
      const plain = folded(name);
      return { raw: name.toLowerCase(), folded: plain, words: plain ? plain.split(" ") : [] };
    });
    this.indexOf = new Map(artists.id.map((id, k) => [id, k]));
    this.clipsOf = Array.from({ length: this.n }, () => []);
    this.world.clips.artist.forEach((artist, clip) => this.clipsOf[artist].push(clip));
    this.labelOf = new Map(this.world.methods.map(({ name, label }) => [name, label]));
    this.answers = { scores: new Latest(), picture: new Latest(), sound: new Latest() };
    this.shares = this.world.blend?.listeners ?? SHARES;
    this.weights = this.world.blend?.popularity ?? WEIGHTS;
    this.state = {
      artist: this.world.start, other: -1, lists: [...this.world.shown], n: this.world.list_length,
      share: 0, popularity: 0, among: "all", colour: "similarity", clip: -1, otherClip: -1,
    };
    this.own = null; // a person's own file
    this.past = [];
    this.future = [];
    this.row = null; // the scores of the artist that is shown
    this.audio = make("audio", { preload: "auto" });
    this.audio.addEventListener("timeupdate", () => this.moveCursor());
    this.audio.addEventListener("ended", () => this.stopSound());
    this.build();
    for (const kind of ["keydown", "keyup", "keypress"]) root.addEventListener(kind, (event) => event.stopPropagation());
    source.onGone?.((sentence) => {
      this.gone = true;
      this.tell(sentence);
    });
    this.watchTheme();
    this.tell(this.fromLink());
    this.load();
  }

  // ---- building

  build() {
    const { world, id } = this;
    this.input = make("input", {
      id: `${id}-search`, type: "text", role: "combobox", autocomplete: "off", spellcheck: "false", "aria-expanded": "false",
      "aria-controls": `${id}-found`, "aria-autocomplete": "list", placeholder: "type a name …",
      oninput: () => this.suggest(), onfocus: () => this.input.select(), onblur: () => this.leaveSearch(), onkeydown: (event) => this.keyInSearch(event),
    });
    this.found = make("ul", { id: `${id}-found`, class: "mse-found", role: "listbox", "aria-label": "artists that fit", hidden: true });
    this.back = make("button", { type: "button", onclick: () => this.walk(this.past, this.future) }, "← back");
    this.forward = make("button", { type: "button", onclick: () => this.walk(this.future, this.past) }, "forward →");
    this.file = make("input", { id: `${id}-file`, type: "file", class: "mse-file", accept: "audio/*,.mp3,.m4a,.flac,.ogg,.opus,.wav,.aac", onchange: () => this.upload() });
    this.copy = make("button", { type: "button", onclick: () => this.link() }, "link to this view");
    this.address = make("input", { type: "text", class: "mse-link", readonly: true, hidden: true, "aria-label": "link to this view", onfocus: () => this.address.select() });
    const top = make("div", { class: "mse-row mse-top" },
      make("div", { class: "mse-search" }, make("label", { for: `${id}-search` }, "artist"), this.input, this.found),
      this.back, this.forward,
      world.can.upload ? make("label", { class: "mse-button", for: `${id}-file` }, "your own file …") : null,
      world.can.upload ? this.file : null, this.copy);
    this.banner = make("p", { class: "mse-banner", role: "alert", hidden: true });
    this.left = make("div", { class: "mse-left" }, ...this.buildMap());
    this.heading = make("h2", { class: "mse-name", tabindex: "-1" });
    this.about = make("p", { class: "mse-note" });
    this.lists = make("div", { class: "mse-lists" });
    const signs = make("p", { class: "mse-note" }, `A name makes that artist the chosen one. ${world.can.sound ? "♪ compares and plays" : "⇆ compares"}. ✓: in the truth’s list too. `
      + `${world.artists.plays ? "●: you play it. " : ""}Line: the score, from the lowest among the candidates (truth: from 0) to the highest.`);
    this.cards = [new ClipCard("chosen artist", { play: (what) => this.playCard(0, what), pick: (clip) => this.pickClip("clip", clip) }),
      new ClipCard("compared artist", { play: (what) => this.playCard(1, what), pick: (clip) => this.pickClip("otherClip", clip) })];
    this.why = make("section", { class: "mse-why", "aria-label": "Why" });
    this.status = make("p", { class: "mse-hidden", role: "status" });
    const right = make("div", { class: "mse-right" }, this.heading, this.about, ...this.buildControls(), this.lists, signs,
      make("div", { class: "mse-clips" }, this.cards[0].root, this.cards[1].root), this.why);
    this.root.classList.add("mse");
    this.root.replaceChildren(top, this.address, this.banner, make("div", { class: "mse-body" }, this.left, right), this.status, this.audio);
  }

  buildMap() {
    const { world, id } = this;
    const parts = [];
    if (world.map) {
      this.map = new ArtistMap(this.root, world, { choose: (artist) => this.choose(artist), name: (k) => world.artists.name[k] });
      const choices = [["similarity", "rank for the chosen artist"], ["split", "training, dev and test artists"]];
      if (world.groups) choices.push(["group", world.groups.label]);
      if (world.artists.plays) choices.push(["plays", "how often you play them"]);
      this.colour = make("select", { id: `${id}-colour`, onchange: () => { this.state.colour = this.colour.value; this.showMap(); } },
        ...choices.map(([value, text]) => make("option", { value }, text)));
      this.legend = make("div", { class: "mse-legend" });
      parts.push(this.map.frame, make("div", { class: "mse-row" },
        ...[["+", "zoom in", () => this.map.zoom(1.4)], ["−", "zoom out", () => this.map.zoom(1 / 1.4)], ["⟲", "whole map", () => this.map.reset()]]
          .map(([text, label, onclick]) => make("button", { type: "button", "aria-label": label, title: label, onclick }, text)),
        make("label", { for: `${id}-colour` }, "colour"), this.colour), this.legend,
      make("p", { class: "mse-note" }, `Near on the map means alike, by: ${world.map.of}. The axes mean nothing. Size: number of listeners. Drag to move, + and − to zoom. `
        + "Rings: the chosen artist (thick), the compared one, and those of the first list but the truth’s (thin)."));
    } else parts.push(make("p", { class: "mse-note" }, "There is no map yet: notebook 07 makes it (run_all.py --only 07)."));
    this.all = make("select", { id: `${id}-all`, size: "8", class: "mse-all", onchange: () => this.choose(Number(this.all.value)) });
    parts.push(make("details", { ontoggle: () => this.fillAll() }, make("summary", {}, `all ${count(this.n)} artists as a list, ${world.artists.plays ? "those you play" : "most listeners"} first`),
      make("label", { class: "mse-hidden", for: `${id}-all` }, "all artists"), this.all));
    return parts;
  }

  fillAll() {
    if (this.all.options.length) return;
    const { name, plays } = this.world.artists;
    const order = plays ? [...this.places].sort((a, b) => plays[b] - plays[a] || a - b) : this.places;
    this.all.append(...order.slice(0, 5000).map((k) => make("option", { value: k }, `${isolated(name[k])}${plays?.[k] ? ` (${count(plays[k])} plays)` : ""}`)));
    if (this.n > 5000) this.all.append(make("option", { disabled: true }, `and ${count(this.n - 5000)} more: type a name above`));
    this.all.value = String(this.state.artist);
  }

  buildControls() {
    const { id, world } = this;
    const slider = (key, values, label, ends) => {
      const input = make("input", {
        id: `${id}-${key}`, type: "range", min: 0, max: values.length - 1, step: 1, value: 0, "aria-valuetext": `${values[0]}`,
        oninput: () => {
          this.state[key] = values[Number(input.value)];
          this.showLists();
        },
      });
      this[key] = input;
      return make("div", { class: "mse-slider" }, make("label", { for: input.id }, label), make("span", { class: "mse-end", "aria-hidden": "true" }, ends[0]), input,
        make("span", { class: "mse-end", "aria-hidden": "true" }, ends[1]));
    };
    const among = Object.entries(AMONG).filter(([value]) => value !== "other" || world.groups);
    this.among = make("select", { id: `${id}-among`, onchange: () => { this.state.among = this.among.value; this.showLists(); } },
      ...among.map(([value, text]) => make("option", { value }, text)));
    this.length = make("input", {
      id: `${id}-length`, type: "number", min: 1, max: 50, value: this.state.n,
      oninput: () => {
        const n = Number(this.length.value);
        if (!Number.isInteger(n) || n < 1 || n > 50) return; // half typed
        this.state.n = n;
        this.showLists();
      },
      onchange: () => { this.length.value = this.state.n; },
    });
    this.quality = make("p", { class: "mse-note mse-quality" });
    return [make("div", { class: "mse-row mse-controls" },
      slider("share", this.shares, "shared listeners", ["sounds alike", "same listeners"]),
      slider("popularity", this.weights, "popularity", ["ignored", "popular first"]),
      make("div", {}, make("label", { for: `${id}-among` }, "candidates"), this.among),
      make("div", {}, make("label", { for: `${id}-length` }, "list length"), this.length)), this.quality];
  }

  // ---- choosing

  suggest() {
    const most = 50, places = search(this.names, this.input.value, most);
    const { name, listeners: counts } = this.world.artists, many = listeners;
    this.suggested = places;
    this.active = places.length ? 0 : -1;
    this.found.replaceChildren(...places.map((k, at) => make("li", { id: `${this.found.id}-${at}`, role: "option", "aria-selected": "false", onpointerdown: (event) => { event.preventDefault(); this.take(k); } },
      bdi(name[k]), make("span", { class: "mse-dim" }, ` · ${many(counts[k])}`))));
    if (!places.length) this.found.append(make("li", { class: "mse-dim" }, "no artist has such a name"));
    else if (places.length === most && this.n > most) this.found.append(make("li", { class: "mse-dim" }, `the first ${most}: type on to narrow them`));
    this.found.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
    this.highlight();
  }

  highlight() {
    [...this.found.querySelectorAll("[role=option]")].forEach((item, at) => {
      item.setAttribute("aria-selected", String(at === this.active));
      if (at === this.active) item.scrollIntoView({ block: "nearest" });
    });
    if (this.active >= 0) this.input.setAttribute("aria-activedescendant", `${this.found.id}-${this.active}`);
    else this.input.removeAttribute("aria-activedescendant");
  }

  closeSuggestions() {
    this.found.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }

  keyInSearch(event) {
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 };
    if (moves[event.key]) {
      event.preventDefault();
      if (this.found.hidden) {
        if (this.input.selectionEnd - this.input.selectionStart === this.input.value.length) this.input.value = "";
        this.suggest();
      } else {
        this.active = Math.min(this.suggested.length - 1, Math.max(0, this.active + moves[event.key]));
        this.highlight();
      }
    } else if (event.key === "Enter" && !this.found.hidden && this.active >= 0) {
      event.preventDefault();
      this.take(this.suggested[this.active]);
    } else if (event.key === "Escape") this.leaveSearch();
  }

  leaveSearch() {
    this.closeSuggestions();
    this.input.value = this.queryName();
  }

  take(artist) {
    this.closeSuggestions();
    this.choose(artist);
  }

  queryName() { return this.own ? this.own.title : this.world.artists.name[this.state.artist]; }

  /** Make an artist the chosen one; the one before is behind the button "back". */
  choose(artist, other = -1) {
    if (artist < 0 || (artist === this.state.artist && !this.own)) return;
    this.go({ artist, other, own: null }, [...this.past, this.here()], []);
  }

  here() { return { artist: this.state.artist, other: this.state.other, own: this.own }; }

  walk(from, to) {
    if (!from.length) return;
    const [rest, gained] = [from.slice(0, -1), [...to, this.here()]];
    this.go(from.at(-1), ...(from === this.past ? [rest, gained] : [gained, rest]));
  }

  set({ artist, other, own }, past, future) {
    [this.own, this.past, this.future] = [own, past, future];
    Object.assign(this.state, { artist, other, clip: -1, otherClip: -1 });
  }

  go({ artist, other, own }, past, future) {
    this.stopSound();
    if (!this.gone) this.tell("");
    this.address.hidden = true;
    this.before ??= [this.here(), this.past, this.future];
    this.set({ artist, other, own }, past, future);
    this.load();
  }

  ask(kind, number) {
    return this.answers[kind].get(number, () => this.source.ask(kind, { [kind === "scores" ? "artist" : "clip"]: number }));
  }

  async load() {
    const { artist } = this.state, { own } = this;
    this.showChosen();
    if (own) this.row = own.row;
    else {
      let answer;
      try {
        answer = await this.ask("scores", artist);
      } catch (problem) {
        if (artist !== this.state.artist || this.own) return;
        if (this.before) this.set(...this.before); // else the lists of one artist would stand under the name of another
        this.before = null;
        this.showChosen();
        this.tell(problem.message);
        return;
      }
      if (artist !== this.state.artist || this.own) return; // another one was chosen meanwhile
      const values = floats(answer.buffers[0]);
      this.row = {
        methods: new Map(answer.methods.map((name, at) => [name, values.subarray(at * this.n, (at + 1) * this.n)])),
        shared: integers(answer.buffers[1]),
      };
    }
    this.before = null;
    this.showHead();
    this.showLists();
    this.status.textContent = `Chosen: ${isolated(this.queryName())}`;
  }

  showChosen() {
    this.input.value = this.queryName();
    this.back.disabled = !this.past.length;
    this.forward.disabled = !this.future.length;
    this.copy.disabled = Boolean(this.own);
  }

  // ---- lists

  candidates() {
    const { artist, among } = this.state, { split } = this.world.artists, groups = this.world.groups;
    const query = this.own ? -1 : artist;
    return this.byId.filter((k) => k !== query && (among !== "unheard" || split[k] !== "train")
      && (among !== "other" || !groups || query < 0 || groups.of[k] !== groups.of[query] || groups.of[k] < 0));
  }

  /** Scores by which a list is ordered: the truth only among who shares a listener. */
  values(method, places) {
    const row = this.row.methods.get(method);
    if (!row) return null;
    if (method === TRUTH) return Float64Array.from(row, (value, k) => (this.row.shared[k] > 0 ? value : NaN));
    const truth = this.row.methods.get(TRUTH);
    if (!truth) return row; // a person's own file: nobody is known to listen to it
    return blended(row, truth, this.world.artists.listeners, places, this.state.share, this.state.popularity);
  }

  compute() {
    const places = this.candidates();
    this.current = { places, lists: new Map() };
    const truth = this.values(TRUTH, places);
    const agreed = new Set(truth ? highest(truth, places, this.state.n) : []);
    this.current.agreed = agreed;
    this.current.sharing = truth ? places.filter((k) => this.row.shared[k] > 0).length : null;
    for (const method of new Set(this.state.lists)) {
      const values = this.values(method, places);
      this.current.lists.set(method, values && { values, top: highest(values, places, this.state.n) });
    }
  }

  showLists() {
    if (!this.row || this.before) return; // the scores of the chosen artist are on their way
    this.compute();
    const { state } = this, tops = [...this.current.lists.values()].filter(Boolean).map(({ top }) => top);
    if (state.other < 0 || state.other === state.artist) state.other = (tops.find((_, at) => state.lists[at] !== TRUTH) ?? tops[0])?.[0] ?? -1;
    this.share.setAttribute("aria-valuetext", `${Math.round(100 * state.share)} percent shared listeners`);
    this.popularity.setAttribute("aria-valuetext", `weight of popularity ${state.popularity}`);
    this.lists.style.setProperty("--mse-columns", state.lists.length);
    const focused = this.lists.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    this.lists.replaceChildren(...state.lists.map((method, at) => this.column(method, at)));
    if (focused) this.lists.querySelector(`[data-key="${focused}"]`)?.focus();
    this.showQuality();
    this.showMap();
    this.showClips();
  }

  column(method, at) {
    const { world, state } = this, list = this.current.lists.get(method);
    const select = make("select", {
      "aria-label": `method of list ${at + 1}`, "data-key": `method-${at}`,
      onchange: () => { state.lists[at] = select.value; this.showLists(); },
      title: this.labelOf.get(method),
    }, ...world.methods.map(({ name, label }) => make("option", { value: name }, label)));
    select.value = method;
    const column = make("section", { class: "mse-list", "aria-label": this.labelOf.get(method) }, select);
    const quality = this.qualityOf(method);
    column.append(make("p", { class: "mse-note" }, quality ? `${quality.measure} ${quality.value.toFixed(2)} (${quality.low.toFixed(2)} to ${quality.high.toFixed(2)})` : "\u00a0"));
    if (!list) {
      column.append(make("p", { class: "mse-note" }, this.own ? "not for a file of your own" : "no scores"));
      return column;
    }
    const values = list.top.map((k) => list.values[k]);
    let lowest = method === TRUTH ? 0 : Infinity;
    for (const k of this.current.places) if (list.values[k] < lowest) lowest = list.values[k];
    const foot = make("div");
    if (method === TRUTH && list.top.length < Math.min(state.n, this.current.places.length)) foot.append(make("p", { class: "mse-note" }, this.sharingSentence()));
    if (list.top.length) {
      foot.append(make("p", { class: "mse-save" }, "save: ", ...(world.clips.file ? ["CSV", "m3u8"] : ["CSV"]).map((kind) => make("button", {
        type: "button", "data-key": `${kind}-${at}`, "aria-label": `save list ${at + 1}, ${this.labelOf.get(method)}, as ${kind}`,
        onclick: () => this.save(method, kind),
      }, kind))));
    }
    column.append(make("ol", {}, ...list.top.map((k, place) => this.entry(k, at, (values[place] - lowest) / (values[0] - lowest || 1), method))), foot);
    return column;
  }

  sharingSentence() {
    const { sharing } = this.current;
    if (!sharing) return "no candidate shares a listener";
    return `only ${count(sharing)} ${sharing === 1 ? "artist shares" : "artists share"} listeners`;
  }

  entry(k, list, share, method) {
    const { world, state } = this, name = world.artists.name[k], agrees = method !== TRUTH && this.current.agreed.has(k);
    const plays = world.artists.plays?.[k];
    const bar = make("span", { class: "mse-bar", "aria-hidden": "true" });
    bar.style.width = `${Math.round(100 * Math.min(1, Math.max(0, share)))}%`;
    const remark = [agrees ? "in the truth's list too" : "", plays ? `you play it: ${count(plays)} plays` : "", listeners(world.artists.listeners[k]), `${world.artists.split[k]} artist`].filter(Boolean).join(", ");
    return make("li", { class: `${agrees ? "mse-agrees" : ""} ${k === state.other ? "mse-other" : ""}`, onpointerenter: () => this.map?.point(k), onpointerleave: () => this.map?.point(-1) },
      make("button", { type: "button", class: "mse-go", title: `${isolated(name)}: ${remark}`, "data-key": `${list}-${k}`, onclick: () => this.follow(k) },
        bdi(name), agrees ? make("span", { class: "mse-mark" }, "✓") : null, plays ? make("span", { class: "mse-dim" }, "●") : null, make("span", { class: "mse-hidden" }, `, ${remark}`)),
      make("button", {
        type: "button", class: "mse-hear", "data-key": `${list}-${k}-hear`, "aria-pressed": String(k === state.other),
        "aria-label": `compare with ${isolated(name)}${world.can.sound ? " and play the closest clip" : ""}`, title: world.can.sound ? "compare and play" : "compare", onclick: () => this.compare(k),
      }, world.can.sound ? "♪" : "⇆"), bar);
  }

  follow(artist) {
    this.choose(artist, this.own ? -1 : this.state.artist);
    this.heading.focus({ preventScroll: true });
  }

  async compare(artist) {
    this.state.other = artist;
    this.state.otherClip = -1;
    const key = document.activeElement?.dataset?.key;
    this.showLists();
    if (key) this.lists.querySelector(`[data-key="${key}"]`)?.focus();
    await this.pending;
    if (this.world.can.sound && this.state.other === artist) this.playCard(1, this.span ? "moment" : null);
  }

  // ---- what is known of the blend

  qualityOf(method) {
    const { blend } = this.world, own = blend?.methods[method];
    if (!own || this.own || method === TRUTH) return null;
    const [i, j] = [this.shares.indexOf(this.state.share), this.weights.indexOf(this.state.popularity)];
    const value = own.value[i]?.[j];
    return value === null || value === undefined ? null : { measure: blend.measure, value, low: own.low[i][j], high: own.high[i][j] };
  }

  showQuality() {
    const { state, world } = this, { blend } = world;
    this.share.disabled = this.popularity.disabled = Boolean(this.own);
    if (this.own) {
      this.quality.textContent = "The sliders need listeners, which a file of your own does not have.";
      return;
    }
    const mixed = [state.share ? `${Math.round(100 * state.share)} % shared listeners` : "", state.popularity ? `popularity with weight ${state.popularity}` : ""].filter(Boolean).join(" and ");
    const setting = mixed ? `Blended into each list but the truth’s: ${mixed}.${state.share === 1 ? " Nothing is left of the method’s own scores." : ""}` : "Each list is in its method’s own order.";
    if (!blend) {
      this.quality.textContent = `${setting} How well each setting ranks is measured by notebook 07.`;
      return;
    }
    this.quality.textContent = `${setting} Under its name: ${blend.measure} at this setting, mean over ${blend.n_queries} test artists ranked among each other (95 % interval). `
      + `1 would be the truth’s order, chance gives ${blend.chance.toFixed(2)}. One half of the listeners is blended in, the other half is the truth here.${world.simulated ? " Simulated." : ""}`;
  }

  // ---- heading and map

  showHead() {
    const { world, state, own } = this, { artists } = world;
    this.heading.replaceChildren(bdi(this.queryName()));
    if (own) this.about.textContent = `Your own file, ranked by one method: ${this.labelOf.get(own.method) ?? own.method}. Nobody is known to listen to it, so there is no truth.`
      + `${own.place ? " The star on the map is your file." : ""}${world.simulated ? " The artists beside it are simulated." : ""}`;
    else {
      const plays = artists.plays?.[state.artist];
      const group = world.groups?.names[world.groups.of[state.artist]];
      this.about.textContent = `${listeners(artists.listeners[state.artist])}; ${world.split_means[artists.split[state.artist]]}.`
        + `${group === undefined ? "" : ` ${capital(world.groups.label)}: ${group}.`}`
        + `${plays ? ` You play it: ${count(plays)} plays.` : ""}${world.simulated ? " Simulated: this artist, its listeners and its music do not exist outside the demo." : ""}`;
    }
    if (this.all.options.length) this.all.value = String(state.artist);
  }

  showMap() {
    if (!this.map || !this.current) return;
    const { state, world, own } = this;
    const method = state.lists.find((name) => name !== TRUTH && this.current.lists.get(name)) ?? TRUTH;
    const near = this.current.lists.get(method)?.top ?? [];
    this.colour.value = state.colour;
    this.map.show({ query: own ? -1 : state.artist, other: state.other, near, own: own?.place ?? null }, this.colours(method));
  }

  colours(method) {
    const { world, state, n } = this, out = new Uint32Array(n);
    const packed = ([red, green, blue]) => red | (green << 8) | (blue << 16);
    const swatches = (labels, colours) => this.legend.replaceChildren(...labels.map((label, at) => {
      const box = make("span", { class: "mse-swatch" });
      box.style.background = colours[at];
      return make("span", {}, box, bdi(label));
    }));
    if (state.colour === "split" || state.colour === "group") {
      const [labels, of] = state.colour === "split" ? [SPLITS.map((name) => `${name} artists`), world.artists.split.map((name) => SPLITS.indexOf(name))] : [world.groups.names, world.groups.of];
      const colours = labels.map((_, at) => GROUPS[at % GROUPS.length]);
      const shades = [...colours, UNGROUPED].map((text) => packed(hexOf(text)));
      for (let k = 0; k < n; k += 1) out[k] = shades[of[k] < 0 ? labels.length : of[k]];
      swatches(labels, colours);
      return out;
    }
    const values = state.colour === "plays" ? Float64Array.from(world.artists.plays) : this.current.lists.get(method)?.values;
    const known = values ? this.places.filter((k) => (state.colour === "plays" ? values[k] > 0 : !Number.isNaN(values[k]))) : [];
    known.sort((a, b) => values[a] - values[b]);
    out.fill(packed(hexOf(UNGROUPED)));
    known.forEach((k, rank) => {
      const equal = rank && values[k] === values[known[rank - 1]]; // equal values have one colour
      out[k] = equal ? out[known[rank - 1]] : packed(RAMP[Math.floor((255 * rank) / Math.max(1, known.length - 1))]);
    });
    const ramp = make("span", { class: "mse-ramp" });
    const ends = state.colour === "plays" ? ["fewest plays", "most plays (grey: none)"] : ["last", `first in the ranking: ${this.labelOf.get(method)}`];
    this.legend.replaceChildren(make("span", {}, ends[0]), ramp, make("span", {}, ends[1]));
    return out;
  }

  // ---- sounds and pictures

  pickClip(key, clip) {
    this.state[key] = clip;
    this.stopSound();
    this.showClips();
  }

  showClips() {
    this.pending = this.loadClips();
    return this.pending;
  }

  async loadClips() {
    const { state, world, own, cards } = this, { other } = state;
    const turn = (this.turn = (this.turn ?? 0) + 1);
    const [queryClips, otherClips] = [own ? [] : this.clipsOf[state.artist], other >= 0 ? this.clipsOf[other] : []];
    const stale = () => turn !== this.turn;
    let pictures;
    try {
      const wanted = [...queryClips, ...otherClips];
      const answers = await Promise.all(wanted.map((clip) => this.ask("picture", clip)));
      pictures = new Map(wanted.map((clip, at) => [clip, answers[at]]));
    } catch (problem) {
      if (!stale()) cards.forEach((card) => card.empty(problem.message));
      return;
    }
    if (stale()) return;
    const picked = (clip, clips) => (clip >= 0 ? [clip] : clips);
    const [mine, theirs] = [picked(state.clip, queryClips), picked(state.otherClip, otherClips)];
    const pair = own ? { a: -1, b: theirs[0] ?? -1 } : this.closestPair(mine, theirs, pictures);
    this.pair = pair;
    const window = (clip) => (clip < 0 ? null : this.source.window?.(clip) ?? null);
    const step = world.moments?.seconds;
    this.span = pair.moment ? pair.moment.map((frame) => [(frame - 1) * step, (frame + 2) * step]) : null;
    const shown = [[pair.a, queryClips], [pair.b, otherClips]];
    shown.forEach(([clip, clips], side) => {
      const card = cards[side], name = side ? (other >= 0 ? world.artists.name[other] : "–") : this.queryName();
      const hasSound = side || !own ? world.can.sound && clip >= 0 : true;
      card.title(name, side && state.otherClip < 0 && pair.moment ? ": closest clip" : "", clips.map((k) => [k, world.clips.title[k] || "untitled"]), clip, hasSound, world.moments && !own);
      const answer = side === 0 && own ? own.picture : pictures.get(clip);
      if (!answer) {
        card.empty("no clip");
        return;
      }
      answer.url ??= URL.createObjectURL(new Blob([answer.buffers[0]], { type: answer.type }));
      const title = side === 0 && own ? own.title : world.clips.title[clip];
      card.fill(answer.url, answer.seconds, `Spectrogram of ${name}, ${title}: ${answer.seconds} seconds, 0 to 11 kHz`, this.span?.[side], window(clip));
    });
    this.showWhy();
  }

  closestPair(mine, theirs, pictures) {
    const { world } = this;
    let best = { a: mine[0] ?? -1, b: theirs[0] ?? -1, moment: null, alike: -Infinity };
    if (!world.moments) return best;
    const frames = (clip) => bytesOf(pictures.get(clip).buffers[1], Int8Array);
    const window = (clip) => {
      const seconds = this.source.window?.(clip);
      return seconds && [Math.ceil(seconds[0] / world.moments.seconds) + 1, Math.floor(seconds[1] / world.moments.seconds) - 2];
    };
    for (const a of mine) {
      for (const b of theirs) {
        if (!frames(a).length || !frames(b).length) continue;
        const own = closest(frames(a), frames(b), world.moments, window(a), window(b));
        if (own.alike > best.alike) best = { a, b, ...own };
      }
    }
    return best;
  }

  async playCard(side, what) {
    const clip = side ? this.pair?.b : this.pair?.a, card = this.cards[side];
    if (what === null && this.playing?.side === side && !this.audio.paused) {
      this.stopSound();
      return;
    }
    this.stopSound();
    let sound;
    try {
      sound = side === 0 && this.own ? this.own.sound : await this.ask("sound", clip);
    } catch (problem) {
      card.note.textContent = problem.message;
      return;
    }
    if ((side ? this.pair?.b : this.pair?.a) !== clip) return;
    sound.url ??= URL.createObjectURL(new Blob([sound.buffers[0]], { type: sound.type }));
    const second = what === "moment" ? this.span[side][0] : (what ?? Math.max(0, sound.start));
    this.playing = { side, start: sound.start, until: what === "moment" ? this.span[side][1] + 2 : Infinity };
    this.audio.src = sound.url;
    this.audio.currentTime = Math.max(0, second - sound.start);
    card.whole.textContent = "■ stop";
    try {
      await this.audio.play();
    } catch (problem) {
      if (problem.name === "AbortError") return; // another sound was started
      card.note.textContent = `This browser cannot play the clip (${sound.type}): ${problem.message}`;
      this.stopSound();
    }
  }

  moveCursor() {
    if (!this.playing || this.audio.paused) return;
    const second = this.playing.start + this.audio.currentTime;
    if (second > this.playing.until) this.stopSound();
    else this.cards[this.playing.side].at(second);
  }

  stopSound() {
    this.audio.pause();
    if (!this.playing) return;
    const { side } = this.playing, card = this.cards[side];
    card.at(null);
    card.whole.textContent = "▶ play";
    this.playing = null;
  }

  // ---- why

  showWhy() {
    const { state, world, own, pair } = this, { other } = state;
    if (other < 0) {
      this.why.replaceChildren();
      return;
    }
    const { artists } = world, facts = make("dl");
    const fact = (term, ...text) => facts.append(make("dt", {}, term), make("dd", {}, ...text));
    const [mine, theirs] = [this.queryName(), artists.name[other]];
    this.why.replaceChildren(make("h3", {}, "Why these two?"), make("p", { class: "mse-sentence" }, ...this.sentence(mine, theirs)), facts);
    if (!own) {
      const [shared, a, b] = [this.row.shared[other], artists.listeners[state.artist], artists.listeners[other]];
      const expected = (a * b) / world.n_listeners;
      fact("shared listeners", `${count(shared)}: ${percent(shared, a)} of `, bdi(mine), `’s ${count(a)}, ${percent(shared, b)} of `, bdi(theirs), `’s ${count(b)}. `,
        `Chance would give ${expected < 0.1 ? "less than 0.1" : rounded(expected)}, if listening to one had nothing to do with listening to the other.`);
      fact("popularity", `${ordinal(state.artist + 1)} and ${ordinal(other + 1)} of ${count(this.n)} by listeners.`);
      const truth = this.values(TRUTH, this.current.places);
      fact("the truth", Number.isNaN(truth[other]) || !this.current.places.includes(other) ? (shared ? "not among the candidates that are chosen." : "no shared listener, so it says nothing of these two.")
        : `${ordinal(rankOf(truth, this.current.places, other))} of ${count(this.current.sharing)} candidates that share a listener.`);
    }
    const places = this.state.lists.filter((method) => method !== TRUTH && this.current.lists.get(method) && this.current.places.includes(other));
    if (places.length) fact("the methods", places.map((method) => `${this.labelOf.get(method)}: ${ordinal(rankOf(this.current.lists.get(method).values, this.current.places, other))}`).join("; "), ` (of ${count(this.current.places.length)}).`);
    if (pair?.moment) {
      fact(state.clip >= 0 && state.otherClip >= 0 ? "clips shown" : "closest clips", bdi(world.clips.title[pair.a] || "untitled"), " and ", bdi(world.clips.title[pair.b] || "untitled"),
        `; closest moment ${this.span[0][0].toFixed(0)} s and ${this.span[1][0].toFixed(0)} s${world.excerpt ? ", among what can be played here" : ""} (cosine ${pair.cosine.toFixed(2)} of at most 1, by: ${world.moments.of}).`);
    }
    this.compareFeatures(fact, mine, theirs);
    const doubts = this.doubts();
    if (doubts.length) fact("may mislead", doubts.join(" "));
  }

  sentence(mine, theirs) {
    const { state, world, own } = this, { other } = state;
    const method = state.lists.find((name) => name !== TRUTH && this.current.lists.get(name));
    const rank = method && this.current.places.includes(other) ? rankOf(this.current.lists.get(method).values, this.current.places, other) : null;
    const sound = rank === null ? [] : [`${this.labelOf.get(method)} puts `, bdi(theirs), ` in place ${count(rank)} of ${count(this.current.places.length)}`];
    if (own) return [...sound, sound.length ? " for your file." : ""];
    const shared = this.row.shared[other], expected = (world.artists.listeners[state.artist] * world.artists.listeners[other]) / world.n_listeners;
    const times = shared / expected, chance = byChance(shared, expected);
    const often = times > 1 ? `${times < 1.5 ? times.toFixed(2) : rounded(times)} times as many as` : "fewer than";
    const more = !chance ? `${often} chance would give` : times < 1.5 && times > 1 / 1.5 ? "about as many as chance would give" : "a number so small that it may be chance";
    const known = shared ? [bdi(mine), " and ", bdi(theirs), ` share ${listeners(shared)}, ${more}`]
      : ["Nobody is known to listen to both ", bdi(mine), " and ", bdi(theirs), chance ? ", which may be chance: their audiences are small" : ", fewer than chance would give"];
    return [...known, sound.length ? "; " : "", ...sound, "."];
  }

  compareFeatures(fact, mine, theirs) {
    const { features } = this.world;
    if (!features || this.own) return;
    const [a, b] = [features.values[this.state.artist], features.values[this.state.other]];
    const measured = a.map((_, at) => at).filter((at) => a[at] !== null && b[at] !== null);
    const top = (size, least) => measured.filter((at) => size(at) > least).sort((x, y) => size(y) - size(x)).slice(0, 3);
    const word = (at, value) => (value < 0 ? features.low : features.high)[at];
    const both = top((at) => (a[at] * b[at] > 0 ? Math.min(Math.abs(a[at]), Math.abs(b[at])) : 0), 0.5);
    const apart = top((at) => Math.abs(a[at] - b[at]), 1.4);
    fact("alike in", both.length ? `Both, first the chosen artist: ${both.map((at) => `${word(at, a[at])} (${signed(a[at])}, ${signed(b[at])})`).join("; ")}.` : "In no feature do both differ from the mean artist by more than 0.5 to the same side.");
    fact("different in", ...apart.flatMap((at, place) => {
      const [first, second] = Math.abs(a[at]) > Math.abs(b[at]) ? [a, b] : [b, a];
      const name = (row) => bdi(row === a ? mine : theirs);
      return [place ? "; " : "", `${word(at, first[at])}: `, name(first), ` (${signed(first[at])}) versus `, name(second), ` (${signed(second[at])})`];
    }), apart.length ? "." : "In no feature do the two differ by more than 1.4.", " Unit of these numbers: the standard deviation over all artists; 0 is the mean artist.");
  }

  doubts() {
    const { world, pair, state } = this, { source, loudness } = world.clips, out = [];
    if (pair?.a >= 0 && pair?.b >= 0) {
      if (source[pair.a] && source[pair.a] === source[pair.b]) out.push(`Both clips come from the same catalogue (${isolated(source[pair.a])}): a method may notice its encoding.`);
      const [first, second] = [loudness[pair.a], loudness[pair.b]];
      if (first !== null && second !== null && Math.abs(first - second) < 1) out.push("Both clips are equally loud (within 1 dB): a method may compare the level.");
    }
    if (!this.own && state.artist < this.n / 10 && state.other < this.n / 10) out.push("Both are among the tenth with the most listeners: popular artists may share listeners without sounding alike.");
    if (!this.own && world.artists.split[state.artist] === "train") out.push("Trained methods have learnt from the chosen artist: their lists here are no test.");
    return out;
  }

  // ---- a person's own file

  async upload() {
    const file = this.file.files[0];
    this.file.value = "";
    if (!file) return;
    this.tell(`${isolated(file.name)} is being read …`);
    try {
      const answer = await this.source.ask("upload", { name: file.name }, [await file.arrayBuffer()]);
      const row = floats(answer.buffers[0]);
      const method = this.world.methods.find(({ label }) => label === answer.method)?.name ?? this.world.best;
      const own = {
        title: answer.title, method: answer.method, place: answer.map,
        row: { methods: new Map([[method, row]]), shared: new Uint32Array(this.n) },
        picture: { type: answer.type, seconds: answer.seconds, buffers: [answer.buffers[1]] },
        sound: { type: file.type || "audio/mpeg", start: -answer.start, buffers: [file] },
      };
      if (!this.state.lists.includes(method)) this.state.lists[Math.min(1, this.state.lists.length - 1)] = method;
      this.go({ artist: this.state.artist, other: -1, own }, [...this.past, this.here()], []);
    } catch (problem) {
      this.tell(problem.message);
    }
  }

  // ---- taking away

  async save(method, kind) {
    const { world, state } = this, list = this.current.lists.get(method);
    const base = `${folded(this.queryName()).replaceAll(" ", "-") || "artist"}-${method.replace(/\W/g, "-")}`;
    if (kind === "CSV") {
      const cell = (value) => `"${String(value).replaceAll('"', '""')}"`;
      const rows = list.top.map((k, at) => [at + 1, world.artists.id[k], world.artists.name[k], this.labelOf.get(method), list.values[k], this.own ? "" : this.row.shared[k], this.own ? "" : this.current.agreed.has(k), state.share, state.popularity]);
      const head = ["rank", "artist_id", "artist", "method", "score", "shared_listeners", "in_the_truths_list", "weight_shared_listeners", "weight_popularity"];
      const simulated = world.simulated ? [["simulated", ...rows.map(() => true)]] : [];
      const lines = [head, ...rows].map((row, at) => [...row, ...simulated.map((column) => column[at])].map(cell).join(","));
      download(`${base}.csv`, "text/csv", `\ufeff${lines.join("\r\n")}\r\n`);
      return;
    }
    const mine = this.own ? [] : this.clipsOf[state.artist];
    const lines = ["#EXTM3U"];
    for (const k of list.top) {
      const theirs = this.clipsOf[k].filter((clip) => world.clips.file[clip]);
      if (!theirs.length) continue;
      const wanted = [...mine, ...theirs];
      const pictures = new Map(await Promise.all(wanted.map(async (clip) => [clip, await this.ask("picture", clip)])));
      const { b } = this.own ? { b: theirs[0] } : this.closestPair(mine, theirs, pictures);
      const line = (text) => text.replace(/[\r\n]+/g, " ");
      lines.push(`#EXTINF:-1,${line(world.artists.name[k])} - ${line(world.clips.title[b] || "untitled")}`, line(world.clips.file[b]));
    }
    download(`${base}.m3u8`, "application/vnd.apple.mpegurl", `${lines.join("\n")}\n`);
  }

  link() {
    const { state, world } = this, fields = new URLSearchParams();
    fields.set("artist", world.artists.id[state.artist]);
    if (state.other >= 0) fields.set("with", world.artists.id[state.other]);
    for (const key of ["n", "share", "popularity", "among", "colour"]) fields.set(key, state[key]);
    fields.set("lists", state.lists.join(" "));
    const address = `${location.href.replace(/#.*/s, "")}#explorer?${fields}`;
    this.address.value = address;
    this.address.hidden = false;
    const done = (text) => { this.copy.textContent = text; setTimeout(() => { this.copy.textContent = "link to this view"; }, 2000); };
    if (navigator.clipboard) navigator.clipboard.writeText(address).then(() => done("copied"), () => this.address.focus());
    else this.address.focus();
  }

  /** Take the state that a link holds; what this world does not have is left as it is, and named in a sentence. */
  fromLink() {
    const hash = linked();
    if (!hash) return "";
    const fields = new URLSearchParams(hash.slice("#explorer?".length)), { state, world } = this;
    const artist = this.indexOf.get(fields.get("artist")), other = this.indexOf.get(fields.get("with"));
    const missing = [];
    if (artist !== undefined) state.artist = artist;
    else if (fields.get("artist")) missing.push("the chosen artist");
    if (other !== undefined) state.other = other;
    else if (fields.get("with")) missing.push("the compared artist");
    const named = (fields.get("lists") ?? "").split(" ").filter(Boolean), lists = named.filter((name) => this.labelOf.has(name));
    if (lists.length < named.length) missing.push("a method");
    if (lists.length) state.lists = lists.slice(0, 8);
    if (this.shares.includes(Number(fields.get("share") ?? NaN))) state.share = Number(fields.get("share"));
    if (this.weights.includes(Number(fields.get("popularity") ?? NaN))) state.popularity = Number(fields.get("popularity"));
    const n = Number(fields.get("n"));
    if (Number.isInteger(n) && n >= 1 && n <= 50) state.n = n;
    for (const [key, control] of [["among", this.among], ["colour", this.colour]]) {
      if (control && [...control.options].some(({ value }) => value === fields.get(key))) state[key] = control.value = fields.get(key);
    }
    this.share.value = this.shares.indexOf(state.share);
    this.popularity.value = this.weights.indexOf(state.popularity);
    this.length.value = state.n;
    return missing.length ? `The link names what is not here: ${missing.join(", ")}.` : "";
  }

  // ---- messages, theme, end

  tell(sentence) {
    this.banner.textContent = sentence;
    this.banner.hidden = !sentence;
  }

  watchTheme() {
    this.themes = new MutationObserver(() => this.map?.draw());
    for (const node of [document.documentElement, document.body]) this.themes.observe(node, { attributes: true, attributeFilter: ["class", "data-jp-theme-light", "data-jp-theme-name", "data-theme"] });
    this.dark = window.matchMedia("(prefers-color-scheme: dark)");
    this.redraw = () => this.map?.draw();
    this.dark.addEventListener("change", this.redraw);
    this.reopen = () => {
      if (!location.hash.startsWith("#explorer?")) return;
      const here = this.here();
      this.before ??= [here, this.past, this.future];
      const lacking = this.fromLink();
      this.go({ ...this.here(), own: null }, [...this.past, here], []);
      if (lacking) this.tell(lacking);
    };
    window.addEventListener("hashchange", this.reopen);
  }

  stop() {
    this.stopSound();
    this.map?.stop();
    this.themes.disconnect();
    this.dark.removeEventListener("change", this.redraw);
    window.removeEventListener("hashchange", this.reopen);
    this.source.stop?.();
  }
}

/** The part of the address from "#" on, if it is a link to a view and was not followed before. */
function linked() {
  const opened = performance.getEntriesByType("navigation")[0]?.name ?? ""; // JupyterLab takes this part from its address
  const hash = [location.hash, opened.replace(/^[^#]*/, "")].find((part) => part.startsWith("#explorer?"));
  if (!hash || window.mseFollowed === hash) return null;
  window.mseFollowed = hash;
  return hash;
}

function download(name, type, text) {
  const link = make("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

// ---------------------------------------------------------------- sources

/** A typed array over bytes that may begin anywhere in a buffer. */
function bytesOf(view, Type) {
  const bytes = ArrayBuffer.isView(view) ? new Uint8Array(view.buffer, view.byteOffset, view.byteLength) : new Uint8Array(view ?? 0);
  if (bytes.byteOffset % Type.BYTES_PER_ELEMENT === 0) return new Type(bytes.buffer, bytes.byteOffset, bytes.byteLength / Type.BYTES_PER_ELEMENT);
  return new Type(bytes.slice().buffer);
}

const floats = (view) => bytesOf(view, Float32Array);
const integers = (view) => bytesOf(view, Uint32Array);

const GONE = "The kernel is not there any more: what is on the screen stays. Run the cell again to go on.";

/** The kernel behind an anywidget model. */
export function kernel(model) {
  let number = 0, gone = false;
  const waiting = new Map(), callbacks = [];
  const receive = (message, buffers) => {
    const job = waiting.get(message.number);
    if (!job) return;
    waiting.delete(message.number);
    clearTimeout(job.timer);
    if (message.answer.error) job.reject(new Error(message.answer.error));
    else job.resolve({ ...message.answer, buffers });
  };
  const lose = () => {
    if (gone) return;
    gone = true;
    for (const job of waiting.values()) { clearTimeout(job.timer); job.reject(new Error(GONE)); }
    waiting.clear();
    callbacks.forEach((callback) => callback(GONE));
  };
  const connection = model.widget_manager?.kernel;
  const watch = (_, status) => { if (["dead", "restarting", "autorestarting", "terminating"].includes(status)) lose(); };
  model.on("msg:custom", receive);
  connection?.statusChanged?.connect(watch);
  return {
    world: model.get("world"),
    onGone(callback) { callbacks.push(callback); },
    ask(kind, fields, buffers = []) {
      if (gone) return Promise.reject(new Error(GONE));
      number += 1;
      const own = number;
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => { waiting.delete(own); reject(new Error("The kernel has not answered for half a minute: is another cell at work, or the kernel gone?")); }, PATIENCE);
        waiting.set(own, { resolve, reject, timer });
        try {
          model.send({ ask: kind, number: own, ...fields }, undefined, buffers);
        } catch {
          lose();
        }
      });
    },
    stop() {
      model.off("msg:custom", receive);
      connection?.statusChanged?.disconnect(watch);
    },
  };
}

/** The answers that a page holds itself (page.py). */
export function embedded(page) {
  const text = (id) => page.getElementById(id).textContent;
  const world = JSON.parse(text("world"));
  const read = (id) => Uint8Array.from(atob(text(id)), (letter) => letter.charCodeAt(0));
  const n = world.artists.id.length, m = world.methods.length;
  const scores = bytesOf(read("scores"), Uint16Array), ranges = floats(read("ranges")), counts = read("shared");
  const shared = bytesOf(counts, counts.length === 2 * n * n ? Uint16Array : Uint32Array);
  const cut = (bytes, ends) => (at) => bytes.subarray(at ? ends[at - 1] : 0, ends[at]);
  const picture = cut(read("pictures"), integers(read("picture_ends"))), frames = read("frames");
  const ends = integers(read("sound_ends")), sound = cut(read("sounds"), ends), starts = floats(read("sound_starts"));
  const size = world.moments ? world.moments.n * world.moments.dims : 0;
  const answers = {
    scores({ artist }) {
      const values = new Float32Array(m * n);
      for (let method = 0; method < m; method += 1) {
        const [low, high] = ranges.subarray(2 * (method * n + artist), 2 * (method * n + artist) + 2);
        for (let k = 0; k < n; k += 1) {
          const q = scores[(method * n + artist) * n + k];
          values[method * n + k] = q === 65535 ? NaN : low + (q / 65534) * (high - low);
        }
      }
      return { methods: world.methods.map(({ name }) => name), buffers: [values, Uint32Array.from(shared.subarray(artist * n, (artist + 1) * n))] };
    },
    picture: ({ clip }) => ({ type: world.picture_type, seconds: 30, buffers: [picture(clip), frames.subarray(clip * size, (clip + 1) * size)] }),
    sound: ({ clip }) => ({ type: world.sound_type, start: starts[clip], seconds: world.excerpt, buffers: [sound(clip)] }),
  };
  return {
    world,
    ask: async (kind, fields) => answers[kind](fields),
    window: (clip) => (ends.length ? [starts[clip], starts[clip] + world.excerpt] : null),
  };
}

/** Put an explorer into an element; returns what ends it. */
export function mount(root, source) {
  const explorer = new Explorer(root, source);
  return () => explorer.stop();
}

export default {
  render({ model, el }) {
    return mount(el, kernel(model));
  },
};
