// Evaluate: misses and false alarms of a model on a dataset, as figures, a curve and clips.

import { get, path, post, remove } from "./api.js";
import { element, labelled, select, statusLine } from "./dom.js";
import { texts } from "./texts.js";

const words = texts.evaluate;

export async function open(main) {
  const [{ models }, { datasets }, { evaluations }] =
    await Promise.all([get("/api/models"), get("/api/datasets"), get("/api/evaluations")]);
  const page = new EvaluatePage(models, datasets.map(({ name }) => name));
  main.append(...page.elements);
  evaluations.forEach((state) => page.show(state));
  return () => page.close();
}

class EvaluatePage {
  constructor(models, datasets) {
    this.cards = new Map();
    this.model = select(models.map((name) => [name, name]), "home");
    this.dataset = select(datasets.map((name) => [name, name]));
    this.status = statusLine();
    this.list = element("div");
    const form = element("form", { onsubmit: (event) => { event.preventDefault(); this.start(); } },
      labelled(words.model, this.model), labelled(words.dataset, this.dataset), element("button", { class: "main" }, words.start));
    this.elements = [element("p", { class: "faint" }, words.about),
      ...(datasets.length ? [form] : [element("p", {}, texts.train.noDataset)]), this.status, this.list];
  }

  close() {
    this.cards.forEach((card) => card.events?.close());
  }

  async start() {
    try {
      this.show(await post("/api/evaluations", { model: this.model.value, dataset: this.dataset.value }), true);
      this.status.show("");
    } catch (error) {
      this.status.show(error.message, "bad");
    }
  }

  show(state, first = false) {
    let card = this.cards.get(state.name);
    if (!card) {
      card = { element: element("section", { class: "card" }) };
      this.cards.set(state.name, card);
      this.list.append(card.element);
    }
    if (first) this.list.prepend(card.element);
    this.fill(card, state);
    if (state.status !== "running" || card.events) return;
    card.events = new EventSource(path`/api/evaluations/${state.name}/events`);
    card.events.addEventListener("state", ({ data }) => {
      const next = JSON.parse(data);
      if (next.status !== "running") {
        card.events.close();
        card.events = null;
      }
      this.fill(card, next);
    });
  }

  fill(card, state) {
    const { name, status } = state;
    const kind = { done: "good", failed: "bad" }[status] ?? "";
    const stop = () => remove(path`/api/evaluations/${name}`).catch((error) => this.status.show(error.message, "bad"));
    card.element.replaceChildren(element("h2", {}, name),
      element("p", { class: kind, role: "status" }, words.status[status](state)),
      ...(status === "running" ? [element("button", { type: "button", onclick: stop }, texts.train.stop)] : []),
      ...(status === "done" ? results(state) : []),
      element("details", {}, element("summary", {}, texts.train.log),
        element("pre", { tabindex: 0, "aria-label": texts.train.logOf(name) }, state.log.join("\n"))));
  }
}

function results(state) {
  const cases = (kind, title) => [element("h3", {}, title),
    ...(state[kind].length ? [element("ul", { class: "plain keywords" }, state[kind].map((found, index) => example(state.name, kind, found, index)))]
      : [element("p", { class: "faint" }, words.none)])];
  return [table(state.keywords), element("h3", {}, words.det),
    element("img", { src: path`/api/evaluations/${state.name}/det.svg`, alt: words.detAlt }),
    ...cases("misses", words.misses), ...cases("alarms", words.alarms)];
}

function table(keywords) {
  const cells = (tag, texts) => texts.map((text) => element(tag, tag === "th" ? { scope: "col" } : {}, text));
  const rows = Object.entries(keywords).map(([keyword, { utterances, own }]) => element("tr", {},
    element("th", { scope: "row" }, keyword), cells("td", [String(utterances),
      words.percent(own.miss_rate), String(own.false_alarms ?? ""), words.rate(own.false_alarms_per_hour)])));
  return element("div", { class: "wide", tabindex: 0, role: "region", "aria-label": words.table },
    element("table", {}, element("thead", {}, element("tr", {}, cells("th", words.heads))), element("tbody", {}, rows)));
}

function example(name, kind, { keyword, file, confidence }, index) {
  const source = (ending) => path`/api/evaluations/${name}/${kind}/${index}.` + ending;
  const short = file.split(/[\\/]/).at(-1);
  return element("li", {}, element("strong", {}, words.found(keyword, confidence)),
    element("div", { class: "faint" }, short),
    element("img", { src: source("png"), alt: words.spectrogram(short), loading: "lazy" }),
    element("audio", { controls: true, preload: "none", src: source("flac"), "aria-label": words.hear(short) }));
}
