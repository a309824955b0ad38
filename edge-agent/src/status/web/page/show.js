"use strict";
// The sections of the page, each from the section of the document that it shows (docs/web.md).

// ---- now

function showNow() {
  const f = state.flow?.site;
  const strong = $("people");
  const told = f?.state === "told" && f.occupancy;
  strong.classList.toggle("words", !told);
  $("people-unit").textContent = told ? t(f.basis === "index" ? "devices" : "people") : "";
  $("people-range").textContent = told ? t("range", number(f.occupancy.low), number(f.occupancy.high)) : "";
  const note = [];
  if (!f) {
    strong.textContent = t("no_figure");
    note.push(t("none_yet"));
  } else {
    strong.textContent = told ? number(f.occupancy.estimate) : f.state === "withheld" ? few() : t("unobserved");
    if (f.state === "withheld") note.push(t("withheld_long", state.k));
    if (f.state === "unobserved") note.push(t("unobserved_long"));
    note.push(t("interval", clock(f.from), clock(f.until)));
    if (told && f.footfall != null) note.push(t("came_in", number(f.footfall)));
    if (told) note.push(t(`basis_${f.basis}`));
    if (f.rounded_to) note.push(t("rounded", f.rounded_to));
    if (f.observed > 0 && f.observed < 0.995) note.push(t("partly", share(f.observed)));
    if (f.stale) note.unshift(t("stale", clock(f.until)));
  }
  $("people-note").textContent = note.join(language() === "zh" ? "" : " ");
}

function showCurve() {
  const box = $("curve");
  const points = state.curve ?? [];
  if (!points.length) {
    box.replaceChildren(node("p", { class: "empty" }, t("curve_empty")));
    $("curve-table").replaceChildren();
    return;
  }
  const label = t("curve_label", clock(points[0].from), clock(points.at(-1).from));
  box.replaceChildren(drawCurve(points, Math.max(280, box.clientWidth), Math.max(200, box.clientHeight), clock, label));
  // A row an hour: the last figure that was told in it.
  const hours = new Map();
  for (const p of points) hours.set(clock(p.from).slice(0, 2) + p.from.slice(0, 10), p);
  table($("curve-table"), [t("hour"), [t("occupancy")]], [...hours.values()].map((p) => [clock(p.from), [figureText(p)]]));
}

function figureText(f) {
  if (!f) return "–";
  if (f.state === "withheld") return few();
  if (f.state === "unobserved") return t("unobserved");
  return f.occupancy ? `${number(f.occupancy.estimate)} (${number(f.occupancy.low)}–${number(f.occupancy.high)})` : "–";
}

// ---- alarms

function showAlarms() {
  const list = $("alarms");
  if (state.lost) {
    // What was well then need not be well now.
    $("alarm-count").hidden = true;
    $("does").hidden = true;
    list.replaceChildren(node("li", {}, node("span", { class: "badge critical" }, t("critical")),
      node("span", { class: "what" }, t("no_answer")), node("span", { class: "detail" }, t("no_answer_more"))));
    return;
  }
  const alarms = state.alarms_now ?? [];
  $("alarm-count").hidden = !alarms.length;
  $("alarm-count").textContent = alarms.length;
  if (alarms.length) {
    list.replaceChildren(...alarms.map((a) => node("li", {},
      node("span", { class: a.critical ? "badge critical" : "badge" }, t(a.critical ? "critical" : "warning")),
      node("span", { class: "what" }, t(a.id) + (a.about ? `: ${a.about}` : "")),
      a.detail ? node("span", { class: "detail" }, a.detail) : null)));
  } else if (!state.health) {
    list.replaceChildren(node("li", {}, node("span", { class: "detail" }, t("not_known"))));
  } else {
    const tick = svg("svg", { viewBox: "0 0 40 40", "aria-hidden": "true" }, svg("circle", { cx: 20, cy: 20, r: 20 }), svg("path", { d: "M12 21l6 6l11-13" }));
    const words = node("div", {}, node("strong", {}, t("all_well")), node("span", { class: "quiet" }, t(state.live && (state.sensors ?? []).some((s) => s.state === "hears") ? "all_well_more" : "well_recording")));
    list.replaceChildren(node("li", { class: "well" }, tick, words));
    list.firstChild.style.display = "flex";
  }
  showDoes();
  // Said once each, and not at every change of a number.
  const key = (a) => a.id + (a.about ?? "");
  if (state.alarms && state.health) {
    const fresh = alarms.filter((a) => !state.alarms.has(key(a)));
    if (fresh.length) announce(t("new_alarm", fresh.map((a) => t(a.id)).join(", ")));
    else if (!alarms.length && state.alarms.size) announce(t("no_alarm"));
  }
  if (state.health) state.alarms = new Set(alarms.map(key));
}

// The three things a gateway is for, in a line each.
function showDoes() {
  const h = state.health;
  $("does").hidden = !h;
  if (!h) return;
  const own = (state.sensors ?? []).filter((s) => s.state !== "elsewhere");
  const hear = own.filter((s) => s.state === "hears").length;
  const recorded = own.some((s) => s.state === "recorded");
  const { outbox: o, broker: b } = h;
  const hears = recorded ? t("hears_recorded") : own.length ? t("hears_some", hear, own.length) : t("hears_nothing");
  const keeps = o.low_space ? t("keeps_not") : o.depth > 100 || o.oldest_age_s > 60 ? t("keeps_some", number(o.depth), span(o.oldest_age_s)) : t("keeps_all");
  const rows = [
    ["hears", recorded || hear === own.length ? (own.length ? "good" : "") : "bad", hears],
    ["keeps", o.low_space ? "bad" : "good", keeps],
    ["sends", b.connected ? "good" : "bad", b.connected ? t("sends_yes", span(b.connected_for_s ?? 0)) : t("sends_no")],
  ];
  $("does").replaceChildren(...rows.map(([name, how, words]) => node("li", {},
    node("span", { class: `dot ${how}`, "aria-hidden": "true" }), node("b", {}, t(name)), node("span", {}, words))));
}

function announce(text) {
  $("announce").textContent = text;
}

// ---- floors

function zoneLook(zone, most) {
  const f = state.flow?.zones?.[zone.id];
  const place = `${zoneName(zone)} (${t("kind_" + zone.kind)})`;
  const old = f?.stale ? " old" : "";
  if (!f) return { css: "none", number: "", words: "", title: `${place}: ${t("no_figure")}` };
  if (f.state === "unobserved") return { css: "unobserved" + old, number: "", words: t("unobserved"), title: `${place}: ${t("unobserved_long")}` };
  if (f.state === "withheld") return { css: "withheld" + old, number: "", words: `< ${state.k}`, title: `${place}: ${t("withheld_long", state.k)}` };
  const n = f.occupancy?.estimate;
  if (n == null) return { css: "none" + old, number: "", words: "–", title: `${place}: ${t("no_figure")}` };
  const heat = n < 0.5 ? 0 : Math.min(5, 1 + Math.floor((n / most) * 4.999));
  return { css: `h${heat}${old}`, number: number(n), words: "", title: `${place}: ${figureText(f)}` };
}

function showFloors() {
  const box = $("floors");
  const figures = Object.values(state.flow?.zones ?? {});
  const most = Math.max(state.k, ...figures.map((f) => f.occupancy?.estimate ?? 0));
  const open = new Set([...box.querySelectorAll("details[open]")].map((d) => d.dataset.floor));
  const wide = box.clientWidth || 800;
  const each = wide > 920 && state.floors.length > 1 ? (wide - 28) / 2 : wide;
  const cards = [...state.floors].reverse().filter((f) => f.zones.length).map((floor) => {
    const ids = new Set(floor.zones.map((z) => z.id));
    const own = (state.sensors ?? []).filter((s) => ids.has(s.zone));
    const f = state.flow?.floors?.[floor.id];
    const told = f?.state === "told" && f.occupancy;
    const sum = !f ? t("no_figure") : !told ? figureText(f) : t(f.basis === "index" ? "floor_devices" : "floor_sum", number(f.occupancy.estimate));
    const rows = floor.zones.map((z) => [zoneName(z), t("kind_" + z.kind), [figureText(state.flow?.zones?.[z.id])]]);
    const body = node("table", {});
    table(body, [t("zone"), t("kind"), [t("occupancy")]], rows);
    return node("div", { class: "plan" },
      node("h3", {}, floorName(floor), floor.name ? node("small", {}, floor.id) : null, node("span", { class: "sum" }, sum)),
      drawFloor(floor, own, Math.max(280, Math.floor(each)), (z) => zoneLook(z, most), t("plan_label", floorName(floor))),
      node("details", { "data-floor": floor.id, open: open.has(floor.id) ? "" : null }, node("summary", {}, t("as_table")), body));
  });
  // Who is reading a table is not thrown out of it.
  const focus = document.activeElement?.closest?.("#floors details")?.dataset.floor;
  box.replaceChildren(...cards);
  if (focus) box.querySelector(`details[data-floor="${CSS.escape(focus)}"] summary`)?.focus({ preventScroll: true });
}

// Rates change all the time, who hears seldom: plans are drawn anew for the latter only.
function showSensors() {
  const states = (state.sensors ?? []).map((s) => s.state).join();
  if (states !== state.sensorStates) showFloors();
  state.sensorStates = states;
}

function showLegend() {
  const swatch = (css) => svg("svg", { viewBox: "0 0 18 14", "aria-hidden": "true" },
    svg("rect", { width: 18, height: 14, fill: "var(--none)" }), svg("rect", { width: 18, height: 14, fill: `url(#${css})` }));
  const scale = svg("svg", { viewBox: "0 0 72 14", "aria-hidden": "true" }, ...[1, 2, 3, 4, 5].map((i) => svg("rect", { x: (i - 1) * 14.4, width: 14.4, height: 14, fill: `var(--h${i})` })));
  scale.style.width = "72px";
  const deaf = svg("svg", { viewBox: "0 0 18 14", "aria-hidden": "true" }, svg("path", { class: "deaf", d: "M9 0l7 7l-7 7l-7-7z" }));
  $("legend").replaceChildren(
    node("li", {}, t("legend_few"), scale, t("legend_many")),
    node("li", {}, swatch("dots"), t("legend_withheld", state.k)),
    node("li", {}, swatch("hatch"), t("legend_unobserved")),
    node("li", {}, deaf, t("legend_deaf")));
}

// ---- visits and receipts

function showVisits() {
  const v = state.visits;
  const list = $("funnel");
  const d = state.time?.day;
  $("visits-since").textContent = !d ? t("no_day") : d.whole ? t("since_whole", clock(d.began)) : t("since", clock(d.since));
  $("visits-note").textContent = v ? t("visits_note", state.k - 1) : t("count_mode");
  list.hidden = !v;
  if (!v) return;
  const steps = ["approached", "arrived", "dwelt", "bag", "left"];
  const most = Math.max(1, ...steps.map((s) => v[s] ?? 0));
  while (list.children.length < steps.length) {
    const bar = node("div", { class: "bar", "aria-hidden": "true" }, node("span"));
    list.append(node("li", {}, node("span", { class: "name" }), bar, node("span", { class: "n" }), node("span", { class: "more" })));
  }
  steps.forEach((step, i) => {
    const item = list.children[i];
    const [name, bar, n, more] = item.children;
    const value = v[step];
    name.textContent = t("f_" + step);
    n.textContent = value == null ? `< ${state.k}` : number(value);
    n.classList.toggle("few", value == null);
    bar.classList.toggle("withheld", value == null);
    bar.firstChild.style.width = `${((value ?? 0) / most) * 100}%`;
    const words = [];
    const before = v[steps[i - 1]];
    if (i && step !== "left" && value != null && before) words.push(t("share", share(value / before)));
    if (step === "approached") words.push(t("passed_by", v.passed_by == null ? few() : number(v.passed_by)));
    more.textContent = words.join(" · ");
    more.hidden = !words.length;
  });
}

function showReceipts() {
  const r = state.receipts;
  $("sales").textContent = number(r.sales);
  const parts = ["matched", "likely", "unmatched"];
  const told = r.matched != null && state.mode !== "count";
  const bar = $("receipt-bar");
  bar.hidden = !r.sales;
  bar.classList.toggle("whole", !told);
  bar.replaceChildren(...(told ? parts.filter((p) => r[p]).map((p) => {
    const piece = node("span", { class: p });
    piece.style.flex = String(r[p]);
    return piece;
  }) : [node("span")]));
  const rows = told && r.sales ? parts.map((p) => [[node("span", { class: `swatch ${p}`, "aria-hidden": "true" }), t(p)], number(r[p])]) : [];
  rows.push([[t("taken_back")], number(r.taken_back)]);
  if (r.unreadable) rows.push([[t("unreadable")], number(r.unreadable), "warn"]);
  $("receipt-list").replaceChildren(...rows.flatMap(([name, value, css]) => [node("dt", {}, ...name), node("dd", { class: css }, value)]));
  const note = !r.sales && !r.taken_back ? "receipts_none" : state.mode === "count" ? "receipts_count" : told ? "receipts_note" : "receipts_withheld";
  $("receipts-note").textContent = t(note, state.k);
}

// ---- events

function lineItem(line, fresh) {
  const what = line.what === "floor_changed" ? (line.up ? "up" : "down") : line.what;
  const zone = state.zones.get(line.zone);
  const floor = state.floors.find((f) => f.id === line.floor);
  const where = zone ? zoneName(zone) : floor ? floorName(floor) : t("in_mall");
  return node("li", { class: line.what + (fresh ? " new" : "") },
    node("time", { datetime: line.at }, clock(line.at)),
    node("span", { class: "what" }, t("e_" + what, line.minutes)),
    node("span", { class: "where" }, where));
}

function showLines(fresh = 0) {
  if (state.paused) {
    state.missed += fresh;
    $("events-note").textContent = t("events_missed", state.missed);
    return;
  }
  const list = $("lines");
  if (fresh && fresh < state.lines.length) {
    // What is there stays as it is; what is new comes on top.
    state.lines.slice(-fresh).forEach((line) => list.prepend(lineItem(line, true)));
    while (list.children.length > state.lines.length) list.lastChild.remove();
  } else {
    const newest = [...state.lines].reverse().map((line) => lineItem(line));
    list.replaceChildren(...(newest.length ? newest : [node("li", { class: "empty" }, t("events_none"))]));
    if (!newest.length) list.firstChild.style.display = "block";
  }
  $("events-note").textContent = t("events_note", state.k);
}

function addLines(lines) {
  const fresh = lines.filter((l) => l.n > state.seen);
  if (!fresh.length) return;
  state.seen = fresh.at(-1).n;
  state.lines = [...state.lines, ...fresh].slice(-40);
  showLines(fresh.length);
}

// ---- sensors, feeds, gateway

function showHearing() {
  const sensors = state.sensors ?? [];
  const count = (s) => sensors.filter((x) => x.state === s).length;
  const words = [];
  if (!sensors.length) words.push(t("hearing_none"));
  else if (count("elsewhere") === sensors.length) words.push(t("hearing_elsewhere", sensors.length));
  else if (count("recorded")) words.push(t("hearing_recorded", sensors.length));
  else {
    words.push(t("hearing_sum", count("hears"), count("hears") + count("deaf")));
    if (count("elsewhere")) words.push(t("elsewhere_sum", count("elsewhere")));
  }
  $("hearing-sum").textContent = words.join(" ");
  const css = { hears: "badge good", deaf: "badge critical", elsewhere: "badge none", recorded: "badge none" };
  const order = { deaf: 0, hears: 1, recorded: 2, elsewhere: 3 };
  const own = [...sensors].sort((a, b) => order[a.state] - order[b.state]).filter((s) => s.state === "hears" || s.state === "deaf");
  const rows = own.flatMap((s) => (s.ears.length ? s.ears : [null]).map((ear) => {
    const up = ear ? (ear.up ? "hears" : "deaf") : s.state;
    const zone = state.zones.get(s.zone);
    return [s.id, zone ? zoneName(zone) : s.zone, node("span", { class: css[up] }, t("h_" + up)), ear?.name ?? "–",
      [ear?.per_s == null ? "–" : String(ear.per_s)], [ear ? moment(ear.last_heard_at) : "–"]];
  }));
  table($("sensors"), [t("sensor"), t("place"), t("state"), t("source"), [t("per_s")], [t("last")]], rows);
  $("sensors").hidden = !rows.length;
  const feeds = state.feeds ?? [];
  $("feeds").hidden = !feeds.length;
  const mark = (f) => (!f.up ? node("span", { class: "badge critical" }, t("f_down"))
    : f.silent_since ? node("span", { class: "badge" }, t("f_silent", moment(f.silent_since))) : node("span", { class: "badge good" }, t("f_up")));
  table($("feeds"), [t("feed"), t("state"), [t("delivered")], [t("refused")], [t("last_delivered")]],
    feeds.map((f) => [f.name, mark(f), [number(f.delivered)], [number(f.refused)], [moment(f.last_delivered_at)]]));
}

function showGateway() {
  const h = state.health;
  if (!h) {
    for (const id of ["broker", "outbox", "machine"]) pairs(id, [[t("state"), t("not_known")]]);
    return;
  }
  const { broker: b, outbox: o, machine: m, clock: c, store: s } = h;
  const dropped = Object.values(o.dropped).reduce((sum, n) => sum + n, 0);
  pairs("broker", [
    [t("state"), b.connected ? t("connected", span(b.connected_for_s ?? 0)) : t("not_connected"), b.connected ? null : "bad"],
    [t("acknowledged"), number(b.acknowledged)], [t("in_flight"), number(b.in_flight)],
    b.no_subscribers > 0 && [t("nobody_listens"), number(b.no_subscribers), "warn"],
    [t("reconnects"), number(b.reconnects)],
    !b.connected && b.last_error && [t("last_error"), b.last_error, "long"],
  ]);
  pairs("outbox", [
    [t("waiting"), o.depth ? number(o.depth) : t("waiting_none")],
    o.depth > 0 && [t("oldest"), span(o.oldest_age_s), o.oldest_age_s > 3600 ? "bad" : null],
    [t("size"), `${bytes(o.bytes)} / ${bytes(o.max_bytes)}`], [t("written"), bytes(s.bytes_written)],
    [t("dropped"), number(dropped), dropped ? "bad" : null],
    o.dead_letters > 0 && [t("dead"), number(o.dead_letters), "warn"],
    [t("devices_followed"), number(h.devices)],
  ]);
  const th = m.throttling;
  pairs("machine", [
    [t("up_since"), moment(h.started_at)],
    m.cpu_share != null && [t("cpu"), new Intl.NumberFormat(locale(), { style: "percent", maximumFractionDigits: 1 }).format(m.cpu_share)],
    [t("memory"), bytes(m.rss_bytes)],
    [t("disk"), `${bytes(m.disk_free_bytes)} / ${bytes(m.disk_size_bytes)}`],
    m.temperature_c != null && [t("temperature"), `${m.temperature_c.toFixed(0)} °C`, m.temperature_c >= 80 ? "bad" : null],
    th && [t("slowed"), t(th.throttled || th.under_voltage || th.frequency_capped ? "yes" : "no"), th.throttled || th.under_voltage ? "bad" : null],
    [t("clock"), t(c.synchronised == null ? "unknown" : c.synchronised ? "clock_yes" : "clock_no"), c.synchronised === false ? "warn" : null],
  ]);
}
