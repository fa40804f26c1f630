/* Read samples; write the output of every stage, which is not primed, as tagged records:
 *   G uint8 whether the gate was open at a hop   X uint32 steps skipped before the next passage
 *   F float frame[coefficients]   S int8 scores[classes]   C uint16 confidences[keywords]
 *   D uint32 sample low, sample high, keyword, confidence (stage by stage)
 *   P the same, from a detector that gets the stream in other pushes, after a reset. */
#include "io.h"
#include "kws.h"
#include "kws_model.h"

static uint32_t memory[2][KWS_MODEL_MEMORY_BYTES / 4];
static kws_spotter stages, spotter;
static int16_t block[4096];

static void put(char tag, const void *bytes, size_t count) {
  io_write(&tag, 1);
  io_write(bytes, count);
}

static void put_detection(char tag, const kws_detection *detection) {
  const uint32_t words[4] = {(uint32_t)detection->sample, (uint32_t)(detection->sample >> 32),
                             detection->keyword, detection->confidence};
  put(tag, words, sizeof words);
}

static void trace_passage(const int16_t *samples, size_t count) {
  const kws_model *model = stages.model;
  while (count > 0) {
    bool ready;
    kws_detection detection;
    const size_t taken = kws_mfcc_push(&stages.mfcc, samples, count, stages.frame, &ready);
    samples += taken;
    count -= taken;
    if (!ready) continue;
    put('F', stages.frame, model->front_end.coefficients * sizeof(float));
    if (!kws_ds_cnn_push(&stages.ds_cnn, stages.frame, stages.scores)) continue;
    put('S', stages.scores, model->network.classes);
    const bool fired = kws_posterior_push(&stages.posterior, stages.scores, &detection);
    put('C', stages.posterior.confidences, model->posterior.keywords * sizeof(uint16_t));
    if (fired) put_detection('D', &detection);
  }
}

static void trace(const int16_t *samples, size_t count) {
  while (count > 0) {
    kws_passage passage;
    const size_t taken = kws_gate_push(&stages.gate, samples, count);
    samples += taken;
    count -= taken;
    if (stages.gate.on && stages.gate.count == 0) {
      const char open = (char)stages.gate.open;
      put('G', &open, 1);
    }
    while (kws_gate_next(&stages.gate, &passage)) {
      const uint32_t skipped = (uint32_t)passage.skipped;
      if (skipped > 0) put('X', &skipped, sizeof skipped);
      kws_posterior_skip(&stages.posterior, passage.skipped);
      trace_passage(passage.samples, passage.count);
    }
  }
}

/* Reset the stages without priming them: what is traced begins with the first sample. */
static void reset_stages(kws_spotter *of) {
  kws_gate_reset(&of->gate);
  kws_mfcc_reset(&of->mfcc);
  kws_ds_cnn_reset(&of->ds_cnn);
  if (of->model->committee.member_count > 0) kws_committee_reset(&of->committee);
  kws_posterior_reset(&of->posterior);
}

int run(void) {
  kws_spotter_init(&stages, &kws_model_data, memory[0]);
  kws_spotter_init(&spotter, &kws_model_data, memory[1]);
  reset_stages(&stages);
  reset_stages(&spotter);
  kws_detection detection;
  size_t bytes, piece = 1;
  while ((bytes = io_read(block, sizeof block)) > 0) {
    const size_t count = bytes / sizeof *block;
    if (stages.posterior.sample == stages.model->posterior.first_samples && piece == 1) {
      kws_spotter_push(&spotter, block, count < KWS_MODEL_HOP ? count : KWS_MODEL_HOP, &detection,
                       1);
      reset_stages(&spotter);
    }
    trace(block, count);
    for (size_t at = 0; at < count; at += piece) {
      piece = (piece * 7 + 3) % KWS_MODEL_HOP + 1;
      if (piece > count - at) piece = count - at;
      if (kws_spotter_push(&spotter, block + at, piece, &detection, 1) > 0)
        put_detection('P', &detection);
    }
  }
  return 0;
}
