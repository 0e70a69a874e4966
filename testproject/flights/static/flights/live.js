"use strict";
// Two event streams: a list that comes to an end, and events that go on.

const ROWS = 200; // as many as the page keeps, however many come
const EVENTS = 30;
const SAMPLE = 250; // milliseconds between two points of the chart
const POINTS = 120;
const RETRY = 3000; // milliseconds

const number = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });

/** Events that can be paused: they go on after the last id that was seen. */
class Stream {
  constructor(url, types, { heard, changed }) {
    Object.assign(this, { url, types, heard, changed, lastId: "" });
  }

  open() {
    const url = new URL(this.url, location.href);
    if (this.lastId) url.searchParams.set("last_event_id", this.lastId);
    this.problem = "";
    this.source = new EventSource(url);
    this.source.onopen = () => this.become("live");
    this.source.onerror = () => this.fail(this.source, url);
    this.source.addEventListener("problem", (event) => {
      const { status, title } = JSON.parse(event.data);
      this.problem = `The server failed: ${status} ${title}.`;
    });
    for (const type of this.types) {
      this.source.addEventListener(type, (event) => {
        this.lastId = event.lastEventId;
        this.heard(event);
      });
    }
    this.become("connecting");
  }

  close(state) {
    this.source.close();
    this.become(state);
  }

  become(state, words = "") {
    this.state = state;
    this.changed(state, words);
  }

  async fail(source, url) {
    if (source.readyState === EventSource.CONNECTING) {
      this.become("waiting", `${this.problem || "The connection was lost."} Trying again`);
      return;
    }
    // EventSource gives up at any status but 200, and doesn't tell which it was.
    const answer = await fetch(url, { headers: { Accept: "text/event-stream" } }).catch(() => null);
    answer?.body?.cancel();
    if (source !== this.source || this.state === "paused") return;
    const status = answer?.status ?? 503;
    const words = answer
      ? `The server says ${status} ${answer.statusText}.`
      : "The server is gone.";
    if (status === 204 || (status >= 400 && status < 500)) {
      this.become("refused", words);
      return;
    }
    this.become("waiting", `${words} Trying again`);
    setTimeout(() => source === this.source && this.state === "waiting" && this.open(), RETRY);
  }
}

/** A heading, a button and a line of words around a stream. */
class Panel {
  constructor(id, types) {
    this.section = document.getElementById(id);
    this.stream = new Stream(this.section.dataset.url, types, {
      heard: (event) => this.heard(event),
      changed: (state, words) => this.changed(state, words),
    });
    this.find("button").addEventListener("click", () => this.toggle());
  }

  find(selector) {
    return this.section.querySelector(selector);
  }

  toggle() {
    if (["connecting", "live", "waiting"].includes(this.stream.state)) this.stream.close("paused");
    else this.stream.open();
  }

  changed(state, words) {
    const line = this.find(".state");
    line.dataset.state = state;
    line.textContent = words || { connecting: "Connecting", live: "Live", paused: "Paused" }[state];
    const verbs = { paused: "Resume", refused: "Try again", ended: "Start again" };
    this.find("button").textContent = verbs[state] ?? "Pause";
  }
}

class List extends Panel {
  constructor(id) {
    super(id, ["message", "end"]);
    this.rows = [...Array(ROWS)].map(() => {
      const row = document.createElement("tr");
      row.append(...[...Array(4)].map(() => document.createElement("td")));
      return row;
    });
    this.clear();
    setInterval(() => this.sample(), SAMPLE);
    // What the page was asked for, the list is asked for: /live/?origin=JFK&ordering=-distance
    this.stream.url += `?stream=sse&${location.search.slice(1)}`;
    this.stream.open();
    this.count();
  }

  clear() {
    Object.assign(this, { got: 0, milliseconds: 0, recent: [], rates: [] });
    this.stream.lastId = "";
    this.find("tbody").replaceChildren();
  }

  async count() {
    const url = `${this.section.dataset.url}?stream=sse&count=1&${location.search.slice(1)}`;
    const answer = await fetch(url, { method: "HEAD" }).catch(() => null);
    const total = answer?.headers.get("X-Total-Count") ?? null;
    if (total === null) return;
    this.find("progress").max = Math.max(Number(total), 1);
    this.find(".total").textContent = number.format(Number(total));
    this.draw();
  }

  toggle() {
    if (this.stream.state === "ended") this.clear();
    super.toggle();
  }

  heard(event) {
    if (event.type === "end") {
      this.stream.close("ended");
      return;
    }
    this.got += 1;
    // Only what is shown in the end is parsed.
    this.recent.push(event.data);
    if (this.recent.length >= 2 * ROWS) this.recent = this.recent.slice(-ROWS);
    this.drawing ??= requestAnimationFrame(() => this.draw());
  }

  changed(state, words) {
    if (state === "connecting") this.sampled = { got: this.got, at: performance.now() };
    if (state === "paused" || state === "ended") this.sample(true);
    const count = `${number.format(this.got)} flights`;
    const seconds = this.milliseconds / 1000;
    const speed = `${number.format(this.got / seconds)} a second`;
    if (state === "paused") words = `Paused after ${count}`;
    if (state === "ended") words = `Complete: ${count} in ${seconds.toFixed(1)} s, ${speed}`;
    super.changed(state, words);
    this.drawing ??= requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.drawing = undefined;
    this.find(".got").textContent = number.format(this.got);
    const progress = this.find("progress");
    if (progress.max > 1) progress.value = this.got;
    const shown = this.recent.slice(-ROWS).reverse();
    shown.forEach((data, n) => show(JSON.parse(data), this.rows[n].cells));
    const body = this.find("tbody");
    body.append(...this.rows.slice(body.rows.length, shown.length));
  }

  sample(last = false) {
    if (!last && this.stream.state !== "live") return;
    const now = performance.now();
    const elapsed = now - this.sampled.at;
    this.milliseconds += elapsed;
    // The last moment may be too short to tell the speed.
    if (elapsed < SAMPLE / 2 && this.rates.length) return;
    this.rates = [...this.rates, ((this.got - this.sampled.got) / elapsed) * 1000].slice(-POINTS);
    this.sampled = { got: this.got, at: now };
    this.chart();
  }

  chart() {
    const top = rounded(Math.max(...this.rates));
    const across = 600 / (POINTS - 1);
    const points = this.rates.map((rate, n) => `${n * across} ${100 - (rate / top) * 99}`);
    const line = `M${points.join("L")}`;
    this.find(".line").setAttribute("d", line);
    this.find(".area").setAttribute("d", `${line}V100H0Z`);
    const [now, most] = [this.rates.at(-1), top].map(number.format);
    this.find(".rate").textContent = now;
    this.find(".scale").textContent = `Up to ${most}`;
    const words = `Flights per second: now ${now}, of at most ${most}`;
    this.find("svg").setAttribute("aria-label", words);
  }
}

class Feed extends Panel {
  constructor(id) {
    super(id, ["departure"]);
    this.stream.open();
  }

  heard(event) {
    const { flight, airline, origin, destination, departure, delay } = JSON.parse(event.data);
    const time = element("time", departure.slice(11, 16));
    time.dateTime = departure;
    const route = element("b", `${origin} → ${destination}`);
    const details = element("span", `${dated(departure)}, ${flight}, ${airline}`);
    const list = this.find("ol");
    list.prepend(element("li", time, route, late(delay), details));
    while (list.children.length > EVENTS) list.lastChild.remove();
  }
}

function element(name, ...children) {
  const made = document.createElement(name);
  made.append(...children);
  return made;
}

function late(minutes) {
  const words = minutes > 0 ? `${minutes} min late` : `${-minutes} min early`;
  const made = element("i", minutes ? words : "on time");
  made.className = minutes > 15 ? "late" : "";
  return made;
}

function dated(moment) {
  return day.format(new Date(moment.slice(0, 10)));
}

function show(flight, [name, route, date, wait]) {
  name.textContent = `${flight.carrier.code} ${flight.number}`;
  route.textContent = `${flight.origin} → ${flight.destination}`;
  date.textContent = dated(flight.date);
  wait.textContent = flight.cancelled ? "cancelled" : `${flight.departure_delay} min`.replace("-", "−");
  wait.className = flight.cancelled || flight.departure_delay > 15 ? "late" : "";
}

/** The next of 1, 2, 5, 10, 20, 50... */
function rounded(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return [1, 2, 5, 10].find((step) => step * power >= value) * power || 1;
}

new List("list");
new Feed("feed");
