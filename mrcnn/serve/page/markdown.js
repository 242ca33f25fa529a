// The card of a model, which is written in Markdown: headings, paragraphs, lists, tables, code.

import { made } from "./base.js";

const ROW = /^\|.*\|\s*$/;
const RULE = /^\|[\s:|-]*-[\s:|-]*\|\s*$/;
const ITEM = /^\s*[-*] (.*)$/;
const HEADING = /^#{1,6} (.*)$/;
// Links say where they lead on the disk of whoever wrote them: only their text is shown.
const LINK = /!?\[([^\]]*)\]\([^)]*\)/g;
const PIECE = /(\*\*[^*]+\*\*|`[^`]+`)/;

function inline(text) {
  return text.replace(LINK, "$1").split(PIECE).filter(Boolean).map((piece) => {
    if (piece.startsWith("**")) return made("strong", {}, piece.slice(2, -2));
    if (piece.startsWith("`") && piece.length > 2) return made("code", {}, piece.slice(1, -1));
    return piece;
  });
}

function table(lines) {
  const rows = lines.filter((line) => !RULE.test(line)).map((line) => line.trim().slice(1, -1).split("|").map((cell) => cell.trim()));
  const hasHead = lines.length > 1 && RULE.test(lines[1]) && rows[0].some(Boolean);
  const body = RULE.test(lines[1] || "") ? rows.slice(1) : rows;
  const row = (cells, tag) => made("tr", {}, ...cells.map((cell) => made(tag, {}, ...inline(cell))));
  return made("div", { class: "wide" }, made("table", {},
    hasHead ? made("thead", {}, row(rows[0], "th")) : null,
    made("tbody", {}, ...body.map((cells) => row(cells, "td")))));
}

// Elements for a text.
export function rendered(text) {
  const found = [];
  const lines = text.replace(/\r/g, "").split("\n");
  const take = (fits) => {
    const taken = [];
    while (lines.length && fits(lines[0])) taken.push(lines.shift());
    return taken;
  };
  while (lines.length) {
    const [line] = lines;
    const heading = HEADING.exec(line);
    if (!line.trim()) lines.shift();
    else if (line.startsWith("```")) {
      lines.shift();
      found.push(made("pre", {}, take((one) => !one.startsWith("```")).join("\n")));
      lines.shift();
    } else if (heading) {
      lines.shift();
      found.push(made("h4", {}, ...inline(heading[1])));
    } else if (ROW.test(line)) found.push(table(take((one) => ROW.test(one))));
    else if (/^ {4}/.test(line)) found.push(made("pre", {}, take((one) => /^ {4}/.test(one)).map((one) => one.slice(4)).join("\n")));
    else if (ITEM.test(line)) {
      found.push(made("ul", {}, ...take((one) => ITEM.test(one)).map((one) => made("li", {}, ...inline(ITEM.exec(one)[1])))));
    } else {
      const plain = take((one) => one.trim() && !one.startsWith("```") && !HEADING.test(one) && !ROW.test(one) && !ITEM.test(one));
      // A line like nothing above stays a paragraph of its own.
      found.push(made("p", {}, ...inline((plain.length ? plain : [lines.shift()]).join(" "))));
    }
  }
  return found;
}
