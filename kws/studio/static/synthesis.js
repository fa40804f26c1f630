// Synthetic speech of a training: which voices speak, and which phrases are never said.

import { get, path, put } from "./api.js";
import { element, statusLine } from "./dom.js";
import { texts } from "./texts.js";

const words = texts.synthesis;

export class SynthesisChoice {
  // query names the dataset and the keywords whose confusable phrases are shown.
  constructor(query) {
    this.query = query;
    this.player = element("audio");
    this.status = statusLine();
    this.voices = element("div");
    this.phrases = element("ul", { class: "plain phrases" });
    this.voicesRegion = this.region(words.voices, words.voicesNote, this.voices, () => this.showVoices());
    this.phrasesRegion = this.region(words.phrases, words.phrasesNote, this.phrases, () => this.showPhrases());
    this.elements = [element("h2", {}, words.title), element("p", { class: "faint" }, words.about),
      this.voicesRegion, this.phrasesRegion, this.status, this.player];
  }

  // What is asked of the server when somebody opens it.
  region(title, note, content, show) {
    const region = element("details", {}, element("summary", {}, title), element("p", { class: "faint" }, note), content);
    region.addEventListener("toggle", () => { if (region.open) this.attempt(show); });
    return region;
  }

  async attempt(act) {
    try {
      this.status.show("");
      await act();
    } catch (error) {
      this.status.show(error.message, "bad");
    }
  }

  async showVoices() {
    const { voices, problem } = await get("/api/voices");
    if (problem) throw new Error(problem);
    this.boxes = [...bySynthesiser(voices)].map(([synthesiser, some]) => this.group(synthesiser, some));
    this.voices.replaceChildren(...this.boxes.map(({ element: shown }) => shown));
    this.mark();
  }

  group(synthesiser, voices) {
    const boxes = voices.map(({ name, speaks }) => ({ name, box: element("input", { type: "checkbox", checked: speaks,
      onchange: () => this.attempt(() => this.choose()) }) }));
    const all = element("input", { type: "checkbox", onchange: () => {
      boxes.forEach(({ box }) => { box.checked = all.checked; });
      this.attempt(() => this.choose());
    } });
    const items = boxes.map(({ name, box }) => element("li", { class: "row" },
      element("label", { class: "check grow" }, box, name), this.hear(words.sample, name, words.hearVoice(name))));
    return { synthesiser, boxes, all, element: element("div", { class: "group" },
      element("label", { class: "check" }, all, words.synthesiser(synthesiser, voices.length)),
      element("details", {}, element("summary", {}, words.each(synthesiser)), element("ul", { class: "plain phrases" }, items))) };
  }

  // Tell the server who speaks; a synthesiser with all its voices stands for those with accents, too.
  async choose() {
    const named = this.boxes.flatMap(({ synthesiser, boxes }) => boxes.every(({ box }) => box.checked)
      ? [synthesiser] : boxes.filter(({ box }) => box.checked).map(({ name }) => name));
    if (!named.length) {
      await this.showVoices();
      throw new Error(words.noVoice);
    }
    const everyone = this.boxes.every(({ boxes }) => boxes.every(({ box }) => box.checked));
    await put("/api/synthesis", { voices: everyone ? [] : named });
    this.mark();
    this.status.show(words.saved, "good");
  }

  mark() {
    for (const { boxes, all } of this.boxes) {
      const count = boxes.filter(({ box }) => box.checked).length;
      all.checked = count === boxes.length;
      all.indeterminate = count > 0 && count < boxes.length;
    }
  }

  async showPhrases() {
    this.phrases.replaceChildren(element("li", { class: "faint" }, words.searching));
    const { phrases } = await get(`/api/phrases?${this.query()}`);
    const items = phrases.map((phrase) => this.phrase(phrase));
    this.phrases.replaceChildren(...(items.length ? items : [element("li", { class: "faint" }, words.none)]));
  }

  phrase({ text, excluded }) {
    const shown = element("span", { class: "grow" }, text);
    const button = element("button", { type: "button", "aria-label": words.strikeOut(text), onclick: () => this.attempt(async () => {
      await put("/api/synthesis", { phrase: text, excluded: !excluded });
      excluded = !excluded;
      mark();
    }) }, words.strike);
    const mark = () => {
      button.setAttribute("aria-pressed", String(excluded));
      shown.classList.toggle("struck", excluded);
    };
    mark();
    return element("li", { class: "row" }, shown, this.hear(text, "", words.hearPhrase(text)), button);
  }

  hear(text, voice, name) {
    return element("button", { type: "button", "aria-label": name, onclick: () => this.attempt(async () => {
      this.player.src = path`/api/said.flac?text=${text}&voice=${voice}`;
      await this.player.play().catch(() => { throw new Error(words.notSaid(text)); });
    }) }, words.hear);
  }
}

function bySynthesiser(voices) {
  const groups = new Map();
  for (const voice of voices) groups.set(voice.synthesiser, [...(groups.get(voice.synthesiser) ?? []), voice]);
  return groups;
}
