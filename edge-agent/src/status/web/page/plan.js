"use strict";
// Draws floors, and the day's curve, as SVG. The site map holds centres of zones and no walls: each zone is what lies nearer to
// its centre than to any other, within reach.

const SVG = "http://www.w3.org/2000/svg";

function svg(name, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

// Hatching for what was not heard, dots for what is withheld. Ids are the document's: drawn once, used by all.
function patterns() {
  const hatch = (id) => svg("pattern", { id, width: 8, height: 8, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
    svg("line", { class: "hatch-line", x1: 0, y1: 0, x2: 0, y2: 8 }));
  const dots = svg("pattern", { id: "dots", width: 8, height: 8, patternUnits: "userSpaceOnUse" },
    svg("circle", { class: "hatch-dot", cx: 2, cy: 2, r: 1.2 }), svg("circle", { class: "hatch-dot", cx: 6, cy: 6, r: 1.2 }));
  return svg("svg", { width: 0, height: 0, "aria-hidden": "true", focusable: "false", class: "hidden" },
    svg("defs", {}, hatch("hatch"), hatch("hatch-curve"), dots));
}

// The part of a polygon that is nearer to a than to b.
function nearer(polygon, a, b) {
  const middle = [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
  const side = (p) => (p[0] - middle[0]) * (b[0] - a[0]) + (p[1] - middle[1]) * (b[1] - a[1]);
  const out = [];
  polygon.forEach((p, i) => {
    const q = polygon[(i + 1) % polygon.length];
    const [sp, sq] = [side(p), side(q)];
    if (sp <= 0) out.push(p);
    if ((sp < 0 && sq > 0) || (sp > 0 && sq < 0)) {
      const f = sp / (sp - sq);
      out.push([p[0] + f * (q[0] - p[0]), p[1] + f * (q[1] - p[1])]);
    }
  });
  return out;
}

// A square with cut corners around a centre: as far as a zone reaches.
function reachOf([x, y], r) {
  const c = r * 0.62;
  return [[x - r, y - c], [x - c, y - r], [x + c, y - r], [x + r, y - c], [x + r, y + c], [x + c, y + r], [x - c, y + r], [x - r, y + c]];
}

// Polygons of the zones of a floor, in metres.
function cells(zones) {
  const apart = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);
  // Two zones in one place would have no border: they are moved apart by a hair.
  const at = zones.map((z, i) => [z.at[0] + (i % 7) * 1e-3, z.at[1] + (i % 5) * 1e-3]);
  const gaps = at.map((p, i) => Math.min(...at.filter((_, j) => j !== i).map((q) => apart(p, q)), Infinity));
  const known = gaps.filter(Number.isFinite).sort((a, b) => a - b);
  const usual = known.length ? known[known.length >> 1] : 10;
  return at.map((p, i) => {
    const reach = Math.min(Math.max(usual * 0.85, gaps[i] * 0.62), usual * 1.15) || 5;
    return at.reduce((polygon, q, j) => (i === j ? polygon : nearer(polygon, p, q)), reachOf(p, reach));
  });
}

const centre = (polygon) => {
  let [x, y, area] = [0, 0, 0];
  polygon.forEach((p, i) => {
    const q = polygon[(i + 1) % polygon.length];
    const part = p[0] * q[1] - q[0] * p[1];
    area += part; x += (p[0] + q[0]) * part; y += (p[1] + q[1]) * part;
  });
  return area ? [x / (3 * area), y / (3 * area)] : polygon[0];
};

// The polygon, a little smaller: between zones is a gap, and its outline, which is thick, makes the corners round.
function inset(polygon) {
  const [cx, cy] = centre(polygon);
  return polygon.map(([x, y]) => {
    const away = Math.hypot(x - cx, y - cy) || 1;
    const f = Math.max(0.3, 1 - 8 / away);
    return [cx + (x - cx) * f, cy + (y - cy) * f];
  });
}

// As much of a text as fits; CJK characters are as wide as they are high.
function fitted(text, width, size) {
  const wide = (c) => (c.codePointAt(0) > 0x2e7f ? 1 : 0.56) * size;
  let [used, out] = [0, ""];
  for (const c of text) {
    used += wide(c);
    if (used > width) return out.length > 2 ? out.slice(0, -1).trimEnd() + "…" : "";
    out += c;
  }
  return out;
}

// A floor. `look(zone)` says how a zone is shown: { css, number, words, title }.
function drawFloor(floor, sensors, width, look, label) {
  const polygons = cells(floor.zones);
  const all = polygons.flat();
  const [x0, x1] = [Math.min(...all.map((p) => p[0])), Math.max(...all.map((p) => p[0]))];
  const [y0, y1] = [Math.min(...all.map((p) => p[1])), Math.max(...all.map((p) => p[1]))];
  // North is up; a plan that is higher than wide is drawn smaller.
  const scale = Math.min((width - 8) / (x1 - x0), 430 / (y1 - y0), 14);
  const left = (width - (x1 - x0) * scale) / 2;
  const place = ([x, y]) => [left + (x - x0) * scale, 4 + (y1 - y) * scale];
  const height = (y1 - y0) * scale + 8;
  const root = svg("svg", { viewBox: `0 0 ${width} ${Math.ceil(height)}`, role: "img", "aria-label": label });
  const labels = new Map();
  floor.zones.forEach((zone, i) => {
    const polygon = inset(polygons[i].map(place));
    if (polygon.length < 3) return;
    const shown = look(zone);
    const path = "M" + polygon.map((p) => p.map((n) => n.toFixed(1)).join(" ")).join("L") + "Z";
    const group = svg("g", { class: `zone ${shown.css}${zone.kind === "perimeter" ? " outside" : ""}` },
      svg("title", {}, shown.title), svg("path", { class: "cell", d: path }), svg("path", { class: "mark", d: path, fill: "none" }));
    const xs = polygon.map((p) => p[0]);
    const room = (Math.max(...xs) - Math.min(...xs)) * 0.8;
    const [x, y] = centre(polygon);
    labels.set(zone.id, [x, y, room / 2]);
    const name = fitted(zone.brand || zone.name || zone.id, room, 11.5);
    const second = shown.number || fitted(shown.words, room, 11.5);
    if (name) group.append(svg("text", { x, y: y - (second ? 5 : -4) }, name));
    if (second) group.append(svg("text", { x, y: y + (name ? 14 : 5), class: shown.number ? "n" : "w" }, second));
    root.append(group);
  });
  for (const sensor of sensors) {
    let [x, y] = place(sensor.at);
    // Words come first: a sensor that hangs behind them is drawn above them.
    const [lx, ly, half] = labels.get(sensor.zone) ?? [0, -1e3, 0];
    if (Math.abs(x - lx) < half && y > ly - 26 && y < ly + 22) y = ly - 27;
    if (sensor.state !== "hears" && sensor.state !== "deaf") continue;
    // By its shape, too, for those who see no red.
    const d = sensor.state === "deaf" ? `M${x} ${y - 7}l7 7l-7 7l-7 -7z` : `M${x - 3} ${y}a3 3 0 1 0 6 0a3 3 0 1 0 -6 0`;
    root.append(svg("path", { class: `sensor ${sensor.state}`, d }, svg("title", {}, `${sensor.id}: ${t("h_" + sensor.state)}`)));
  }
  return root;
}

// The day's curve: the estimate, the interval around it, what was not heard and what is withheld.
function drawCurve(points, width, height, hourOf, label) {
  const [top, foot, left, right] = [12, 22, 34, 10];
  const times = points.map((p) => Date.parse(p.from));
  const [first, last] = [times[0], Math.max(times.at(-1), times[0] + 3600e3)];
  const most = Math.max(10, ...points.map((p) => p.occupancy?.high ?? 0));
  const step = [5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 2500, 5000, 10000, 20000].find((s) => most / s <= 4) ?? 50000;
  const ceiling = Math.ceil(most / step) * step;
  const x = (time) => left + ((time - first) / (last - first)) * (width - left - right);
  const y = (n) => top + (1 - n / ceiling) * (height - top - foot);
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  for (let n = 0; n <= ceiling; n += step) {
    root.append(svg("line", { class: "grid", x1: left, x2: width - right, y1: y(n), y2: y(n) }));
    root.append(svg("text", { x: left - 6, y: y(n) + 4, "text-anchor": "end" }, String(n)));
  }
  const hours = (last - first) / 3600e3;
  const every = [1, 2, 3, 4, 6].find((h) => hours / h <= (width < 480 ? 5 : 11)) ?? 12;
  const ticks = Math.ceil(first / 3600e3) * 3600e3;
  for (let time = ticks, i = 0; time <= last; time += 3600e3, i += 1) {
    if (i % every === 0) root.append(svg("text", { x: x(time), y: height - 5, "text-anchor": "middle" }, hourOf(time)));
  }
  const length = times.length > 1 ? Math.min(...times.slice(1).map((time, i) => time - times[i])) : 300e3;
  let run = [];
  const flush = () => {
    if (run.length) {
      const line = run.map((p) => `${x(p.time).toFixed(1)} ${y(p.o.estimate).toFixed(1)}`);
      const up = run.map((p) => `${x(p.time).toFixed(1)} ${y(p.o.high).toFixed(1)}`);
      const down = run.map((p) => `${x(p.time).toFixed(1)} ${y(p.o.low).toFixed(1)}`).reverse();
      root.append(svg("path", { class: "band", d: `M${up.join("L")}L${down.join("L")}Z` }));
      root.append(svg("path", { class: "line", d: `M${line.join("L")}${run.length === 1 ? "h.1" : ""}` }));
    }
    run = [];
  };
  points.forEach((point, i) => {
    const time = times[i];
    if (point.state === "told" && point.occupancy) {
      if (i && time - times[i - 1] > 1.5 * length) flush();
      run.push({ time, o: point.occupancy });
      return;
    }
    flush();
    const [from, until] = [x(time), x(Math.min(time + length, last))];
    root.append(point.state === "unobserved"
      ? svg("rect", { class: "gap", x: from, y: top, width: Math.max(until - from, 1), height: height - top - foot })
      : svg("circle", { class: "few", cx: from, cy: y(0) - 4, r: 1.6 }));
  });
  flush();
  const end = points.at(-1);
  if (end.state === "told" && end.occupancy) root.append(svg("circle", { class: "end", cx: x(times.at(-1)), cy: y(end.occupancy.estimate), r: 5 }));
  return root;
}
