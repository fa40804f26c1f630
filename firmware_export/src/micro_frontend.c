/* Extract the features of TFLM's microfrontend; see micro_frontend.h. The arithmetic is that of
 * tensorflow/lite/experimental/microfrontend and of kissfft in 16 bits, bit for bit. */
#include "micro_frontend.h"

#include "arithmetic.h"
#include "mfcc_window.h"
#include "micro_fft.h"

/* State the bits after the point: of the window, of what a band keeps of its noise estimate, of an
 * estimate, of the ratio of signal and noise and of what follows from it, of the gain, and of
 * logarithms. */
enum {
  WINDOW_BITS = 12,
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

/* Return how many bits a number has. */
KWS_INLINE int bits_of(uint32_t x) { return x == 0 ? 0 : 32 - kws_leading_zeros(x); }

/* Return the magnitude of a windowed sample; of -32768, 2^15. */
KWS_INLINE uint32_t magnitude(int32_t value) { return (uint32_t)(value < 0 ? -value : value); }

/* Window the pending samples and write them in digit-reversed order. Return the bits that they are to
 * be shifted by, so that all bits are in use. */
static int load(const kws_micro_frontend *frontend, int16_t *z) {
  const kws_micro_frontend_tables *tables = frontend->tables;
  const int16_t *samples = frontend->pending, *end = samples + tables->window;
  const uint16_t *hann = tables->hann, *index = tables->digit_reversal;
  uint32_t spread = 0;
  memset(z, 0, 2 * tables->points * sizeof *z);
  for (; samples < end; samples += 2, hann += 2) {
    const int32_t even = samples[0] * hann[0] >> WINDOW_BITS;
    const int32_t odd = samples[1] * hann[1] >> WINDOW_BITS;
    int16_t *pair = z + 2 * *index++;
    spread |= magnitude(even) | magnitude(odd);
    pair[0] = (int16_t)even;
    pair[1] = (int16_t)odd;
  }
  return 15 - bits_of(spread & INT16_MAX); /* as upstream, -32768 has no bits */
}

/* Return the root of x, rounded down, given that of its upper half and what is left of that: by
 * Zimmermann's square root; x has 2 * bits, and a 1 in the upper two. */
KWS_INLINE uint32_t joined_root(uint32_t root, uint32_t rest, uint32_t lower, int bits) {
  const uint32_t most = (1u << bits) - 1;
  const uint32_t digits = ((rest << (bits - 1)) + (lower >> 1)) / root;
  return (root << bits) + (digits < most ? digits : most); /* that, or up to 2 less */
}

/* Return the root of a number with a 1 in the upper two bits, rounded down. */
static uint32_t root_of_word(uint32_t x) {
  uint32_t root = 0, rest = x >> 16;
  for (uint32_t bit = 1u << 14; bit > 0; bit >>= 2) {
    const bool fits = rest >= root + bit;
    if (fits) rest -= root + bit;
    root = (root >> 1) + (fits ? bit : 0);
  }
  root = joined_root(root, rest, x >> 8 & 0xFF, 8);
  while (root * root > x) --root;
  return root;
}

/* Return a square root, rounded to the nearest that has half the bits. */
static uint32_t root_of(uint64_t x) {
  uint32_t high = (uint32_t)(x >> 32), low = (uint32_t)x, root;
  if (high == 0) {
    if (low == 0) return 0;
    const int shift = kws_leading_zeros(low) & ~1;
    root = root_of_word(low << shift) >> (shift / 2);
    return low - root * root > root && root != 0xFFFF ? root + 1 : root;
  }
  const int shift = kws_leading_zeros(high) & ~1;
  high = (uint32_t)(x << shift >> 32);
  root = root_of_word(high);
  root = joined_root(root, high - root * root, (uint32_t)(x << shift) >> 16, 16) >> (shift / 2);
  while ((uint64_t)root * root > x) --root;
  return x - (uint64_t)root * root > root && root != 0xFFFFFFFF ? root + 1 : root;
}

/* Hold a sum of products of 32 bits by others of 16, which are below 2^16 together. */
#if defined(__thumb2__) /* one instruction multiplies and adds to 64 bits */
typedef uint64_t wide_sum;

KWS_INLINE void add_product(wide_sum *sum, uint32_t a, uint32_t b) { *sum += (uint64_t)a * b; }
KWS_INLINE uint64_t total(wide_sum sum) { return sum; }
#else
typedef struct {
  uint32_t low, high; /* by the lower and the upper halves */
} wide_sum;

KWS_INLINE void add_product(wide_sum *sum, uint32_t a, uint32_t b) {
  sum->low += (a & 0xFFFF) * b;
  sum->high += (a >> 16) * b;
}
KWS_INLINE uint64_t total(wide_sum sum) { return ((uint64_t)sum.high << 16) + sum.low; }
#endif

KWS_INLINE uint64_t product(uint32_t a, uint32_t b) {
  wide_sum sum = {0};
  add_product(&sum, a, b);
  return total(sum);
}

/* Update the estimate of a band's noise and return what is left of its signal without it. */
static uint32_t reduce_noise(uint32_t signal, int band, uint32_t *estimate) {
  const uint32_t share = band % 2 == 0 ? EVEN_SMOOTHING : ODD_SMOOTHING;
  const uint32_t scaled = signal << ESTIMATE_BITS;
  wide_sum sum = {0};
  add_product(&sum, scaled, share);
  add_product(&sum, *estimate, (1u << SMOOTHING_BITS) - share);
  const uint32_t noise = (uint32_t)(total(sum) >> SMOOTHING_BITS);
  *estimate = noise;
  const uint32_t least = (uint32_t)(product(signal, LEAST_SIGNAL) >> SMOOTHING_BITS);
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
  const uint32_t gain = (uint32_t)gain_for(gains, noise);
  const uint32_t ratio = (uint32_t)((uint64_t)signal * gain >> SNR_SHIFT);
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
  const uint32_t natural = (uint32_t)((product((uint32_t)binary, LN_2) + half) >> LOG_BITS);
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
  int16_t *z = frontend->work;
  const int shift = load(frontend, z);
  kws_micro_fft(z, tables->points, tables->twiddles, shift);
  kws_micro_split(z, tables->points, tables->split_twiddles);
  const uint16_t *weights = tables->bin_weights;
  wide_sum sum = {0}, next = {0}; /* of a band, and of the one above it */
  z += 2 * tables->first_bin;
  for (int band = -1; band < tables->coefficients; ++band) {
    for (int left = tables->bin_counts[band + 1]; left > 0; --left, z += 2, weights += 2) {
      const uint32_t square = (uint32_t)(z[0] * z[0]) + (uint32_t)(z[1] * z[1]);
      add_product(&sum, square, weights[0]);
      add_product(&next, square, weights[1]);
    }
    if (band >= 0) frame[band] = feature(frontend, root_of(total(sum)) >> shift, band);
    sum = next;
    next = (wide_sum){0};
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
