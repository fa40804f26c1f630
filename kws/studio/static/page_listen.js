// Listen: any model, live; curves, sensitivity, and each trigger to hear again.

import { get, path, post, put, remove } from "./api.js";
import { drawScores } from "./chart.js";
import { element, labelled, select, statusLine } from "./dom.js";
import { openMicrophone, samplesOf } from "./microphone.js";
import { texts } from "./texts.js";

const SECONDS = 30; // of the curves
const SHOWN = 50; // detections
const FILE = "file", MESSAGE = 8000; // samples
const words = texts.listen;

export async function open(main) {
  const [{ models }, { microphones }, session] =
    await Promise.all([get("/api/models"), get("/api/microphones"), get("/api/listen")]);
  const page = new ListenPage(models, microphones, session);
  main.append(...page.elements);
  page.run();
  return () => page.close();
}

class ListenPage {
  constructor(models, microphones, session) {
    this.model = select(models.map((name) => [name, name]), session?.model ?? "home");
    this.source = select([["", words.browser],
      ...microphones.map(({ id, name }) => [`device ${id}`, words.server(name)]), [FILE, words.fromFile]]);
    this.file = element("input", { type: "file", accept: "audio/*" });
    this.fileLabel = labelled(words.file, this.file);
    this.source.addEventListener("change", () => this.chooseSource());
    this.chooseSource();
    this.keep = element("input", { type: "checkbox", checked: session?.keep ?? false });
    this.button = element("button", { class: "main" }, words.start);
    this.status = statusLine();
    this.level = element("meter", { min: -60, max: 0, value: -60 });
    this.levelText = element("span", { class: "number faint" });
    this.canvas = element("canvas", { role: "img", "aria-label": words.scores });
    this.keywords = element("ul", { class: "plain keywords" });
    this.list = element("ol", { class: "plain", "aria-live": "polite" });
    this.none = element("p", { class: "faint" }, words.none);
    const form = element("form", { onsubmit: (event) => { event.preventDefault(); this.toggle(); } },
      labelled(words.model, this.model), labelled(words.microphone, this.source), this.fileLabel,
      element("label", { class: "check" }, this.keep, words.keep), this.button);
    this.elements = [element("p", { class: "faint" }, words.about), form, this.status,
      element("label", {}, words.level, " ", this.levelText, this.level),
      element("h2", {}, words.scores), this.canvas,
      element("h2", {}, words.keywords), this.keywords,
      element("h2", {}, words.detections), this.none, this.list];
    this.show(session);
  }

  chooseSource() {
    this.fileLabel.hidden = this.source.value !== FILE;
  }

  run() {
    const draw = () => {
      drawScores(this.canvas, this.points, this.rows.map((row) => row.threshold), this.marks, SECONDS);
      this.frame = requestAnimationFrame(draw);
    };
    draw();
  }

  close() {
    this.closed = true;
    cancelAnimationFrame(this.frame);
    this.closeSource();
    this.events?.close();
  }

  closeSource() {
    this.microphone?.close();
    this.socket?.close();
    this.microphone = this.socket = null;
  }

  // Show a session, and follow it while it listens.
  show(session) {
    this.events?.close();
    this.points = [];
    this.marks = [];
    this.rows = (session?.keywords ?? []).map((keyword, index) => this.row(keyword, index));
    this.keywords.replaceChildren(...this.rows.map((row) => row.item));
    this.list.replaceChildren();
    this.none.hidden = false;
    session?.clips.forEach((clip) => this.addClip(clip));
    this.setActive(session?.active ?? false);
    if (!session?.active) {
      this.status.show(session?.error ? words.failed(session.error) : words.idle, session?.error ? "bad" : "faint");
      return;
    }
    this.status.show(words.listening(session.model, session.source), "good");
    this.follow(session.latest);
  }

  follow(after) {
    this.events = new EventSource(`/api/listen/events?after=${after}`);
    const on = (kind, act) => this.events.addEventListener(kind, ({ data }) => act(JSON.parse(data)));
    on("scores", (point) => this.addPoint(point));
    on("detection", ({ time, keyword }) =>
      this.marks.push({ time, index: this.rows.findIndex((row) => row.name === keyword) }));
    on("clip", (clip) => this.addClip(clip));
    on("gap", ({ seconds }) => this.status.show(words.gap(seconds), "bad"));
    on("threshold", ({ keyword, threshold }) =>
      this.rows.find((row) => row.name === keyword).set(threshold));
    on("ended", ({ error }) =>
      this.end(error ? words.failed(error) : words.ended, error ? "bad" : "faint"));
    this.events.addEventListener("error", ({ target }) => { // while it is not closed it connects again
      if (target.readyState === EventSource.CLOSED) this.end(texts.noServer, "bad");
    });
  }

  end(text, kind) {
    this.events.close();
    this.closeSource();
    this.setActive(false);
    this.status.show(text, kind);
  }

  row({ name, threshold, sensitivity }, index) {
    const slider = element("input", { type: "range", min: 0, max: 1, step: 0.05, value: sensitivity });
    const shown = element("span", { class: "number faint" });
    const row = { name, set: (value) => { row.threshold = value; shown.textContent = words.threshold(value); } };
    slider.addEventListener("change", () =>
      put("/api/listen/sensitivity", { keyword: name, sensitivity: Number(slider.value) })
        .catch((error) => this.status.show(error.message, "bad")));
    row.item = element("li", {},
      element("div", { class: "row" }, element("strong", { class: "grow" },
        element("span", { class: `swatch swatch-${index % 6}` }), name), shown),
      element("label", {}, element("small", {}, words.sensitivity(name)), slider),
      element("div", { class: "row faint" }, element("small", { class: "grow" }, words.few), element("small", {}, words.many)));
    row.set(threshold);
    return row;
  }

  addPoint(point) {
    this.points.push(point);
    while (this.points[0].time < point.time - SECONDS) this.points.shift();
    this.level.value = point.level;
    this.levelText.textContent = words.levelValue(point.level);
  }

  addClip(clip) {
    this.none.hidden = true;
    this.list.prepend(element("li", { class: "row" },
      element("span", { class: "grow" }, element("strong", {}, words.detection(clip)), " ",
        element("span", { class: "faint number" }, words.time(clip.time))),
      element("audio", { controls: true, preload: "none", "aria-label": words.hear(clip), src: path`/api/listen/clips/${clip.clip}.flac` })));
    while (this.list.children.length > SHOWN) this.list.lastChild.remove();
  }

  setActive(active) {
    this.active = active;
    this.button.textContent = active ? words.stop : words.start;
    for (const control of [this.model, this.source, this.file, this.keep]) control.disabled = active;
  }

  async toggle() {
    this.button.disabled = true;
    try {
      await (this.active ? this.stop() : this.start());
    } catch (error) {
      this.closeSource();
      this.status.show(error.message, "bad");
    }
    this.button.disabled = false;
  }

  async start() {
    const source = this.source.value, device = source.startsWith("device ");
    let audio = null;
    if (source === FILE) {
      if (!this.file.files.length) throw new Error(words.needsFile);
      audio = await samplesOf(this.file.files[0]);
    } else if (!device) {
      const microphone = await openMicrophone((samples) => this.send(samples));
      if (this.closed) return microphone.close(); // somebody left the page before allowing it
      this.microphone = microphone;
    }
    const kind = device ? "server" : source || "browser";
    const session = await post("/api/listen", { model: this.model.value, keep: this.keep.checked,
      source: kind, device: device ? source.replace("device ", "") : "" });
    if (this.closed) return;
    this.show(session);
    if (!device) this.connect((audio ?? this.microphone).rate, audio?.samples);
  }

  // Send the microphone's audio, or all of a file's and then the end.
  connect(rate, samples) {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.socket = new WebSocket(`${scheme}://${location.host}/api/listen/audio?rate=${rate}`);
    this.socket.addEventListener("close", () => this.microphone?.close());
    if (!samples) return;
    this.socket.addEventListener("open", ({ target }) => {
      for (let first = 0; first < samples.length; first += MESSAGE) target.send(samples.slice(first, first + MESSAGE));
      target.send(new ArrayBuffer(0));
    });
  }

  send(samples) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(samples.buffer);
  }

  async stop() {
    this.closeSource();
    await remove("/api/listen");
  }
}
