"use strict";

/* Draws the outlines over the fields and answers to keys, pointer and switches. All texts that
   come from files are set as text, never as markup. */

const SVG = "http://www.w3.org/2000/svg";
const data = JSON.parse(document.getElementById("gallery-data").textContent);
const gallery = document.getElementById("gallery");
const layers = document.getElementById("layers");

/* What cells may be: its title, the layers that show it, whether it is to be looked at. */
const KINDS = data.kinds;
const SAY = data.texts;
const hiddenLayers = new Set();

function create(parent, tag, attributes = {}, text = null) {
  const node = parent.namespaceURI === SVG || tag === "svg"
    ? document.createElementNS(SVG, tag)
    : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== null) node.textContent = text;
  parent.append(node);
  return node;
}

/* What is said about a cell --------------------------------------------------------------- */

function className(instance) {
  return data.classes[instance.class - 1] ?? `${SAY.class} ${instance.class}`;
}

function facts(cell) {
  const { truth, detection } = cell;
  const fixed = (value, digits) => value.toFixed(digits).replace(".", SAY.decimal ?? ".");
  const pixels = (instance) => `${fixed(instance.diameter, 1)} px`;
  const rows = [];
  if (detection) rows.push([SAY.score, fixed(detection.score, 3)]);
  if (truth && detection) rows.push(["IoU", fixed(cell.iou, 3)]);
  if (truth) rows.push([SAY.classTruth, className(truth)]);
  if (detection) rows.push([SAY.classPredicted, className(detection)]);
  if (truth) rows.push([SAY.diameterTruth, pixels(truth)]);
  if (detection) rows.push([SAY.diameterPredicted, detection.size ?? pixels(detection)]);
  // What is known of it besides, by the titles of the page.
  (detection?.told ?? []).forEach((text, index) => {
    if (text !== "") rows.push([cell.columns[index], text]);
  });
  return rows;
}

function title(cell) {
  const { truth, detection } = cell;
  const other = truth && detection && truth.class !== detection.class;
  const number = detection?.number ? ` ${detection.number}` : "";
  return KINDS[cell.kind].title + number + (other ? SAY.otherClass : "");
}

function sentence(cell) {
  return `${title(cell)}. ` + facts(cell).map(([name, value]) => `${name}: ${value}`).join("; ");
}

/* The note beside a cell ------------------------------------------------------------------ */

const note = {
  node: document.getElementById("note"),
  anchor: null,

  show(cell, anchor) {
    this.anchor = anchor;
    this.node.replaceChildren();
    this.node.className = cell.kind;
    create(this.node, "strong", {}, title(cell));
    const list = create(this.node, "dl");
    for (const [name, value] of facts(cell)) {
      create(list, "dt", {}, name);
      create(list, "dd", {}, value);
    }
    this.node.hidden = false;
    this.place();
  },

  /* Above the cell, or below it where there is no room; always whole within the window. */
  place() {
    if (!this.anchor || this.node.hidden) return;
    const cell = this.anchor.getBoundingClientRect();
    const frame = this.anchor.closest(".frame").getBoundingClientRect();
    const inView = cell.bottom > frame.top && cell.top < frame.bottom
      && cell.right > frame.left && cell.left < frame.right;
    if (!inView) {
      this.hide();
      return;
    }
    const { width, height } = this.node.getBoundingClientRect();
    const screen = document.documentElement;
    const gap = 8;
    const left = (cell.left + cell.right - width) / 2;
    const above = cell.top - height - gap;
    const top = above >= gap ? above : cell.bottom + gap;
    const clamp = (value, highest) => Math.max(gap, Math.min(value, highest - gap));
    this.node.style.left = `${clamp(left, screen.clientWidth - width)}px`;
    this.node.style.top = `${clamp(top, screen.clientHeight - height)}px`;
  },

  hide() {
    this.node.hidden = true;
    this.anchor = null;
  },
};

/* One field ------------------------------------------------------------------------------- */

class FieldView {
  constructor(card) {
    this.card = card;
    this.cells = [];
    this.current = null;
    this.isAwake = false;
    this.nextButton = card.querySelector(".next-error");
    this.nextButton.addEventListener("click", () => this.nextError());
    card.querySelector(".enlarge").addEventListener("click", (event) => this.enlarge(event.target));
  }

  /* Read and draw what the picture has, once it is looked at: a page may have hundreds. */
  wake() {
    if (this.isAwake) return;
    this.isAwake = true;
    const { card } = this;
    const stage = card.querySelector(".stage");
    const own = card.querySelector(".field-data");
    this.field = own ? JSON.parse(own.textContent) : data.fields[Number(stage.dataset.field)];
    const { width, height } = this.field;
    const svg = create(stage, "svg", { viewBox: `0 0 ${width} ${height}`, class: "overlay" });
    const drawn = create(svg, "g", { "aria-hidden": "true" });
    const outlines = (instances) => {
      const group = create(drawn, "g");
      return instances.map((instance) => create(group, "path", { d: instance.outline }));
    };
    this.truthPaths = outlines(this.field.truth);
    this.detectionPaths = outlines(this.field.detections);
    this.list = create(svg, "g", { role: "listbox", "aria-label": `${SAY.objectsOf} ${this.field.name}` });
    this.list.addEventListener("focusin", (event) => this.select(this.cellOf(event.target)));
    this.list.addEventListener("focusout", () => note.hide());
    this.list.addEventListener("pointerover", (event) => {
      const cell = this.cellOf(event.target);
      if (cell) note.show(cell, cell.node);
    });
    this.list.addEventListener("pointerout", () => {
      const focused = this.cellOf(document.activeElement);
      if (focused) note.show(focused, focused.node);
      else note.hide();
    });
    this.show(shownPoint);
  }

  cellOf(node) {
    return this.cells.find((cell) => cell.node === node) ?? null;
  }

  /* Found cells, misses and false alarms of an operating point, in reading order. */
  cellsAt(point) {
    const { truth, detections, points } = this.field;
    const missed = new Set(truth.keys());
    const alone = new Set(points[point].shown);
    const cells = points[point].pairs.map(([t, d, iou]) => {
      missed.delete(t);
      alone.delete(d);
      return { kind: "found", truthIndex: t, detectionIndex: d, iou };
    });
    for (const index of missed) cells.push({ kind: "missed", truthIndex: index });
    for (const index of alone) {
      const spared = data.ignoreBorder && detections[index].border;
      const kind = detections[index].kind ?? (spared ? "border" : "alarm");
      cells.push({ kind, detectionIndex: index });
    }
    for (const cell of cells) {
      cell.columns = this.field.columns;
      cell.isError = KINDS[cell.kind].error || detections[cell.detectionIndex]?.unsure;
      cell.truth = truth[cell.truthIndex];
      cell.detection = detections[cell.detectionIndex];
      [cell.x, cell.y] = (cell.truth ?? cell.detection).at;
    }
    return inReadingOrder(cells);
  }

  show(point) {
    if (!this.isAwake) return;
    for (const path of this.truthPaths) path.setAttribute("class", "outline absent");
    for (const path of this.detectionPaths) path.setAttribute("class", "outline absent");
    this.list.replaceChildren();
    this.cells = this.cellsAt(point);
    for (const cell of this.cells) {
      const { truth, detection, kind } = cell;
      if (truth) this.truthPaths[cell.truthIndex].setAttribute("class", `outline truth ${kind}`);
      if (detection) {
        const path = this.detectionPaths[cell.detectionIndex];
        const color = detection.color ? ` color-${detection.color}` : "";
        path.setAttribute("class", `outline prediction ${kind}${color}`);
      }
      cell.node = create(this.list, "path", {
        d: (truth?.outline ?? "") + (detection?.outline ?? ""),
        class: `cell ${kind}`,
        role: "option",
        tabindex: "-1",
        "aria-selected": "false",
        "aria-label": sentence(cell),
      });
    }
    this.settle();
  }

  reachable() {
    return this.cells.filter((cell) =>
      KINDS[cell.kind].layers.some((layer) => !hiddenLayers.has(layer)));
  }

  /* Exactly one cell that can be seen is reached by Tab. */
  settle() {
    if (!this.isAwake) return;
    const cells = this.reachable();
    this.nextButton.disabled = !cells.some((cell) => cell.isError);
    const keep = cells.includes(this.current) ? this.current : cells[0] ?? null;
    for (const cell of this.cells) cell.node.setAttribute("tabindex", cell === keep ? "0" : "-1");
    this.current = keep;
  }

  select(cell) {
    if (!cell) return;
    this.current?.node.setAttribute("aria-selected", "false");
    this.current = cell;
    cell.node.setAttribute("aria-selected", "true");
    this.settle();
    note.show(cell, cell.node);
  }

  focus(cell) {
    if (!cell) return;
    cell.node.focus({ preventScroll: true });
    this.bring(cell.node);
    note.show(cell, cell.node);
  }

  /* The whole picture into the window, and within it the cell to the middle. */
  bring(node = null) {
    const frame = this.card.querySelector(".frame");
    frame.scrollIntoView({ block: "nearest", inline: "nearest" });
    if (!node) return;
    const outer = frame.getBoundingClientRect();
    const inner = node.getBoundingClientRect();
    frame.scrollBy(
      (inner.left + inner.right - outer.left - outer.right) / 2,
      (inner.top + inner.bottom - outer.top - outer.bottom) / 2,
    );
  }

  nextError() {
    this.wake();
    const cells = this.reachable();
    const from = this.cellOf(document.activeElement) ? cells.indexOf(this.current) + 1
      : this.lastError ? cells.indexOf(this.lastError) + 1 : 0;
    const turned = [...cells.slice(from), ...cells.slice(0, from)];
    this.lastError = turned.find((cell) => cell.isError);
    this.focus(this.lastError);
  }

  enlarge(button) {
    const large = this.card.classList.toggle("large");
    button.setAttribute("aria-pressed", String(large));
    const shown = this.cellOf(document.activeElement)?.node ?? this.lastError?.node;
    this.bring(large ? shown : null);
    note.place();
  }

  /* Keys of a list; true if the key meant something. */
  move(key) {
    const cells = this.reachable();
    const index = cells.indexOf(this.current);
    const targets = {
      ArrowRight: () => cells[Math.min(index + 1, cells.length - 1)],
      ArrowLeft: () => cells[Math.max(index - 1, 0)],
      ArrowDown: () => nearest(cells, this.current, 1),
      ArrowUp: () => nearest(cells, this.current, -1),
      Home: () => cells[0],
      End: () => cells[cells.length - 1],
    };
    if (!(key in targets) || !this.current) return false;
    this.focus(targets[key]());
    return true;
  }
}

/* Rows as high as a typical cell, each from left to right. */
function inReadingOrder(cells) {
  const sizes = cells.map((cell) => (cell.truth ?? cell.detection).diameter);
  const height = sizes.sort((a, b) => a - b)[Math.floor(sizes.length / 2)] || 1;
  const row = (cell) => Math.floor(cell.y / height);
  return cells.sort((a, b) => row(a) - row(b) || a.x - b.x);
}

/* The cell straight below (1) or above (-1), as near as can be. */
function nearest(cells, from, direction) {
  let best = null;
  let least = Infinity;
  for (const cell of cells) {
    const along = (cell.y - from.y) * direction;
    const across = Math.abs(cell.x - from.x);
    const distance = along + 2 * across;
    if (along > 0 && distance < least) [best, least] = [cell, distance];
  }
  return best;
}

/* Switches -------------------------------------------------------------------------------- */

const views = [...document.querySelectorAll(".card")].map((card) => new FieldView(card));
let shownPoint = data.chosen;
/* Fewer pictures than these are drawn before anybody looks at them. */
const MOST_AT_ONCE = 12;

/* Those near the window, and those that somebody goes to. */
const viewOf = new Map(views.map((view) => [view.card, view]));
const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    watcher.unobserve(entry.target);
    viewOf.get(entry.target).wake();
  }
}, { rootMargin: "100% 0px" });
for (const view of views) {
  if (views.length > MOST_AT_ONCE) watcher.observe(view.card);
  else view.wake();
}

function showPoint(point) {
  note.hide();
  shownPoint = point;
  for (const node of document.querySelectorAll("[data-point]")) {
    node.hidden = Number(node.dataset.point) !== point;
  }
  for (const view of views) view.show(point);
}

function toggleLayer(button) {
  const { layer } = button.dataset;
  const on = hiddenLayers.delete(layer);
  if (!on) hiddenLayers.add(layer);
  button.setAttribute("aria-pressed", String(on));
  gallery.classList.toggle(`no-${layer}`, !on);
  const view = views.find((candidate) => candidate.cellOf(document.activeElement));
  const focused = view?.current;
  if (note.anchor && getComputedStyle(note.anchor).display === "none") note.hide();
  for (const each of views) each.settle();
  // Keys work on where the focused cell has gone from sight.
  if (view && view.current !== focused) (view.current?.node ?? view.card).focus();
}

const LAYER_KEYS = {};
if (layers) {
  if (!data.ignoreBorder) layers.querySelector("[data-layer=border]")?.remove();
  for (const button of layers.querySelectorAll("button")) {
    LAYER_KEYS[button.getAttribute("aria-keyshortcuts")] = button;
    button.addEventListener("click", () => toggleLayer(button));
  }
  layers.hidden = false;
  document.getElementById("without-script").hidden = true;
}

gallery?.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const card = event.target.closest(".card");
  const view = viewOf.get(card);
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (key in LAYER_KEYS) toggleLayer(LAYER_KEYS[key]);
  else if (key === "Escape") note.hide();
  else if (view && key === "n") view.nextError();
  else if (!view?.cellOf(event.target) || !view.move(key)) return;
  event.preventDefault();
});

const operatingPoints = document.getElementById("operating-points");
if (operatingPoints) {
  operatingPoints.hidden = false;
  operatingPoints.addEventListener("submit", (event) => event.preventDefault());
  operatingPoints.addEventListener("change", (event) => {
    showPoint(Number(event.target.value));
    const label = event.target.closest("label").textContent.trim();
    document.getElementById("announcement").textContent = `${SAY.figuresAt} ${label}`;
  });
  operatingPoints.reset();
}

window.addEventListener("scroll", () => note.place(), { capture: true, passive: true });
window.addEventListener("resize", () => note.place());
window.addEventListener("beforeprint", () => {
  for (const view of views) view.wake();
  for (const image of document.images) image.loading = "eager";
});

showPoint(data.chosen);
