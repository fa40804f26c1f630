// Record: takes with a countdown, level, waveform and warnings, of several speakers.

import { get, path, postAudio, remove } from "./api.js";
import { drawWaveform, keepDrawn } from "./chart.js";
import { element, labelled, select, statusLine } from "./dom.js";
import { openMicrophone } from "./microphone.js";
import { TakeRecorder } from "./take.js";
import { texts } from "./texts.js";

const words = texts.record;
const KEYWORD = "", NEGATIVE = "_negative_", NOISE = "_noise_";
const PAUSE = 600; // ms between takes
const SHOWN = 20; // takes

export async function open(main) {
  const page = new RecordPage();
  main.append(...page.elements);
  await page.showDatasets();
  return () => page.stop();
}

class RecordPage {
  constructor() {
    const text = (properties) => element("input", { type: "text", autocomplete: "off", ...properties });
    this.dataset = text({ value: words.datasetDefault, required: true, list: "datasets", maxlength: 60 });
    this.known = element("datalist", { id: "datasets" });
    this.what = select([[KEYWORD, words.keyword], [NEGATIVE, words.negative], [NOISE, words.noise]]);
    this.word = text({ maxlength: 60 });
    this.speaker = text({ required: true, maxlength: 40 });
    this.count = element("input", { type: "number", min: 1, max: 500, value: 20, required: true });
    this.button = element("button", { class: "main" }, words.start);
    this.prompt = element("p", { class: "prompt", role: "status" });
    this.status = statusLine();
    this.choices = element("div", { class: "buttons" });
    this.meter = element("meter", { min: -60, max: 0, high: -3, value: -60 });
    this.canvas = element("canvas", { class: "low", role: "img", "aria-label": words.waveform });
    this.heading = element("h2", {}, words.takes(""));
    this.heading.hidden = true;
    this.list = element("ol", { class: "plain" });
    this.datasets = element("ul", {});
    this.recorder = new TakeRecorder((level) => { this.meter.value = level; }, (left) => this.countDown(left));
    this.wordLabel = labelled(words.word, this.word);
    this.what.addEventListener("change", () => { this.wordLabel.hidden = this.what.value !== KEYWORD; });
    const form = element("form", { onsubmit: (event) => { event.preventDefault(); this.toggle(); } },
      labelled(words.dataset, this.dataset, words.datasetNote), this.known, labelled(words.what, this.what),
      this.wordLabel, labelled(words.speaker, this.speaker, words.speakerNote), labelled(words.count, this.count), this.button);
    this.phone = element("details", { ontoggle: () => this.showPhone() },
      element("summary", {}, words.phone), this.phoneCode = element("div"));
    this.controls = [this.dataset, this.what, this.word, this.speaker, this.count];
    this.elements = [element("p", { class: "faint" }, words.about), this.phone, form, this.prompt, this.status, this.choices,
      element("label", {}, words.level, this.meter), element("h2", {}, words.waveform), this.canvas,
      this.heading, this.list, element("h2", {}, words.datasets), this.datasets];
  }

  get query() {
    return path`dataset=${this.dataset.value.trim()}&word=${this.what.value || this.word.value.trim()}`;
  }

  async showDatasets() {
    const { datasets } = await get("/api/datasets");
    this.known.replaceChildren(...datasets.map(({ name }) => element("option", { value: name })));
    this.datasets.replaceChildren(...datasets.map(({ name, folders }) => element("li", {}, element("strong", {}, name),
      element("ul", {}, folders.map(({ word, files }) => element("li", {}, words.files(word, files)))))));
    if (!datasets.length) this.datasets.replaceChildren(element("li", { class: "faint" }, words.none));
  }

  // The code of this page's address for a phone, or what the studio must be started with.
  async showPhone() {
    if (!this.phone.open) return;
    try {
      const { missing, command, code } = await get("/api/phone");
      this.phoneCode.replaceChildren(...(missing
        ? [element("p", {}, words.phoneHow[missing]), element("pre", { class: "wrapped", tabindex: 0, "aria-label": words.phoneStart }, command),
          element("p", { class: "faint" }, words.phoneMore)]
        : [element("p", {}, words.phoneNote), element("img", { src: code, alt: words.phoneCode }), element("p", { class: "faint" }, words.phoneCertificate)]));
    } catch (error) {
      this.phoneCode.replaceChildren(element("p", { class: "bad", role: "alert" }, error.message));
    }
  }

  async toggle() {
    if (this.running) return this.stop();
    this.setRunning(true);
    try {
      if (!this.what.value && !this.word.value.trim()) throw new Error(words.needsWord);
      this.plan = await get(`/api/plan?${this.query}`);
      await this.showTakes();
      this.microphone = await openMicrophone((samples) => this.recorder.push(samples, this.microphone?.rate ?? 16000));
      await this.session();
    } catch (error) {
      this.status.show(error.message, "bad");
    }
    this.stop();
    this.showDatasets().catch((error) => this.status.show(error.message, "bad"));
  }

  stop() {
    this.setRunning(false);
    this.recorder.cancel();
    this.choose?.("stop");
    this.microphone?.close();
    this.microphone = null;
    this.prompt.textContent = "";
    this.choices.replaceChildren();
    this.meter.value = -60;
  }

  setRunning(running) {
    this.running = running;
    this.button.textContent = running ? words.stop : words.start;
    this.controls.forEach((control) => { control.disabled = running; });
  }

  // Record takes until there are enough, or somebody stops.
  async session() {
    const count = Number(this.count.value);
    let kept = 0;
    while (this.running && kept < count) {
      const prompt = this.plan.prompts[kept % this.plan.prompts.length];
      this.text = prompt.text;
      if (await this.take(prompt.seconds)) {
        kept += 1;
        await this.showTakes();
        await new Promise((done) => setTimeout(done, PAUSE));
      }
    }
    if (kept >= count) this.status.show(words.done(kept), "good");
    else this.status.show(words.stopped(kept), "faint");
  }

  // Record one take; return whether it was kept.
  async take(seconds) {
    const { kind } = this.plan;
    const samples = await this.recorder.record(seconds, { countdown: kind !== "noise", endsItself: kind === "word" });
    if (!samples) return false;
    this.prompt.textContent = words.checking;
    keepDrawn(this.canvas, () => drawWaveform(this.canvas, samples));
    let keep = "good";
    while (this.running) {
      const answer = await this.send(samples, keep).catch((error) => ({ problem: true, failed: true, remark: error.message }));
      this.prompt.textContent = "";
      this.status.show(answer.remark, answer.problem && !answer.file ? "bad" : "good");
      const [from, to] = [answer.start * samples.length, answer.end * samples.length];
      if (!answer.failed) keepDrawn(this.canvas, () => drawWaveform(this.canvas, samples, from, to));
      if (answer.file) return true;
      const choice = await this.ask(answer.failed);
      if (choice !== "keep") return false;
      if (!answer.failed) keep = "always";
    }
    return false;
  }

  send(samples, keep) {
    return postAudio(`/api/takes?${this.query}&${path`speaker=${this.speaker.value.trim()}&rate=${this.microphone.rate}&keep=${keep}`}`, samples);
  }

  // Ask what to do with a take that is bad or was not received.
  ask(failed) {
    const button = (text, choice, kind = "") => element("button", { type: "button", class: kind, onclick: () => this.choose(choice) }, text);
    const again = button(words.again, "again", "main");
    this.choices.replaceChildren(again, button(failed ? words.sendAgain : words.keep, "keep"));
    again.focus();
    return new Promise((done) => {
      this.choose = (choice) => { this.choices.replaceChildren(); done(choice); };
    });
  }

  countDown(left) {
    this.prompt.textContent = left ? words.counting(this.text, left) : words.now(this.text);
  }

  async showTakes() {
    const { folder, takes } = await get(`/api/takes?${this.query}`);
    const dataset = this.dataset.value.trim();
    this.heading.hidden = false;
    this.heading.textContent = words.takes(folder);
    this.list.replaceChildren(...takes.slice(0, SHOWN).map((file) => {
      const place = path`/api/datasets/${dataset}/${folder}/${file}`;
      return element("li", { class: "row" }, element("span", { class: "grow" }, file),
        element("audio", { controls: true, preload: "none", src: place, "aria-label": words.hear(file) }),
        element("button", { type: "button", "aria-label": words.removeTake(file),
          onclick: () => remove(place).then(() => this.showTakes()).catch((error) => this.status.show(error.message, "bad")) },
        words.remove));
    }));
    if (!takes.length) this.list.replaceChildren(element("li", { class: "faint" }, words.none));
  }
}
