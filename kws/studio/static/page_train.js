// Train: start a training, follow it, come back to it later.

import { get, path, post, remove } from "./api.js";
import { drawLosses, keepDrawn } from "./chart.js";
import { element, figureTable, labelled, select, statusLine } from "./dom.js";
import { SynthesisChoice } from "./synthesis.js";
import { texts } from "./texts.js";

const words = texts.train;

export async function open(main) {
  const [{ datasets }, { trainings, recipes }, { models }] =
    await Promise.all([get("/api/datasets"), get("/api/training"), get("/api/models")]);
  const page = new TrainPage(datasets.map(({ name }) => name), models, recipes);
  main.append(...page.elements);
  trainings.forEach((state) => page.show(state));
  return () => page.close();
}

class TrainPage {
  constructor(datasets, models, recipes) {
    this.cards = new Map();
    this.dataset = select(datasets.map((name) => [name, name]));
    this.keywords = element("input", { type: "text", autocomplete: "off" });
    this.name = element("input", { type: "text", autocomplete: "off", required: true, maxlength: 60 });
    this.folds = element("input", { type: "number", min: 1, max: 8 });
    this.epochs = element("input", { type: "number", min: 1, max: 1000 });
    this.init = select(models.map((name) => [name, name]), models.at(-1));
    this.recipe = select([["", words.usual], ...recipes.map((name) => [name, name])]);
    this.synthesis = new SynthesisChoice(() => path`dataset=${this.dataset.value}&keywords=${this.keywords.value}`);
    this.add = element("input", { type: "checkbox", onchange: () => this.choose() });
    this.fresh = element("input", { type: "checkbox" });
    this.status = statusLine();
    this.list = element("div");
    this.choose();
    const form = element("form", { onsubmit: (event) => { event.preventDefault(); this.start(); } },
      labelled(words.dataset, this.dataset), labelled(words.keywords, this.keywords, words.keywordsNote),
      labelled(words.name, this.name),
      element("label", { class: "check" }, this.add, words.add), labelled(words.init, this.init), labelled(words.folds, this.folds, words.foldsNote),
      labelled(words.epochs, this.epochs, words.epochsNote),
      ...(recipes.length ? [labelled(words.recipe, this.recipe, words.recipeNote)] : []),
      element("label", { class: "check" }, this.fresh, words.fresh), element("button", { class: "main" }, words.start));
    this.elements = [element("p", { class: "faint" }, words.about),
      ...(datasets.length ? [form, ...this.synthesis.elements] : [element("p", {}, words.noDataset)]), this.status,
      element("h2", {}, words.trainings), this.list];
  }

  // What a training with reviewed clips takes from the model that it goes on from.
  choose() {
    this.init.disabled = !this.add.checked;
    for (const control of [this.keywords, this.folds]) control.disabled = this.add.checked;
  }

  close() {
    this.cards.forEach((card) => card.events?.close());
  }

  async start() {
    try {
      const state = await post("/api/training", { name: this.name.value.trim(), dataset: this.dataset.value,
        keywords: this.keywords.value, folds: this.folds.value ? Number(this.folds.value) : null,
        epochs: this.epochs.value ? Number(this.epochs.value) : null, fresh: this.fresh.checked,
        add: this.add.checked, init: this.init.value, recipe: this.recipe.value });
      this.show(state, true);
      this.status.show(words.started(state.name), "good");
    } catch (error) {
      this.status.show(error.message, "bad");
    }
  }

  // Show a training's state, and follow it while it runs.
  show(state, first = false) {
    let card = this.cards.get(state.name);
    if (!card) {
      card = new TrainingCard(state.name, (error) => this.status.show(error.message, "bad"), (next) => this.show(next));
      this.cards.set(state.name, card);
      this.list[first ? "prepend" : "append"](card.element);
    }
    card.show(state);
    if (state.status === "running" && !card.events) this.follow(card);
  }

  follow(card) {
    card.events = new EventSource(path`/api/training/${card.name}/events`);
    card.events.addEventListener("state", ({ data }) => {
      const state = JSON.parse(data);
      if (state.status !== "running") {
        card.events.close();
        card.events = null;
      }
      card.show(state);
    });
  }
}

class TrainingCard {
  constructor(name, onError, onState) {
    this.name = name;
    const act = (asked) => () => asked().catch(onError);
    this.status = statusLine();
    this.progress = element("progress", { max: 1, value: 0, "aria-label": words.progress(name) });
    this.stages = element("ul", { class: "plain" });
    this.canvas = element("canvas", { role: "img", "aria-label": words.lossOf(name) });
    this.legend = element("div", { class: "row faint" });
    this.log = element("pre", { tabindex: 0, "aria-label": words.logOf(name) });
    this.stopButton = element("button", { type: "button", onclick: act(() => remove(path`/api/training/${name}`)) }, words.stop);
    this.goOn = element("button", { type: "button", class: "main", onclick: act(async () => onState(await post(path`/api/training/${name}`, {}))) }, words.goOn);
    this.comparison = element("div");
    this.losses = element("div", {}, element("h4", {}, words.loss), this.canvas, this.legend);
    this.element = element("section", { class: "card" }, element("h3", {}, name), this.status, this.progress,
      this.comparison, this.stages, this.losses, element("div", { class: "buttons" }, this.stopButton, this.goOn),
      element("details", {}, element("summary", {}, words.log), this.log));
  }

  show(state) {
    const running = state.status === "running";
    const kind = { done: "good", failed: "bad" }[state.status] ?? "";
    const text = words.status[state.status](state);
    if (this.status.textContent !== text) this.status.show(text, kind);
    this.progress.value = state.status === "done" ? 1 : state.share;
    this.stages.replaceChildren(...state.stages.map(({ name, doing, share }) => element("li", { class: "row" },
      element("span", { class: "grow" }, words.stage(name, doing)), element("span", { class: "number" }, words.percent(share)))));
    this.losses.hidden = !Object.keys(state.losses).length;
    keepDrawn(this.canvas, () => drawLosses(this.canvas, state.losses));
    this.legend.replaceChildren(...Object.keys(state.losses).flatMap((name, index) =>
      element("span", {}, element("span", { class: `swatch swatch-${index % 6}` }), name)), element("span", {}, words.legend));
    this.comparison.replaceChildren(...(state.comparison ? beforeAndAfter(state.comparison) : []));
    this.log.textContent = state.log.join("\n");
    this.stopButton.hidden = !running;
    this.goOn.hidden = running || state.status === "done";
  }
}

// Both models on the recordings that their folds left out, as the model's card has them.
function beforeAndAfter({ before, after }) {
  const counts = (of) => Object.entries(of).filter(([, value]) => Array.isArray(value));
  const rows = counts(before).map(([name, value]) => [words.figures[name] ?? name, words.count(value), words.count(after[name])]);
  for (const [name, [alarms, hours]] of counts(before.false_alarms ?? {}))
    rows.push([words.alarms(name, hours), String(alarms), String(after.false_alarms?.[name]?.[0] ?? "")]);
  return [element("h4", {}, words.comparison), element("p", { class: "faint" }, words.comparisonNote),
    figureTable(words.comparison, words.comparisonHeads, rows)];
}
