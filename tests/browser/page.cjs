// Checks the status page in Chromium against the built binary. See `run`.
"use strict";
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { execFileSync } = require("node:child_process");
const { chromium } = require("playwright-core");
const { folder, start, sleep, until, freePort, end, endAll, cpu, log } = require("./agent.cjs");

const flag = (name) => { const at = process.argv.indexOf(`--${name}`); return at < 0 ? null : process.argv[at + 1]; };
const binary = path.resolve(flag("binary") || "target/release/dockpulse");
const screenshots = flag("screenshots");
/** The most of a second that the page's script may take with 1,000 containers that all change. */
const SCRIPT_MS = 50;
const EVIL = "<img src=x onerror=\"document.title='owned'\">";

let browser, failed = 0;
async function check(name, what) {
  const began = Date.now();
  try {
    const more = await what();
    console.log(`ok    ${name}${more ? `: ${more}` : ""} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failed++;
    console.log(`FAIL  ${name}\n${String(error.stack).replace(/^/gm, "      ")}`);
  }
}

/** A page whose every request, error and word on the console is kept. */
async function open(url, options = {}, before = () => {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, colorScheme: "dark", ...options });
  const page = await context.newPage();
  await page.addInitScript(before);
  Object.assign(page, { asked: [], wrong: [] });
  page.on("request", (r) => page.asked.push(r.url()));
  page.on("pageerror", (e) => page.wrong.push(e.stack));
  page.on("console", (m) => { if (["error", "warning"].includes(m.type()) && !/net::ERR_|Failed to load resource/.test(m.text())) page.wrong.push(m.text()); });
  await page.goto(url);
  await page.waitForSelector(".rows .row");
  return page;
}
const shown = (page, id) => page.locator(id).innerText();
const banner = (page, words) => until(`a banner: ${words}`, async () => (await shown(page, "#banners")).includes(words));
const noBanner = (page) => until("no banner", async () => (await shown(page, "#banners")) === "", 30_000);

async function world() {
  const [port, otlp] = [await freePort(), await freePort()];
  const socket = path.join(folder, "engine.sock");
  const engine = async () => {
    fs.rmSync(socket, { force: true });
    const child = start("python3", [path.resolve(__dirname, "engine.py"), socket], {}, "pipe");
    await until("the engine", () => fs.existsSync(socket));
    return child;
  };
  const agent = async () => {
    const env = { DOCKPULSE_STATUS__LISTEN: `127.0.0.1:${port}`, DOCKPULSE_CONTROL__LISTEN: "off", DOCKPULSE_EXPORT__HEADERS__AUTHORIZATION: "Bearer s3cret" };
    const child = start(binary, ["run", "--engine", `unix://${socket}`, "--endpoint", `http://127.0.0.1:${otlp}`, "--interval", "500ms"], env);
    await until("the agent", async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok);
    return child;
  };
  const collector = async () => {
    const child = start(binary, ["sink", "--grpc", `127.0.0.1:${otlp}`, "--http", "off", "--format", "json"]);
    return child;
  };
  return { url: `http://127.0.0.1:${port}/`, engine, agent, collector };
}

/** Texts whose contrast with their ground is less than WCAG AA asks for. */
const faint = (page) => page.evaluate(() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (color) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const light = ([r, g, b]) => [r, g, b].map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }).reduce((s, v, i) => s + v * [0.2126, 0.7152, 0.0722][i], 0);
  const out = new Set();
  for (const e of document.querySelectorAll("body *")) {
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) || !e.checkVisibility({ visibilityProperty: true }) || e.closest(".unseen, .skip")) continue;
    let ground = e;
    while (ground.parentElement && rgba(getComputedStyle(ground).backgroundColor)[3] < 255) ground = ground.parentElement;
    const [a, b] = [light(rgba(getComputedStyle(e).color)), light(rgba(getComputedStyle(ground).backgroundColor))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) out.add(`${e.className || e.tagName} ${ratio.toFixed(2)}: ${e.textContent.trim().slice(0, 30)}`);
  }
  return [...out];
});
const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);

async function hostile() {
  const { url, engine, agent, collector } = await world();
  let e = await engine(), a = await agent();
  const page = await open(url);

  await check("a hostile name is shown as text and runs nothing", async () => {
    await page.getByText(EVIL, { exact: true }).first().waitFor();
    assert.equal(await page.locator(".rows .row").count(), 5);
    await page.getByText("done", { exact: true }).first().click();
    await page.locator("#detail").getByText("exit 137").waitFor();
    await page.locator(".rows .row b", { hasText: EVIL }).click();
    await until("its details", async () => (await shown(page, "#detail-name")) === EVIL);
    await sleep(500);
    assert.ok((await page.title()).startsWith("dockpulse"), await page.title());
    assert.equal(await page.locator("img:not([src='/icon.svg'])").count(), 0);
    await page.keyboard.press("Escape");
  });
  await check("a collector that takes no points is told, and that it does again", async () => {
    await banner(page, "The collector takes no points");
    await collector();
    await noBanner(page);
  });
  await check("numbers are live", async () => {
    const first = await shown(page, ".rows");
    await until("other numbers", async () => (await shown(page, ".rows")) !== first);
  });
  await check("charts of a container that is opened again are live", async () => {
    for (let i = 0; i < 2; i++) {
      await page.locator(".rows .row b", { hasText: "web" }).click();
      const figures = () => page.locator("#detail .figure").allInnerTexts();
      const first = String(await figures());
      assert.notEqual(first, "");
      await until("other figures", async () => String(await figures()) !== first, 5000);
      await page.keyboard.press("Escape");
    }
  });
  await check("the keyboard does it all", async () => {
    await page.keyboard.press("/");
    await page.keyboard.type("web");
    await until("one row", async () => (await page.locator(".rows .row:visible").count()) === 1);
    await page.keyboard.press("Enter");
    await page.keyboard.press("Enter");
    await until("its details", async () => (await shown(page, "#detail-name")) === "web");
    await page.keyboard.press("Escape");
    assert.ok(await page.locator("#detail").isHidden());
    await page.keyboard.press("Escape");
    await until("all rows", async () => (await page.locator(".rows .row:visible").count()) === 5);
    await page.keyboard.press("End");
    const active = () => page.evaluate(() => document.getElementById(document.activeElement.getAttribute("aria-activedescendant"))?.getAttribute("aria-rowindex"));
    await until("the last row", async () => (await active()) === "6");
    await page.keyboard.press("k");
    await until("the one above", async () => (await active()) === "5");
    await page.keyboard.press("4");
    await until("the stopped one", async () => (await page.locator(".rows .row:visible").count()) === 1);
    await page.keyboard.press("1");
    await page.keyboard.press("?");
    assert.ok(await page.locator("#help").isVisible());
    await page.keyboard.press("Escape");
    assert.ok(await page.locator("#help").isHidden());
    for (let i = 0; i < 30; i++) {
      await page.keyboard.press("Tab");
      const seen = await page.evaluate(() => { const e = document.activeElement; return e === document.body || getComputedStyle(e).outlineStyle !== "none" || Boolean(e.closest(".search")); });
      assert.ok(seen, "the focus is to be seen");
    }
  });
  await check("a row that is used for another container says nothing of the one before", async () => {
    const only = (n) => until(`${n} rows`, async () => (await page.locator(".rows .row:visible").count()) === n);
    try {
      for (const [key, n] of [["2", 4], ["4", 1]]) {
        await page.keyboard.press(key);
        await only(n);
      }
      assert.equal(await page.locator(".rows .row:visible [data-p=limit]").evaluate((e) => e.parentElement.title), "");
    } finally {
      await page.keyboard.press("1");
      await only(5);
    }
  });
  await check("dark and light, each with enough contrast", async () => {
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const dark = await ground();
    await page.locator(".rows .row b", { hasText: "web" }).click();
    assert.deepEqual(await faint(page), []);
    await page.keyboard.press("t");
    assert.notEqual(await ground(), dark);
    assert.deepEqual(await faint(page), []);
    await page.keyboard.press("Escape");
    await page.reload();
    await page.waitForSelector(".rows .row");
    assert.notEqual(await ground(), dark, "it is remembered");
    await page.keyboard.press("t");
  });
  await check("an engine that is down is told, its containers leave, and both come back", async () => {
    await end(e);
    await banner(page, "does not answer");
    await page.getByText("No engine answers.").waitFor();
    assert.deepEqual(await faint(page), []);
    e = await engine();
    await noBanner(page);
    await page.locator(".rows .row:visible").first().waitFor();
    await page.locator("#retractions em", { hasText: "engine down" }).first().waitFor();
  });
  await check("what has the focus in the details stays while numbers change", async () => {
    await page.locator(".rows .row b", { hasText: "web" }).click();
    const whose = page.locator("#detail .log button").first();
    await whose.focus();
    const figures = async () => String(await page.locator("#detail .figure").allInnerTexts());
    const first = await figures();
    await until("other numbers", async () => (await figures()) !== first);
    assert.ok(await whose.evaluate((e) => e === document.activeElement));
    await page.keyboard.press("Escape");
  });
  await check("a lost agent is told, and the page goes on with the next one", async () => {
    await end(a, "SIGKILL");
    await banner(page, "The connection to the agent is lost.");
    assert.ok(await page.evaluate(() => document.body.classList.contains("lost")));
    await page.evaluate(() => scrollTo(0, 1e6));
    assert.ok(await page.locator(".banner").evaluate((e) => e.getBoundingClientRect().top >= 0), "wherever the page is scrolled to");
    assert.equal(await page.locator(".rows .row:visible").count(), 5, "what was known is still shown");
    a = await agent();
    await noBanner(page);
    assert.equal(await page.evaluate(() => document.body.classList.contains("lost")), false);
    await until("live", async () => (await shown(page, "#link")) === "live");
  });
  await check("a page that nobody sees lets go, and one that hears nothing asks again", async () => {
    const other = await open(url, {}, () => {
      const time = performance.now.bind(performance), Source = EventSource;
      Object.assign(window, { ahead: 0, hid: true, deaf: false, sources: [] });
      window.EventSource = class extends Source {
        constructor(at) { super(at); sources.push(this); }
        addEventListener(kind, then) { super.addEventListener(kind, (e) => deaf || then(e)); }
      };
      performance.now = () => time() + ahead;
      Object.defineProperty(document, "hidden", { get: () => hid });
    });
    const later = (ms) => other.evaluate((ms) => { ahead += ms; }, ms);
    const sources = (n) => until(`connection ${n}`, () => other.evaluate((n) => sources.length === n, n), 5000);
    await later(301_000);
    await until("it lets go though it was never seen", () => other.evaluate(() => sources[0].readyState === EventSource.CLOSED), 5000);
    await later(60_000);
    await sleep(2000);
    await other.evaluate(() => { deaf = true; hid = false; document.dispatchEvent(new Event("visibilitychange")); });
    await sleep(2500);
    await sources(2);
    assert.equal(await other.locator("#said").textContent(), "", "to be seen again is no loss");
    await later(13_000);
    await sources(3);
    assert.equal(await shown(other, "#link"), "not connected");
    await later(31_000);
    await sources(4);
    await other.evaluate(() => { deaf = false; });
    await until("live", async () => (await shown(other, "#link")) === "live");
    assert.deepEqual(other.wrong, []);
    await other.context().close();
  });
  await check("on a phone nothing is cut off", async () => {
    for (const width of [390, 320]) {
      const phone = await open(url, { viewport: { width, height: 800 }, hasTouch: true, isMobile: true });
      for (const view of ["containers", "activity", "system"]) {
        await phone.locator(`[data-view=${view}]`).first().click();
        assert.equal(await overflow(phone), 0, `${view} at ${width}`);
      }
      await phone.locator("[data-view=containers]").first().click();
      await phone.locator(".rows .row b", { hasText: EVIL }).click();
      await phone.locator("#detail h2").waitFor();
      assert.equal(await overflow(phone), 0, `one container at ${width}`);
      await phone.locator("#detail-close").click();
      assert.deepEqual(phone.wrong, []);
      await phone.context().close();
    }
  });
  await check("nothing secret is told, and nobody else is asked", async () => {
    const all = await Promise.all(["status.json", "metrics", ""].map(async (p) => (await fetch(url + p)).text()));
    assert.ok(!all.join().includes("s3cret"));
    assert.deepEqual(page.asked.filter((u) => !u.startsWith(url)), []);
    assert.deepEqual(page.wrong, []);
  });
  await check("the agent's own metrics are as Prometheus wants them", async () => {
    const text = await (await fetch(`${url}metrics`)).text();
    execFileSync("promtool", ["check", "metrics"], { input: text, stdio: ["pipe", "pipe", "inherit"] });
    return `${text.match(/^# TYPE/gm).length} metrics`;
  });
  await page.context().close();
  await end(a);
  await end(e);
}

async function thousand() {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/`;
  const agent = start(binary, ["demo", "--simulate", "--containers", "1000"], { DOCKPULSE_STATUS__LISTEN: `127.0.0.1:${port}` });
  await until("1,000 containers", async () => (await (await fetch(`${url}status.json`)).json()).containers.length >= 990, 60_000);
  await sleep(3000);
  const used = async (ms) => { const before = cpu(agent); await sleep(ms); return ((cpu(agent) - before) / ms) * 1e5; };
  const alone = await used(8000);
  const page = await open(url);
  await check("1,000 containers that all change each second", async () => {
    await sleep(3000);
    const client = await page.context().newCDPSession(page);
    await client.send("Performance.enable");
    const read = async () => Object.fromEntries((await client.send("Performance.getMetrics")).metrics.map((m) => [m.name, m.value]));
    const before = await read();
    const watched = await used(10_000);
    const after = await read();
    const each = (name) => ((after[name] - before[name]) / (after.Timestamp - before.Timestamp)) * 1e3;
    const rows = await page.locator(".rows .row").count();
    assert.ok(rows < 60, `${rows} rows exist`);
    const script = each("ScriptDuration");
    assert.ok(script < SCRIPT_MS, `${script} ms of script a second`);
    return `${script.toFixed(1)} ms of script, ${each("TaskDuration").toFixed(0)} ms of all work a second, ${rows} rows exist; the agent ${alone.toFixed(1)} % of a core alone, ${watched.toFixed(1)} % with the page`;
  });
  await check("scrolling and searching 1,000 containers", async () => {
    await page.locator("#grid").focus();
    await page.keyboard.press("End");
    await until("the last row", async () => Number(await page.locator(".rows .row.at:visible").getAttribute("aria-rowindex")) > 900);
    await page.locator("#search").fill("00-00050");
    await until("few rows", async () => (await page.locator(".rows .row:visible").count()) <= 3);
    assert.deepEqual(page.wrong, []);
  });
  await page.context().close();
  await end(agent);
}

async function pictures() {
  const port = await freePort();
  const agent = start(binary, ["demo", "--simulate"], { DOCKPULSE_STATUS__LISTEN: `127.0.0.1:${port}` });
  const url = `http://127.0.0.1:${port}/`;
  await until("the agent", async () => (await fetch(`${url}readyz`)).ok);
  const pages = await Promise.all([open(url), open(url, { colorScheme: "light" }), open(url, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true })]);
  await sleep(75_000);
  await pages[1].locator(".rows .row b", { hasText: "postgres" }).click();
  await sleep(600);
  for (const [i, name] of ["page-dark", "page-light", "page-phone"].entries()) {
    const client = await pages[i].context().newCDPSession(pages[i]);
    const { data } = await client.send("Page.captureScreenshot", { format: "webp", quality: 88 });
    fs.writeFileSync(path.join(screenshots, `${name}.webp`), Buffer.from(data, "base64"));
  }
  await end(agent);
}

(async () => {
  browser = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
  try {
    if (screenshots) await pictures();
    else { await hostile(); await thousand(); }
  } catch (error) {
    failed++;
    console.log(`FAIL  ${error.stack}`);
  } finally {
    if (failed) console.log(log().slice(-6000));
    await browser.close();
    await endAll();
  }
  process.exitCode = failed ? 1 : 0;
})();
