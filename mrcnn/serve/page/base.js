// What all parts of the page use: calls of the server, texts, elements.

export const state = { server: null, strings: null, language: "en" };

export function $(id) {
  return document.getElementById(id);
}

export async function call(method, path, body) {
  const options = { method, headers: {} };
  if (body instanceof FormData) options.body = body;
  else if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers["Content-Type"] = "application/json";
  }
  let answered;
  try {
    answered = await fetch(`api/${path}`, options);
  } catch {
    throw new Error(t("offline"));
  }
  let told = null;
  try { told = await answered.json(); } catch { /* told below */ }
  if (!answered.ok) {
    const detail = told && told.detail;
    const error = new Error(typeof detail === "string" ? detail : `${answered.status} ${answered.statusText}`);
    error.status = answered.status;
    throw error;
  }
  return told;
}

export async function loadStrings() {
  state.strings = await (await fetch("strings.json")).json();
  let chosen = null;
  try { chosen = localStorage.getItem("language"); } catch { /* no storage */ }
  const wanted = chosen || navigator.language.slice(0, 2);
  state.language = wanted in state.strings ? wanted : "en";
}

export function chooseLanguage(language) {
  state.language = language;
  try { localStorage.setItem("language", language); } catch { /* no storage */ }
}

// What something is called in the language of the page.
export function noun(name) {
  return state.strings[state.language].nouns[name] || name;
}

export function t(key, values = {}) {
  const text = (state.strings && (state.strings[state.language][key] ?? state.strings.en[key])) ?? key;
  const words = state.server ? state.server.words : {};
  return text.replace(/\{(\w+)\}/g, (all, name) =>
    name in values ? values[name] : name in words ? noun(words[name]) : all);
}

export function translate() {
  document.documentElement.lang = state.language;
  for (const one of document.querySelectorAll("[data-text]")) one.textContent = t(one.dataset.text);
  for (const one of document.querySelectorAll("[data-label]")) {
    one.setAttribute("aria-label", t(one.dataset.label));
    if (one.tagName === "BUTTON") one.title = t(one.dataset.label);
  }
}

export function say(text) {
  const message = $("message");
  message.textContent = text || "";
  message.hidden = !text;
}

// Runs something, and shows what goes wrong.
export async function trying(work) {
  try {
    return await work();
  } catch (error) {
    say(error.message);
    return undefined;
  }
}

export function made(tag, attributes = {}, ...children) {
  const one = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) one.addEventListener(name.slice(2), value);
    else if (value === true) one.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) one.setAttribute(name, value);
  }
  one.append(...children.filter((child) => child !== null));
  return one;
}

export function shape(tag, attributes = {}, text = null) {
  const one = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) one.setAttribute(name, value);
  if (text !== null) one.textContent = text;
  return one;
}

export function picturePath(name) {
  return `pictures/${encodeURIComponent(name)}`;
}

export function colorOf(classes, name) {
  const colors = state.server.colors;
  const [red, green, blue] = colors[Math.max(classes.indexOf(name), 0) % colors.length];
  return `rgb(${red} ${green} ${blue})`;
}

// "1,234.5" in the language of the page.
export function figure(number, digits = 0) {
  return number.toLocaleString(state.language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

// "73 cells", and beside it "platelet 1": what counts, then what else is found.
export function countText(counts) {
  const { counted, words } = state.server;
  let total = 0;
  const others = [];
  for (const [name, number] of Object.entries(counts)) {
    if (counted[name] ?? true) total += number;
    else if (number) others.push(t("and", { number: figure(number), name: noun(name) }));
  }
  return { total, text: `${figure(total)} ${noun(total === 1 ? words.object : words.objects)}`, others: others.join(", ") };
}

export function exportButtons(place, prefix) {
  place.replaceChildren(
    ...["csv", "summary", "via", "coco", "geojson", "imagej"].map((kind) =>
      made("a", { class: "button", href: `api/${prefix}export/${kind}`, download: true }, t(`format.${kind}`))),
    made("button", { type: "button", onclick: () => window.print() }, t("print")));
}
