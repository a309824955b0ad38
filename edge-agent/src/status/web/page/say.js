"use strict";
// What all parts of the page use: what is known, elements, numbers and times in the reader's language, tables. Text goes into
// the page as text: nothing that is received is markup.

const $ = (id) => document.getElementById(id);
const state = { lines: [], paused: false, missed: 0, alarms: null, connected: null, seen: 0 };

function node(name, attributes = {}, ...children) {
  const out = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value != null && value !== false) out.setAttribute(key, value);
  out.append(...children.filter((c) => c != null));
  return out;
}

// ---- words and numbers

const locale = () => (language() === "zh" ? "zh-CN" : "en-GB");
const number = (n) => new Intl.NumberFormat(locale()).format(Math.round(n));
const share = (x) => new Intl.NumberFormat(locale(), { style: "percent" }).format(x);
const inZone = (options) => new Intl.DateTimeFormat(locale(), { timeZone: state.site?.timezone ?? "UTC", ...options });
const clock = (at) => (at == null ? "–" : inZone({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(new Date(at)));
const day = (at) => inZone({ weekday: "long", day: "numeric", month: "long" }).format(new Date(at));
// Today's moments by their time, others with the day.
function moment(at) {
  if (at == null) return t("never");
  const same = Math.abs(Date.now() - Date.parse(at)) < 20 * 3600e3;
  return same ? clock(at) : inZone({ day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(new Date(at));
}
function bytes(n) {
  if (n == null) return t("unknown");
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let i = 0;
  while (n >= 1024 && i < 4) { n /= 1024; i += 1; }
  return `${n < 10 && i ? n.toFixed(1) : Math.round(n)} ${units[i]}`;
}
function span(seconds) {
  const unit = (n, name) => new Intl.NumberFormat(locale(), { style: "unit", unit: name, unitDisplay: "short" }).format(n);
  if (seconds < 90) return unit(Math.round(seconds), "second");
  if (seconds < 5400) return unit(Math.round(seconds / 60), "minute");
  return seconds < 172800 ? unit(Math.round(seconds / 3600), "hour") : unit(Math.round(seconds / 86400), "day");
}
const zoneName = (z) => z.brand || z.name || z.id;
const floorName = (f) => f.name || f.id;
const few = () => t("withheld", state.k);

// Columns and cells; an array of one is a number, and stands to the right.
function table(element, columns, rows) {
  const cell = (name, content, extra) => {
    const isNumber = Array.isArray(content);
    return node(name, { class: isNumber ? "n" : null, ...extra }, isNumber ? content[0] : content);
  };
  element.replaceChildren(
    node("thead", {}, node("tr", {}, ...columns.map((c) => cell("th", c, { scope: "col" })))),
    node("tbody", {}, ...rows.map((row) => node("tr", {}, ...row.map((c, i) => (i ? cell("td", c) : cell("th", c, { scope: "row" })))))),
  );
}

function pairs(id, rows) {
  $(id).replaceChildren(...rows.filter(Boolean).flatMap(([name, value, css]) => [node("dt", {}, name), node("dd", { class: css ?? null }, value)]));
}
