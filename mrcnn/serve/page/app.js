// The page: which view is shown, what the server tells, in which language.

import { $, call, chooseLanguage, loadStrings, noun, say, state, t, translate, trying } from "./base.js";
import * as figures from "./figures.js";
import * as gallery from "./gallery.js";
import * as learn from "./learn.js";
import * as picture from "./picture.js";

let shown = "";

async function begin() {
  await loadStrings();
  state.server = await call("GET", "state");
  $("language").value = state.language;
  $("language").addEventListener("change", () => {
    chooseLanguage($("language").value);
    dress();
    picture.dress();
    route();
  });
  gallery.begin();
  picture.begin();
  learn.begin();
  dress();
  window.addEventListener("hashchange", route);
  listen();
  await gallery.load();
  await route();
}

function dress() {
  translate();
  const title = noun(state.server.words.title);
  $("title").textContent = title;
  document.title = title;
  showModel();
  gallery.show();
}

function showModel() {
  const { model } = state.server;
  const place = $("model");
  place.className = { loading: "wait", failed: "bad" }[model.state] || "";
  const name = model.weights.split(/[\\/]/).slice(-2).join("/");
  place.textContent = t({ loading: "modelLoading", ready: "modelReady", failed: "modelFailed" }[model.state], { name, why: model.problem });
  place.title = model.weights;
}

async function route() {
  const [, view = "", name = ""] = location.hash.split("/");
  const wanted = { picture: "picture", figures: "figures", learn: "learn" }[view] || "pictures";
  for (const one of ["pictures", "picture", "figures", "learn"]) $(`view-${one}`).hidden = one !== wanted;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.view === wanted) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (shown === "picture" && wanted !== "picture") picture.leave();
  if (shown && shown !== wanted) {
    say("");
    $("main").focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }
  shown = wanted;
  if (wanted === "picture") await picture.open(decodeURIComponent(name));
  else if (wanted === "figures") await figures.show();
  else if (wanted === "learn") await learn.show();
  else await gallery.load();
}

function listen() {
  const events = new EventSource("api/events");
  let isBack = false;
  const on = (kind, does) => events.addEventListener(kind, (event) => does(JSON.parse(event.data)));
  on("hello", () => {
    if (isBack) trying(async () => {
      state.server = await call("GET", "state");
      showModel();
      await route();
    });
    isBack = true;
  });
  on("model", async () => {
    state.server = await call("GET", "state");
    showModel();
    gallery.refresh();
    if (shown === "learn") learn.show();
  });
  on("job", (job) => {
    if (shown === "pictures") gallery.refresh();
    if (picture.isShown(job.picture)) picture.open(job.picture);
  });
  on("changed", ({ picture: name, number }) => {
    // The act that this page sent is shown already, or is on its way.
    setTimeout(() => { if (picture.isBehind(name, number)) picture.open(name); }, 400);
    if (shown === "pictures") gallery.refresh();
  });
  on("progress", ({ picture: name, parts }) => {
    if (picture.isShown(name)) picture.progress(parts);
    gallery.progress(name, parts);
  });
  on("prepared", (told) => {
    picture.prepared(told);
    if (told.share === 1) gallery.prepared(told.picture);
  });
  on("removed", () => { if (shown === "pictures") gallery.refresh(); });
  on("learning", (told) => learn.told(told));
  events.onerror = () => {
    $("model").className = "bad";
    $("model").textContent = t("offline");
  };
}

begin().catch((error) => say(error.message));
