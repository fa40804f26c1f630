/* Extract the features of TFLM's microfrontend; see micro_frontend.h. The arithmetic is that of
 * tensorflow/lite/experimental/microfrontend and of kissfft in 16 bits, bit for bit. */
#include "micro_frontend.h"

#include "arithmetic.h"
#include "mfcc_window.h"

/* State the bits after the point: of the window, of twiddles, of what a band keeps of its noise
 * estimate, of an estimate, of the ratio of signal and noise and of what follows from it, of the
 * gain, and of logarithms. */
enum {
  WINDOW_BITS = 12,
  TWIDDLE_BITS = 15,
  SMOOTHING_BITS = 14,
  ESTIMATE_BITS = 10,
  SNR_BITS = 12,
  OUTPUT_BITS = 6,
  SNR_SHIFT = 6,
  CORRECTION_BITS = 3,
  LOG_BITS = 16,
  SEGMENT_BITS = 9,
  FEATURE_BITS = 6
};

/* State what noise reduction takes of a new value in even and odd bands, the least that it leaves of
 * a signal, and ln(2). */
enum { EVEN_SMOOTHING = 409, ODD_SMOOTHING = 983, LEAST_SIGNAL = 819, LN_2 = 45426 };

typedef struct {
  int16_t re, im;
} complex16;

/* Return a product, rounded half up. */
KWS_INLINE int16_t rounded(int32_t product) {
  return (int16_t)((product + (1 << (TWIDDLE_BITS - 1))) >> TWIDDLE_BITS);
}

/* Divide by a small number, as kissfft does so that nothing overflows. */
KWS_INLINE complex16 divided(complex16 z, int by) {
  const int32_t factor = INT16_MAX / by;
  const complex16 result = {rounded(z.re * factor), rounded(z.im * factor)};
  return result;
}

KWS_INLINE complex16 times(complex16 z, const int16_t *twiddle) {
  const complex16 result = {rounded(z.re * twiddle[0] - z.im * twiddle[1]),
                            rounded(z.re * twiddle[1] + z.im * twiddle[0])};
  return result;
}

KWS_INLINE complex16 sum(complex16 a, complex16 b) {
  const complex16 result = {(int16_t)(a.re + b.re), (int16_t)(a.im + b.im)};
  return result;
}

KWS_INLINE complex16 difference(complex16 a, complex16 b) {
  const complex16 result = {(int16_t)(a.re - b.re), (int16_t)(a.im - b.im)};
  return result;
}

/* Combine four transforms of `size` points that lie one after the other; step: of the twiddles. */
static void butterflies(complex16 *z, int size, const int16_t *twiddles, int step) {
  for (int k = 0; k < size; ++k, ++z) {
    const complex16 a = divided(z[0], 4);
    const complex16 b = times(divided(z[size], 4), twiddles + 2 * k * step);
    const complex16 c = times(divided(z[2 * size], 4), twiddles + 4 * k * step);
    const complex16 d = times(divided(z[3 * size], 4), twiddles + 6 * k * step);
    const complex16 even = sum(a, c), even_less = difference(a, c);
    const complex16 odd = sum(b, d), odd_less = difference(b, d);
    z[0] = sum(even, odd);
    z[2 * size] = difference(even, odd);
    z[size].re = (int16_t)(even_less.re + odd_less.im);
    z[size].im = (int16_t)(even_less.im - odd_less.re);
    z[3 * size].re = (int16_t)(even_less.re - odd_less.im);
    z[3 * size].im = (int16_t)(even_less.im + odd_less.re);
  }
}

/* Split the transform of packed samples into bins 1 ... points - 1 of the real one, in place. */
static void split(const kws_micro_frontend_tables *tables, complex16 *z) {
  complex16 *low = z + 1, *high = z + tables->points - 1;
  const int16_t *twiddle = tables->split_twiddles;
  for (; low <= high; ++low, --high, twiddle += 2) {
    const complex16 mirrored = {high->re, (int16_t)-high->im};
    const complex16 a = divided(*low, 2), b = divided(mirrored, 2);
    const complex16 even = sum(a, b), odd = times(difference(a, b), twiddle);
    low->re = (int16_t)((even.re + odd.re) >> 1);
    low->im = (int16_t)((even.im + odd.im) >> 1);
    high->re = (int16_t)((even.re - odd.re) >> 1); /* of the middle bin these remain */
    high->im = (int16_t)((odd.im - even.im) >> 1);
  }
}

/* Return how many bits a number has. */
KWS_INLINE int bits_of(uint32_t x) { return x == 0 ? 0 : 32 - kws_leading_zeros(x); }

/* Window the pending samples, scale them so that their bits are in use, and write them in
 * digit-reversed order. Return the bits that they were shifted by. */
static int load(const kws_micro_frontend *frontend, complex16 *z) {
  const kws_micro_frontend_tables *tables = frontend->tables;
  const int16_t *samples = frontend->pending;
  int highest = 0;
  for (int i = 0; i < tables->window; ++i) {
    const int value = samples[i] * tables->hann[i] >> WINDOW_BITS;
    const int magnitude = value < 0 ? (int16_t)-value : value; /* of -32768, none */
    if (magnitude > highest) highest = magnitude;
  }
  const int shift = 15 - bits_of((uint32_t)highest);
  memset(z, 0, tables->points * sizeof *z);
  for (int i = 0; i < tables->window; ++i) {
    const int value = samples[i] * tables->hann[i] >> WINDOW_BITS;
    complex16 *pair = &z[tables->digit_reversal[i / 2]];
    const int16_t scaled = (int16_t)(uint16_t)((uint32_t)value << shift);
    if (i % 2 == 0)
      pair->re = scaled;
    else
      pair->im = scaled;
  }
  return shift;
}

/* Return a square root, rounded to the nearest that has half the bits. */
static uint32_t root_of(uint64_t x) {
  const uint32_t most = x >> 32 == 0 ? 0xFFFF : 0xFFFFFFFF;
  uint64_t root = 0, bit = (uint64_t)1 << (x >> 32 == 0 ? 30 : 62);
  while (bit > x) bit >>= 2;
  for (; bit > 0; bit >>= 2) {
    const bool fits = x >= root + bit;
    if (fits) x -= root + bit;
    root = (root >> 1) + (fits ? bit : 0);
  }
  return (uint32_t)(x > root && root != most ? root + 1 : root);
}

/* Update the estimate of a band's noise and return what is left of its signal without it. */
static uint32_t reduce_noise(uint32_t signal, int band, uint32_t *estimate) {
  const uint32_t share = band % 2 == 0 ? EVEN_SMOOTHING : ODD_SMOOTHING;
  const uint32_t scaled = signal << ESTIMATE_BITS;
  const uint32_t noise = (uint32_t)(((uint64_t)scaled * share +
                                     (uint64_t)*estimate * ((1u << SMOOTHING_BITS) - share)) >>
                                    SMOOTHING_BITS);
  *estimate = noise;
  const uint32_t least = (uint32_t)((uint64_t)signal * LEAST_SIGNAL >> SMOOTHING_BITS);
  const uint32_t left = noise > scaled ? 0 : (scaled - noise) >> ESTIMATE_BITS;
  return left > least ? left : least;
}

/* Return the gain for a noise estimate, by a parabola from each power of two to the next. */
static int16_t gain_for(const int16_t *gains, uint32_t noise) {
  if (noise <= 2) return gains[noise];
  const int bits = bits_of(noise);
  gains += 4 * bits - 6;
  const int32_t fraction = (int32_t)(bits < 11 ? noise << (11 - bits) : noise >> (bits - 11)) & 0x3FF;
  int32_t result = (gains[2] * fraction >> 5) + gains[1] * 32;
  result = (result * fraction + (1 << 14)) >> 15;
  return (int16_t)(result + gains[0]);
}

/* Normalise a signal by its noise (PCAN). */
static uint32_t normalise(const int16_t *gains, uint32_t signal, uint32_t noise) {
  const uint32_t ratio =
      (uint32_t)((uint64_t)signal * (uint32_t)gain_for(gains, noise) >> SNR_SHIFT);
  if (ratio < 2u << SNR_BITS) return ratio * ratio >> (2 + 2 * SNR_BITS - OUTPUT_BITS);
  return (ratio >> (SNR_BITS - OUTPUT_BITS)) - (1u << OUTPUT_BITS);
}

/* Return the natural logarithm of a number above 1, Q6. */
static uint32_t logarithm(const uint16_t *table, uint32_t x) {
  const int whole = bits_of(x) - 1;
  const uint32_t rest = x - (1u << whole);
  const int32_t fraction =
      (int32_t)(whole < LOG_BITS ? rest << (LOG_BITS - whole) : rest >> (whole - LOG_BITS));
  const uint16_t *at = table + (fraction >> SEGMENT_BITS);
  const int32_t within = fraction & ((1 << SEGMENT_BITS) - 1);
  const int32_t binary = (whole << LOG_BITS) + fraction + at[0] +
                         ((at[1] - at[0]) * within >> LOG_BITS); /* as upstream: not the slope */
  const uint32_t half = 1u << (LOG_BITS - 1);
  const uint32_t natural = (uint32_t)(((uint64_t)LN_2 * (uint32_t)binary + half) >> LOG_BITS);
  return ((natural << FEATURE_BITS) + half) >> LOG_BITS;
}

/* Return the feature of a band. */
static float feature(const kws_micro_frontend *frontend, uint32_t signal, int band) {
  const kws_micro_frontend_tables *tables = frontend->tables;
  uint32_t *estimate = &frontend->estimates[band];
  signal = reduce_noise(signal, band, estimate);
  signal = normalise(tables->gains, signal, *estimate) << CORRECTION_BITS;
  return signal > 1 ? kws_product((float)logarithm(tables->logarithms, signal), 0.0390625f) : 0.0f;
}

/* Write the frame of a complete window. */
static void extract(const kws_micro_frontend *frontend, float *frame) {
  const kws_micro_frontend_tables *tables = frontend->tables;
  complex16 *z = (complex16 *)(void *)frontend->work;
  const int shift = load(frontend, z), points = tables->points;
  for (int size = 1; size < points; size *= 4)
    for (int at = 0; at < points; at += 4 * size)
      butterflies(z + at, size, tables->twiddles, points / 4 / size);
  split(tables, z);
  const uint16_t *weights = tables->bin_weights;
  uint64_t energy = 0, next = 0; /* of a band, and of the one above it */
  z += tables->first_bin;
  for (int band = -1; band < tables->coefficients; ++band, energy = next, next = 0) {
    for (int left = tables->bin_counts[band + 1]; left > 0; --left, ++z, weights += 2) {
      const uint32_t square = (uint32_t)(z->re * z->re) + (uint32_t)(z->im * z->im);
      energy += (uint64_t)square * weights[0];
      next += (uint64_t)square * weights[1];
    }
    if (band >= 0) frame[band] = feature(frontend, root_of(energy) >> shift, band);
  }
}

void kws_micro_frontend_init(kws_micro_frontend *frontend, const kws_micro_frontend_tables *tables,
                             void *work, void *kept) {
  frontend->tables = tables;
  frontend->work = work;
  frontend->estimates = kept;
  frontend->pending = (int16_t *)(void *)(frontend->estimates + tables->coefficients);
  kws_micro_frontend_reset(frontend);
}

void kws_micro_frontend_reset(kws_micro_frontend *frontend) {
  memset(frontend->estimates, 0, frontend->tables->coefficients * sizeof *frontend->estimates);
  frontend->count = 0;
}

size_t kws_micro_frontend_push(kws_micro_frontend *frontend, const int16_t *samples, size_t count,
                               float *frame, bool *ready) {
  const kws_micro_frontend_tables *tables = frontend->tables;
  const size_t taken =
      kws_window_fill(frontend->pending, &frontend->count, tables->window, samples, count);
  *ready = frontend->count == tables->window;
  if (*ready) {
    extract(frontend, frame);
    kws_window_advance(frontend->pending, &frontend->count, tables->hop);
  }
  return taken;
}
