/* Loops for the Cortex-M4's DSP instructions, in assembly: they use every register, and a compiler
 * that spills one of them doubles their cost. */
#ifndef KWS_KERNELS_M4_H
#define KWS_KERNELS_M4_H

/* The Cortex-M4's pairs of 16-bit products; -DKWS_DSP=0 forces portable C. */
#if !defined(KWS_DSP) && defined(__ARM_FEATURE_DSP) && __ARM_ARCH_PROFILE == 'M'
#define KWS_DSP 1
#endif

#ifndef __ASSEMBLER__

#include <stdint.h>

/* What a loop works on; it moves the pointers. The assembly knows the offsets. */
typedef struct {
  const int32_t *bias;       /*  0 [channels] */
  const void *x;             /*  4 16-bit patches; depthwise: see each loop */
  int32_t row;               /*  8 bytes of weights from one channel, or four, to the next */
  const int32_t *multiplier; /* 12 [channels] */
  const uint8_t *shifts;     /* 16 [channels][left, right] */
  int32_t zero;              /* 20 2 * output zero point + 1 */
  int8_t *out;               /* 24 */
  int32_t step;              /* 28 bytes from cell to cell of out */
  int32_t count;             /* 32 rounds */
  const int8_t *weights;     /* 36 */
  const void *taps_end;      /* 40 */
  int32_t odd;               /* 44 whether the number of taps is odd */
  int32_t at;                /* 48 bytes from a tap's place to the first value */
  int32_t cell_step;         /* 52 bytes from cell to cell of the input */
} kws_m4_loop;

/* A convolution on five cells; count is output channels. */
void kws_m4_five_cells(kws_m4_loop *loop);
/* kws_dense; count is fours of output channels. */
void kws_m4_dense(kws_m4_loop *loop);
/* Depthwise on one cell, all channels; x is a list of pointers, one per tap; count is fours of
 * channels. */
void kws_m4_one_cell(kws_m4_loop *loop);
/* Depthwise on many cells, four channels; x is a table (channels_t in kernels_dsp.c); count is
 * cells. */
void kws_m4_many_cells(kws_m4_loop *loop);

#endif

#endif
