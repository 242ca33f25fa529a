// The counts of all pictures, and how large the cells are.

import { $, call, countText, exportButtons, made, noun, shape, t, trying } from "./base.js";

const BARS = 24;

export async function show() {
  exportButtons(document.querySelector("[data-exports=all]"), "");
  const told = await trying(() => call("GET", "figures"));
  if (!told) return;
  const { text, others } = countText(told.counts);
  $("figures-count").textContent = others ? `${text}, ${others}` : text;
  const all = Object.values(told.counts).reduce((sum, number) => sum + number, 0);
  $("figures-classes").tBodies[0].replaceChildren(...Object.entries(told.counts).sort((one, other) => other[1] - one[1]).map(([name, number]) =>
    made("tr", {}, made("td", {}, noun(name)), made("td", {}, String(number)), made("td", {}, `${((100 * number) / all).toFixed(1)} %`))));
  const unit = told.unit === "um" ? "µm" : "px";
  $("histogram-title").textContent = told.diameters.length ? t("histogram", { number: told.diameters.length, unit }) : "";
  $("histogram").replaceChildren(...(told.diameters.length ? [histogram(told.diameters, unit)] : []));
}

function histogram(values, unit) {
  const [width, height, left, bottom] = [640, 240, 44, 28];
  const sorted = [...values].sort((one, other) => one - other);
  const [low, high] = [sorted[0], sorted[sorted.length - 1]];
  const step = nice((high - low || 1) / BARS);
  const start = Math.floor(low / step) * step;
  const counts = new Array(Math.floor((high - start) / step) + 1).fill(0);
  for (const value of values) counts[Math.floor((value - start) / step)] += 1;
  const most = Math.max(...counts);
  const chart = shape("svg", { viewBox: `0 0 ${width} ${height}`, class: "chart", role: "img" });
  chart.append(shape("title", {}, $("histogram-title").textContent));
  const x = (place) => left + (place * (width - left)) / counts.length;
  const y = (number) => (height - bottom) * (1 - number / most) + 8 * (number / most);
  counts.forEach((number, place) => {
    const bar = shape("rect", { class: "bar", x: x(place) + 1, y: y(number), width: x(1) - x(0) - 2, height: height - bottom - y(number) });
    bar.append(shape("title", {}, `${tidy(start + place * step)}–${tidy(start + (place + 1) * step)} ${unit}: ${number}`));
    chart.append(bar);
  });
  chart.append(shape("line", { class: "axis", x1: left, x2: width, y1: height - bottom, y2: height - bottom }));
  const every = Math.ceil(counts.length / 8);
  for (let place = 0; place <= counts.length; place += every) {
    chart.append(shape("text", { x: x(place), y: height - 8, "text-anchor": "middle" }, tidy(start + place * step)));
  }
  chart.append(shape("text", { x: left - 6, y: 16, "text-anchor": "end" }, String(most)));
  chart.append(shape("text", { x: left - 6, y: height - bottom, "text-anchor": "end" }, "0"));
  return chart;
}

function nice(step) {
  const power = 10 ** Math.floor(Math.log10(step));
  return [1, 2, 5, 10].map((one) => one * power).find((one) => one >= step);
}

function tidy(value) {
  return String(Number(value.toPrecision(4)));
}
