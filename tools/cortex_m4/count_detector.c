/* Push noise with loud and soft intervals, then silence, through the ring buffer into the detector. */
#include "kws.h"
#include "kws_model.h"

enum { SECOND = 16000 / KWS_MODEL_HOP, SYLLABLE = 3200, RING = 4096 }; /* hops; samples */
enum { COUNT_FROM = 4 * SECOND, SILENT_FROM = 7 * SECOND, END = 10 * SECOND }; /* hops */

static uint32_t memory[KWS_MODEL_MEMORY_BYTES / 4];
static kws_spotter spotter;
static kws_ring_buffer ring;
static int16_t hop[KWS_MODEL_HOP], ring_memory[RING];

/* Counting begins here, with the network's memory full. */
__attribute__((noinline)) void count_from_here(void) { __asm__ volatile(""); }

/* Make the next hop of sound; entering this function ends the stage before. */
__attribute__((noinline)) void next_hop(uint32_t index) {
  static uint32_t state = 1;
  for (uint32_t i = 0; i < KWS_MODEL_HOP; ++i) {
    const uint32_t syllable = (index * KWS_MODEL_HOP + i) / SYLLABLE;
    state = state * 1664525u + 1013904223u;
    hop[i] = index >= SILENT_FROM ? 0 : (int16_t)((int32_t)state >> (syllable % 2 ? 24 : 18));
  }
}

int main(void) {
  kws_spotter_init(&spotter, &kws_model_data, memory);
  kws_ring_buffer_init(&ring, ring_memory, RING);
  for (uint32_t index = 0; index < END; ++index) {
    kws_detection detection;
    if (index == COUNT_FROM) count_from_here();
    next_hop(index);
    kws_ring_buffer_write(&ring, hop, KWS_MODEL_HOP);
    kws_ring_buffer_read(&ring, hop, KWS_MODEL_HOP);
    kws_spotter_push(&spotter, hop, KWS_MODEL_HOP, &detection, 1);
  }
  next_hop(0);
  return 0;
}
