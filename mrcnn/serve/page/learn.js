// Learning from corrections: how it goes, what came of it, which model counts.

import { $, call, made, noun, shape, t, trying } from "./base.js";
import { rendered } from "./markdown.js";

const FIGURES = ["accuracy", "precision", "recall", "f1", "pq"];
const TITLES = { accuracy: "found", precision: "precision", recall: "recall", f1: "f1", pq: "pq" };
let last = null;

export function begin() {
  $("learn-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const asked = { epochs: Number($("epochs").value), steps: Number($("steps").value) };
    const now = await trying(() => call("POST", "learning", asked));
    if (now) told(now);
  });
  $("learn-stop").addEventListener("click", () => trying(() => call("POST", "learning/stop")));
  $("learn-on").addEventListener("click", () => trying(() => call("POST", "learning/go-on")));
}

export async function show() {
  const [now, models] = await Promise.all([
    trying(() => call("GET", "learning")), trying(() => call("GET", "models"))]);
  if (now) told(now);
  if (models) $("models").replaceChildren(...models.map(model));
}

// What the server tells of the training.
export function told(now) {
  const isNew = last && last.state !== now.state;
  last = now;
  if ($("view-learn").hidden) return;
  $("learn-intro").textContent = t("learnIntro", { corrected: now.corrected });
  const isBusy = ["running", "comparing"].includes(now.state);
  $("learn-start").disabled = isBusy || now.corrected < 2;
  $("learn-stop").disabled = !isBusy;
  $("learn-on").disabled = !["stopped", "failed"].includes(now.state);
  $("learn-state").textContent = t(`learn.${now.state}`, {
    epoch: now.state === "running" ? Math.min(now.epoch + 1, now.epochs) : now.epoch, epochs: now.epochs, why: now.problem });
  $("learn-log").textContent = now.log;
  $("learn-chart").replaceChildren(...(now.losses.length ? chart(now.losses, now.epochs) : []));
  $("learn-compare").replaceChildren(...(now.state === "done" ? compared(now) : []));
  if (isNew && now.state === "done") show();
}

function compared(now) {
  const { before, after } = now.figures;
  const models = [[t("before"), before, now.weights], [t("after"), after, now.result]];
  // Side by side, which a phone has room for.
  const row = (title, cells) => made("tr", {}, title, ...cells.map((cell) => made("td", {}, cell)));
  const head = made("tr", {}, made("td", {}), ...models.map(([title]) => made("th", { scope: "col" }, title)));
  const figures = FIGURES.map((key) => row(made("th", { scope: "row" }, t(TITLES[key])), models.map(([, told]) => value(told, key))));
  const buttons = row(made("td", {}), models.map(([title, , path]) =>
    made("button", { type: "button", "aria-label": `${t("take")}: ${title}`, onclick: () => use(path) }, t("take"))));
  return [
    made("h3", {}, t("compareTitle", { number: now.validated.length })),
    made("div", { class: "wide" }, made("table", {}, made("thead", {}, head),
      made("tbody", {}, ...figures, buttons)))];
}

function value(figures, key) {
  return typeof figures[key] === "number" ? figures[key].toFixed(3) : "–";
}

async function use(path) {
  await trying(async () => {
    await call("POST", "models", { path });
    $("learn-state").textContent = t("modelLoading");
  });
}

function model(one) {
  const date = new Date(one.date).toLocaleDateString(document.documentElement.lang, { dateStyle: "long" });
  const about = made("span", { class: "about" }, made("strong", {}, one.name), made("br"),
    made("span", { class: "small" }, [date, one.is_shipped ? t("shipped") : "", one.classes.map(noun).join(", "), one.license || ""].filter(Boolean).join(" · ")));
  const card = rendered(one.card);
  const parts = [one.lesson ? lessonCard(one) : null, card.length ? made("div", { tabindex: "0" }, ...card) : null].filter(Boolean);
  return made("li", one.is_present ? { "aria-current": "true" } : {}, about,
    one.is_present ? made("span", { class: "badge good" }, t("inUse"))
      : made("button", { type: "button", onclick: () => use(one.path) }, t("take")),
    parts.length ? made("details", { class: "card" }, made("summary", {}, t("card")), ...parts) : null);
}

// What is known of a model that was trained here.
function lessonCard({ lesson }) {
  const { before = {}, after = {} } = lesson.figures;
  const rows = [
    [t("cardFrom"), lesson.from],
    [t("cardTrained"), `${lesson.trained.length}: ${lesson.trained.join(", ")}`],
    [t("cardTried"), `${lesson.validated.length}: ${lesson.validated.join(", ")}`],
    [t("cardLength"), t("cardSteps", { epochs: lesson.epochs, steps: lesson.steps })],
    ...FIGURES.map((key) => [t(TITLES[key]), t("cardChange", { before: value(before, key), after: value(after, key) })]),
  ];
  return made("table", { class: "lesson" }, made("tbody", {}, ...rows.map(([title, told]) => made("tr", {}, made("th", { scope: "row" }, title), made("td", {}, told)))));
}

function chart(losses, epochs) {
  const [width, height, left, bottom] = [640, 220, 44, 28];
  const lines = [["one", "loss"], ["two", "val_loss"]].filter(([, key]) => losses.some((row) => key in row));
  const most = Math.max(...losses.flatMap((row) => lines.map(([, key]) => row[key] ?? 0)), 1e-9);
  const x = (epoch) => left + ((width - left - 8) * epoch) / Math.max(epochs, losses.length, 1);
  const y = (value) => 8 + (height - bottom - 8) * (1 - value / most);
  const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, class: "chart", role: "img", "aria-label": t("loss") });
  svg.append(shape("line", { class: "axis", x1: left, x2: width, y1: y(0), y2: y(0) }));
  for (const value of [0, most / 2, most]) {
    svg.append(shape("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, value.toPrecision(2)));
  }
  for (let epoch = 1; epoch <= Math.max(epochs, losses.length); epoch += Math.ceil(Math.max(epochs, losses.length) / 10)) {
    svg.append(shape("text", { x: x(epoch), y: height - 8, "text-anchor": "middle" }, String(epoch)));
  }
  for (const [name, key] of lines) {
    const points = losses.filter((row) => key in row).map((row) => [x(row.epoch + 1), y(row[key])]);
    svg.append(shape("path", { class: name, d: points.map((point, place) => `${place ? "L" : "M"}${point.join(" ")}`).join("") }));
    for (const [px, py] of points) svg.append(shape("circle", { cx: px, cy: py, r: 3, class: name, fill: "none" }));
  }
  const validated = losses.filter((row) => "val_F1" in row).pop();
  const told = validated ? `  F1 ${validated.val_F1.toFixed(3)}, AP50 ${(validated.val_mask_AP50 ?? NaN).toFixed(3)}` : "";
  return [svg, made("p", { class: "small" }, made("span", { class: "key one" }), t("loss"), made("span", { class: "key two" }), t("valLoss"), told)];
}
