// The status page: hears of changes from /events, keeps what is there, and shows what of it is in sight.
// Texts come from outside: they are only ever set as text.
// -- Small things
const $ = (id) => document.getElementById(id);
const root = document.documentElement;
const keep = { get(k) { try { return localStorage.getItem(k); } catch { return null; } }, set(k, v) { try { localStorage.setItem(k, v); } catch { /* private */ } } };
const theme = keep.get("theme");
if (theme === "dark" || theme === "light") root.dataset.theme = theme;

/** An element with properties and children; a child that is text stays text. */
function el(tag, props, ...children) {
	const e = document.createElement(tag);
	for (const [k, v] of Object.entries(props || {})) {
		if (v === undefined || v === null || v === false) continue;
		if (k === "class") e.className = v;
		else if (k.startsWith("on")) e.addEventListener(k.slice(2), v);
		else e.setAttribute(k, v);
	}
	e.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== false));
	return e;
}
/** Sets what has changed: the rest of the document is left alone. */
const text = (e, t) => { if (e._t !== t) { e._t = t; e.textContent = t; } };
const cls = (e, c) => { if (e._c !== c) { e._c = c; e.className = c; } };
const hide = (e, on) => { if (e.hidden !== on) e.hidden = on; };

// -- Numbers in words
const sum = (counts) => Object.values(counts || {}).reduce((a, b) => a + b, 0);
const known = (n) => n !== undefined && n !== null;
function scaled(n, step, units) {
	let i = 0;
	while (n >= step * 0.9995 && i < units.length - 1) { n /= step; i++; }
	return `${n >= 99.95 || i === 0 ? Math.round(n) : n.toFixed(n >= 9.995 ? 1 : 2)} ${units[i]}`;
}
const bytes = (n) => (known(n) ? scaled(n, 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]) : "–");
const rate = (n) => (known(n) ? scaled(n, 1000, ["B/s", "kB/s", "MB/s", "GB/s"]) : "–");
const count = (n) => (known(n) ? n.toLocaleString("en") : "–");
const percent = (n) => (known(n) ? `${n >= 0.9995 ? (n * 100).toFixed(0) : (n * 100).toFixed(1)}%` : "–");
const took = (s) => (!known(s) ? "–" : s < 0.0095 ? `${(s * 1e3).toFixed(1)} ms` : s < 1 ? `${Math.round(s * 1e3)} ms` : `${s.toFixed(2)} s`);
function span(ms) {
	const s = Math.max(0, Math.floor(ms / 1000));
	if (s < 60) return `${s}s`;
	if (s < 3600) return `${Math.floor(s / 60)}m`;
	if (s < 86400) return `${Math.floor(s / 3600)}h`;
	return `${Math.floor(s / 86400)}d`;
}
const stamp = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const when = (ms) => (known(ms) ? stamp.format(ms) : "–");

// -- What is there
const HISTORY = 120;
const MOST_SHOWN = 200, MOST_BANNERS = 4;
const state = {
	at: 0, heard: 0, whole: false, link: "connecting", agent: {}, totals: {}, export: {}, outbox: {},
	engines: [], items: new Map(), retractions: [], notes: [], probes: new Map(), exports: null,
};
const view = { search: "", chip: "all", sort: "name", down: false, order: [], at: null, open: null, tab: "retractions" };
/** The time by the agent's clock. */
const now = () => state.at + (performance.now() - state.heard);

/** The last values of some numbers, in a ring. */
class History {
	constructor(of) { this.of = of; this.n = 0; this.last = 0; this.rings = of.map(() => new Float32Array(HISTORY)); this.times = new Float64Array(HISTORY); }
	push(at, values) {
		if (at === this.last) return;
		const i = this.n++ % HISTORY;
		this.times[i] = this.last = at;
		values.forEach((v, k) => { this.rings[k][i] = known(v) ? v : NaN; });
	}
	get length() { return Math.min(this.n, HISTORY); }
	/** The one that is so many before the last. */
	value(k, back) { return this.rings[k][(this.n - 1 - back) % HISTORY]; }
	time(back) { return this.times[(this.n - 1 - back) % HISTORY]; }
}
const OF_CONTAINER = ["cpu", "memory", "received_rate", "sent_rate", "read_rate", "written_rate"];

const engineOf = (id) => state.engines.find((e) => e.id === id) || { id, name: "" };
const stopped = (row) => row.state !== "running" && row.state !== "paused";
const troubled = (row) => Boolean(row.failing) || row.health === "unhealthy" || row.state === "dead" || row.state === "restarting" || row.oom_kills > 0 || (row.exit_code > 0 && row.state === "exited");

function take(delta) {
	const before = state.items;
	if (delta.whole) { state.items = new Map(); state.retractions = []; state.notes = []; }
	Object.assign(state, { at: delta.at, heard: performance.now(), whole: true, agent: delta.agent, totals: delta.totals, export: delta.export, outbox: delta.outbox, engines: delta.engines });
	for (const { engine, id } of delta.gone) state.items.delete(`${engine}/${id}`);
	for (const row of delta.containers) {
		const key = `${row.engine}/${row.id}`;
		let item = state.items.get(key) || before.get(key);
		if (!item) item = { key, row, history: new History(OF_CONTAINER), drawn: -1 };
		if (!item.find || item.row.name !== row.name || item.row.image !== row.image) item.find = `${row.name}\n${row.image}\n${row.id}\n${engineOf(row.engine).name}`.toLowerCase();
		item.row = row;
		item.trouble = troubled(row);
		// Numbers that nobody can vouch for are a gap.
		const n = row.numbers || { at: delta.at };
		item.history.push(n.at, OF_CONTAINER.map((k) => n[k]));
		state.items.set(key, item);
	}
	const last = (list) => (list.length ? list[list.length - 1].number : 0);
	for (const [list, more] of [[state.retractions, delta.retractions], [state.notes, delta.notes]]) {
		const seen = last(list);
		list.push(...more.filter((m) => m.number > seen));
		if (list.length > 512) list.splice(0, list.length - 512);
	}
	for (const e of delta.engines) {
		if (!e.probe) continue;
		if (!state.probes.has(e.id)) state.probes.set(e.id, new History(["duration"]));
		state.probes.get(e.id).push(e.probe.at, [e.probe.duration]);
	}
	state.exports ||= new History(["duration"]);
	if (delta.export.at) state.exports.push(delta.export.at, [delta.export.duration]);
}

// -- The connection
// The agent speaks every five seconds at the least. A page that nobody sees for long lets go: a browser has only six
// connections for all its pages.
const SILENCE = 12_000, CONNECTING = 30_000, HIDDEN = 300_000;
let source = null, tried = 0, again = 0, pause = 1000, hiddenAt = document.hidden ? performance.now() : 0;
function connect() {
	clearTimeout(again);
	if (source) source.close();
	source = new EventSource("/events");
	tried = performance.now();
	source.addEventListener("status", (event) => {
		take(JSON.parse(event.data));
		pause = 1000;
		link("live");
		draw();
	});
	source.addEventListener("error", () => {
		link("lost");
		// It comes back by itself unless it was refused.
		if (source.readyState === EventSource.CLOSED) later();
		draw();
	});
}
function later() {
	clearTimeout(again);
	again = setTimeout(connect, pause);
	pause = Math.min(pause * 2, 10_000);
}
function link(to) {
	if (state.link === to) return;
	if (to === "live" && state.link === "lost") say("Connected to the agent again.");
	if (to === "lost") say("The connection to the agent is lost.");
	state.link = to;
	$("link").dataset.state = to;
	text($("link").lastElementChild, to === "live" ? "live" : to === "lost" ? "not connected" : "connecting");
	document.body.classList.toggle("lost", to === "lost");
}
const say = (words) => text($("said"), words);

// -- Drawing
// Data asks for everything; time and scrolling for what depends on them.
let asked = false, all = false;
function draw(everything = true) {
	all ||= everything;
	if (asked) return;
	asked = true;
	requestAnimationFrame(() => { const everything = all; asked = all = false; paint(everything); });
}
function paint(everything) {
	banners();
	if (!state.whole) return;
	if (everything) { head(); system(); totals(); arrange(); activity(); }
	rows();
	detail();
}

let ink = {};
/** Colours as a canvas wants them; the theme decides. */
function inks() {
	const probe = el("i");
	document.body.append(probe);
	for (const name of ["cpu", "memory", "in", "out", "accent", "quiet", "line"]) { probe.style.color = `var(--${name})`; ink[name] = getComputedStyle(probe).color; }
	probe.remove();
}
/** Lines of a history, the newest value at the right; a gap stays a gap. */
function chart(canvas, history, lines, mark = -1) {
	const scale = Math.min(window.devicePixelRatio || 1, 2);
	if (!canvas._w || canvas._r !== resized) { canvas._r = resized; canvas._w = canvas.clientWidth; canvas._h = canvas.clientHeight; canvas.width = Math.round(canvas._w * scale); canvas.height = Math.round(canvas._h * scale); }
	const c = canvas.getContext("2d"), w = canvas.width, h = canvas.height, n = history.length;
	c.clearRect(0, 0, w, h);
	if (n < 2) return;
	let top = 0;
	for (const [k] of lines) for (let i = 0; i < n; i++) { const v = history.value(k, i); if (v > top) top = v; }
	top = (top || 1) * 1.12;
	const step = w / (HISTORY / 2 - 1) / (n > HISTORY / 2 ? (n - 1) / (HISTORY / 2 - 1) : 1);
	const x = (back) => w - back * step, y = (v) => h - scale - (Math.min(v, top) / top) * (h - 2 * scale);
	c.lineJoin = "round";
	for (const [k, color] of lines) {
		const line = new Path2D(), area = new Path2D();
		let from = -1;
		for (let i = 0; i <= n; i++) {
			const v = i < n ? history.value(k, i) : NaN;
			if (v !== v) {
				if (from >= 0) area.lineTo(x(i - 1), h);
				from = -1;
			} else if (from < 0) {
				from = i;
				line.moveTo(x(i), y(v)); area.moveTo(x(i), h); area.lineTo(x(i), y(v));
			} else { line.lineTo(x(i), y(v)); area.lineTo(x(i), y(v)); }
		}
		c.lineWidth = 1.4 * scale;
		c.strokeStyle = c.fillStyle = ink[color];
		c.stroke(line);
		if (lines.length === 1) { c.globalAlpha = 0.14; c.fill(area); c.globalAlpha = 1; }
	}
	if (mark >= 0) { c.fillStyle = ink.quiet; c.fillRect(Math.round(x(mark)), 0, scale, h); }
	canvas._step = step / scale;
}
let resized = 0;

function head() {
	const a = state.agent;
	const where = $("where");
	const words = `${a.host}\n${a.version}\n${a.interval}\n${a.profile}`;
	if (where._t === words) return;
	where._t = words;
	where.replaceChildren(el("b", null, a.host), ` · ${a.version} · every ${a.interval} s`, a.profile === "semconv" ? "" : ` · ${a.profile}`);
	document.title = `dockpulse · ${a.host}`;
}

const since = (x) => (x.failing_since ? `For ${span(now() - x.failing_since)}: ` : "");
function banners() {
	const out = [];
	const add = (kind, title, words, act) => out.push({ kind, title, words, act });
	if (state.link === "lost") {
		const seen = state.whole ? `What is shown is of ${clock.format(state.at)}, ${span(now() - state.at)} ago.` : "Nothing was heard of it yet.";
		add("bad", "The connection to the agent is lost.", `${seen} Trying again; if the agent was ended, start it.`, ["Try now", connect]);
	} else if (state.whole) {
		for (const e of state.engines) {
			if (e.up !== false) continue;
			const retry = e.retry_at > now() ? `in ${Math.ceil((e.retry_at - now()) / 1000)} s` : "now";
			add("bad", `Engine ${e.name} does not answer.`, `${since(e)}${e.error || ""}. Its series are retracted until it is back. Tried again ${retry}; dockpulse doctor finds out why.`);
		}
		const x = state.export;
		if (x.last === "retrying" || x.last === "dropped") {
			const kept = x.last === "retrying" ? `${count(state.outbox.points)} points wait in the outbox.` : "What it refused was given up.";
			add("bad", "The collector takes no points.", `${since(x)}${x.error || ""}. ${kept}`);
		} else if (x.last === "partial") add("warn", "The collector rejects some points.", x.error || "");
	}
	const box = $("banners"), words = JSON.stringify(out);
	if (box._t === words) return;
	box._t = words;
	// What stays is kept as it is, else it would be read aloud each second.
	out.splice(MOST_BANNERS);
	out.forEach((b, i) => {
		let e = box.children[i];
		if (e?.firstChild.textContent !== b.title) {
			const fresh = el("p", { class: `banner ${b.kind}` }, el("b"), el("span", { "aria-live": "off" }), b.act && el("button", { type: "button", onclick: b.act[1] }, b.act[0]));
			if (e) e.replaceWith(fresh); else box.append(fresh);
			e = fresh;
		}
		text(e.children[0], b.title);
		text(e.children[1], b.words);
	});
	while (box.children.length > out.length) box.lastElementChild.remove();
}

const fact = (term, value, title) => el("div", { title }, el("dt", null, term), el("dd", null, value));
/** Fills a card if what it says has changed; its chart is drawn each time. */
function card(e, words, build, history, color) {
	const was = JSON.stringify(words);
	if (e._words !== was) { e._words = was; e.replaceChildren(...build().filter(Boolean)); e._n = -1; }
	const canvas = e.querySelector("canvas");
	if (canvas && history && (e._n !== history.n || canvas._r !== resized)) { e._n = history.n; chart(canvas, history, [[0, color]]); }
}
const pill = (kind, words) => el("span", { class: `pill ${kind}` }, words);

function system() {
	const box = $("engines");
	const wanted = new Set(state.engines.map((e) => String(e.id)));
	for (const child of [...box.children]) if (!wanted.has(child.dataset.id)) child.remove();
	for (const e of state.engines) {
		let c = box.querySelector(`[data-id="${e.id}"]`);
		if (!c) box.append(c = el("article", { class: "card", "data-id": e.id, "aria-label": "Engine" }));
		const probe = e.probe || {}, slow = known(probe.duration) && probe.duration > state.agent.interval;
		const kind = e.up === null ? ["warn", "first probe"] : !e.up ? ["bad", "down"] : probe.failed ? ["warn", `${probe.failed} fail`] : e.events === false ? ["warn", "no events"] : ["good", "up"];
		const running = (e.states.running || 0) + (e.states.paused || 0);
		const all = sum(e.states);
		const sub = [e.runtime && `${e.runtime} ${e.version || ""}`, e.api && `API ${e.api}`, e.arch, e.endpoint].filter(Boolean).join(" · ");
		card(c, [e.name, kind, sub, e.error, running, all, e.series, probe.duration, probe.list, probe.sampled, probe.late, e.over_cap], () => [
			el("header", null, el("h2", { title: e.name }, e.name), pill(...kind)),
			el("p", { class: "sub", title: sub }, sub),
			e.error && el("p", { class: "wrong" }, e.error),
			el("dl", { class: "facts" },
				fact("running", all ? `${count(running)} of ${count(all)}` : "–", "Containers that run, of all that it has"),
				fact("series", count(e.series), "Published and not retracted"),
				fact("probe", took(probe.duration), slow ? "Longer than the interval" : "How long the last probe took"),
				fact("list", took(probe.list), "How long its list of containers took"),
				probe.late ? fact("late", count(probe.late), "Containers whose answer had not come when the probe was closed") : null,
				e.over_cap ? fact("left out", count(e.over_cap), "By containers.max") : null,
				el("div", { class: "chart", title: "Duration of the last probes" }, el("canvas", { "aria-hidden": "true" }))),
		], state.probes.get(e.id), "accent");
	}
	const x = state.export, r = x.requests || {};
	const how = { none: ["", "nothing sent yet"], delivered: ["good", "delivers"], partial: ["warn", "rejects some"], retrying: ["bad", `try ${x.attempts + 1} follows`], dropped: ["bad", "refuses"] }[x.last] || ["", x.last];
	card($("export"), [x, how], () => [
		el("header", null, el("h2", null, "Collector"), pill(...how)),
		el("p", { class: "sub", title: x.endpoint }, `${x.endpoint} · ${x.protocol}`),
		x.error && el("p", { class: "wrong" }, x.error),
		el("dl", { class: "facts" },
			fact("points", count(r.points), "Points that it has, retractions included"),
			fact("requests", count(r.delivered), "Requests that it took"),
			r.failed ? fact("failed tries", count(r.failed)) : null,
			r.dropped ? fact("given up", count(r.dropped)) : null,
			fact("answer", took(x.duration), "How long the last request took"),
			el("div", { class: "chart", title: "Duration of the last requests" }, el("canvas", { "aria-hidden": "true" }))),
	], state.exports, "accent");
	const o = state.outbox, full = o.max_bytes ? o.bytes / o.max_bytes : 0;
	const grave = full > 0.9 ? "bad" : full > 0.5 ? "warn" : "";
	const age = o.oldest ? span(now() - o.oldest) : "–";
	card($("outbox"), [o, age], () => {
		const bar = el("div", { class: `bar ${grave}`, title: `${percent(full)} full` }, el("i"));
		bar.firstChild.style.width = `${Math.max(full * 100, o.bytes ? 0.6 : 0)}%`;
		return [
			el("header", null, el("h2", null, "Outbox"), pill(o.durable ? "good" : "", o.durable ? "on disk" : "in memory")),
			el("p", { class: "sub", title: o.directory || "" }, o.durable ? o.directory : "outbox.directory makes it outlive the agent"),
			el("dl", { class: "facts" },
				fact("waiting", count(o.points), "Points that were not delivered yet"),
				fact("retractions", count(o.retractions), "The retractions among them"),
				fact("oldest", age, "How long the oldest batch has been waiting"),
				el("div", { class: "full" }, el("dt", null, `${bytes(o.bytes)} of ${bytes(o.max_bytes)}`), el("dd", null, bar))),
		];
	});
}

let sums = { running: 0, problem: 0, stopped: 0, cpu: 0, memory: 0, received: 0, sent: 0 };
function totals() {
	sums = { running: 0, problem: 0, stopped: 0, cpu: 0, memory: 0, received: 0, sent: 0 };
	for (const { row, trouble } of state.items.values()) {
		if (stopped(row)) sums.stopped++; else sums.running++;
		if (trouble) sums.problem++;
		const n = row.numbers;
		if (n) { sums.cpu += n.cpu || 0; sums.memory += n.memory || 0; sums.received += n.received_rate || 0; sums.sent += n.sent_rate || 0; }
	}
	const box = $("totals");
	const retracted = sum(state.totals.retracted);
	const all = [
		["CPU", sums.cpu.toFixed(2), "cores"], ["Memory", ...bytes(sums.memory).split(" ")], ["Received", ...rate(sums.received).split(" ")], ["Sent", ...rate(sums.sent).split(" ")],
		["Series live", count(state.totals.series_live), ""], ["Retracted", count(retracted), ""],
	];
	if (!box.children.length) box.append(...all.map(([term]) => el("div", null, el("dt", null, term), el("dd", null, el("span"), " ", el("small")))));
	all.forEach(([, value, unit], i) => { const dd = box.children[i].lastChild; text(dd.firstChild, value); text(dd.lastChild, unit); });
	for (const b of $("chips").children) {
		const n = { all: state.items.size, running: sums.running, problem: sums.problem, stopped: sums.stopped }[b.dataset.chip];
		text(b.lastElementChild, count(n));
		b.classList.toggle("some", b.dataset.chip === "problem" && n > 0);
	}
}

// -- The list of containers
const num = (k) => (i) => i.row.numbers?.[k] ?? -1;
const COLUMNS = [
	["name", "Container", "c-name", (i) => i.row.name],
	["state", "State", "c-state", (i) => `${i.trouble ? 0 : 1}${i.row.state}${i.row.health || ""}`],
	["cpu", "CPU", "c-cpu", num("cpu"), true],
	["memory", "Memory", "c-memory", num("memory"), true],
	["net", "Network", "c-net", (i) => (i.row.numbers ? (i.row.numbers.received_rate || 0) + (i.row.numbers.sent_rate || 0) : -1), true],
	["disk", "Disk", "c-disk", (i) => (i.row.numbers ? (i.row.numbers.read_rate || 0) + (i.row.numbers.written_rate || 0) : -1), true],
	["pids", "Pids", "c-pids num", num("pids"), true],
	["age", "Age", "c-age num", (i) => -(i.row.started || i.row.created || 0)],
	["series", "Series", "c-series num", (i) => i.row.series, true],
];

function arrange() {
	const words = view.search.toLowerCase().split(/\s+/).filter(Boolean);
	const of = { all: () => true, running: (i) => !stopped(i.row), problem: (i) => i.trouble, stopped: (i) => stopped(i.row) }[view.chip];
	const by = COLUMNS.find(([id]) => id === view.sort)[3], way = view.down ? -1 : 1;
	const order = [];
	for (const item of state.items.values()) if (of(item) && words.every((w) => item.find.includes(w))) { item.by = by(item); order.push(item); }
	const less = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
	order.sort((a, b) => way * less(a.by, b.by) || less(a.row.name, b.row.name) || less(a.key, b.key));
	view.order = order;
	$("grid").setAttribute("aria-rowcount", order.length + 1);
	empty(order.length);
}

function empty(n) {
	const box = $("empty");
	hide(box, n > 0);
	if (n) return;
	const waits = state.engines.filter((e) => e.up === null), down = state.engines.filter((e) => e.up === false);
	let say;
	if (state.items.size) say = view.search ? ["Nothing matches.", `No container has “${view.search}” in its name, image, id or engine. Escape clears the search.`] : ["None of these.", { problem: "No container has a problem.", stopped: "No container is stopped.", running: "No container runs." }[view.chip] || ""];
	else if (state.link === "lost") say = ["Nothing is known now.", "The agent had let go of everything when it was last heard of."];
	else if (waits.length) say = ["Waiting for the first probe.", `Asking ${waits.map((e) => e.name).join(", ")} for its containers.`];
	else if (down.length) say = ["No engine answers.", "Nothing is known of their containers until one is back. To find out why:", "dockpulse doctor"];
	else say = ["No containers are watched.", "One that is started shows up here within a second. To see why one is left out: dockpulse explain NAME.", "docker run --rm -d --name hello nginx"];
	const words = say.join("\n");
	if (box._t === words) return;
	box._t = words;
	box.replaceChildren(el("b", null, say[0]), say[1], say[2] ? el("div", null, el("code", null, say[2])) : "");
}

const pool = [], shown = new Map();
let height = 46;
function makeRow() {
	const r = $("row").content.firstElementChild.cloneNode(true);
	r.p = Object.fromEntries([...r.querySelectorAll("[data-p]")].map((e) => [e.dataset.p, e]));
	r.addEventListener("click", () => open(r.item.key));
	return r;
}
function stateOf(row) {
	if (row.failing) return ["warn", "no numbers"];
	if (row.health && row.state === "running") return { healthy: ["good", "healthy"], unhealthy: ["bad", "unhealthy"], starting: ["warn", "starting"] }[row.health] || ["", row.health];
	if (row.state === "exited") return row.exit_code ? ["bad", `exit ${row.exit_code}`] : ["", "exited"];
	return [{ running: "good", paused: "warn", restarting: "warn", removing: "warn", dead: "bad" }[row.state] || "", row.state];
}
function fillRow(r, item, index) {
	const { row } = item, p = r.p, n = row.numbers;
	if (r.item !== item) { r.item = item; item.drawn = -1; r.id = `c-${item.key.replace("/", "-").slice(0, 40)}`; }
	if (r._y !== index) { r._y = index; r.style.transform = `translateY(${index * height}px)`; r.setAttribute("aria-rowindex", index + 2); }
	const chosen = item.key === view.at;
	cls(r, `row${stopped(row) ? " quiet" : ""}${chosen ? " at" : ""}${item.key === view.open ? " open" : ""}`);
	if (r._s !== chosen) { r._s = chosen; r.setAttribute("aria-selected", chosen); }
	text(p.name, row.name);
	text(p.image, state.engines.length > 1 ? `${row.image} · ${engineOf(row.engine).name}` : row.image);
	const [kind, word] = stateOf(row);
	cls(p.st, `pill ${kind}`);
	text(p.st, word);
	text(p.cpu, n ? percent(n.cpu) : "–");
	if (item.drawn !== item.history.n || p.spark._r !== resized || p.spark._on !== Boolean(n)) {
		item.drawn = item.history.n;
		p.spark._on = Boolean(n);
		if (n) chart(p.spark, item.history, [[0, "cpu"]]); else p.spark.getContext("2d").clearRect(0, 0, p.spark.width, p.spark.height);
	}
	text(p.mem, n ? bytes(n.memory) : "–");
	const share = n && n.memory_limit && known(n.memory) ? n.memory / n.memory_limit : null;
	text(p.limit, share === null ? "" : `${Math.round(share * 100)}%`);
	hide(p.bar, share === null);
	if (share !== null) {
		cls(p.bar, `bar${share > 0.95 ? " bad" : share > 0.85 ? " warn" : ""}`);
		const to = `scaleX(${Math.min(share, 1).toFixed(3)})`;
		if (p.bar._to !== to) { p.bar._to = to; p.bar.firstChild.style.transform = to; }
	}
	const tip = share === null ? "" : `${bytes(n.memory)} of ${bytes(n.memory_limit)}`;
	if (p.bar._tip !== tip) p.limit.parentElement.title = p.bar._tip = tip;
	text(p.rx, n ? rate(n.received_rate) : "–");
	text(p.tx, n ? rate(n.sent_rate) : "–");
	text(p.rd, n ? rate(n.read_rate) : "–");
	text(p.wr, n ? rate(n.written_rate) : "–");
	text(p.pids, n ? count(n.pids) : "–");
	const from = row.started || row.created;
	text(p.age, from ? span(now() - from) : "–");
	text(p.series, String(row.series));
}
/** Only rows in sight exist; those that leave it are used for those that come. */
function rows() {
	const box = $("rows"), order = view.order, all = `${order.length * height}px`;
	if (box.style.height !== all) box.style.height = all;
	const top = -box.getBoundingClientRect().top;
	const from = Math.max(0, Math.floor(top / height) - 4), to = Math.min(order.length, Math.ceil((top + innerHeight) / height) + 4);
	const wanted = new Set();
	for (let i = from; i < to; i++) wanted.add(order[i].key);
	for (const [key, r] of shown) if (!wanted.has(key)) { shown.delete(key); r.style.visibility = "hidden"; r._hidden = true; pool.push(r); }
	for (let i = from; i < to; i++) {
		const item = order[i];
		let r = shown.get(item.key);
		if (!r) {
			r = pool.pop();
			if (!r) box.append(r = makeRow());
			if (r._hidden) { r._hidden = false; r.style.visibility = ""; }
			shown.set(item.key, r);
		}
		fillRow(r, item, i);
	}
	while (pool.length > 24) pool.pop().remove();
	const at = view.at && shown.get(view.at);
	if (at) $("grid").setAttribute("aria-activedescendant", at.id); else $("grid").removeAttribute("aria-activedescendant");
}
function headings() {
	$("head").replaceChildren(...COLUMNS.map(([id, title, c]) => el("div", { class: c, role: "columnheader", "aria-sort": id === view.sort ? (view.down ? "descending" : "ascending") : null },
		el("button", { type: "button", tabindex: "-1", onclick: () => sortBy(id) }, title))));
	$("sort").value = view.sort;
}
function sortBy(id) {
	const down = Boolean(COLUMNS.find(([c]) => c === id)[4]);
	view.down = view.sort === id ? !view.down : down;
	view.sort = id;
	keep.set("sort", `${id} ${view.down ? 1 : 0}`);
	headings();
	draw();
}
function move(by) {
	if (!view.order.length) return;
	const was = view.order.findIndex((i) => i.key === view.at);
	const to = Math.max(0, Math.min(view.order.length - 1, was < 0 ? by - 1 : was + by));
	view.at = view.order[to].key;
	const y = $("rows").getBoundingClientRect().top + to * height, rim = 48;
	if (!to) scrollTo(0, 0); else if (y < rim) scrollBy(0, y - rim); else if (y + height > innerHeight - 12) scrollBy(0, y + height - innerHeight + 12);
	if (view.open) open(view.at); else draw();
}

// -- Retractions and the log
const REASONS = {
	sample_failed: ["warn", "Its numbers could not be had"], engine_down: ["bad", "The engine does not answer"],
	identity_changed: ["", "It is called otherwise now"], series_ended: ["", "What it measured is gone"], unwatched: ["", "It is no longer watched"],
};
const byId = (engine, id) => { for (const i of state.items.values()) if (i.row.id === id) return i; return null; };
function whom(c, engine) {
	if (!c) return el("b", null, engine ? `engine ${engine}` : "agent");
	const b = el("button", { type: "button", title: c.id }, c.name || c.id.slice(0, 12));
	b.addEventListener("click", () => { const i = byId(engine, c.id); if (i) open(i.key); else { setSearch(c.name); look("containers"); } });
	return b;
}
const timed = (at) => el("time", { datetime: new Date(at).toISOString(), title: when(at) }, clock.format(at));
function retraction(r) {
	const [kind, why] = REASONS[r.reason] || [];
	return el("li", { class: kind, title: why }, whom(r.container, r.engine), timed(r.at),
		el("p", null, el("em", null, r.reason.replaceAll("_", " ")), ` · ${count(r.series)} series`));
}
function note(n) {
	const kind = n.level === "error" ? "error bad" : n.level === "warn" ? "warn" : "";
	return el("li", { class: kind }, el("b", null, n.event.replaceAll("_", " ")), timed(n.at), el("p", null, n.text));
}
/** Puts what is new on top and drops what is old. */
function fillLog(box, list, make, none) {
	if (!list.length) { if (box._last !== 0) { box._last = 0; box.replaceChildren(el("li", { class: "none" }, el("b", null, none[0]), none[1])); } return; }
	const last = list[list.length - 1].number;
	if (box._last === last && box._agent === state.agent.started) return;
	if (!box._last || box._agent !== state.agent.started || box._last > last) { box.replaceChildren(); box._last = 0; }
	const fresh = list.filter((x) => x.number > (box._last || 0)).slice(-MOST_SHOWN);
	box.prepend(...fresh.reverse().map(make));
	while (box.children.length > MOST_SHOWN) box.lastElementChild.remove();
	box._last = last;
	box._agent = state.agent.started;
}
function activity() {
	const series = sum(state.totals.retracted);
	text($("n-retractions"), series ? count(series) : "");
	text($("n-notes"), state.notes.length ? count(state.notes.length) : "");
	if (view.tab === "retractions") fillLog($("retractions"), state.retractions.filter((r) => r.reason !== "state_changed"), retraction, ["Nothing was retracted yet.", "When a container ends, its series are ended here, with the reason."]);
	else fillLog($("notes"), state.notes, note, ["Nothing happened yet.", "Engines and the collector that fail and recover are told of here."]);
}
function tab(name) {
	view.tab = name;
	for (const n of ["retractions", "notes"]) {
		$(`tab-${n}`).setAttribute("aria-selected", n === name);
		$(`tab-${n}`).tabIndex = n === name ? 0 : -1;
		$(n).hidden = n !== name;
	}
	draw();
}
function look(name) {
	document.querySelector("main").dataset.view = name;
	for (const b of document.querySelectorAll(".views button")) b.setAttribute("aria-pressed", b.dataset.view === name);
	resized++;
	draw();
}

// -- One container
let back = null;
function open(key) {
	const box = $("detail");
	if (box.hidden) back = document.activeElement;
	const other = view.open !== key;
	view.open = view.at = key;
	box.hidden = false;
	document.body.classList.add("with-detail");
	if (other) box._words = box._figures = null;
	if (!box.contains(document.activeElement) && document.activeElement !== $("grid")) box.focus({ preventScroll: true });
	draw();
}
function close() {
	if (!view.open) return;
	view.open = null;
	$("detail").hidden = true;
	document.body.classList.remove("with-detail");
	(back && back.isConnected && back !== document.body ? back : $("grid")).focus({ preventScroll: true });
	draw();
}
const FIGURES = [
	["CPU", [[0, "cpu"]], (v) => percent(v[0]), (n) => (n.cpu_limit ? `of ${n.cpu_limit * 100}%` : ""), null],
	["Memory", [[1, "memory"]], (v) => bytes(v[1]), (n) => (n.memory_limit ? `of ${bytes(n.memory_limit)}` : ""), null],
	["Network", [[2, "in"], [3, "out"]], (v) => `↓ ${rate(v[2])}  ↑ ${rate(v[3])}`, () => "", null],
	["Disk", [[4, "in"], [5, "out"]], (v) => `R ${rate(v[4])}  W ${rate(v[5])}`, () => "", null],
];
function figures() {
	return FIGURES.map(([title, lines, show, limit]) => {
		const value = el("span"), canvas = el("canvas", { role: "img", "aria-label": `${title} over time` });
		const f = el("section", { class: "figure" }, el("header", null, el("h3", null, title), value), canvas);
		f.mark = -1;
		canvas.addEventListener("pointermove", (e) => { f.mark = Math.max(0, Math.round((canvas.clientWidth - e.offsetX) / (canvas._step || 1))); draw(); });
		canvas.addEventListener("pointerleave", () => { f.mark = -1; draw(); });
		f.fill = (item) => {
			const h = item.history, n = item.row.numbers, at = f.mark >= 0 && f.mark < h.length ? f.mark : -1;
			if (n || at >= 0) {
				const values = OF_CONTAINER.map((k, i) => { const v = at >= 0 ? h.value(i, at) : n[k]; return v === v ? v : undefined; });
				value.replaceChildren(`${show(values)} `, el("small", null, at >= 0 ? `${span(now() - h.time(at))} ago` : limit(n)));
			} else value.replaceChildren(el("small", null, "no numbers now"));
			chart(canvas, h, lines, at);
		};
		return f;
	});
}
function detail() {
	if (!view.open) return;
	const box = $("detail"), item = state.items.get(view.open), body = $("detail-body");
	if (!item) {
		if (box._words !== "gone") { box._words = "gone"; box._figures = null; body.replaceChildren(el("div", { class: "empty" }, el("b", null, "This container is gone."), "Its series were retracted; the log has the reason.")); }
		return;
	}
	const { row } = item, n = row.numbers || {};
	text($("detail-name"), row.name);
	text($("detail-image"), row.image);
	if (!box._figures) { box._figures = figures(); box._words = box._ends = null; }
	const mine = state.retractions.filter((r) => r.container?.id === row.id).slice(-6).reverse();
	const age = row.started ? span(now() - row.started) : null;
	const words = JSON.stringify([row, age, mine.length && mine[0].number]);
	if (box._words !== words) {
		box._words = words;
		const pairs = [
			["Id", el("span", { class: "mono" }, row.id)], ["Engine", engineOf(row.engine).name], ["Created", when(row.created)],
			row.started ? ["Running since", `${when(row.started)} (${age})`] : null,
			known(row.exit_code) ? ["Exit status", String(row.exit_code)] : null, known(row.restarts) ? ["Restarts", count(row.restarts)] : null,
			row.oom_kills ? ["Killed for memory", count(row.oom_kills)] : null, ["Series live", count(row.series)],
			known(n.throttled) && n.cpu_limit ? ["CPU throttled", percent(n.throttled)] : null,
			known(n.received) ? ["Received, sent", `${bytes(n.received)}, ${bytes(n.sent)}`] : null, known(n.read) ? ["Read, written", `${bytes(n.read)}, ${bytes(n.written)}`] : null,
			known(n.pids) ? ["Processes", n.pids_limit ? `${count(n.pids)} of ${count(n.pids_limit)}` : count(n.pids)] : null,
		].filter(Boolean);
		const [kind, word] = stateOf(row);
		const pills = el("div", { class: "pills" }, pill(kind, word), row.health || stopped(row) || row.failing ? pill("", row.state) : null, row.oom_kills ? pill("bad", "killed for memory") : null);
		body._pills ||= el("div");
		body._rest ||= el("div");
		body._pills.replaceChildren(pills, row.failing ? el("p", { class: "wrong" }, row.failing) : "");
		body._rest.replaceChildren(el("dl", { class: "pairs" }, pairs.flatMap(([t, v]) => [el("dt", null, t), el("dd", null, v)])));
		// What has not changed stays: the focus may be in it.
		const ends = JSON.stringify([item.key, mine]), fresh = box._ends !== ends;
		if (fresh) { box._ends = ends; body._logs = mine.length ? [el("h3", null, "Retractions"), el("ol", { class: "log" }, mine.map(retraction))] : []; }
		const wanted = [body._pills, ...(stopped(row) && item.history.length < 2 ? [] : box._figures), body._rest, ...body._logs, el("p", { class: "tip" }, "Its series, and what would retract them: ", el("code", null, `dockpulse explain ${row.id.slice(0, 12)}`))];
		if (fresh || wanted.length !== body.children.length) body.replaceChildren(...wanted);
	}
	if (box._figures[0].isConnected) for (const f of box._figures) f.fill(item);
}

// -- What people do
function setSearch(t) { view.search = t.trim(); if ($("search").value.trim() !== view.search) $("search").value = t; draw(); }
function chip(name) {
	view.chip = name;
	for (const b of $("chips").children) b.setAttribute("aria-pressed", b.dataset.chip === name);
	draw();
}
function switchTheme() {
	const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
	root.dataset.theme = dark ? "light" : "dark";
	keep.set("theme", root.dataset.theme);
	recolor();
}
function recolor() { inks(); resized++; draw(); }
function measure() {
	height = parseFloat(getComputedStyle(root).getPropertyValue("--row")) || 46;
	for (const r of [...shown.values(), ...pool]) r._y = -1;
	resized++;
	draw();
}
function keys(e) {
	if (e.ctrlKey || e.metaKey || e.altKey || $("help").open) return;
	const typing = e.target.matches("input, select, textarea");
	if (e.key === "Escape") {
		if (view.open) close();
		else if (view.search) setSearch("");
		else if (typing) e.target.blur();
		return;
	}
	if (typing) {
		if (e.target === $("search") && (e.key === "ArrowDown" || e.key === "Enter")) { e.preventDefault(); $("grid").focus(); if (!view.order.some((i) => i.key === view.at)) move(-1e9); }
		return;
	}
	const control = e.target.closest("button, a, .log, [role=tab]");
	const page = Math.max(1, Math.floor(innerHeight / height) - 3);
	const steps = { ArrowDown: 1, ArrowUp: -1, j: 1, k: -1, PageDown: page, PageUp: -page, Home: -1e9, End: 1e9 };
	const sortable = COLUMNS.map(([id]) => id);
	if (e.key in steps && !(control && e.key.length > 1) && !$("detail").contains(e.target)) { $("grid").focus({ preventScroll: true }); move(steps[e.key]); }
	else if (e.key === "Enter" && !control && view.at) open(view.at);
	else if (e.key === "/") { look("containers"); $("search").focus(); $("search").select(); }
	else if (e.key === "?") $("help").showModal();
	else if (e.key === "t") switchTheme();
	else if (e.key === "s") { view.sort = sortable[(sortable.indexOf(view.sort) + 1) % sortable.length]; view.down = !COLUMNS.find(([c]) => c === view.sort)[4]; sortBy(view.sort); }
	else if (e.key === "r") sortBy(view.sort);
	else if ("1234".includes(e.key)) chip(["all", "running", "problem", "stopped"][e.key - 1]);
	else return;
	e.preventDefault();
}

const [by, down] = (keep.get("sort") || "").split(" ");
if (COLUMNS.some(([id]) => id === by)) { view.sort = by; view.down = down === "1"; }
$("chips").append(...[["all", "All"], ["running", "Running"], ["problem", "Problems"], ["stopped", "Stopped"]].map(([id, title]) =>
	el("button", { type: "button", "data-chip": id, "aria-pressed": id === "all", onclick: () => chip(id) }, title, " ", el("b", null, "0"))));
$("sort").append(...COLUMNS.map(([id, title]) => el("option", { value: id }, title)));
$("sort").addEventListener("change", (e) => { if (e.target.value !== view.sort) sortBy(e.target.value); });
headings();
inks();
measure();
$("search").addEventListener("input", (e) => { view.search = e.target.value.trim(); draw(); });
$("theme").addEventListener("click", switchTheme);
$("help-open").addEventListener("click", () => $("help").showModal());
$("detail-close").addEventListener("click", close);
for (const n of ["retractions", "notes"]) {
	$(`tab-${n}`).addEventListener("click", () => tab(n));
	$(`tab-${n}`).addEventListener("keydown", (e) => { if (e.key === "ArrowLeft" || e.key === "ArrowRight") { const o = n === "notes" ? "retractions" : "notes"; tab(o); $(`tab-${o}`).focus(); } });
}
for (const b of document.querySelectorAll(".views button")) b.addEventListener("click", () => look(b.dataset.view));
document.addEventListener("keydown", keys);
addEventListener("scroll", () => draw(false), { passive: true });
addEventListener("resize", measure);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolor);
document.addEventListener("visibilitychange", () => { hiddenAt = document.hidden ? performance.now() : 0; if (!document.hidden && !source) connect(); draw(); });
setInterval(() => {
	if (hiddenAt && source && performance.now() - hiddenAt > HIDDEN) { clearTimeout(again); source.close(); source = null; return; }
	if (document.hidden) return;
	if (source && performance.now() - Math.max(state.heard, tried) > (state.link === "live" ? SILENCE : CONNECTING)) { link("lost"); connect(); }
	draw(false);
}, 1000);
connect();
