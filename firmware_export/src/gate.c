#include "gate.h"

#include <string.h>

#include "arithmetic.h"

static int16_t *slot(const kws_gate *gate, int index) {
  const int place = gate->oldest + index, slots = gate->settings->pre_roll;
  return gate->ring + (place < slots ? place : place - slots) * gate->settings->hop;
}

/* The oldest hops are not kept any longer. */
static void release(kws_gate *gate, int hops) {
  const int place = gate->oldest + hops, slots = gate->settings->pre_roll;
  gate->oldest = (uint16_t)(place < slots ? place : place - slots);
  gate->kept = (uint16_t)(gate->kept - hops);
}

KWS_INLINE int64_t square(const int16_t *pair) {
  const int32_t difference = pair[1] - pair[0];
  return (int64_t)difference * difference;
}

/* Sum of the squared differences within pairs of samples: DC and hum do not count. */
static uint64_t energy(const int16_t *samples, int count) {
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

/* Open or close at the hop and follow the background. */
static void judge(kws_gate *gate, uint64_t energy) {
  const kws_gate_settings *settings = gate->settings;
  const uint64_t background =
      gate->background < gate->quietest ? gate->background : gate->quietest;
  if (energy >= settings->min_energy && energy * 256 >= background * settings->ratio)
    gate->hold = settings->hangover;
  else if (gate->hold > 0)
    --gate->hold;
  gate->open = gate->hold > 0;
  if (energy < gate->quietest) gate->quietest = energy;
  if (++gate->place == settings->noise_floor_window) {
    gate->background = gate->quietest;
    gate->quietest = (uint64_t)1 << 48; /* above the energy of any hop */
    gate->place = 0;
  }
}

void kws_gate_init(kws_gate *gate, const kws_gate_settings *settings, int16_t *memory) {
  gate->settings = settings;
  gate->ring = memory;
  gate->on = settings->on;
  kws_gate_reset(gate);
}

void kws_gate_reset(kws_gate *gate) {
  gate->given = NULL;
  gate->given_count = 0;
  gate->oldest = gate->kept = gate->count = gate->place = 0;
  gate->background = 0; /* every hop is loud until it is known */
  gate->quietest = (uint64_t)1 << 48;
  gate->cut = 0;
  gate->hold = gate->settings->initial_hangover;
  gate->open = true;
}

size_t kws_gate_push(kws_gate *gate, const int16_t *samples, size_t count) {
  const kws_gate_settings *settings = gate->settings;
  if (!gate->on) {
    gate->given = samples;
    return gate->given_count = count;
  }
  int16_t *hop = slot(gate, gate->kept);
  const size_t missing = (size_t)(settings->hop - gate->count);
  const size_t taken = count < missing ? count : missing;
  if (taken > 0) memcpy(hop + gate->count, samples, taken * sizeof *samples);
  gate->count = (uint16_t)(gate->count + taken);
  if (taken == missing) {
    gate->count = 0;
    ++gate->kept;
    judge(gate, energy(hop, settings->hop));
    if (!gate->open && gate->kept == settings->pre_roll) {
      release(gate, settings->step);
      ++gate->cut;
    }
  }
  return taken;
}

bool kws_gate_next(kws_gate *gate, kws_passage *passage) {
  const kws_gate_settings *settings = gate->settings;
  passage->samples = gate->given;
  passage->count = gate->given_count;
  if (gate->on && gate->open) {
    const int to_end = settings->pre_roll - gate->oldest;
    const int hops = gate->kept < to_end ? gate->kept : to_end;
    passage->samples = slot(gate, 0);
    passage->count = (size_t)(hops * settings->hop);
    release(gate, hops);
  }
  passage->cut = gate->cut;
  if (passage->count == 0) return false;
  gate->cut = 0;
  gate->given_count = 0;
  return true;
}
