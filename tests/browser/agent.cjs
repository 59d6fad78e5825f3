// What stands around the page: the agent under test, an engine with hostile names, a collector. All on loopback.
"use strict";
const { spawn } = require("node:child_process");
const fs = require("node:fs");
const net = require("node:net");
const os = require("node:os");
const path = require("node:path");

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "dockpulse-page-"));
const children = new Set();

function start(command, args, env = {}, stdin = "ignore") {
  const log = fs.openSync(path.join(folder, "log"), "a");
  const child = spawn(command, args, { cwd: folder, env: { PATH: process.env.PATH, HOME: folder, ...env }, stdio: [stdin, command.includes("python") ? log : "ignore", log] });
  child.gone = new Promise((done) => child.on("exit", (code) => { children.delete(child); done(code); }));
  children.add(child);
  return child;
}

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** Waits until something is so; says what it waited for if it is not. */
async function until(what, check, within = 15_000) {
  const end = Date.now() + within;
  for (;;) {
    const found = await Promise.resolve().then(check).catch(() => null);
    if (found) return found;
    if (Date.now() > end) throw new Error(`not within ${within} ms: ${what}`);
    await sleep(50);
  }
}

/** One that nobody listens on, and none of those that the kernel gives to whoever connects somewhere. */
function freePort() {
  return new Promise((done) => {
    const port = 20000 + Math.floor(Math.random() * 12000);
    const server = net.createServer().once("error", () => done(freePort()));
    server.listen(port, "127.0.0.1", () => server.close(() => done(port)));
  });
}

async function end(child, signal = "SIGTERM") {
  child.kill(signal);
  await Promise.race([child.gone, sleep(8000).then(() => child.kill("SIGKILL"))]);
}

async function endAll() {
  await Promise.all([...children].map((child) => end(child, "SIGKILL")));
  fs.rmSync(folder, { recursive: true, force: true });
}

/** Seconds of processors that a process used. */
function cpu(child) {
  const fields = fs.readFileSync(`/proc/${child.pid}/stat`, "utf8").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

module.exports = { folder, start, sleep, until, freePort, end, endAll, cpu, log: () => fs.readFileSync(path.join(folder, "log"), "utf8") };
