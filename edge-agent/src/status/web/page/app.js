"use strict";
// The frame around the sections, and the connection to the gateway.

// ---- the frame

function showTime() {
  const at = state.live && state.connected !== false ? Date.now() : state.time?.source_at;
  if (at == null || !state.site) return;
  $("time").textContent = clock(at);
  $("date").textContent = day(at);
}

function showFrame() {
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  if (state.paused) $("pause").textContent = t("go_on");
  $("lang").textContent = t("other");
  $("lang").lang = language() === "zh" ? "en" : "zh-Hans";
  $("theme").textContent = t(`theme_${document.documentElement.dataset.theme ?? "auto"}`);
  if (state.site) {
    $("site").textContent = state.site.name || state.site.id;
    document.title = `${state.site.name || state.site.id} · edge-agent`;
    $("gateway").textContent = `${state.gateway} · edge-agent ${state.version}`;
    $("mode").textContent = t(`mode_${state.mode}`);
  }
  showLink();
}

function showLink() {
  const kind = state.connected === null ? "waiting" : !state.connected ? "lost" : state.live === false ? "recording" : "live";
  $("link").dataset.state = kind === "recording" ? "live" : kind;
  $("link-text").textContent = t(`link_${kind}`);
}

const SECTIONS = {
  time: [showTime, showVisits], flow: [showNow, showFloors], curve: [showCurve], visits: [showVisits], receipts: [showReceipts],
  alarms: [showAlarms], sensors: [showHearing, showSensors, showAlarms], feeds: [showHearing], health: [showGateway, showAlarms],
};

function take(sections) {
  const shows = new Set();
  for (const [name, value] of Object.entries(sections)) {
    if (!(name in SECTIONS)) continue;
    state[name === "alarms" ? "alarms_now" : name] = value;
    SECTIONS[name].forEach((show) => shows.add(show));
  }
  shows.forEach((show) => show());
  if (sections.lines) addLines(sections.lines);
}

function takeAll(now) {
  const { lines, ...rest } = now;
  // The gateway may have started anew: its lines count from one again.
  if (now.health?.started_at !== state.run) { state.run = now.health?.started_at; state.lines = []; state.seen = 0; }
  for (const key of ["site", "gateway", "version", "live", "mode", "k", "floors"]) state[key] = now[key];
  state.zones = new Map(now.floors.flatMap((f) => f.zones.map((z) => [z.id, z])));
  showFrame();
  showLegend();
  take(rest);
  addLines(lines);
  if (!state.lines.length) showLines();
}

function redraw() {
  showFrame();
  if (!state.site) return;
  showLegend();
  [showTime, showNow, showCurve, showAlarms, showFloors, showVisits, showReceipts, showHearing, showGateway, showLines].forEach((show) => show());
}

// ---- the connection

let lostTimer = null;

function connected(yes, words) {
  const before = state.connected;
  state.connected = yes;
  clearTimeout(lostTimer);
  if (yes) {
    $("banner").hidden = true;
    document.body.classList.remove("old");
    state.lost = false;
    showAlarms();
    if (before === false) announce(t("back"));
  } else {
    // A moment without a connection is nobody's business.
    lostTimer = setTimeout(() => {
      $("banner").textContent = words ?? t("lost", clock(state.heard ?? Date.now()));
      $("banner").hidden = false;
      document.body.classList.toggle("old", !words);
      state.lost = !words;
      showAlarms();
      announce($("banner").textContent);
    }, 2500);
  }
  showLink();
}

function follow() {
  const source = new EventSource("events");
  const heard = (use) => (event) => {
    state.heard = Date.now();
    if (state.connected !== true) connected(true);
    use(JSON.parse(event.data));
  };
  source.addEventListener("now", heard(takeAll));
  source.addEventListener("change", heard(take));
  source.onerror = () => {
    if (state.connected !== false) connected(false);
    // The browser tries again by itself, unless it was sent away.
    if (source.readyState === EventSource.CLOSED) {
      source.close();
      setTimeout(lookOnce, 3000);
    }
  };
}

// Where following is refused: a look now and then, and another attempt.
async function lookOnce() {
  try {
    const answer = await fetch("api/v1/now", { cache: "no-store" });
    if (answer.status === 401) { location.href = "login"; return; }
    if (answer.ok) {
      takeAll(await answer.json());
      state.heard = Date.now();
      connected(false, t("full"));
      setTimeout(follow, 10000);
      return;
    }
  } catch { /* told below */ }
  setTimeout(follow, 5000);
}

function keep(key, value) {
  try {
    if (value == null) localStorage.removeItem(key); else localStorage.setItem(key, value);
  } catch { /* a browser that keeps nothing */ }
}

function start() {
  document.body.append(patterns());
  $("lang").addEventListener("click", () => {
    document.documentElement.lang = language() === "zh" ? "en" : "zh-Hans";
    keep("lang", document.documentElement.lang);
    redraw();
  });
  $("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const next = { auto: "light", light: "dark", dark: null }[root.dataset.theme ?? "auto"];
    if (next) root.dataset.theme = next; else delete root.dataset.theme;
    keep("theme", next);
    showFrame();
  });
  $("pause").addEventListener("click", () => {
    state.paused = !state.paused;
    state.missed = 0;
    $("pause").setAttribute("aria-pressed", state.paused);
    $("pause").textContent = t(state.paused ? "go_on" : "pause");
    if (!state.paused) showLines();
  });
  const watch = (id, show) => new ResizeObserver(() => state.site && requestAnimationFrame(show)).observe($(id));
  watch("curve", showCurve);
  let width = 0;
  watch("floors", () => {
    // Its height is of its own making.
    if ($("floors").clientWidth !== width) showFloors();
    width = $("floors").clientWidth;
  });
  setInterval(showTime, 5000);
  showFrame();
  follow();
}

start();
