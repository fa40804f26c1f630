// Listen for wake words in a browser. All of it runs in the page; nothing is sent anywhere.
import { Detector, SAMPLE_RATE, readModel, thresholdsAt } from "./detector.js";

export { Detector, SAMPLE_RATE };

const HERE = new URL(".", import.meta.url);
// What browsers do to a voice for calls is not what models were trained on.
const MICROPHONE = {
  channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false,
};

/** Return engine and model: the files next to this module, or in the folder that is given. */
export async function load({ files = HERE, model = "model.bin" } = {}) {
  const folder = new URL(files, globalThis.location?.href ?? HERE);
  const [engine, content] = await Promise.all([
    read(new URL("kws.wasm", folder)),
    model instanceof ArrayBuffer ? model : read(new URL(model, folder)),
  ]);
  return { engine, model: content, folder, info: readModel(content).info };
}

/** Return a detector for samples of the caller's, such as a decoded file. */
export async function createDetector(options = {}) {
  const { sensitivity, thresholds } = options;
  const { engine, model, info } = await load(options);
  const compiled = await WebAssembly.compile(engine);
  return new Detector(compiled, model, chosen(info, sensitivity, thresholds));
}

/** Listen to the microphone, or a stream that is given, until stop() is called. */
export async function listen(options = {}) {
  const { sensitivity, thresholds, stream, constraints = {} } = options;
  const loaded = await load(options);
  const first = chosen(loaded.info, sensitivity, thresholds);
  const opened = stream ?? (await openMicrophone(constraints));
  const release = () => stream ?? opened.getTracks().forEach((track) => track.stop());
  try {
    const { context, source } = await connect(opened, loaded.folder);
    return new Listener({ ...options, loaded, first, context, source, opened, release });
  } catch (error) {
    release();
    throw error;
  }
}

class Listener {
  #context;
  #node;
  #release;
  #stopped = false;

  constructor({ loaded, first, context, source, opened, release, ...options }) {
    const { engine, model, info } = loaded, { onDetection, onScores, onSamples, onError } = options;
    this.info = info;
    this.#context = context;
    this.#release = release;
    const report = { scores: Boolean(onScores), samples: Boolean(onSamples) };
    this.#node = new AudioWorkletNode(context, "kws", {
      channelCount: 1, channelCountMode: "explicit",
      processorOptions: { engine, model, thresholds: first, report },
    });
    const failed = (message) => this.#stopped || onError?.(new Error(`kws: ${message}`));
    this.#node.onprocessorerror = () => failed("the detector failed");
    opened.getAudioTracks().forEach((track) =>
      track.addEventListener("ended", () => failed("the microphone was disconnected")));
    this.#node.port.onmessage = ({ data }) => {
      if (this.#stopped) return;
      if (data.samples) onSamples?.(data.samples, data.end - data.samples.length);
      if (data.scores) {
        const scores = new Map(info.keywords.map((keyword, i) => [keyword, data.scores[i]]));
        onScores?.({ scores, level: data.level, time: data.end / SAMPLE_RATE });
      }
      for (const detection of data.detections) onDetection?.(detection);
    };
    // A node that leads nowhere may not be run; what it gives is silence.
    source.connect(this.#node).connect(context.destination);
  }

  /** Change the sensitivity, or thresholds of single keywords, from now on. */
  setSensitivity(sensitivity, thresholds) {
    const values = chosen(this.info, sensitivity, thresholds);
    this.#node.port.postMessage({ thresholds: values });
  }

  /** Stop, and give the microphone back. */
  async stop() {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#node.port.postMessage({ stop: true });
    this.#node.disconnect();
    this.#release();
    await this.#context.close();
  }
}

/** Return thresholds of a sensitivity, some of them replaced by name. */
function chosen(info, sensitivity, thresholds = {}) {
  const values = thresholdsAt(info, sensitivity);
  for (const [keyword, threshold] of Object.entries(thresholds)) {
    const index = info.keywords.indexOf(keyword);
    if (index < 0) throw new RangeError(`kws: the model does not know ${JSON.stringify(keyword)}`);
    values[index] = threshold;
  }
  if (!values.every((threshold) => threshold > 0 && threshold <= 1))
    throw new RangeError("kws: a threshold is not above 0 up to 1");
  return values;
}

async function openMicrophone(constraints) {
  if (!globalThis.navigator?.mediaDevices)
    throw new Error("kws: a browser gives a microphone to pages of https: and localhost only");
  return navigator.mediaDevices.getUserMedia({ audio: { ...MICROPHONE, ...constraints } });
}

/** Return a running context with the worklet and a stream: at 16 kHz, or as the browser can. */
async function connect(stream, folder) {
  try {
    return await connectAt({ sampleRate: SAMPLE_RATE }, stream, folder);
  } catch (error) {
    if (error.name !== "NotSupportedError") throw error;
    return connectAt({}, stream, folder); // the worklet resamples
  }
}

async function connectAt(rate, stream, folder) {
  const context = new AudioContext(rate);
  try {
    const source = context.createMediaStreamSource(stream);
    await context.audioWorklet.addModule(new URL("worklet.js", folder));
    await context.resume();
    return { context, source };
  } catch (error) {
    await context.close();
    throw error;
  }
}

/** Return the content of a file; Node's fetch does not read file: URLs. */
async function read(url) {
  if (url.protocol === "file:") {
    const { readFile } = await import("node:fs/promises");
    const bytes = await readFile(url);
    return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  }
  const response = await fetch(url);
  if (!response.ok) throw new Error(`kws: ${url}: ${response.status} ${response.statusText}`);
  return response.arrayBuffer();
}
