// Run a detector on the audio thread, where a busy page loses no samples.
import { Detector, SAMPLE_RATE, toInt16 } from "./detector.js";
import { Resampler } from "./resampler.js";

const BLOCK = 1280; // samples, 80 ms: how often scores are reported

class KwsProcessor extends AudioWorkletProcessor {
  #detector;
  #resampler = null;
  #block = new Int16Array(BLOCK);
  #count = 0; // samples in the block
  #first = 0; // of the block, in the stream
  #report; // what is wanted: scores, samples
  #running = true;

  constructor({ processorOptions: { engine, model, thresholds, report } }) {
    super();
    this.#detector = new Detector(new WebAssembly.Module(engine), model, thresholds);
    this.#report = report;
    if (sampleRate !== SAMPLE_RATE) this.#resampler = new Resampler(sampleRate, SAMPLE_RATE);
    this.port.onmessage = ({ data }) => {
      if (data.thresholds) this.#detector.useThresholds(data.thresholds);
      if (data.stop) this.#running = false;
    };
  }

  process([input]) {
    if (input.length > 0) this.#take(input[0]); // no channel: the microphone is not there yet
    return this.#running;
  }

  #take(samples) {
    let rest = toInt16(this.#resampler ? this.#resampler.push(samples) : samples);
    while (rest.length > 0) {
      const taken = rest.subarray(0, BLOCK - this.#count);
      this.#block.set(taken, this.#count);
      this.#count += taken.length;
      rest = rest.subarray(taken.length);
      if (this.#count === BLOCK) this.#push();
    }
  }

  #push() {
    const detections = this.#detector.push(this.#block);
    const message = { detections, end: this.#first + BLOCK };
    if (this.#report.scores) {
      message.scores = this.#detector.scores;
      message.level = level(this.#block);
    }
    if (this.#report.samples) message.samples = this.#block.slice();
    if (detections.length > 0 || this.#report.scores || this.#report.samples)
      this.port.postMessage(message);
    this.#first += BLOCK;
    this.#count = 0;
  }
}

/** Return the level of samples in dBFS, -Infinity for silence. */
function level(samples) {
  let energy = 0;
  for (const sample of samples) energy += (sample / 32768) ** 2;
  return 10 * Math.log10(energy / samples.length);
}

registerProcessor("kws", KwsProcessor);
