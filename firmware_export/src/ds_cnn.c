/* Run a network on a stream; see ds_cnn.h. */
#include "ds_cnn.h"

#include <string.h>

#include "arithmetic.h"
#include "kernels.h"

#ifndef KWS_KINDS
#include "kws_kinds.h"
#endif

/* Tell whether a kind of layers is compiled; the linker leaves the kernels of the others out. */
#define KWS_HAS(kind) ((KWS_KINDS >> (kind)) & 1u)

/* Return the size of an input time step. */
static int time_step_bytes(const kws_layer *layer) { return layer->bins * layer->channels; }

/* Return the states of the layers of a phase. */
static kws_layer_state *states_of(const kws_ds_cnn *ds_cnn, int phase) {
  void *at = ds_cnn->memory + ds_cnn->network->states_at;
  return (kws_layer_state *)at + phase * ds_cnn->network->layer_count;
}

/* Return a layer's ring of input time steps. */
static int8_t *input_of(const kws_ds_cnn *ds_cnn, int phase, const kws_layer *layer) {
  const kws_network *network = ds_cnn->network;
  const bool shared = layer->input_at < network->phases_at; /* by all phases */
  const uint32_t offset = shared ? 0 : (uint32_t)phase * network->phase_bytes;
  return ds_cnn->memory + layer->input_at + offset;
}

/* Return where an input time step of a layer goes, by its slot. */
static int8_t *time_step(const kws_ds_cnn *ds_cnn, int phase, int index, int slot) {
  const kws_layer *layer = &ds_cnn->network->layers[index];
  return input_of(ds_cnn, phase, layer) + slot * time_step_bytes(layer) +
         layer->frequency_padding * layer->channels;
}

/* Return where the next input time step of a layer goes. */
static int8_t *next_time_step(const kws_ds_cnn *ds_cnn, int phase, int index) {
  return time_step(ds_cnn, phase, index, states_of(ds_cnn, phase)[index].next);
}

/* Return what a layer takes besides its input: a constant, or a time step that another layer has
 * kept; the rings of both layers have as many slots, and turn together. */
static const int8_t *taken_by(const kws_ds_cnn *ds_cnn, int phase, const kws_layer *layer,
                              int oldest) {
  const kws_layer *keep = layer - layer->bias[KWS_OTHER_BACK];
  if (keep == layer) return layer->weights;
  const kws_input kept = {input_of(ds_cnn, phase, keep), oldest};
  return kws_newest(keep, kept);
}

/* Compute an output time step of a layer that takes another one besides its input. */
static void run_of_two(const kws_layer *layer, kws_input in, const int8_t *other, int8_t *out) {
  switch (layer->kind) {
    case KWS_ADD:
      if (KWS_HAS(KWS_ADD)) kws_add(layer, in, other, out);
      break;
    case KWS_RECALL:
      if (KWS_HAS(KWS_RECALL)) kws_copy(layer, other, out);
      break;
    case KWS_MULTIPLY:
      if (KWS_HAS(KWS_MULTIPLY)) kws_multiply(layer, in, other, out);
      break;
    default:
      if (KWS_HAS(KWS_JOIN)) kws_join(layer, in, other, out);
      break;
  }
}

/* Compute the next output time step of a layer whose oldest input time step is in a slot. */
static void run(const kws_ds_cnn *ds_cnn, int phase, int index, int oldest, int8_t *out) {
  const kws_layer *layer = &ds_cnn->network->layers[index];
  const kws_input in = {input_of(ds_cnn, phase, layer), oldest};
  int16_t *scratch = (int16_t *)(void *)(ds_cnn->memory + ds_cnn->network->scratch_at);
  switch (layer->kind) {
    case KWS_CONVOLUTION:
      if (KWS_HAS(KWS_CONVOLUTION)) kws_convolution(layer, in, scratch, out);
      break;
    case KWS_DENSE:
      if (KWS_HAS(KWS_DENSE)) kws_dense(layer, in, scratch, out);
      break;
    case KWS_DEPTHWISE:
      if (KWS_HAS(KWS_DEPTHWISE)) kws_depthwise(layer, in, scratch, out);
      break;
    case KWS_AVERAGE:
      if (KWS_HAS(KWS_AVERAGE)) kws_average(layer, in, out);
      break;
    case KWS_SOFTMAX:
      if (KWS_HAS(KWS_SOFTMAX)) kws_softmax(layer, in, out);
      break;
    case KWS_MAXIMUM:
      if (KWS_HAS(KWS_MAXIMUM)) kws_maximum(layer, in, out);
      break;
    case KWS_MEAN:
      if (KWS_HAS(KWS_MEAN)) kws_mean(layer, in, out);
      break;
    case KWS_TABLE:
      if (KWS_HAS(KWS_TABLE)) kws_table(layer, in, out);
      break;
    case KWS_KEEP:
      if (KWS_HAS(KWS_KEEP)) kws_copy(layer, kws_newest(layer, in), out);
      break;
    default:
      run_of_two(layer, in, taken_by(ds_cnn, phase, layer, oldest), out);
      break;
  }
}

/* Advance a layer, whose next input time step is in place, and all after it that this completes;
 * return true if it completes a step. */
static bool advance(kws_ds_cnn *ds_cnn, int phase, int index, int8_t *scores) {
  const kws_network *network = ds_cnn->network;
  kws_layer_state *state = states_of(ds_cnn, phase) + index;
  for (;; ++index, ++state) {
    const kws_layer *layer = &network->layers[index];
    const bool last = index + 1 == network->layer_count;
    if (++state->next == layer->time_kernel) state->next = 0;
    if (--state->wait > 0) return false;
    state->wait = layer->time_stride;
    run(ds_cnn, phase, index, state->next,
        last ? scores : time_step(ds_cnn, phase, index + 1, state[1].next));
    if (last) return true;
  }
}

/* Advance all phases by the next frame, which is in place in the first; return true if one of them,
 * at most, completes a step. */
static bool advance_phases(kws_ds_cnn *ds_cnn, int8_t *scores) {
  const kws_network *network = ds_cnn->network;
  const int8_t *frame = next_time_step(ds_cnn, 0, 0);
  bool ready = false;
  for (int phase = 1; phase < network->phases; ++phase)
    memcpy(next_time_step(ds_cnn, phase, 0), frame, network->frame_values);
  for (int phase = 0; phase < network->phases; ++phase)
    if (advance(ds_cnn, phase, 0, scores)) ready = true;
  return ready;
}

void kws_ds_cnn_init(kws_ds_cnn *ds_cnn, const kws_network *network, void *memory) {
  ds_cnn->network = network;
  ds_cnn->memory = memory;
  kws_ds_cnn_reset(ds_cnn);
}

void kws_ds_cnn_reset(kws_ds_cnn *ds_cnn) {
  const kws_network *network = ds_cnn->network;
  for (int phase = 0; phase < network->phases; ++phase) {
    kws_layer_state *states = states_of(ds_cnn, phase);
    for (int i = 0; i < network->layer_count; ++i) {
      const kws_layer *layer = &network->layers[i];
      memset(input_of(ds_cnn, phase, layer), layer->zero_point,
             (size_t)(layer->time_kernel * time_step_bytes(layer)));
      states[i].next = 0;
      states[i].wait = (uint8_t)(layer->time_kernel - layer->time_padding_before);
    }
    states->wait = (uint8_t)(states->wait + phase * network->phase_frames);
  }
}

void kws_ds_cnn_quantise(const kws_network *network, const float *frame, int8_t *quantised) {
  for (int i = 0; i < network->frame_values; ++i) {
    const float limit = 1 << 20, half_even = 12582912.0f; /* 1.5 * 2^23: sums end in units */
    float value = kws_product(frame[i], network->input_gain);
    value = value < -limit ? -limit : value > limit ? limit : value;
    value = (value + half_even) - half_even;
    quantised[i] = kws_saturate((int32_t)value + network->input_zero_point);
  }
}

bool kws_ds_cnn_push(kws_ds_cnn *ds_cnn, const float *frame, int8_t *scores) {
  kws_ds_cnn_quantise(ds_cnn->network, frame, next_time_step(ds_cnn, 0, 0));
  return advance_phases(ds_cnn, scores);
}

bool kws_ds_cnn_push_quantised(kws_ds_cnn *ds_cnn, const int8_t *frame, int8_t *scores) {
  memcpy(next_time_step(ds_cnn, 0, 0), frame, ds_cnn->network->frame_values);
  return advance_phases(ds_cnn, scores);
}

void kws_ds_cnn_window(kws_ds_cnn *ds_cnn, const int8_t *window, int8_t *scores) {
  const kws_network *network = ds_cnn->network;
  kws_ds_cnn_reset(ds_cnn);
  for (int i = 0; i < network->window_frames; ++i, window += network->frame_values)
    kws_ds_cnn_push_quantised(ds_cnn, window, scores);
  for (int i = 0; i < network->layer_count; ++i) {
    const kws_layer *layer = &network->layers[i];
    for (int n = 0; n < layer->time_padding_after; ++n) {
      memset(next_time_step(ds_cnn, 0, i), layer->zero_point,
             (size_t)((layer->bins - layer->frequency_padding) * layer->channels));
      advance(ds_cnn, 0, i, scores);
    }
  }
}
