/* Push samples through the ring buffer into the detector, as the sketch does; write nothing. */
#include "io.h"
#include "kws.h"
#include "kws_model.h"

enum { RING = 4096 };

static uint32_t memory[KWS_MODEL_MEMORY_BYTES / 4];
static kws_spotter spotter;
static kws_ring_buffer ring;
static int16_t hop[KWS_MODEL_HOP], ring_memory[RING];

/* Counting begins here, after the detector was primed. */
__attribute__((noinline)) void count_from_here(void) { __asm__ volatile(""); }

/* Read the next hop; entering this function ends the stage before. */
__attribute__((noinline)) bool next_hop(void) { return io_read(hop, sizeof hop) == sizeof hop; }

int run(void) {
  kws_spotter_init(&spotter, &kws_model_data, memory);
  kws_ring_buffer_init(&ring, ring_memory, RING);
  count_from_here();
  while (next_hop()) {
    kws_detection detection;
    kws_ring_buffer_write(&ring, hop, KWS_MODEL_HOP);
    kws_ring_buffer_read(&ring, hop, KWS_MODEL_HOP);
    kws_spotter_push(&spotter, hop, KWS_MODEL_HOP, &detection, 1);
  }
  return 0;
}
