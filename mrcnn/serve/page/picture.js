// One picture: its cells, and what people do to them.

import { $, call, colorOf, countText, exportButtons, made, noun, picturePath, say, state, t, trying } from "./base.js";
import { names } from "./gallery.js";
import { Layer } from "./layer.js";
import { Tools } from "./tools.js";

const TILE = 512;
const VIEW_KEYS = ["+", "=", "-", "0", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"];
const LEAST_SIDE = 16; // pixels of a region
const FRESHEN = 3000; // milliseconds between two looks at tiles that are being made
let viewer = null;
let layer = null;
let tools = null;
let picture = null;
let freshened = 0;
let wanted = null; // name of the picture that is to be shown
let asked = null; // name of the one that the server is about to be asked for
// Acts and questions are sent one after the other: no answer overtakes another.
let queue = Promise.resolve();

export function begin() {
  // OpenSeadragon looks for its style, which the policy of the page would not let it add.
  const mark = document.createElementNS("urn:none", "style");
  mark.setAttribute("data-openseadragon-mobile-css", "");
  document.head.append(mark);
  // Its notes are for those who write such pages.
  const quiet = () => {};
  OpenSeadragon.console = { log: quiet, debug: quiet, info: quiet, warn: quiet, assert: quiet, error: (...told) => console.error(...told) };
  viewer = OpenSeadragon({
    element: $("viewer"), showNavigationControl: false, minZoomImageRatio: 0.8, maxZoomPixelRatio: 12,
    animationTime: 0.3, visibilityRatio: 0.5, crossOriginPolicy: false, imageLoaderLimit: 4,
    gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: false },
    gestureSettingsTouch: { clickToZoom: false, dblClickToZoom: false },
    gestureSettingsPen: { clickToZoom: false, dblClickToZoom: false },
    keyboardShortcut: false, drawer: "canvas", imageSmoothingEnabled: false,
  });
  // Keys are those of this page.
  viewer.addHandler("canvas-key", (event) => { event.preventDefaultAction = true; });
  // It was made where it was hidden, and had no size.
  viewer.addHandler("open", () => {
    viewer.forceResize();
    viewer.viewport.resize(new OpenSeadragon.Point(viewer.container.clientWidth, viewer.container.clientHeight), false);
    viewer.viewport.goHome(true);
  });
  viewer.canvas.tabIndex = 0;
  viewer.canvas.setAttribute("role", "application");
  layer = new Layer(viewer, (name) => colorOf(picture ? picture.classes : [], name));
  tools = new Tools(viewer, layer, { act, region: detectIn, chosen: showChosen });
  window.viewerLayer = layer;
  $("zoom-in").addEventListener("click", () => zoom(1.6));
  $("zoom-out").addEventListener("click", () => zoom(1 / 1.6));
  $("zoom-all").addEventListener("click", () => viewer.viewport.goHome());
  $("undo").addEventListener("click", () => act({ kind: "undo" }));
  $("redo").addEventListener("click", () => act({ kind: "redo" }));
  $("delete").addEventListener("click", () => tools.remove());
  $("merge").addEventListener("click", () => tools.merge());
  $("class").addEventListener("change", () => tools.classify($("class").value));
  $("confidence").addEventListener("input", () => {
    layer.confidence = Number($("confidence").value);
    layer.redraw();
    showCount();
  });
  $("confidence").addEventListener("change", () => act({ kind: "confidence", value: Number($("confidence").value) }));
  $("checked").addEventListener("click", async () => {
    if (await act({ kind: "checked" })) $("chosen").textContent = t("checkedDone");
  });
  $("again").addEventListener("click", again);
  $("shown-part").addEventListener("click", partShown);
  $("remove").addEventListener("click", remove);
  $("cancel").addEventListener("click", () => trying(() => call("DELETE", `jobs/${picture.job.number}`)));
  $("previous").addEventListener("click", () => go(-1));
  $("next").addEventListener("click", () => go(1));
  document.addEventListener("keydown", keys);
  // On paper the picture keeps its shape: its canvases are stretched to what is there.
  window.addEventListener("beforeprint", () => {
    $("stage").style.aspectRatio = `${viewer.canvas.clientWidth} / ${viewer.canvas.clientHeight}`;
  });
  window.addEventListener("afterprint", () => { $("stage").style.aspectRatio = ""; });
}

function zoom(factor) {
  viewer.viewport.zoomBy(factor);
  viewer.viewport.applyConstraints();
}

function go(step) {
  const all = names();
  const place = all.indexOf(picture ? picture.name : "");
  if (place < 0 || !all.length) return;
  location.hash = `#/picture/${encodeURIComponent(all[(place + step + all.length) % all.length])}`;
}

async function again() {
  const body = {};
  if (picture.corrected) {
    if (!confirm(t("againSure"))) return;
    body.replace = true;
  }
  await trying(() => call("POST", `${picturePath(picture.name)}/detect`, body));
}

function partShown() {
  const { clientWidth: x, clientHeight: y } = viewer.canvas;
  return detectIn(layer.toPicture({ x: 0, y: 0 }), layer.toPicture({ x, y }));
}

// Detects between two corners, as far as there is a picture.
async function detectIn(one, other) {
  const [height, width] = picture.size;
  const inside = (value, most) => Math.min(Math.max(Math.round(value + 0.5), 0), most);
  const [x1, x2] = [one[0], other[0]].map((value) => inside(value, width)).sort((a, b) => a - b);
  const [y1, y2] = [one[1], other[1]].map((value) => inside(value, height)).sort((a, b) => a - b);
  if (Math.min(x2 - x1, y2 - y1) < LEAST_SIDE) {
    say(t("regionSmall"));
    return;
  }
  say("");
  await trying(() => call("POST", `${picturePath(picture.name)}/detect`, { region: [y1, x1, y2 - y1, x2 - x1] }));
}

async function remove() {
  if (!confirm(t("removeSure"))) return;
  await trying(async () => {
    await call("DELETE", picturePath(picture.name));
    location.hash = "#/";
  });
}

export function isShown(name) {
  return picture !== null && !$("view-picture").hidden && picture.name === name;
}

export function isBehind(name, number) {
  return isShown(name) && picture.number !== undefined && number > picture.number;
}

// Parts of a large picture that are done.
export function progress(parts) {
  if (picture.job && picture.job.state === "running") $("working-text").textContent = t("parts", { parts });
}

// The coarse levels of a large picture are made while it is looked at already.
export function prepared({ picture: name, share, problem }) {
  if (!isShown(name)) return;
  const isDone = share === 1;
  if (problem) say(problem);
  tools.wait = isDone ? "" : t("preparing", { percent: Math.floor(100 * share) });
  tools.hint();
  if (!isDone && Date.now() - freshened < FRESHEN) return;
  freshened = Date.now();
  const item = viewer.world.getItemAt(0);
  if (item) item.reset();
}

export function leave() {
  wanted = null;
  tools.choose("select");
  picture = null;
  viewer.close();
  layer.setCells([]);
}

// Shows a picture as the server has it, after the acts that are on their way.
export function open(name) {
  wanted = name;
  if (asked !== name) {
    asked = name;
    const sent = queue.then(() => {
      asked = null;
      return load(name);
    });
    queue = sent.catch(() => null);
  }
  return queue;
}

async function load(name) {
  const told = await trying(() => call("GET", `${picturePath(name)}?cells=false`));
  if (!told || wanted !== name) return;
  const isNew = !picture || picture.name !== name;
  if (isNew) {
    // The picture is seen before its cells are there.
    picture = { ...told, classes: told.classes || [], counts: {}, cells: null };
    layer.hidden.clear();
    layer.setCells([]);
    tools.wait = told.is_prepared ? "" : t("preparing", { percent: 0 });
    tools.choose("select");
    $("name").textContent = name;
    showCount();
    openTiles();
  }
  if (told.cells !== null) {
    const cells = await trying(() => cellsOf(name, told, isNew));
    if (!cells || wanted !== name) return;
    told.cells = cells;
  }
  picture = { classes: [], counts: {}, ...told };
  $("name").textContent = picture.name;
  $("notes").textContent = [t("pixels", { height: told.size[0], width: told.size[1] }), told.model || "", ...(told.notes || [])].filter(Boolean).join(" · ");
  exportButtons(document.querySelector("[data-exports=picture]"), `${picturePath(name)}/`);
  const floor = told.floor ?? 0;
  const slider = $("confidence");
  slider.min = floor;
  slider.max = 1;
  slider.disabled = !told.cells;
  slider.value = told.confidence ?? floor;
  layer.confidence = told.confidence ?? 0;
  if (!isNew) {
    const before = [...layer.chosen];
    layer.setCells(told.cells || []);
    layer.chosen = new Set(before.filter((id) => layer.cells.has(id)));
  }
  layer.redraw();
  // What was chosen before, else what most are: someone who draws has mostly missed one of these.
  const drawn = isNew || !picture.classes.includes($("class").value) ? most(told.cells || []) : $("class").value;
  showClasses(drawn);
  viewer.canvas.setAttribute("aria-label", t("viewer"));
  $("doubts").replaceChildren(...(told.doubts || []).map((doubt) => made("p", {}, doubt.text)));
  if (told.job && told.job.state === "failed") $("doubts").append(made("p", {}, told.job.problem));
  showCount();
  showChosen();
  showKeys();
}

// The cells of a picture, so many at a time that nothing stands still; a new one shows them at once.
async function cellsOf(name, told, isNew) {
  const found = [];
  while (found.length < told.cells) {
    const some = await call("GET", `${picturePath(name)}/cells?start=${found.length}`);
    if (wanted !== name) return null;
    if (some.number !== told.number || !some.cells.length) {
      // It was changed meanwhile, which an event tells: then all is asked for anew.
      setTimeout(() => open(name));
      return null;
    }
    found.push(...some.cells);
    if (isNew) {
      layer.confidence = told.confidence;
      for (const cell of some.cells) layer.put(cell);
      layer.redraw();
    }
  }
  return found;
}

function showClasses(chosen) {
  $("class").replaceChildren(...picture.classes.map((one) => made("option", { value: one }, noun(one))));
  if (chosen) $("class").value = chosen;
}

// In another language, before the server has answered.
export function dress() {
  if (!picture) return;
  showClasses($("class").value);
  showCount();
  showChosen();
  showKeys();
  tools.hint();
}

// The class of most objects.
function most(cells) {
  const times = new Map();
  for (const cell of cells) times.set(cell.class, (times.get(cell.class) || 0) + 1);
  return [...times].sort((one, other) => other[1] - one[1]).map(([name]) => name)[0];
}

function openTiles() {
  const [height, width] = picture.size;
  const { name, version } = picture;
  const last = Math.ceil(Math.log2(Math.max(height, width, 1)));
  viewer.open({
    height, width, tileSize: TILE, tileOverlap: 0, minLevel: Math.max(last - 20, 0), maxLevel: last,
    getTileUrl: (level, x, y) => `api/${picturePath(name)}/tiles/${level}/${x}/${y}?v=${version}`,
  });
}

function showCount() {
  const counts = {};
  for (const name of picture.classes) counts[name] = 0;
  for (const cell of layer.cells.values()) if (layer.counts(cell)) counts[cell.class] = (counts[cell.class] || 0) + 1;
  const place = $("count");
  const { job } = picture;
  $("working").hidden = !job || !["waiting", "running"].includes(job.state);
  if (!$("working").hidden) $("working-text").textContent = t(job.state);
  if (!picture.cells) {
    place.textContent = $("working").hidden ? "–" : "…";
    $("legend").replaceChildren();
    $("shown").textContent = "";
    setTools();
    return;
  }
  const { text, others } = countText(counts);
  place.replaceChildren(text);
  if (others) place.append(made("span", { class: "others" }, others));
  $("shown").textContent = layer.confidence.toFixed(2);
  $("legend").replaceChildren(...picture.classes.map((name) => {
    const swatch = made("span", { class: "swatch" });
    swatch.style.borderColor = colorOf(picture.classes, name);
    const box = made("input", { type: "checkbox", checked: !layer.hidden.has(name), onchange: (event) => {
      if (event.target.checked) layer.hidden.delete(name);
      else layer.hidden.add(name);
      layer.redraw();
    } });
    return made("li", {}, made("label", {}, box, swatch, noun(name), made("span", { class: "of" }, String(counts[name]))));
  }));
  setTools();
}

function setTools() {
  const is = Boolean(picture && picture.cells);
  $("undo").disabled = !is || !picture.can_undo;
  $("redo").disabled = !is || !picture.can_redo;
  $("delete").disabled = !is || !layer.chosen.size;
  $("merge").disabled = !is || layer.chosen.size < 2;
  $("checked").disabled = !is;
  // What was only shown so far: all of it can be asked for, or a part.
  const isUncounted = Boolean(picture && !is && $("working").hidden);
  $("uncounted").hidden = !isUncounted;
  $("again").textContent = t(isUncounted ? "everything" : "again");
  $("again").classList.toggle("main", isUncounted);
  $("checked").classList.toggle("main", !isUncounted);
  for (const button of document.querySelectorAll("[data-tool]")) {
    button.disabled = !is && !["select", "region"].includes(button.dataset.tool);
    button.textContent = t(button.dataset.tool);
  }
}

export function about(cell) {
  const size = picture.scale && picture.scale.pixel_size_um;
  const diameter = Math.sqrt((4 * cell.area) / Math.PI);
  const told = cell.measurements || {};
  const lines = [
    [noun(cell.class), told.shape ? noun(told.shape) : null].filter(Boolean).join(", "),
    cell.score === null ? t("byHand") : t("score", { score: cell.score.toFixed(2) }),
    size ? t("areaUm", { area: cell.area, diameter: (diameter * size).toFixed(2) }) : t("area", { area: cell.area, diameter: diameter.toFixed(0) }),
  ];
  if (told.circularity) lines.push(t("roundness", { value: told.circularity.toFixed(2) }));
  return lines;
}

function showChosen() {
  if (!picture) return;
  const chosen = [...layer.chosen].map((id) => layer.cells.get(id)).filter(Boolean);
  const text = chosen.length === 1 ? t("chosen", { what: about(chosen[0]).join(", ") }) : chosen.length ? t("chosenMany", { number: chosen.length }) : "";
  $("chosen").textContent = text;
  if (chosen.length) $("class").value = chosen[0].class;
  setTools();
}

function showKeys() {
  const rows = [["N P", "N"], ["V", "V"], ["D", "D"], ["S", "S"], ["E", "E"], ["R", "R"], ["M", "M"], ["Del", "Del"], ["1 … 9", "1"], ["Ctrl+Z Y", "Z"], ["+ − 0", "+"], ["Esc", "Esc"]];
  $("keys").replaceChildren(...rows.flatMap(([keys, what]) => [
    made("dt", {}, ...keys.split(" ").map((key) => made("kbd", {}, key))), made("dd", {}, t(`key.${what}`))]));
}

// Sends an act; the page shows it once the server has it on the disk.
function act(asked) {
  const name = picture.name;
  say("");
  const sent = queue.then(() => trying(async () => {
    if (!picture || picture.name !== name) return null;
    let done;
    try {
      done = await call("POST", `${picturePath(name)}/acts`, { act: asked, after: picture.number });
    } catch (error) {
      if (error.status === 409) {
        await load(name);
        say(t("elsewhere"));
        return null;
      }
      // What the slider showed and nobody kept.
      layer.confidence = Number(picture.confidence);
      $("confidence").value = picture.confidence;
      showCount();
      throw error;
    }
    if (!picture || picture.name !== name) return done;
    const before = [...layer.chosen];
    for (const id of done.removed) layer.drop(id);
    for (const cell of done.added) layer.put(cell);
    layer.confidence = done.confidence;
    $("confidence").value = done.confidence;
    Object.assign(picture, { number: done.number, can_undo: done.can_undo, can_redo: done.can_redo, corrected: done.corrected, confidence: done.confidence });
    const isMade = ["draw", "split", "merge"].includes(asked.kind);
    layer.chosen = new Set(isMade ? done.added.map((cell) => cell.id) : before.filter((id) => layer.cells.has(id)));
    layer.redraw();
    showCount();
    showChosen();
    return done;
  }));
  queue = sent.catch(() => null);
  return sent;
}

function keys(event) {
  if ($("view-picture").hidden || !picture || event.altKey) return;
  if (event.target.matches("input, select, textarea") && event.target.type !== "checkbox") return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.ctrlKey || event.metaKey) {
    if (key === "z") act({ kind: event.shiftKey ? "redo" : "undo" });
    else if (key === "y") act({ kind: "redo" });
    else return;
    event.preventDefault();
    return;
  }
  // Buttons keep their own keys.
  if (event.target.matches("button, a, summary") && ["Enter", " "].includes(event.key)) return;
  // Before anything was found there are only regions to choose.
  if (!picture.cells && key !== "r" && tools.tool !== "region" && !VIEW_KEYS.includes(key)) return;
  if (tools.key(event, key)) {
    event.preventDefault();
    return;
  }
  if (key === "+" || key === "=") zoom(1.6);
  else if (key === "-") zoom(1 / 1.6);
  else if (key === "0") viewer.viewport.goHome();
  else if (/^[1-9]$/.test(key)) tools.classify(picture.classes[Number(key) - 1]);
  else return;
  event.preventDefault();
}
