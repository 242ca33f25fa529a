// The outlines over a picture: drawn on a canvas of their own, as many as there are.

const CHUNK = 256; // side of the squares that cells are looked up by, in pixels of the picture
const LEAST = 9; // smaller cells than this, on the screen, are dots
const DOT = 4; // side of a dot at most, on the screen
const BATCH = 64; // cells of one path: one of all takes far longer
const MOST_HALOS = 400;

export class Layer {
  constructor(viewer, colorOf) {
    this.viewer = viewer;
    this.colorOf = colorOf;
    this.cells = new Map();
    this.chunks = new Map();
    this.confidence = 0;
    this.hidden = new Set();
    this.chosen = new Set();
    this.over = null;
    this.sketch = null; // { points, closed, handles, cross }
    this.canvas = document.createElement("canvas");
    this.canvas.className = "layer";
    this.canvas.setAttribute("aria-hidden", "true");
    viewer.canvas.append(this.canvas);
    const redraw = () => this.draw();
    for (const event of ["update-viewport", "open", "resize"]) viewer.addHandler(event, redraw);
    this.due = false;
  }

  setCells(cells) {
    this.cells.clear();
    this.chunks.clear();
    for (const cell of cells) this.put(cell);
    this.redraw();
  }

  put(cell) {
    this.drop(cell.id);
    const points = new Float32Array(cell.outline.length * 2);
    cell.outline.forEach(([x, y], place) => { points[2 * place] = x; points[2 * place + 1] = y; });
    const [y1, x1, y2, x2] = cell.box;
    const kept = { ...cell, points, keys: [] };
    for (let y = Math.floor(y1 / CHUNK); y <= Math.floor(y2 / CHUNK); y += 1) {
      for (let x = Math.floor(x1 / CHUNK); x <= Math.floor(x2 / CHUNK); x += 1) {
        const key = `${y},${x}`;
        if (!this.chunks.has(key)) this.chunks.set(key, new Set());
        this.chunks.get(key).add(kept);
        kept.keys.push(key);
      }
    }
    this.cells.set(cell.id, kept);
  }

  drop(id) {
    const cell = this.cells.get(id);
    if (!cell) return;
    for (const key of cell.keys) this.chunks.get(key).delete(cell);
    this.cells.delete(id);
    this.chosen.delete(id);
    if (this.over === id) this.over = null;
  }

  counts(cell) {
    return cell.score === null || cell.score >= this.confidence;
  }

  isShown(cell) {
    return this.counts(cell) && !this.hidden.has(cell.class);
  }

  // Where the picture lies on the screen: [left, top, pixels of the screen for each of the picture].
  place() {
    const item = this.viewer.world.getItemAt(0);
    if (!item) return null;
    const at = (x, y) => this.viewer.viewport.pixelFromPoint(item.imageToViewportCoordinates(x, y, true), true);
    const start = at(0, 0);
    const size = item.getContentSize();
    return [start.x, start.y, (at(size.x, 0).x - start.x) / size.x];
  }

  toPicture(point) {
    const [left, top, scale] = this.place();
    // The middle of a pixel has whole numbers.
    return [(point.x - left) / scale - 0.5, (point.y - top) / scale - 0.5];
  }

  at(x, y) {
    const chunk = this.chunks.get(`${Math.floor(y / CHUNK)},${Math.floor(x / CHUNK)}`);
    let found = null;
    for (const cell of chunk || []) {
      if (this.isShown(cell) && (!found || cell.area < found.area) && isInside(cell.points, x, y)) found = cell;
    }
    return found;
  }

  redraw() {
    if (this.due) return;
    this.due = true;
    requestAnimationFrame(() => this.draw());
  }

  visible(x1, y1, x2, y2) {
    const isSeen = (cell) => {
      const [top, left, bottom, right] = cell.box;
      return right >= x1 && left <= x2 && bottom >= y1 && top <= y2 && this.isShown(cell);
    };
    const chunksShown = ((x2 - x1) / CHUNK + 1) * ((y2 - y1) / CHUNK + 1);
    if (chunksShown > this.chunks.size) return [...this.cells.values()].filter(isSeen);
    const found = new Set();
    for (let y = Math.floor(y1 / CHUNK); y <= Math.floor(y2 / CHUNK); y += 1) {
      for (let x = Math.floor(x1 / CHUNK); x <= Math.floor(x2 / CHUNK); x += 1) {
        for (const cell of this.chunks.get(`${y},${x}`) || []) if (isSeen(cell)) found.add(cell);
      }
    }
    return [...found];
  }

  draw() {
    this.due = false;
    const place = this.place();
    const { clientWidth: width, clientHeight: height } = this.viewer.canvas;
    const ratio = window.devicePixelRatio || 1;
    const canvas = this.canvas;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    const context = canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (!place) return;
    const [left, top, scale] = place;
    context.setTransform(ratio * scale, 0, 0, ratio * scale, ratio * (left + scale / 2), ratio * (top + scale / 2));
    const cells = this.visible(-left / scale, -top / scale, (width - left) / scale, (height - top) / scale);
    const classes = new Map();
    const small = [];
    const least = (LEAST / scale) ** 2;
    for (const cell of cells) {
      if (cell.area < least) small.push(cell);
      else if (classes.has(cell.class)) classes.get(cell.class).push(cell);
      else classes.set(cell.class, [cell]);
    }
    if (small.length) this.drawDots(context, small, place, ratio);
    context.lineJoin = "round";
    for (const [name, large] of classes) {
      const color = this.colorOf(name);
      for (let start = 0; start < large.length; start += BATCH) {
        const path = new Path2D();
        for (const cell of large.slice(start, start + BATCH)) trace(path, cell.points);
        if (cells.length <= MOST_HALOS) {
          context.strokeStyle = "rgb(0 0 0 / 45%)";
          context.lineWidth = 4 / scale;
          context.stroke(path);
        }
        context.strokeStyle = color;
        context.lineWidth = 2 / scale;
        context.stroke(path);
      }
    }
    this.drawChosen(context, scale);
    this.drawSketch(context, scale);
  }

  // A hundred thousand at once: pixels are set, which is far faster than rectangles are drawn.
  drawDots(context, cells, [left, top, scale], ratio) {
    const { width, height } = this.canvas;
    const image = context.createImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    const colors = new Map();
    for (const cell of cells) {
      // Smaller than the cell: what lies under a hundred thousand is seen as well.
      const side = Math.max(Math.round(Math.min(DOT, 0.6 * Math.sqrt(cell.area) * scale) * ratio), 1);
      let color = colors.get(cell.class);
      if (color === undefined) {
        const [red, green, blue] = this.colorOf(cell.class).match(/\d+/g).map(Number);
        color = (255 << 24) | (blue << 16) | (green << 8) | red;
        colors.set(cell.class, color);
      }
      const [y1, x1, y2, x2] = cell.box;
      const x = Math.round(((x1 + x2) / 2 * scale + left) * ratio - side / 2);
      const y = Math.round(((y1 + y2) / 2 * scale + top) * ratio - side / 2);
      const from = Math.max(x, 0);
      const to = Math.min(x + side, width);
      for (let row = Math.max(y, 0); row < Math.min(y + side, height); row += 1) {
        pixels.fill(color, row * width + from, row * width + Math.max(to, from));
      }
    }
    context.putImageData(image, 0, 0);
  }

  drawChosen(context, scale) {
    const over = this.over !== null && this.cells.get(this.over);
    if (over && this.isShown(over)) {
      const path = new Path2D();
      trace(path, over.points);
      context.fillStyle = "rgb(255 255 255 / 25%)";
      context.fill(path);
    }
    const path = new Path2D();
    for (const id of this.chosen) {
      const cell = this.cells.get(id);
      if (cell) trace(path, cell.points);
    }
    context.fillStyle = "rgb(255 255 255 / 30%)";
    context.fill(path);
    context.strokeStyle = "#000";
    context.lineWidth = 5 / scale;
    context.stroke(path);
    context.strokeStyle = "#fff";
    context.lineWidth = 2.5 / scale;
    context.stroke(path);
  }

  drawSketch(context, scale) {
    const sketch = this.sketch;
    if (!sketch) return;
    const path = new Path2D();
    sketch.points.forEach(([x, y], place) => (place ? path.lineTo(x, y) : path.moveTo(x, y)));
    if (sketch.closed) path.closePath();
    for (const [color, width] of [["#000", 4], ["#fff", 2]]) {
      context.strokeStyle = color;
      context.lineWidth = width / scale;
      context.stroke(path);
    }
    if (sketch.handles) {
      const side = 9 / scale;
      for (const [x, y] of sketch.points) {
        context.fillStyle = "#fff";
        context.fillRect(x - side / 2, y - side / 2, side, side);
        context.lineWidth = 1.5 / scale;
        context.strokeStyle = "#000";
        context.strokeRect(x - side / 2, y - side / 2, side, side);
      }
    }
    if (sketch.cross) {
      const [x, y] = sketch.cross;
      const arm = 12 / scale;
      const cross = new Path2D();
      cross.moveTo(x - arm, y);
      cross.lineTo(x + arm, y);
      cross.moveTo(x, y - arm);
      cross.lineTo(x, y + arm);
      for (const [color, width] of [["#000", 4], ["#fff", 2]]) {
        context.strokeStyle = color;
        context.lineWidth = width / scale;
        context.stroke(cross);
      }
    }
  }
}

function trace(path, points) {
  path.moveTo(points[0], points[1]);
  for (let place = 2; place < points.length; place += 2) path.lineTo(points[place], points[place + 1]);
  path.closePath();
}

function isInside(points, x, y) {
  let inside = false;
  for (let here = 0, last = points.length - 2; here < points.length; last = here, here += 2) {
    const [x1, y1, x2, y2] = [points[here], points[here + 1], points[last], points[last + 1]];
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) inside = !inside;
  }
  return inside;
}
