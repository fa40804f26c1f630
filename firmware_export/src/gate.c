/* Cut silence out of a stream; see gate.h. */
#include "gate.h"

#include <string.h>

#include "arithmetic.h"

static const uint64_t MAX_ENERGY = (uint64_t)1 << 48; /* above the energy of any hop */

/* Return the index-th oldest hop of the ring. */
static int16_t *ring_hop(const kws_gate *gate, int index) {
  const int slot = gate->oldest + index, slots = gate->settings->pre_roll;
  return gate->ring + (slot < slots ? slot : slot - slots) * gate->settings->hop;
}

/* Remove the oldest hops from the ring. */
static void release(kws_gate *gate, int hops) {
  const int slot = gate->oldest + hops, slots = gate->settings->pre_roll;
  gate->oldest = (uint16_t)(slot < slots ? slot : slot - slots);
  gate->pending = (uint16_t)(gate->pending - hops);
}

/* Return the squared difference of a pair of samples. */
KWS_INLINE int64_t square(const int16_t *pair) {
  const int32_t difference = pair[1] - pair[0];
  return (int64_t)difference * difference;
}

/* Return the sum of the squared differences within pairs of samples: DC and hum do not count. */
static uint64_t energy_of(const int16_t *samples, int count) {
  int64_t sum = 0;
  for (; count >= 16; count -= 16, samples += 16) { /* -Os does not unroll */
    sum += square(samples);
    sum += square(samples + 2);
    sum += square(samples + 4);
    sum += square(samples + 6);
    sum += square(samples + 8);
    sum += square(samples + 10);
    sum += square(samples + 12);
    sum += square(samples + 14);
  }
  for (; count >= 2; count -= 2, samples += 2) sum += square(samples);
  return (uint64_t)sum;
}

/* Open or close at the next hop and track the noise floor. */
static void judge(kws_gate *gate, uint64_t energy) {
  const kws_gate_settings *settings = gate->settings;
  const uint64_t noise_floor =
      gate->noise_floor < gate->minimum ? gate->noise_floor : gate->minimum;
  if (energy >= settings->min_energy && energy * 256 >= noise_floor * settings->ratio)
    gate->hangover = settings->hangover;
  else if (gate->hangover > 0)
    --gate->hangover;
  gate->open = gate->hangover > 0;
  if (energy < gate->minimum) gate->minimum = energy;
  if (++gate->hop_index == settings->noise_floor_window) {
    gate->noise_floor = gate->minimum;
    gate->minimum = MAX_ENERGY;
    gate->hop_index = 0;
  }
}

void kws_gate_init(kws_gate *gate, const kws_gate_settings *settings, int16_t *memory) {
  gate->settings = settings;
  gate->ring = memory;
  gate->on = settings->on;
  kws_gate_reset(gate);
}

void kws_gate_reset(kws_gate *gate) {
  gate->direct = NULL;
  gate->direct_count = 0;
  gate->oldest = gate->pending = gate->count = gate->hop_index = 0;
  gate->noise_floor = 0; /* every hop is loud until it is known */
  gate->minimum = MAX_ENERGY;
  gate->skipped = 0;
  gate->hangover = gate->settings->initial_hangover;
  gate->open = true;
}

size_t kws_gate_push(kws_gate *gate, const int16_t *samples, size_t count) {
  const kws_gate_settings *settings = gate->settings;
  if (!gate->on) {
    gate->direct = samples;
    return gate->direct_count = count;
  }
  int16_t *hop = ring_hop(gate, gate->pending);
  const size_t missing = (size_t)(settings->hop - gate->count);
  const size_t taken = count < missing ? count : missing;
  if (taken > 0) memcpy(hop + gate->count, samples, taken * sizeof *samples);
  gate->count = (uint16_t)(gate->count + taken);
  if (taken == missing) {
    gate->count = 0;
    ++gate->pending;
    judge(gate, energy_of(hop, settings->hop));
    if (!gate->open && gate->pending == settings->pre_roll) {
      release(gate, settings->step);
      ++gate->skipped;
    }
  }
  return taken;
}

bool kws_gate_next(kws_gate *gate, kws_passage *passage) {
  const kws_gate_settings *settings = gate->settings;
  passage->samples = gate->direct;
  passage->count = gate->direct_count;
  if (gate->on && gate->open) {
    const int to_end = settings->pre_roll - gate->oldest;
    const int hops = gate->pending < to_end ? gate->pending : to_end;
    passage->samples = ring_hop(gate, 0);
    passage->count = (size_t)(hops * settings->hop);
    release(gate, hops);
  }
  passage->skipped = gate->skipped;
  if (passage->count == 0) return false;
  gate->skipped = 0;
  gate->direct_count = 0;
  return true;
}
