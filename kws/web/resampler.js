// Convert a stream to another sample rate, where the browser has the microphone at its own rate only.

const ZERO_CROSSINGS = 32; // of the sinc on either side
const PASSBAND = 0.94; // of the lower rate's half

/** Resample by a windowed sinc: output n is the input at n * from / to. */
export class Resampler {
  #up;
  #down;
  #half; // taps on either side
  #phases; // [up][2 * half + 1] filter
  #buffer; // input from #first on
  #first = 0; // index in the stream, negative before its start
  #next = 0; // index of the next output

  constructor(from, to) {
    const divisor = gcd(from, to);
    this.#up = to / divisor;
    this.#down = from / divisor;
    const scale = Math.min(1, to / from) * PASSBAND;
    this.#half = Math.ceil(ZERO_CROSSINGS / scale);
    this.#phases = Array.from({ length: this.#up }, (_, phase) =>
      filter(this.#half, scale, phase / this.#up));
    this.#buffer = new Float32Array(this.#half);
    this.#first = -this.#half;
  }

  /** Take samples, Float32Array; return those that they complete. */
  push(samples) {
    const input = new Float32Array(this.#buffer.length + samples.length);
    input.set(this.#buffer);
    input.set(samples, this.#buffer.length);
    const output = [], taps = 2 * this.#half + 1;
    for (;;) {
      const at = Math.floor((this.#next * this.#down) / this.#up) - this.#half - this.#first;
      if (at + taps > input.length) {
        this.#buffer = input.slice(Math.max(0, at));
        this.#first += Math.max(0, at);
        return Float32Array.from(output);
      }
      const weights = this.#phases[(this.#next * this.#down) % this.#up];
      let sum = 0;
      for (let tap = 0; tap < taps; ++tap) sum += weights[tap] * input[at + tap];
      output.push(sum);
      ++this.#next;
    }
  }
}

/** Return a low-pass filter around a point between two samples, of unit gain. */
function filter(half, scale, fraction) {
  const weights = Float64Array.from({ length: 2 * half + 1 }, (_, tap) => {
    const x = tap - half - fraction;
    if (Math.abs(x) > half) return 0;
    const angle = (Math.PI * x) / half; // Blackman's window
    return sinc(x * scale) * (0.42 + 0.5 * Math.cos(angle) + 0.08 * Math.cos(2 * angle));
  });
  const sum = weights.reduce((a, b) => a + b);
  return weights.map((weight) => weight / sum);
}

function sinc(x) {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

function gcd(a, b) {
  return b === 0 ? a : gcd(b, a % b);
}
