/* Read commands: int16 verb (0 write, 1 read, 2 reset), int16 count, and for a write the samples.
 * Write after each what it returned, available and dropped; of a read the samples, too. */
#include "io.h"
#include "kws.h"

static int16_t memory[64], samples[256];
static kws_ring_buffer ring;

int run(void) {
  int16_t command[2];
  if (kws_ring_buffer_init(&ring, memory, 48) == 0) return 5; /* not a power of two */
  if (kws_ring_buffer_init(&ring, memory, 64) != 0) return 6;
  while (io_read(command, sizeof command) == sizeof command) {
    const uint32_t count = (uint32_t)command[1];
    uint32_t answer[3] = {0};
    if (command[0] == 0) {
      io_read(samples, count * sizeof *samples);
      answer[0] = kws_ring_buffer_write(&ring, samples, count);
    } else if (command[0] == 1) {
      answer[0] = kws_ring_buffer_read(&ring, samples, count);
      io_write(samples, answer[0] * sizeof *samples);
    } else {
      kws_ring_buffer_reset(&ring);
    }
    answer[1] = kws_ring_buffer_available(&ring);
    answer[2] = ring.dropped;
    io_write(answer, sizeof answer);
  }
  return 0;
}
