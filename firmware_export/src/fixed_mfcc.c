/* Extract MFCC features in integers; see fixed_mfcc.h. */
#include "fixed_mfcc.h"

#include "arithmetic.h"
#include "fixed_fft.h"
#include "fixed_m4.h"
#include "fixed_mel.h"
#include "fixed_window.h"
#include "mfcc_window.h"

/* State the bits after the point of logarithms and of their table, and the table's start. */
enum { LOG_BITS = 9, TABLE_BITS = 15, FIRST_LOGARITHM = 64 };

/* Look up the logarithm of x, whose upper seven bits are an index. */
KWS_INLINE int32_t logarithm_of(const uint16_t *logarithms, uint32_t x) {
  const uint16_t *at = logarithms + (x >> 25) - FIRST_LOGARITHM;
  const uint32_t fraction = x >> 9 & 0xFFFF;
  return (int32_t)(at[0] + ((uint32_t)(at[1] - at[0]) * fraction >> 16));
}

/* Put the binary logarithms of mel sums in their place, relative to that of the offset, Q9; shift:
 * bits that the sums were shifted by since they had as many after the point as the offset. */
KWS_APART void take_logarithms(const kws_fixed_mfcc_tables *tables, int32_t *sums, int shift) {
  const uint32_t shifted = shift > 31 ? 0 : tables->log_offset >> shift;
  const uint32_t offset = shifted > 0 ? shifted : 1;
  const int32_t half = 1 << (TABLE_BITS - LOG_BITS - 1), limit = tables->log_limit;
  for (int32_t *end = sums + tables->mel_filters; sums < end; ++sums) {
    const uint32_t sum = (uint32_t)*sums + offset;
    const int zeros = kws_leading_zeros(sum);
    const int32_t fraction = logarithm_of(tables->logarithms, sum << zeros);
    const int32_t log = (31 - zeros + shift) * (1 << LOG_BITS) +
                        ((fraction + half) >> (TABLE_BITS - LOG_BITS)) - tables->log_start;
    *sums = log < 0 ? 0 : log > limit ? limit : log;
  }
}

#if KWS_DSP

/* Apply the DCT-II as cepstrum() does, to logarithms of 14 bits; pairs: room for [mel_filters]. */
static void cepstrum_of_pairs(const kws_fixed_mfcc_tables *tables, const int32_t *logs,
                              uint32_t *pairs, int8_t *frame) {
  const int half = tables->mel_filters / 2;
  uint32_t *sums = pairs, *differences = pairs + half;
  const int32_t *mirrored = logs + tables->mel_filters, *const middle = logs + half;
  const int8_t *const end = frame + tables->coefficients;
  for (; logs < middle; logs += 2) {
    mirrored -= 2;
    const uint32_t two = kws_pkhbt(logs[0], logs[1]);
    const uint32_t others = kws_pkhbt(mirrored[1], mirrored[0]);
    *sums++ = kws_sadd16(two, others);
    *differences++ = kws_ssub16(two, others);
  }
  kws_m4_coefficients(tables->dct, pairs, half, tables->bias, tables->shifts, frame, end);
  kws_m4_coefficients(tables->dct + half, pairs + half, half, tables->bias + 1, tables->shifts + 1,
                      frame + 1, end);
}

#endif

/* Return a coefficient of folded logarithms [mel_filters / 2]. */
KWS_APART int8_t coefficient(const kws_fixed_mfcc_tables *tables, int index, const int32_t *logs) {
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
  for (int k = 0; k < tables->coefficients; ++k)
    frame[k] = coefficient(tables, k, k % 2 == 0 ? logs : differences);
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
  uint32_t spread = kws_fixed_load(tables, mfcc->pending, z);
  const int excess = kws_excess(spread, KWS_STAGE_BITS);
  const int first = excess > KWS_LEAST_SHIFT ? excess : KWS_LEAST_SHIFT;
  const int shift = kws_fixed_fft(z, tables->points, tables->twiddles, first, &spread);
  const int last = kws_excess(spread, KWS_SPLIT_BITS);
  kws_fixed_mel(tables, z, last, (uint32_t *)sums);
  take_logarithms(tables, sums + 1, shift + last - KWS_LEAST_SHIFT);
#if KWS_DSP
  if (tables->log_limit < 1 << 14) {
    cepstrum_of_pairs(tables, sums + 1, (uint32_t *)mfcc->work, frame);
    return;
  }
#endif
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
