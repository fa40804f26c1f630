/* Cut silence out of a stream of samples by its energy; kws/gate.py states the definition. */
#ifndef KWS_GATE_H
#define KWS_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Hold the gate's settings, as the exporter derives them from a model's. */
typedef struct {
  uint8_t on;
  uint8_t step;                /* hops per network step: whole steps are cut out */
  uint16_t hop;                /* samples */
  uint16_t pre_roll;           /* hops kept while the gate is closed */
  uint16_t hangover;           /* hops that it stays open from a loud one on */
  uint16_t initial_hangover;   /* hops that it is open for at the start of a stream */
  uint16_t noise_floor_window; /* hops */
  uint32_t ratio;              /* of the opening energy to the noise floor, 256 being 1 */
  uint32_t min_energy;
} kws_gate_settings;

/* Bytes of memory, 2-byte aligned. */
#define KWS_GATE_BYTES(hop, pre_roll) (2 * (hop) * (pre_roll))

/* Describe samples that passed the gate, and what was cut out before them. */
typedef struct {
  const int16_t *samples;
  size_t count;
  uint64_t skipped; /* steps of the network */
} kws_passage;

/* Hold the state of a gate. */
typedef struct {
  const kws_gate_settings *settings;
  int16_t *ring;                /* [pre_roll][hop] */
  const int16_t *direct;        /* what passes as it comes while the gate is off */
  size_t direct_count;          /* samples */
  uint16_t oldest;              /* slot of the oldest hop in the ring */
  uint16_t pending;             /* whole hops in the ring, which have not passed */
  uint16_t count;               /* samples of the hop that follows them */
  uint16_t hop_index;           /* in the current noise-floor window */
  uint16_t hangover;            /* hops until the gate closes */
  uint64_t noise_floor;         /* minimum energy of the window before the current one */
  uint64_t minimum;             /* minimum energy of the current window */
  uint64_t skipped;             /* steps since the last passage */
  bool open;                    /* whether the latest hop passed */
  bool on;                      /* may be cleared before a reset: then everything passes */
} kws_gate;

/* Set up a gate on memory of KWS_GATE_BYTES. */
void kws_gate_init(kws_gate *gate, const kws_gate_settings *settings, int16_t *memory);
/* Forget the stream; `on` stays. */
void kws_gate_reset(kws_gate *gate);
/* Take samples up to the end of a hop and return how many; then fetch every passage. */
size_t kws_gate_push(kws_gate *gate, const int16_t *samples, size_t count);
/* Fetch the next passage, which stays in place until the next push; false if there is none. */
bool kws_gate_next(kws_gate *gate, kws_passage *passage);

#ifdef __cplusplus
}
#endif

#endif
