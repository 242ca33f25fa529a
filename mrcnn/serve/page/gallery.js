// The list of pictures, and how new ones come in.

import { $, call, countText, figure, made, noun, picturePath, say, state, t, trying } from "./base.js";

const MOST = 5000;
const AT_ONCE = 3;
let pictures = [];
let again = null;
let passedOver = 0;

export function names() {
  return pictures.map((one) => one.name);
}

export function begin() {
  for (const id of ["files", "folder"]) {
    $(id).addEventListener("change", (event) => {
      // What lies in a folder besides pictures nobody has chosen.
      send(id === "folder" ? onlyPictures([...event.target.files]) : [...event.target.files]);
      event.target.value = "";
    });
  }
  const drop = $("drop");
  drop.addEventListener("submit", (event) => event.preventDefault());
  // Anywhere on the page; only files count.
  for (const kind of ["dragover", "dragenter"]) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) drop.classList.remove("over");
  });
  document.addEventListener("drop", async (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    send(await dropped(event.dataTransfer));
  });
}

// The files of a drop, those in folders as well.
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry && item.webkitGetAsEntry()).filter(Boolean);
  if (!entries.length) return [...transfer.files];
  const hasFolder = entries.some((entry) => entry.isDirectory);
  const files = [];
  while (entries.length && files.length <= MOST) {
    const entry = entries.shift();
    if (entry.isFile) files.push(await new Promise((good, bad) => entry.file(good, bad)));
    else {
      const reader = entry.createReader();
      for (;;) {
        const some = await new Promise((good, bad) => reader.readEntries(good, bad));
        if (!some.length) break;
        entries.push(...some);
      }
    }
  }
  return hasFolder ? onlyPictures(files) : files;
}

function onlyPictures(files) {
  const { suffixes } = state.server;
  const seen = files.filter((file) => !file.name.startsWith("."));
  const some = seen.filter((file) => suffixes.some((suffix) => file.name.toLowerCase().endsWith(suffix)));
  passedOver = seen.length - some.length;
  if (passedOver && !some.length) say(t("passedOver", { number: passedOver }));
  return some;
}

async function send(files) {
  if (!files.length) return;
  if (files.length > MOST) {
    say(t("tooMany", { number: files.length, most: MOST }));
    return;
  }
  say(passedOver ? t("passedOver", { number: passedOver }) : "");
  passedOver = 0;
  location.hash = "#/";
  const refused = [];
  let done = 0;
  const waiting = [...files];
  const told = () => { $("sending").textContent = t("sending", { done, all: files.length }); };
  told();
  const work = async () => {
    while (waiting.length) {
      const file = waiting.shift();
      const form = new FormData();
      form.append("image", file, file.name);
      try {
        await call("POST", "pictures", form);
        done += 1;
      } catch (error) {
        refused.push(error.message.startsWith(file.name) ? error.message : t("refused", { name: file.name, why: error.message }));
      }
      told();
      refresh();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  $("sending").textContent = t("sent", { done });
  if (refused.length) say(refused.slice(0, 5).join(" ") + (refused.length > 5 ? ` (+${refused.length - 5})` : ""));
  await load();
}

// Soon, and once for several reasons.
export function refresh() {
  if (again === null) again = setTimeout(() => { again = null; load(); }, 250);
}

export async function load() {
  const told = await trying(() => call("GET", "pictures"));
  if (told === undefined) return;
  pictures = told;
  show();
}

export function show() {
  const all = {};
  for (const one of pictures) {
    for (const [name, number] of Object.entries(one.counts || {})) all[name] = (all[name] || 0) + number;
  }
  const { total } = countText(all);
  $("summary").textContent = pictures.length ? t("total", { count: figure(total), pictures: figure(pictures.length) }) : t("none");
  const gallery = $("gallery");
  const known = new Map([...gallery.children].map((item) => [item.dataset.name, item]));
  gallery.replaceChildren(...pictures.map((one) => {
    const text = JSON.stringify([one, state.language]);
    const item = known.get(one.name);
    if (item && item.dataset.told === text) return item;
    const fresh = card(one);
    fresh.dataset.name = one.name;
    fresh.dataset.told = text;
    return fresh;
  }));
}

// Parts of a large picture that are done.
export function progress(name, parts) {
  const item = [...$("gallery").children].find((one) => one.dataset.name === name);
  const badge = item && item.querySelector(".badge");
  if (badge) badge.textContent = t("parts", { parts });
}

// The thumbnail is that of the whole now.
export function prepared(name) {
  const item = [...$("gallery").children].find((one) => one.dataset.name === name);
  if (item) item.querySelector("img").src += "+";
}

function card(one) {
  const counts = one.counts ? countText(one.counts) : null;
  const badges = [];
  const job = one.job;
  if (job && ["waiting", "running", "failed", "cancelled"].includes(job.state)) {
    badges.push(made("span", { class: job.state === "failed" ? "badge bad" : "badge good" }, t(job.state)));
  }
  if (!counts && !one.problem && !badges.length) badges.push(made("span", { class: "badge" }, t("notCounted")));
  if (one.corrected) badges.push(made("span", { class: "badge good" }, t("corrected")));
  for (const doubt of one.doubts || []) badges.push(made("span", { class: "badge", title: doubt.text }, noun(doubt.reason)));
  const problem = one.problem || (job && job.state === "failed" && job.problem);
  const link = made("a", { href: `#/picture/${encodeURIComponent(one.name)}` },
    made("span", { class: "frame" }, made("img", { src: `api/${picturePath(one.name)}/thumbnail?v=${one.version}`, alt: "", loading: "lazy" })),
    made("span", { class: "text" },
      made("span", { class: "number" }, counts ? counts.text : "…"),
      counts && counts.others ? made("span", { class: "name" }, counts.others) : null,
      made("span", { class: "name" }, one.name), ...badges,
      problem ? made("span", { class: "name" }, problem) : null));
  const item = made("li", {}, link);
  if (job && ["waiting", "running"].includes(job.state)) {
    item.append(made("button", { type: "button", onclick: () => trying(async () => { await call("DELETE", `jobs/${job.number}`); load(); }) }, t("cancel")));
  }
  return item;
}
