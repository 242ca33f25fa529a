// What a hand does in the picture: select, draw, split, reshape; with mouse, finger, pen or keys.

import { $, t } from "./base.js";
import { about } from "./picture.js";

const NEAR = 12; // pixels of the screen within which a handle is meant
const STILL = 6; // pixels of the screen that a click may move
const APART = 2; // pixels of the screen between two points of a line

export class Tools {
  // `does.act` sends an act, `does.chosen` is told that others are selected.
  constructor(viewer, layer, does) {
    Object.assign(this, { viewer, layer, does, tool: "select", handle: -1, dragging: false, wait: "" });
    for (const button of document.querySelectorAll("[data-tool]")) {
      button.addEventListener("click", () => this.choose(button.dataset.tool));
    }
    viewer.addHandler("canvas-click", (event) => this.click(event));
    viewer.addHandler("canvas-double-click", (event) => {
      event.preventDefaultAction = true;
      if (this.isDrawing) this.end();
    });
    viewer.addHandler("canvas-press", (event) => this.press(event));
    viewer.addHandler("canvas-drag", (event) => this.drag(event));
    viewer.addHandler("canvas-drag-end", (event) => this.release(event));
    viewer.canvas.addEventListener("pointermove", (event) => this.move(event));
    viewer.canvas.addEventListener("pointerleave", () => this.hover(null));
  }

  get isDrawing() {
    return ["draw", "split", "region"].includes(this.tool);
  }

  choose(tool) {
    const { layer } = this;
    this.tool = tool;
    this.handle = -1;
    layer.sketch = this.isDrawing ? { points: [], closed: tool === "region", cross: null, corner: null } : null;
    if (tool === "reshape") this.showHandles();
    for (const button of document.querySelectorAll("[data-tool]")) {
      button.setAttribute("aria-pressed", String(button.dataset.tool === tool));
    }
    $("viewer").className = tool;
    this.hint();
    layer.redraw();
  }

  hint() {
    const key = { draw: "hintDraw", split: "hintSplit", region: "hintRegion", reshape: this.layer.sketch ? "hintReshape" : "hintPick" }[this.tool];
    $("hint").textContent = key ? t(key) : this.wait;
  }

  showHandles() {
    const [id] = this.layer.chosen;
    const cell = this.layer.cells.get(id);
    this.layer.sketch = cell ? { points: cell.outline.map((point) => [...point]), closed: true, handles: true, id } : null;
  }

  select(ids, add = false) {
    const { layer } = this;
    if (!add) layer.chosen.clear();
    for (const id of ids) {
      if (add && layer.chosen.has(id)) layer.chosen.delete(id);
      else layer.chosen.add(id);
    }
    if (this.tool === "reshape") this.showHandles();
    this.hint();
    layer.redraw();
    this.does.chosen();
  }

  click(event) {
    event.preventDefaultAction = true;
    // Slow hands click as well: only who has moved did not.
    if (this.pressed && Math.hypot(event.position.x - this.pressed.x, event.position.y - this.pressed.y) > STILL) return;
    const [x, y] = this.layer.toPicture(event.position);
    if (this.isDrawing) {
      this.point([x, y]);
      return;
    }
    if (this.tool === "reshape" && this.layer.sketch && this.nearest(event.position) >= 0) return;
    const cell = this.layer.at(x, y);
    const { shiftKey, ctrlKey, metaKey } = event.originalEvent;
    this.select(cell ? [cell.id] : [], shiftKey || ctrlKey || metaKey);
  }

  // A point of a line, or a corner of a rectangle.
  point(place) {
    const { sketch } = this.layer;
    if (this.tool !== "region") sketch.points.push(place);
    else if (!sketch.corner) sketch.corner = place;
    else {
      this.rectangle(place);
      this.end();
      return;
    }
    this.layer.redraw();
  }

  // From the first corner to here.
  rectangle([x2, y2]) {
    const { sketch } = this.layer;
    const [x1, y1] = sketch.corner;
    sketch.points = [[x1, y1], [x2, y1], [x2, y2], [x1, y2]];
    this.layer.redraw();
  }

  press(event) {
    this.pressed = { x: event.position.x, y: event.position.y };
    this.handle = this.tool === "reshape" && this.layer.sketch ? this.nearest(event.position) : -1;
    if (this.isDrawing && !this.layer.sketch.points.length) this.start = this.layer.toPicture(event.position);
  }

  drag(event) {
    if (!this.isDrawing && this.handle < 0) return;
    event.preventDefaultAction = true;
    const point = this.layer.toPicture(event.position);
    const { points } = this.layer.sketch;
    if (this.tool === "region") {
      if (!this.dragging) this.layer.sketch.corner = this.start || point;
      this.dragging = true;
      this.rectangle(point);
      return;
    }
    if (this.handle >= 0) points[this.handle] = point;
    else {
      if (!this.dragging) {
        this.dragging = true;
        points.length = 0;
        if (this.start) points.push(this.start);
      }
      const [left, top, scale] = this.layer.place();
      const [x, y] = points[points.length - 1] || [Infinity, Infinity];
      if (left !== null && top !== null && Math.hypot(point[0] - x, point[1] - y) * scale >= APART) points.push(point);
    }
    this.layer.redraw();
  }

  release(event) {
    if (this.handle >= 0) {
      this.handle = -1;
      event.preventDefaultAction = true;
    } else if (this.dragging) {
      this.dragging = false;
      event.preventDefaultAction = true;
      this.end();
    }
  }

  nearest(position) {
    const [left, top, scale] = this.layer.place();
    let found = -1;
    let least = NEAR;
    this.layer.sketch.points.forEach(([x, y], place) => {
      const away = Math.hypot((x + 0.5) * scale + left - position.x, (y + 0.5) * scale + top - position.y);
      if (away < least) [found, least] = [place, away];
    });
    return found;
  }

  move(event) {
    if (event.pointerType === "touch" || this.dragging) return;
    const frame = this.viewer.canvas.getBoundingClientRect();
    const position = { x: event.clientX - frame.left, y: event.clientY - frame.top };
    if (!this.layer.place()) return;
    const [x, y] = this.layer.toPicture(position);
    if (this.tool === "region" && this.layer.sketch.corner) this.rectangle([x, y]);
    this.hover(this.layer.at(x, y), position);
  }

  hover(cell, position = null) {
    const id = cell ? cell.id : null;
    const tip = $("tip");
    if (id !== this.layer.over) {
      this.layer.over = id;
      this.layer.redraw();
      if (cell) tip.textContent = about(cell).join("\n");
    }
    tip.hidden = !cell || this.isDrawing;
    if (cell && position) {
      const room = this.viewer.canvas.clientWidth;
      const isRight = position.x > room / 2;
      tip.style.left = isRight ? "auto" : `${position.x + 16}px`;
      tip.style.right = isRight ? `${room - position.x + 16}px` : "auto";
      tip.style.top = `${Math.max(position.y - 20, 4)}px`;
    }
  }

  // What was drawn is sent; what cannot be done stays for another try.
  async end() {
    const { sketch } = this.layer;
    if (!sketch) return;
    if (this.tool === "reshape") {
      if (await this.does.act({ kind: "reshape", cell: sketch.id, outline: sketch.points })) this.choose("select");
      return;
    }
    if (this.tool === "region") {
      const { points } = sketch;
      this.choose("select");
      if (points.length) await this.does.region(points[0], points[2]);
      return;
    }
    const points = thinned(sketch.points);
    sketch.points = [];
    this.start = null;
    this.layer.redraw();
    if (this.tool === "draw") {
      if (points.length >= 3) await this.does.act({ kind: "draw", outline: points, class: $("class").value });
    } else if (points.length >= 2) {
      const cell = this.crossed(points);
      if (cell) await this.does.act({ kind: "split", cell: cell.id, line: points });
    }
  }

  // The cell that most of a line lies in.
  crossed(points) {
    const times = new Map();
    for (let place = 1; place < points.length; place += 1) {
      for (let part = 0; part <= 1; part += 0.02) {
        const [x, y] = [0, 1].map((axis) => points[place - 1][axis] * (1 - part) + points[place][axis] * part);
        const cell = this.layer.at(x, y);
        if (cell) times.set(cell, (times.get(cell) || 0) + 1);
      }
    }
    return [...times].sort((one, other) => other[1] - one[1]).map(([cell]) => cell)[0] || null;
  }

  remove() {
    if (this.layer.chosen.size) this.does.act({ kind: "delete", cells: [...this.layer.chosen] });
  }

  merge() {
    if (this.layer.chosen.size > 1) this.does.act({ kind: "merge", cells: [...this.layer.chosen] });
  }

  classify(name) {
    if (name && this.layer.chosen.size && !this.isDrawing) this.does.act({ kind: "class", cells: [...this.layer.chosen], class: name });
    else if (name) $("class").value = name;
  }

  // Whether a key was for the tools.
  key(event, key) {
    const { layer } = this;
    if (key === "Escape") {
      if (this.tool !== "select") this.choose("select");
      else this.select([]);
      return true;
    }
    if (key === "n" || key === "p") return this.step(key === "n" ? 1 : -1, event.shiftKey);
    if (key === "v") { this.choose("select"); return true; }
    if (key === "d") { this.choose("draw"); return this.cross(); }
    if (key === "s") { this.choose("split"); return this.cross(); }
    if (key === "r") { this.choose("region"); return this.cross(); }
    if (key === "e") { this.choose("reshape"); return true; }
    if (key === "m") { this.merge(); return true; }
    if (key === "Delete" || key === "Backspace") { this.remove(); return true; }
    if (key === "Enter" && layer.sketch) { this.end().then(() => { if (this.isDrawing && layer.sketch.cross === undefined) this.cross(); }); return true; }
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (way && this.isDrawing && layer.sketch.cross) {
      const step = (event.shiftKey ? 2 : 12) / layer.place()[2];
      layer.sketch.cross = layer.sketch.cross.map((value, axis) => value + way[axis] * step);
      if (layer.sketch.corner) this.rectangle(layer.sketch.cross);
      layer.redraw();
      return true;
    }
    if (way) {
      const shown = this.viewer.viewport.getBounds();
      this.viewer.viewport.panBy(new OpenSeadragon.Point(way[0] * shown.width / 8, way[1] * shown.height / 8));
      this.viewer.viewport.applyConstraints();
      return true;
    }
    if (key === " " && this.isDrawing && layer.sketch.cross) {
      this.point([...layer.sketch.cross]);
      return true;
    }
    return false;
  }

  // A cross for keys: at the selected cell, or in the middle of what is shown.
  cross() {
    const { layer } = this;
    const [id] = layer.chosen;
    const cell = layer.cells.get(id);
    const { clientWidth, clientHeight } = this.viewer.canvas;
    // Else Space and Enter press the button that was pressed last.
    this.viewer.canvas.focus({ preventScroll: true });
    layer.sketch.cross = cell
      ? [(cell.box[1] + cell.box[3]) / 2, (cell.box[0] + cell.box[2]) / 2]
      : layer.toPicture({ x: clientWidth / 2, y: clientHeight / 2 });
    layer.redraw();
    return true;
  }

  // To the next cell, from the top down.
  step(way, add) {
    const { layer } = this;
    const isBefore = (one, other) => way * (one.box[0] - other.box[0] || one.box[1] - other.box[1] || one.id - other.id) < 0;
    const last = layer.cells.get([...layer.chosen].pop());
    let [first, next] = [null, null];
    // Each is looked at once: to sort a hundred thousand takes too long.
    for (const cell of layer.cells.values()) {
      if (!layer.isShown(cell)) continue;
      if (!first || isBefore(cell, first)) first = cell;
      if (last && isBefore(last, cell) && (!next || isBefore(cell, next))) next = cell;
    }
    const cell = next || first;
    if (!cell) return true;
    if (add) { if (!layer.chosen.has(cell.id)) this.select([cell.id], true); }
    else this.select([cell.id]);
    this.bring(cell);
    return true;
  }

  // Have a cell in sight.
  bring(cell) {
    const [left, top, scale] = this.layer.place();
    const [y1, x1, y2, x2] = cell.box;
    const { clientWidth, clientHeight } = this.viewer.canvas;
    const isSeen = x1 * scale + left >= 0 && y1 * scale + top >= 0 && x2 * scale + left <= clientWidth && y2 * scale + top <= clientHeight;
    if (isSeen) return;
    const { viewport } = this.viewer;
    const middle = this.viewer.world.getItemAt(0).imageToViewportCoordinates((x1 + x2) / 2, (y1 + y2) / 2);
    const { width, height } = viewport.getBounds(true);
    // On a way of many screens every tile would be asked for, and those at its end wait.
    const isFar = middle.distanceTo(viewport.getCenter(true)) > width + height;
    viewport.panTo(middle, isFar);
    this.viewer.viewport.applyConstraints();
  }
}

// A drawn line without points that say nothing, to half a pixel.
function thinned(points) {
  if (points.length < 4) return points;
  const [first, last] = [points[0], points[points.length - 1]];
  let far = 0;
  let most = 0;
  const length = Math.hypot(last[0] - first[0], last[1] - first[1]);
  points.forEach(([x, y], place) => {
    const away = length
      ? Math.abs((last[0] - first[0]) * (first[1] - y) - (first[0] - x) * (last[1] - first[1])) / length
      : Math.hypot(x - first[0], y - first[1]);
    if (away > most) [far, most] = [place, away];
  });
  if (most < 0.5) return [first, last];
  return [...thinned(points.slice(0, far + 1)).slice(0, -1), ...thinned(points.slice(far))];
}
