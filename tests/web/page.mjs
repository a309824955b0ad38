// Opens the operators' page in Chromium and looks at it as its readers do. Started by tests/tests/web.rs:
//   node page.mjs URL PID CHROMIUM [FOLDER]
// URL: a gateway that plays a day; PID: its process, ended here last, to see what the page says then; FOLDER: for pictures.
// Prints what it measured; ends with 1 at the first thing that is wrong.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import puppeteer from "puppeteer-core";

const [url, pid, chromium, folder] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const browser = await puppeteer.launch({ executablePath: chromium, args: ["--no-sandbox", "--disable-gpu"] });
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// A page of its own, with what went wrong in it.
async function open({ width = 1280, height = 900, language = "en", theme = "light", throttle = 1, audit = false } = {}) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  page.wrong = [];
  page.weight = 0;
  page.on("console", (message) => message.type() === "error" && page.wrong.push(message.text()));
  page.on("pageerror", (error) => page.wrong.push(error.message));
  page.on("request", (request) => assert.equal(new URL(request.url()).origin, new URL(url).origin, "a request to elsewhere"));
  const wire = await page.createCDPSession();
  await wire.send("Network.enable");
  // As it came over the wire, headers included; of what goes on for ever, what has come until now.
  let stream = null;
  wire.on("Network.responseReceived", ({ requestId, type }) => type === "EventSource" && (stream = requestId));
  wire.on("Network.dataReceived", ({ requestId, dataLength }) => requestId === stream && (page.weight += dataLength));
  wire.on("Network.loadingFinished", ({ encodedDataLength }) => (page.weight += encodedDataLength));
  if (audit) await page.setBypassCSP(true);
  await page.setViewport({ width, height });
  await page.emulateMediaFeatures([
    { name: "prefers-color-scheme", value: theme }, { name: "prefers-reduced-motion", value: "reduce" }]);
  await page.setExtraHTTPHeaders({ "Accept-Language": language });
  if (throttle > 1) await page.emulateCPUThrottling(throttle);
  await page.goto(url, { waitUntil: "load" });
  await page.waitForFunction(() => document.querySelectorAll("#floors svg").length > 0, { timeout: 30_000 });
  return page;
}

async function picture(page, name) {
  if (folder) await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
}

// What it weighs, and how soon something is there.
{
  const page = await open({ throttle: 6 });
  await sleep(500);
  const first = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime);
  console.log(`weight: ${page.weight} bytes over the wire in all requests, headers and the first figures included`);
  console.log(`first contentful paint with the processor throttled 6 times: ${Math.round(first)} ms`);
  assert.ok(page.weight > 10_000 && page.weight <= 150_000, `${page.weight} bytes: heavier than 150 kB, or not measured`);
  assert.deepEqual(page.wrong, []);
  await page.browserContext().close();
}

// Both languages, both themes, wide and narrow: nothing that keeps anybody out.
for (const language of ["en", "zh-CN"]) {
  for (const theme of ["light", "dark"]) {
    for (const width of [1280, 390]) {
      const page = await open({ width, language, theme, audit: true });
      await page.evaluate(axe);
      const found = await page.evaluate(async () => (await window.axe.run(document)).violations);
      const told = found.map((v) => `${v.impact} ${v.id}: ${v.nodes.map((n) => n.target).join(" ")}`);
      console.log(`axe ${language} ${theme} ${width}: ${found.length} findings`);
      assert.deepEqual(told.filter((t) => /^(serious|critical)/.test(t)), [], `${language} ${theme} ${width}`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, `${wide} px too wide at ${width}`);
      const lang = await page.evaluate(() => document.documentElement.lang);
      assert.equal(lang, language === "en" ? "en" : "zh-Hans");
      assert.deepEqual(page.wrong, []);
      await picture(page, `${language}-${theme}-${width}`);
      await page.browserContext().close();
    }
  }
}

const page = await open();

// The keyboard reaches everything, first of all a way past the frame, and one sees where one is.
await page.keyboard.press("Tab");
assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
const reached = new Set();
for (let i = 0; i < 40; i += 1) {
  await page.keyboard.press("Tab");
  const at = await page.evaluate(() => {
    const e = document.activeElement;
    return { what: e.id || e.tagName, outline: getComputedStyle(e).outlineStyle };
  });
  if (at.what !== "BODY") assert.notEqual(at.outline, "none", `no focus to be seen at ${at.what}`);
  reached.add(at.what);
}
for (const what of ["lang", "theme", "pause", "SUMMARY"]) assert.ok(reached.has(what), `${what} is not reached by Tab`);

// Whatever is said in one language is said in the other.
const keys = await page.evaluate(() => [WORDS.en, WORDS.zh].map((words) => Object.keys(words).sort().join()));
assert.equal(keys[0], keys[1]);

// Landmarks, headings, and a table for each drawing.
const parts = await page.evaluate(() => ({
  landmarks: ["header", "main", "footer"].filter((n) => document.querySelector(n)).length,
  headings: document.querySelectorAll("h1").length,
  unnamed: [...document.querySelectorAll("section")].filter((s) => !document.getElementById(s.getAttribute("aria-labelledby"))?.textContent).length,
  plans: document.querySelectorAll("#floors svg").length,
  tables: document.querySelectorAll("#floors table tbody tr").length,
  zones: document.querySelectorAll("#floors svg .zone").length,
}));
assert.deepEqual([parts.landmarks, parts.headings, parts.unnamed], [3, 1, 0]);
assert.ok(parts.plans === 4 && parts.tables === parts.zones && parts.zones > 20, JSON.stringify(parts));

// It lives: events come by themselves, and stop while paused.
const top = () => page.$eval("#lines", (list) => list.textContent);
const before = await top();
await page.waitForFunction((text) => document.querySelector("#lines").textContent !== text, { timeout: 30_000 }, before);
await page.focus("#pause");
await page.keyboard.press("Enter");
assert.equal(await page.$eval("#pause", (b) => b.getAttribute("aria-pressed")), "true");
const paused = await top();
await sleep(2500);
assert.equal(await top(), paused, "it goes on while paused");
await page.keyboard.press("Enter");

// The other language, and it stays.
await page.focus("#lang");
await page.keyboard.press("Enter");
assert.equal(await page.evaluate(() => document.documentElement.lang), "zh-Hans");
assert.equal(await page.$eval("#h-floors", (h) => h.textContent), "楼层与区域");
await page.reload();
await page.waitForFunction(() => document.querySelectorAll("#floors svg").length > 0);
assert.equal(await page.evaluate(() => document.documentElement.lang), "zh-Hans");
await page.click("#lang");
await page.click("#theme");
assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "light");

// Of nobody: no id of a visit or device, and no address, in the page or in what it is made of.
const words = await page.evaluate(async () => document.documentElement.outerHTML + (await (await fetch("api/v1/now")).text()));
assert.doesNotMatch(words, /[0-9a-f]{16}|([0-9a-f]{2}[:-]){5}[0-9a-f]{2}|visit_id|device"|pseudonym"|amount/i);
assert.deepEqual(page.wrong, []);

// The gateway is gone: the page says so, and does not pretend.
process.kill(Number(pid), "SIGKILL");
await page.waitForFunction(() => !document.querySelector("#banner").hidden && document.body.classList.contains("old"), { timeout: 30_000 });
assert.match(await page.$eval("#banner", (b) => b.textContent), /No connection/);
assert.match(await page.$eval("#alarms", (a) => a.textContent), /does not answer/);
assert.match(await page.$eval("#announce", (b) => b.textContent), /No connection/);
await picture(page, "gone");
await browser.close();
console.log("the page is as it should be");
