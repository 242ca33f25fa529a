// The counts of all pictures, and how large the cells are.

import { $, call, countText, exportButtons, figure, made, noun, shape, state, t, trying } from "./base.js";

export async function show() {
  exportButtons(document.querySelector("[data-exports=all]"), "");
  const told = await trying(() => call("GET", `figures?language=${state.language}`));
  if (!told) return;
  const { text, others } = countText(told.counts);
  $("figures-count").replaceChildren(text, ...(others ? [made("span", { class: "others" }, others)] : []));
  const all = Object.values(told.counts).reduce((sum, number) => sum + number, 0);
  $("figures-classes").tBodies[0].replaceChildren(...Object.entries(told.counts).sort((one, other) => other[1] - one[1]).map(([name, number]) =>
    made("tr", {}, made("td", {}, noun(name)), made("td", {}, figure(number)), made("td", {}, `${figure((100 * number) / all, 1)} %`))));
  $("figures-rows").tBodies[0].replaceChildren(...told.rows.map(([title, value]) =>
    made("tr", {}, made("th", { scope: "row" }, title), made("td", {}, value))));
  $("figures-classes").hidden = !all;
  $("figures-rows").hidden = !told.rows.length;
  const { unit = "", bins = [] } = told.histogram || {};
  const number = bins.reduce((sum, [, , count]) => sum + count, 0);
  const title = number ? t("histogram", { number: figure(number), unit: unit === "um" ? "µm" : "px" }) : "";
  $("histogram-title").textContent = title;
  $("histogram").replaceChildren(...(number ? [histogram(bins, unit === "um" ? "µm" : "px", title)] : []));
}

function histogram(bins, unit, title) {
  const [width, height, left, bottom] = [640, 240, 44, 28];
  const counts = bins.map(([, , count]) => count);
  const most = Math.max(...counts);
  const chart = shape("svg", { viewBox: `0 0 ${width} ${height}`, class: "chart", role: "img" });
  chart.append(shape("title", {}, title));
  const x = (place) => left + (place * (width - left)) / counts.length;
  const y = (number) => (height - bottom) * (1 - number / most) + 8 * (number / most);
  counts.forEach((number, place) => {
    const bar = shape("rect", { class: "bar", x: x(place) + 1, y: y(number), width: x(1) - x(0) - 2, height: height - bottom - y(number) });
    bar.append(shape("title", {}, `${tidy(bins[place][0])}–${tidy(bins[place][1])} ${unit}: ${number}`));
    chart.append(bar);
  });
  chart.append(shape("line", { class: "axis", x1: left, x2: width, y1: height - bottom, y2: height - bottom }));
  const every = Math.ceil(counts.length / 8);
  for (let place = 0; place < counts.length; place += every) {
    chart.append(shape("text", { x: x(place), y: height - 8, "text-anchor": "middle" }, tidy(bins[place][0])));
  }
  chart.append(shape("text", { x: left - 6, y: 16, "text-anchor": "end" }, String(most)));
  chart.append(shape("text", { x: left - 6, y: height - bottom, "text-anchor": "end" }, "0"));
  return chart;
}

function tidy(value) {
  return String(Number(value.toPrecision(4)));
}
