/* An int8 convolutional network as a stream of columns.
 *
 * Each layer keeps the columns of its own time kernel and no more; a new column costs what depends
 * on it. Several phases of the same weights, each some rows behind the one before, give a step in
 * turn. A network whose layers pad along time runs in window mode: its padding columns are pushed
 * before and after the window. Arithmetic is TensorFlow Lite's, bit for bit. */
#ifndef KWS_DS_CNN_H
#define KWS_DS_CNN_H

#include <stdbool.h>
#include <stdint.h>

enum { KWS_MAX_LAYERS = 40, KWS_MAX_PHASES = 2, KWS_CELLS_AT_ONCE = 5 };

/* Dense is a convolution that gives one cell, its weights laid out for that. */
enum kws_layer_kind { KWS_CONVOLUTION, KWS_DENSE, KWS_DEPTHWISE, KWS_AVERAGE, KWS_SOFTMAX };

/* A column holds cells (places along frequency) of channels. */
typedef struct {
  uint8_t kind;
  uint8_t time_kernel, time_stride;         /* columns */
  uint8_t time_before, time_after;          /* padding columns around a window */
  uint8_t kernel, stride;                   /* cells */
  uint8_t cells_before;                     /* padding cells below the lowest frequency */
  uint16_t cells, channels;                 /* of an input column, padding included */
  uint16_t output_cells, output_channels;
  int8_t zero, output_zero;                 /* int8 level of 0.0 */
  int8_t least, greatest;                   /* the activation's range */
  uint32_t columns;                         /* where in memory the input columns lie, bytes; of the
                                               first phase */
  const int8_t *weights;     /* convolution: [output_channels][depth], depth being taps and channels
                                padded to a multiple of 8; dense: see kws_dense;
                                depthwise: [channels / 4, rounded up][taps][4] */
  const int32_t *bias;       /* [output_channels], the input's zero point folded in;
                                softmax: [256] exponentials by distance from the greatest score */
  const int32_t *multiplier; /* [output_channels] */
  const uint8_t *shifts;     /* [output_channels][left, right], see kws_requantise */
} kws_layer;

typedef struct {
  const kws_layer *layers;
  uint16_t layer_count;
  uint16_t row_values;    /* coefficients in a feature row */
  uint16_t window_frames;   /* rows that one step sees, padding not counted */
  uint16_t classes;
  int8_t row_zero;        /* int8 level of a feature of 0.0 */
  float row_gain;         /* int8 levels per unit of a feature */
  uint8_t phases;          /* at least 1; 1 in window mode */
  uint8_t phase_frames;      /* rows that each phase is behind the one before */
  uint32_t scratch;       /* where in memory the kernels' scratch lies, bytes */
  uint32_t rings;         /* where the columns begin that each phase keeps its own of, bytes */
  uint32_t phase_bytes;    /* of those, per phase */
  uint32_t memory_bytes;  /* in all */
} kws_network;

typedef struct {
  const kws_network *network;
  int8_t *memory; /* [memory_bytes], 4-byte aligned */
  struct {
    uint8_t next; /* slot that the next column goes to; when full, the oldest column's */
    uint8_t wait; /* columns still missing for the next output */
  } state[KWS_MAX_PHASES][KWS_MAX_LAYERS];
} kws_ds_cnn;

void kws_ds_cnn_init(kws_ds_cnn *ds_cnn, const kws_network *network, void *memory);
/* Forget the stream. */
void kws_ds_cnn_reset(kws_ds_cnn *ds_cnn);
/* Take one feature row; true when it completed a step, whose scores [classes] were then written. */
bool kws_ds_cnn_push(kws_ds_cnn *ds_cnn, const float *row, int8_t *scores);
/* The same for a row of int8 levels. */
bool kws_ds_cnn_push_levels(kws_ds_cnn *ds_cnn, const int8_t *levels, int8_t *scores);
/* Window mode: reset, take a whole window [window_frames][row_values] and its padding; the last
 * step's scores. */
void kws_ds_cnn_window(kws_ds_cnn *ds_cnn, const int8_t *levels, int8_t *scores);

#endif
