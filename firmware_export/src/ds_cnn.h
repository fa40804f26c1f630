/* Run an int8 convolutional network on a stream of feature frames.
 *
 * Each layer keeps the time steps of its own kernel only; a new time step costs what depends on it.
 * Several phases of the same weights, each some frames after the one before, complete the steps in
 * turn. A network whose layers pad along time runs in window mode: its padding is pushed before and
 * after the window. The arithmetic is TensorFlow Lite's, bit for bit. */
#ifndef KWS_DS_CNN_H
#define KWS_DS_CNN_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* State the limits of a network, and how many frequency bins a convolution computes at once. */
enum { KWS_MAX_LAYERS = 255, KWS_MAX_PHASES = 2, KWS_BINS_AT_ONCE = 5 };

/* Name the kinds of layers. Dense is a convolution with one output bin and weights laid out for
 * it. A keep passes its input on and keeps as many time steps as a layer after it needs that adds,
 * multiplies by or joins what was kept to its input; a recall gives it in place of its input. Where
 * one input stands for a whole window, a recall gives all time steps: its padding makes them. */
enum kws_layer_kind {
  KWS_CONVOLUTION,
  KWS_DENSE,
  KWS_DEPTHWISE,
  KWS_AVERAGE,
  KWS_SOFTMAX,
  KWS_MAXIMUM,
  KWS_MEAN,
  KWS_TABLE,
  KWS_KEEP,
  KWS_ADD,
  KWS_RECALL,
  KWS_MULTIPLY,
  KWS_JOIN
};

/* Say where in the bias of a layer of two inputs its numbers of the second lie: its zero point (of a
 * join, whether it comes first), how many layers back its keep is, and, of a sum or a product, how
 * far apart what goes with two bins, and with two channels, lies. */
enum {
  KWS_OTHER_FIRST = 0,
  KWS_OTHER_ZERO_POINT = 0,
  KWS_OTHER_BACK,
  KWS_OTHER_BIN_STEP,
  KWS_OTHER_CHANNEL_STEP
};

/* Describe a layer. A time step holds frequency bins of channels. */
typedef struct {
  uint8_t kind;
  uint8_t time_kernel, time_stride;               /* time steps */
  uint8_t time_padding_before, time_padding_after; /* time steps around a window */
  uint8_t frequency_kernel, frequency_stride;     /* bins */
  uint8_t frequency_padding;                      /* bins below the lowest frequency */
  uint16_t bins, channels;                        /* of an input time step, padding included */
  uint16_t output_bins, output_channels;
  int8_t zero_point, output_zero_point;
  int8_t activation_min, activation_max;
  uint32_t input_at;         /* where in memory the input time steps lie, bytes; of the
                                first phase */
  const int8_t *weights;     /* convolution: [output_channels][depth], the depth being taps and
                                channels, padded to a multiple of 8; dense: see kws_dense;
                                depthwise: [channels / 4, rounded up][taps][4];
                                table: [256] outputs by input, -128 first;
                                add, multiply: [bins][channels] a constant, if nothing is kept */
  const int32_t *bias;       /* [output_channels], the input's zero point folded in;
                                softmax: [256] exponentials by distance from the highest score;
                                mean: [1], as of an output channel;
                                add, multiply: [4], recall, join: [2] of the second input */
  const int32_t *multiplier; /* [output_channels]; mean, multiply: [1]; add: of input, kept, sum */
  const int8_t *shifts;      /* as many, see kws_requantise */
} kws_layer;

/* Describe a network and its working memory. */
typedef struct {
  const kws_layer *layers;
  uint16_t layer_count;
  uint16_t frame_values;    /* of a feature frame */
  uint16_t window_frames;   /* receptive field of a step, without padding */
  uint16_t classes;
  int8_t input_zero_point;
  float input_gain;         /* quantised values per unit of a feature */
  uint8_t phases;           /* at least 1; 1 in window mode */
  uint8_t phase_frames;     /* frames from one phase to the next */
  uint32_t scratch_at;      /* where in memory the kernels' scratch lies, bytes */
  uint32_t phases_at;       /* where the memory of the first phase begins, bytes */
  uint32_t phase_bytes;     /* of the memory of a phase */
  uint32_t states_at;       /* where [phases][layer_count] kws_layer_state lie, bytes */
  uint32_t memory_bytes;    /* total */
} kws_network;

/* Hold the state of a layer of a phase. */
typedef struct {
  uint8_t next; /* slot of the next input time step; of a full ring, the oldest one's */
  uint8_t wait; /* input time steps until the next output */
} kws_layer_state;

/* Hold a network and its memory, which has all of its state. */
typedef struct {
  const kws_network *network;
  int8_t *memory; /* [memory_bytes], 4-byte aligned */
} kws_ds_cnn;

/* Set up a network on memory of network->memory_bytes, 4-byte aligned. */
void kws_ds_cnn_init(kws_ds_cnn *ds_cnn, const kws_network *network, void *memory);
/* Forget the stream. */
void kws_ds_cnn_reset(kws_ds_cnn *ds_cnn);
/* Take a feature frame; return true if it completes a step, whose scores [classes] are written. */
bool kws_ds_cnn_push(kws_ds_cnn *ds_cnn, const float *frame, int8_t *scores);
/* Quantise a feature frame: [frame_values]. */
void kws_ds_cnn_quantise(const kws_network *network, const float *frame, int8_t *quantised);
/* Take a frame of quantised values; return as kws_ds_cnn_push. */
bool kws_ds_cnn_push_quantised(kws_ds_cnn *ds_cnn, const int8_t *frame, int8_t *scores);
/* Reset, take a whole window [window_frames][frame_values] of quantised values and its padding,
 * and write the scores of the last step: window mode. */
void kws_ds_cnn_window(kws_ds_cnn *ds_cnn, const int8_t *window, int8_t *scores);

#ifdef __cplusplus
}
#endif

#endif
