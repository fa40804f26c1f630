// Evaluate: misses and false alarms of a model on a dataset, as figures, a curve and clips.

import { get, path, post, remove } from "./api.js";
import { drawDet, keepDrawn } from "./chart.js";
import { element, figureTable, labelled, select, statusLine } from "./dom.js";
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
    this.second = select([["", words.alone], ...models.map((name) => [name, name])]);
    this.conditions = element("input", { type: "checkbox" });
    this.dataset = select(datasets.map((name) => [name, name]));
    this.status = statusLine();
    this.list = element("div");
    const form = element("form", { onsubmit: (event) => { event.preventDefault(); this.start(); } },
      labelled(words.model, this.model), labelled(words.second, this.second), labelled(words.dataset, this.dataset),
      element("label", { class: "check" }, this.conditions, words.conditions), element("button", { class: "main" }, words.start));
    this.elements = [element("p", { class: "faint" }, words.about),
      ...(datasets.length ? [form] : [element("p", {}, texts.train.noDataset)]), this.status, this.list];
  }

  close() {
    this.cards.forEach((card) => card.events?.close());
  }

  async start() {
    try {
      this.show(await post("/api/evaluations", { model: this.model.value, second: this.second.value,
        dataset: this.dataset.value, conditions: this.conditions.checked }), true);
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
    const title = words.title(state);
    card.element.replaceChildren(element("h2", {}, title),
      element("p", { class: kind, role: "status" }, words.status[status](state)),
      ...(status === "running" ? [element("button", { type: "button", onclick: stop }, texts.train.stop)] : []),
      ...(status === "done" ? results(state) : []),
      element("details", {}, element("summary", {}, texts.train.log),
        element("pre", { tabindex: 0, "aria-label": texts.train.logOf(title) }, state.log.join("\n"))));
  }
}

function results({ name, reports }) {
  const models = reports.map(({ model }) => model);
  const canvas = element("canvas", { role: "img", "aria-label": words.detOf(models) });
  const curves = reports.map(({ det }) => det ?? { false_alarms_per_hour: [], miss_rate: {} });
  const keywords = [...new Set(curves.flatMap(({ miss_rate: rates }) => Object.keys(rates)))];
  keepDrawn(canvas, () => drawDet(canvas, curves, keywords, words.detAxes));
  const legend = keywords.map((keyword, index) => element("span", {}, element("span", { class: `swatch swatch-${index % 6}` }), keyword));
  const worst = reports.flatMap((report, index) => [
    ...cases(words.worstMisses(report.model), name, "misses", report.misses, index),
    ...cases(words.worstAlarms(report.model), name, "alarms", report.alarms, index)]);
  return [byKeyword(reports, models), ...byCondition(reports, models), element("h3", {}, words.det), canvas,
    element("div", { class: "row faint" }, legend, element("span", {}, words.detLegend(models))), ...worst];
}

function byKeyword(reports, models) {
  const keywords = [...new Set(reports.flatMap((report) => Object.keys(report.keywords)))];
  const rows = keywords.map((keyword) => {
    const found = reports.map((report) => report.keywords[keyword]);
    return [keyword, String(Math.max(...found.map((of) => of?.utterances ?? 0))), ...found.map((of) => words.percent(of?.own.miss_rate)),
      ...found.map((of) => words.rate(of?.own.false_alarms_per_hour, of?.own.false_alarms))];
  });
  return figureTable(words.table, [words.keyword, words.recordings, ...models.map(words.missed), ...models.map(words.alarms)], rows);
}

function byCondition(reports, models) {
  const names = [...new Set(reports.flatMap(({ conditions }) => Object.keys(conditions ?? {})))];
  if (!names.length) return [];
  const cell = (of) => (of ? words.percent(of.rate) + words.interval(of.interval) : "");
  const rows = names.map((name) => [name, ...reports.map(({ conditions }) => cell(conditions?.[name]))]);
  return [element("h3", {}, words.byCondition), element("p", { class: "faint" }, words.byConditionNote),
    figureTable(words.byCondition, [words.condition, ...models.map(words.missed)], rows)];
}

function cases(title, name, kind, found, report) {
  return [element("h3", {}, title), found.length
    ? element("ul", { class: "plain keywords" }, found.map((each, index) => example(name, kind, each, index, report)))
    : element("p", { class: "faint" }, words.none)];
}

function example(name, kind, { keyword, file, confidence }, index, report) {
  const source = (ending) => `${path`/api/evaluations/${name}/${kind}/${index}.`}${ending}?report=${report}`;
  const short = file.split(/[\\/]/).at(-1);
  return element("li", {}, element("strong", {}, words.found(keyword, confidence)),
    element("div", { class: "faint" }, short),
    element("img", { src: source("png"), alt: words.spectrogram(short), loading: "lazy" }),
    element("audio", { controls: true, preload: "none", src: source("flac"), "aria-label": words.hear(short) }));
}
