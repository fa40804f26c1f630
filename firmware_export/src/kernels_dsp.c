/* Convolutions for the Cortex-M4's DSP instructions. The inner loops are assembly: they use every
 * register, and a compiler that spills one of them doubles their cost. */
#include "kernels.h"

#include <string.h>

#include "arithmetic.h"

#if KWS_DSP

KWS_INLINE uint32_t four_bytes(const int8_t *bytes) {
  uint32_t word;
  memcpy(&word, bytes, sizeof word);
  return word;
}

/* Patches of `cells` neighbouring cells as 16-bit values, in fours: [depth / 4][cells][4].
 * Each four is in the order that sxtb16 gives: 0, 2, 1, 3; the weights' come out alike. What pads
 * the depth meets weights of 0. */
static void gather(const kws_layer *layer, kws_columns in, int first, int cells, int16_t *patches) {
  const int chunk = layer->kernel * layer->channels; /* of a patch, from one column */
  const int step = layer->stride * layer->channels;
  int depth = 0;
  for (int tap = 0; tap < layer->time_kernel; ++tap, depth += chunk) {
    const int8_t *from = kws_column(layer, in, tap) + first * step;
    for (int cell = 0; cell < cells; ++cell, from += step) {
      if (chunk % 4 == 0) {
        uint32_t *to = (uint32_t *)(void *)patches + (depth / 4 * cells + cell) * 2;
        for (const int8_t *at = from; at < from + chunk; at += 4, to += 2 * cells) {
          const uint32_t word = four_bytes(at);
          to[0] = kws_sxtb16(word);
          to[1] = kws_sxtb16_ror8(word);
        }
      } else {
        static const uint8_t place[4] = {0, 2, 1, 3};
        for (int i = 0; i < chunk; ++i) {
          const int at = depth + i;
          patches[(at / 4 * cells + cell) * 4 + place[at % 4]] = from[i];
        }
      }
    }
  }
}

/* Sums of one output channel for n cells: four weights are unpacked once and used n times. */
static inline void sums_5(const int16_t *x, const int8_t *weights, const int8_t *end,
                          int32_t *sums) {
  int32_t sum0 = sums[0], sum1 = sum0, sum2 = sum0, sum3 = sum0, sum4 = sum0;
  uint32_t w02, w13;
#define UNPACK                        \
  "ldr    %[w13], [%[weights]], #4\n\t" \
  "sxtb16 %[w02], %[w13]\n\t"           \
  "sxtb16 %[w13], %[w13], ror #8\n\t"
#define LOAD "ldm %[x]!, {r4, r5, r6, r8}\n\t"
#define FIRST(sum)                      \
  "smlad %[" sum "], r4, %[w02], %[" sum "]\n\t" \
  "smlad %[" sum "], r5, %[w13], %[" sum "]\n\t"
#define SECOND(sum)                     \
  "smlad %[" sum "], r6, %[w02], %[" sum "]\n\t" \
  "smlad %[" sum "], r8, %[w13], %[" sum "]\n\t"
  __asm__ volatile(
      "1:\n\t" UNPACK LOAD FIRST("s0") SECOND("s1") LOAD FIRST("s2") SECOND("s3") LOAD FIRST("s4")
          UNPACK SECOND("s0") LOAD FIRST("s1") SECOND("s2") LOAD FIRST("s3") SECOND("s4")
      "cmp %[weights], %[end]\n\t"
      "bne 1b"
      : [s0] "+r"(sum0), [s1] "+r"(sum1), [s2] "+r"(sum2), [s3] "+r"(sum3), [s4] "+r"(sum4),
        [weights] "+r"(weights), [x] "+r"(x), [w02] "=&r"(w02), [w13] "=&r"(w13)
      : [end] "r"(end)
      : "r4", "r5", "r6", "r8", "cc", "memory");
#undef LOAD
#undef FIRST
#undef SECOND
  sums[0] = sum0;
  sums[1] = sum1;
  sums[2] = sum2;
  sums[3] = sum3;
  sums[4] = sum4;
}

static inline void sums_2(const int16_t *x, const int8_t *weights, const int8_t *end,
                          int32_t *sums) {
  int32_t sum0 = sums[0], sum1 = sum0;
  uint32_t w02, w13, x02, x13;
  __asm__ volatile(
      "1:\n\t" UNPACK
      "ldrd  %[x02], %[x13], [%[x]], #8\n\t"
      "smlad %[s0], %[x02], %[w02], %[s0]\n\t"
      "smlad %[s0], %[x13], %[w13], %[s0]\n\t"
      "ldrd  %[x02], %[x13], [%[x]], #8\n\t"
      "smlad %[s1], %[x02], %[w02], %[s1]\n\t"
      "smlad %[s1], %[x13], %[w13], %[s1]\n\t"
      "cmp   %[weights], %[end]\n\t"
      "bne   1b"
      : [s0] "+r"(sum0), [s1] "+r"(sum1), [weights] "+r"(weights), [x] "+r"(x),
        [w02] "=&r"(w02), [w13] "=&r"(w13), [x02] "=&r"(x02), [x13] "=&r"(x13)
      : [end] "r"(end)
      : "cc", "memory");
  sums[0] = sum0;
  sums[1] = sum1;
}

static inline void sums_1(const int16_t *x, const int8_t *weights, const int8_t *end,
                          int32_t *sums) {
  int32_t sum0 = sums[0];
  uint32_t w02, w13, x02, x13;
  __asm__ volatile(
      "1:\n\t" UNPACK
      "ldrd  %[x02], %[x13], [%[x]], #8\n\t"
      "smlad %[s0], %[x02], %[w02], %[s0]\n\t"
      "smlad %[s0], %[x13], %[w13], %[s0]\n\t"
      "cmp   %[weights], %[end]\n\t"
      "bne   1b"
      : [s0] "+r"(sum0), [weights] "+r"(weights), [x] "+r"(x), [w02] "=&r"(w02),
        [w13] "=&r"(w13), [x02] "=&r"(x02), [x13] "=&r"(x13)
      : [end] "r"(end)
      : "cc", "memory");
  sums[0] = sum0;
}
#undef UNPACK

/* All output channels of n cells. */
#define DEFINE_CELLS(n)                                                                  \
  static void cells_##n(const kws_layer *layer, const int16_t *patches, int8_t *out) {   \
    const int channels = layer->output_channels, row = (kws_depth(layer) + 7) & ~7;      \
    const int32_t zero = layer->output_zero;                                             \
    const int8_t *weights = layer->weights;                                              \
    for (int o = 0; o < channels; ++o, ++out, weights += row) {                          \
      int32_t sums[n];                                                                   \
      sums[0] = layer->bias[o];                                                          \
      sums_##n(patches, weights, weights + row, sums);                                   \
      const int32_t multiplier = layer->multiplier[o];                                   \
      const int left = layer->left[o], right = layer->right[o];                          \
      int8_t *at = out;                                                                  \
      for (int i = 0; i < n; ++i, at += channels)                                        \
        *at = kws_requantise(sums[i], multiplier, left, right, zero);                    \
    }                                                                                    \
  }

DEFINE_CELLS(5)
DEFINE_CELLS(2)
DEFINE_CELLS(1)

void kws_convolution(const kws_layer *layer, kws_columns in, int16_t *scratch, int8_t *out) {
  int8_t *result = out;
  for (int first = 0, cells; first < layer->output_cells; first += cells) {
    const int left = layer->output_cells - first;
    cells = left >= 5 ? 5 : left >= 2 ? 2 : 1;
    gather(layer, in, first, cells, scratch);
    if (cells == 5)
      cells_5(layer, scratch, result);
    else if (cells == 2)
      cells_2(layer, scratch, result);
    else
      cells_1(layer, scratch, result);
    result += cells * layer->output_channels;
  }
  kws_activate(layer, out);
}

/* Four outputs: the sums of two pairs, each pair's as sum(x * (256 * a + b)) and sum(x * b). */
static inline void pair_sums(const int16_t *x, const int8_t *weights, const int8_t *end,
                             int32_t *sums) {
  int32_t mixed01 = 0, low1 = 0, mixed23 = 0, low3 = 0;
#define PAIR(word, x, mixed, low)                              \
  "smlad  %[" mixed "], " x ", " word ", %[" mixed "]\n\t" \
  "sxtb16 " word ", " word "\n\t"                            \
  "smlad  %[" low "], " x ", " word ", %[" low "]\n\t"
#define FOUR                                                                    \
  "ldm %[weights]!, {r2, r3, r4, r5}\n\t"                                       \
  "ldrd r6, r8, [%[x]], #8\n\t"                                                 \
  PAIR("r2", "r6", "m01", "l1") PAIR("r3", "r8", "m01", "l1")                   \
  PAIR("r4", "r6", "m23", "l3") PAIR("r5", "r8", "m23", "l3")
  __asm__ volatile("1:\n\t" FOUR FOUR
                   "cmp %[weights], %[end]\n\t"
                   "bne 1b"
                   : [m01] "+r"(mixed01), [l1] "+r"(low1), [m23] "+r"(mixed23), [l3] "+r"(low3),
                     [weights] "+r"(weights), [x] "+r"(x)
                   : [end] "r"(end)
                   : "r2", "r3", "r4", "r5", "r6", "r8", "cc", "memory");
#undef PAIR
#undef FOUR
  sums[0] = (int32_t)((uint32_t)mixed01 - (uint32_t)low1) >> 8;
  sums[1] = low1;
  sums[2] = (int32_t)((uint32_t)mixed23 - (uint32_t)low3) >> 8;
  sums[3] = low3;
}

void kws_dense(const kws_layer *layer, kws_columns in, int16_t *scratch, int8_t *out) {
  const int channels = layer->output_channels, block = 4 * ((kws_depth(layer) + 7) & ~7);
  const int8_t *weights = layer->weights;
  gather(layer, in, 0, 1, scratch);
  for (int o = 0; o < channels; o += 4, weights += block) {
    int32_t sums[4];
    pair_sums(scratch, weights, weights + block, sums);
    for (int i = o; i < o + 4 && i < channels; ++i)
      out[i] = kws_requantise(sums[i - o] + layer->bias[i], layer->multiplier[i], layer->left[i],
                              layer->right[i], layer->output_zero);
  }
  kws_activate(layer, out);
}

/* Four channels of one cell: sums over all taps, each a pointer to the first channel's value. */
static inline void one_cell_sums(const int8_t *const *taps, const int8_t *const *end, int at,
                                 const int8_t *weights, int32_t *sums) {
  int32_t sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
  uint32_t x02, x13, w02, w13;
#define TAP                                 \
  "ldr    %[x13], [%[taps]], #4\n\t"        \
  "ldr    %[x02], [%[x13], %[at]]\n\t"      \
  "ldr    %[w02], [%[weights]], #4\n\t"     \
  "sxtb16 %[x13], %[x02], ror #8\n\t"       \
  "sxtb16 %[x02], %[x02]\n\t"               \
  "sxtb16 %[w13], %[w02], ror #8\n\t"       \
  "sxtb16 %[w02], %[w02]\n\t"               \
  "smlabb %[s0], %[x02], %[w02], %[s0]\n\t" \
  "smlabb %[s1], %[x13], %[w13], %[s1]\n\t" \
  "smlatt %[s2], %[x02], %[w02], %[s2]\n\t" \
  "smlatt %[s3], %[x13], %[w13], %[s3]\n\t"
  __asm__ volatile("tst %[odd], #4\n\t"
                   "bne 2f\n"
                   "1:\n\t" TAP "2:\n\t" TAP
                   "cmp %[taps], %[end]\n\t"
                   "bne 1b"
                   : [s0] "+r"(sum0), [s1] "+r"(sum1), [s2] "+r"(sum2), [s3] "+r"(sum3),
                     [taps] "+r"(taps), [weights] "+r"(weights), [x02] "=&r"(x02),
                     [x13] "=&r"(x13), [w02] "=&r"(w02), [w13] "=&r"(w13)
                   : [at] "r"(at), [end] "r"(end), [odd] "r"((const char *)end - (const char *)taps)
                   : "cc", "memory");
#undef TAP
  sums[0] = sum0;
  sums[1] = sum1;
  sums[2] = sum2;
  sums[3] = sum3;
}

static void depthwise_one_cell(const kws_layer *layer, kws_columns in, int16_t *scratch,
                               int8_t *out) {
  const int32_t *bias = layer->bias, *multiplier = layer->multiplier, zero = layer->output_zero;
  const uint8_t *left = layer->left, *right = layer->right;
  const int8_t **taps = (const int8_t **)(void *)scratch, **end = taps;
  for (int tap = 0; tap < layer->time_kernel; ++tap)
    for (int k = 0; k < layer->kernel; ++k)
      *end++ = kws_column(layer, in, tap) + k * layer->channels;
  const int8_t *weights = layer->weights;
  for (int c = 0; c < (layer->channels & ~3); c += 4, weights += 4 * (end - taps)) {
    int32_t sums[4];
    one_cell_sums(taps, end, c, weights, sums);
#define STORE(i) \
  out[c + i] = kws_requantise(sums[i] + bias[c + i], multiplier[c + i], left[c + i], right[c + i], zero);
    STORE(0) STORE(1) STORE(2) STORE(3)
#undef STORE
  }
}

/* What four channels of many cells need, in the order of its use. */
typedef struct {
  int32_t bias[4];
  struct {
    const int8_t *values; /* of the first cell */
    uint32_t w02, w13;
  } taps[];
  /* then, behind the last tap, four of quantised_t */
} channels_t;

typedef struct {
  int32_t multiplier, left, rounding, right;
} quantised_t;

/* The cells of four channels: `at` steps from cell to cell, and so does out. */
static inline void many_cells(const channels_t *table, const quantised_t *behind_taps, int taps,
                              int at, int step, int8_t *out, int channels, int cells) {
  struct {
    const channels_t *table;
    int32_t odd, step, skip, cells;
  } loop = {table, taps & 1, step, channels - 4, cells};
  const void *place;
#define TAP                            \
  "ldm    %[place]!, {r4, r5, r6}\n\t" \
  "ldr    r8, [r4, %[at]]\n\t"         \
  "sxtb16 r4, r8, ror #8\n\t"          \
  "sxtb16 r8, r8\n\t"                  \
  "smlabb r0, r8, r5, r0\n\t"          \
  "smlabb r1, r4, r6, r1\n\t"          \
  "smlatt r2, r8, r5, r2\n\t"          \
  "smlatt r3, r4, r6, r3\n\t"
#define QUANTISE(sum)                                                  \
  "ldm    %[place]!, {r4, r5, r6, r8}\n\t" /* as in quantised_t */     \
  "lsl    " sum ", " sum ", r5\n\t"                                    \
  "smmulr " sum ", " sum ", r4\n\t"                                    \
  "add    r6, r6, " sum ", lsl #1\n\t"                                 \
  "add    r6, r6, " sum ", asr #31\n\t"                                \
  "asr    r6, r6, r8\n\t"                                              \
  "ssat   r6, #8, r6\n\t"                                              \
  "strb   r6, [%[out]], #1\n\t"
  __asm__ volatile("1:\n\t"
                   "ldrd %[place], r4, [%[loop]]\n\t"
                   "ldm  %[place]!, {r0, r1, r2, r3}\n\t"
                   "cmp  r4, #0\n\t"
                   "bne  3f\n"
                   "2:\n\t" TAP "3:\n\t" TAP
                   "cmp  %[place], %[behind]\n\t"
                   "bne  2b\n\t" QUANTISE("r0") QUANTISE("r1") QUANTISE("r2") QUANTISE("r3")
                   "ldrd r4, r5, [%[loop], #8]\n\t"
                   "ldr  r6, [%[loop], #16]\n\t"
                   "add  %[at], r4\n\t"
                   "add  %[out], r5\n\t"
                   "subs r6, #1\n\t"
                   "str  r6, [%[loop], #16]\n\t"
                   "bne  1b"
                   : [place] "=&r"(place), [at] "+r"(at), [out] "+r"(out)
                   : [loop] "r"(&loop), [behind] "r"(behind_taps)
                   : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r8", "cc", "memory");
#undef TAP
#undef QUANTISE
}

static void depthwise_many_cells(const kws_layer *layer, kws_columns in, int16_t *scratch,
                                 int8_t *out) {
  const int channels = layer->channels, taps = layer->time_kernel * layer->kernel;
  channels_t *table = (channels_t *)(void *)scratch;
  quantised_t *quantised = (quantised_t *)(void *)&table->taps[taps];
  const int8_t *weights = layer->weights;
  for (int tap = 0, n = 0; tap < layer->time_kernel; ++tap)
    for (int k = 0; k < layer->kernel; ++k)
      table->taps[n++].values = kws_column(layer, in, tap) + k * channels;
  for (int c = 0; c < (channels & ~3); c += 4) {
    for (int n = 0; n < taps; ++n, weights += 4) {
      const uint32_t four = four_bytes(weights);
      table->taps[n].w02 = kws_sxtb16(four);
      table->taps[n].w13 = kws_sxtb16_ror8(four);
    }
    for (int i = 0; i < 4; ++i) {
      const int right = layer->right[c + i];
      table->bias[i] = layer->bias[c + i];
      quantised[i].multiplier = layer->multiplier[c + i];
      quantised[i].left = layer->left[c + i];
      quantised[i].rounding = (2 * layer->output_zero + 1) * (1 << (right - 1));
      quantised[i].right = right;
    }
    many_cells(table, quantised, taps, c, layer->stride * channels, out + c, channels,
               layer->output_cells);
  }
}

void kws_depthwise(const kws_layer *layer, kws_columns in, int16_t *scratch, int8_t *out) {
  if (layer->output_cells == 1)
    depthwise_one_cell(layer, in, scratch, out);
  else
    depthwise_many_cells(layer, in, scratch, out);
  for (int c = layer->channels & ~3; c < layer->channels; ++c)
    kws_depthwise_channel(layer, in, c, out);
  kws_activate(layer, out);
}

#endif
