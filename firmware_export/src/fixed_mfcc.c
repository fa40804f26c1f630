/* Extract MFCC features in integers; see fixed_mfcc.h. */
#include "fixed_mfcc.h"

#include "arithmetic.h"
#include "fixed_fft.h"
#include "mfcc_window.h"

/* State the scales: of windowed samples, of the input of the split, and the bits after the point
 * of its twiddles, of magnitudes, of mel weights, of logarithms and of tables. */
enum {
  LEAST_SHIFT = 2,
  SPLIT_BITS = 14,
  SPLIT_TWIDDLE_BITS = 14,
  MAGNITUDE_BITS = 3,
  WEIGHT_BITS = 11,
  LOG_BITS = 9,
  TABLE_BITS = 15
};

/* Subtract three quarters of the sample before, so that the spectrum of speech is flatter. */
KWS_INLINE int32_t emphasise(int32_t sample, int32_t before) {
  return sample - (before - (before >> 2));
}

/* Window samples and emphasise them in pairs, even + i * odd, and write them to their indices in z,
 * up to `end`; step: 1 where the window rises, -1 where it falls. *before is the latest windowed
 * sample. Return the spread. */
static uint32_t load_pairs(const int16_t *samples, const uint16_t *hann, int step,
                           const uint16_t *index, const uint16_t *end, kws_fixed_complex *z,
                           int32_t *before) {
  uint32_t spread = 0;
  int32_t latest = *before;
  do {
    kws_fixed_complex *pair = &z[*index++];
    const int32_t even = *samples++ * *hann;
    hann += step;
    const int32_t first = emphasise(even, latest);
    pair->re = first;
    latest = *samples++ * *hann;
    hann += step;
    const int32_t second = emphasise(latest, even);
    pair->im = second;
    spread = kws_spread(spread, first, second);
  } while (index < end);
  *before = latest;
  return spread;
}

/* Load the pending samples in digit-reversed order; pad them with zeros to the FFT's size. Return the
 * spread. */
static uint32_t load(const kws_fixed_mfcc *mfcc, kws_fixed_complex *z) {
  const kws_fixed_mfcc_tables *tables = mfcc->tables;
  const int window = tables->window, rising = window / 4 + 1; /* pairs */
  const int16_t *samples = mfcc->pending;
  const uint16_t *hann = tables->hann, *index = tables->digit_reversal;
  const uint16_t *middle = index + rising, *end = index + window / 2;
  int32_t before = 0;
  uint32_t spread = load_pairs(samples, hann, 1, index, middle, z, &before);
  spread |= load_pairs(samples + 2 * rising, hann + window - 2 * rising, -1, middle, end, z, &before);
  for (index = end; index < tables->digit_reversal + tables->points; ++index)
    z[*index].re = z[*index].im = 0;
  if (window % 2 == 1) {
    const int32_t last = samples[window - 1] * hann[1];
    z[*end].re = emphasise(last, before);
    z[*end].im = emphasise(0, last);
    return kws_spread(spread, z[*end].re, z[*end].im);
  }
  /* The sample after the window, or where that fills the FFT the first, whose weight is 0. */
  kws_fixed_complex *after = &z[window == 2 * tables->points ? 0 : *end];
  after->re = emphasise(0, before);
  return kws_spread(spread, after->re, 0);
}

/* Look x up in a table, whose upper seven bits are an index from `first` on; `bits` more after the
 * point than the table has. */
KWS_INLINE uint32_t interpolate(const uint16_t *table, uint32_t x, int first, int bits) {
  const uint16_t *at = table + (x >> 25) - first;
  const uint32_t fraction = x >> 9 & 0xFFFF;
  return ((uint32_t)at[0] << bits) + ((uint32_t)(at[1] - at[0]) * fraction >> (16 - bits));
}

/* Return the magnitude of a complex number, Q3. */
KWS_INLINE uint32_t magnitude_of(const uint16_t *roots, int32_t re, int32_t im) {
  const uint32_t square = (uint32_t)re * (uint32_t)re + (uint32_t)im * (uint32_t)im;
  if (square == 0) return 0;
  const int shift = kws_leading_zero_pairs(square);
  return interpolate(roots, square << (2 * shift), 32, 16 + MAGNITUDE_BITS - TABLE_BITS) >> shift;
}

/* Shift the packed transform and split it into bins 1 ... points - 1 of the real FFT, in place. */
static void split(const kws_fixed_mfcc_tables *tables, kws_fixed_complex *z, int shift) {
  const int32_t rounding = (1 << shift) >> 1, one = 1 << SPLIT_TWIDDLE_BITS;
  const int16_t *twiddle = tables->split_twiddles;
  kws_fixed_complex *a = z + 1, *b = z + tables->points - 1;
  for (; a <= b; ++a, --b, twiddle += 2) {
    const int32_t c = twiddle[0], s = twiddle[1];
    int32_t x = kws_shifted(a->re, rounding, shift), y = kws_shifted(b->re, rounding, shift);
    const int32_t even_r = (x + y) * one + one, odd_i = y - x;
    x = kws_shifted(a->im, rounding, shift);
    y = kws_shifted(b->im, rounding, shift);
    const int32_t even_i = (x - y) * one + one, odd_r = x + y;
    const int32_t turn_r = odd_r * c - odd_i * s, turn_i = odd_i * c + odd_r * s;
    b->re = (even_r - turn_r) >> (SPLIT_TWIDDLE_BITS + 1);
    b->im = (even_i - turn_i) >> (SPLIT_TWIDDLE_BITS + 1);
    a->re = (even_r + turn_r) >> (SPLIT_TWIDDLE_BITS + 1); /* of the middle bin these remain */
    a->im = (even_i + turn_i) >> (SPLIT_TWIDDLE_BITS + 1);
  }
}

/* Add the magnitudes of the bins to the mel sums [mel_filters + 2], each to two: those of filter -1
 * and of the one after the last are none. */
static void mel_sums(const kws_fixed_mfcc_tables *tables, const kws_fixed_complex *z,
                     uint32_t *sums) {
  const uint8_t *filter = tables->bin_filters, *const end = filter + tables->bin_count;
  const uint16_t *weights = tables->bin_weights, *const roots = tables->roots;
  memset(sums, 0, (size_t)(tables->mel_filters + 2) * sizeof *sums);
  z += tables->first_bin;
  do {
    const uint32_t magnitude = magnitude_of(roots, z->re, z->im);
    uint32_t *of = sums + *filter++;
    ++z;
    of[0] += magnitude * *weights++ >> WEIGHT_BITS;
    of[1] += magnitude * *weights++ >> WEIGHT_BITS;
  } while (filter < end);
}

/* Put the binary logarithms of mel sums in their place, relative to that of the offset, Q9; shift:
 * bits that the sums were shifted by since they had as many after the point as the offset. */
static void take_logarithms(const kws_fixed_mfcc_tables *tables, int32_t *sums, int shift) {
  const uint32_t shifted = shift > 31 ? 0 : tables->log_offset >> shift;
  const uint32_t offset = shifted > 0 ? shifted : 1;
  const int32_t half = 1 << (TABLE_BITS - LOG_BITS - 1), limit = tables->log_limit;
  for (int32_t *end = sums + tables->mel_filters; sums < end; ++sums) {
    const uint32_t sum = (uint32_t)*sums + offset;
    const int zeros = kws_leading_zeros(sum);
    const int32_t fraction = (int32_t)interpolate(tables->logarithms, sum << zeros, 64, 0);
    const int32_t log = (31 - zeros + shift) * (1 << LOG_BITS) +
                        ((fraction + half) >> (TABLE_BITS - LOG_BITS)) - tables->log_start;
    *sums = log < 0 ? 0 : log > limit ? limit : log;
  }
}

/* Return a coefficient of folded logarithms [mel_filters / 2]. */
static int8_t coefficient(const kws_fixed_mfcc_tables *tables, int index, const int32_t *logs) {
  const int half = tables->mel_filters / 2;
  const int16_t *weights = tables->dct + index * half, *const end = weights + half;
  int32_t sum = tables->bias[index];
  do {
    sum += *weights++ * *logs++;
  } while (weights < end);
  return kws_saturate(sum >> tables->shifts[index]);
}

/* Apply the DCT-II, halved by symmetry: even coefficients take the sums of mirrored logarithms, odd
 * ones the differences. The weights hold standardisation and quantisation, too. */
static void cepstrum(const kws_fixed_mfcc_tables *tables, int32_t *logs, int8_t *frame) {
  const int half = tables->mel_filters / 2;
  int32_t *differences = logs + half;
  for (int32_t *a = differences, *b = a + half - 1; a < b; ++a, --b) { /* two ascending lists */
    const int32_t swap = *a;
    *a = *b;
    *b = swap;
  }
  for (int i = 0; i < half; ++i) {
    const int32_t log = logs[i], mirrored = differences[i];
    logs[i] = log + mirrored;
    differences[i] = log - mirrored;
  }
  for (int k = 0; k < tables->coefficients; k += 2) frame[k] = coefficient(tables, k, logs);
  for (int k = 1; k < tables->coefficients; k += 2) frame[k] = coefficient(tables, k, differences);
}

void kws_fixed_mfcc_init(kws_fixed_mfcc *mfcc, const kws_fixed_mfcc_tables *tables, int32_t *work,
                         int16_t *pending) {
  mfcc->tables = tables;
  mfcc->work = work;
  mfcc->pending = pending;
  kws_fixed_mfcc_reset(mfcc);
}

void kws_fixed_mfcc_reset(kws_fixed_mfcc *mfcc) { mfcc->count = 0; }

/* Write the frame of a complete window. */
static void extract(const kws_fixed_mfcc *mfcc, int8_t *frame) {
  const kws_fixed_mfcc_tables *tables = mfcc->tables;
  kws_fixed_complex *z = (kws_fixed_complex *)(void *)mfcc->work;
  int32_t *sums = mfcc->work + 2 * tables->points;
  uint32_t spread = load(mfcc, z);
  const int excess = kws_excess(spread, KWS_STAGE_BITS);
  const int first = excess > LEAST_SHIFT ? excess : LEAST_SHIFT;
  const int shift = kws_fixed_fft(z, tables->points, tables->twiddles, first, &spread);
  const int last = kws_excess(spread, SPLIT_BITS);
  split(tables, z, last);
  mel_sums(tables, z, (uint32_t *)sums);
  take_logarithms(tables, sums + 1, shift + last - LEAST_SHIFT);
  cepstrum(tables, sums + 1, frame);
}

size_t kws_fixed_mfcc_push(kws_fixed_mfcc *mfcc, const int16_t *samples, size_t count,
                           int8_t *frame, bool *ready) {
  const kws_fixed_mfcc_tables *tables = mfcc->tables;
  const size_t taken = kws_window_fill(mfcc->pending, &mfcc->count, tables->window, samples, count);
  *ready = mfcc->count == tables->window;
  if (*ready) {
    extract(mfcc, frame);
    kws_window_advance(mfcc->pending, &mfcc->count, tables->hop);
  }
  return taken;
}
