/* Turn network scores into detections; see posterior.h. */
#include "posterior.h"

#include <string.h>

#ifndef KWS_KINDS
#include "kws_kinds.h"
#endif
#ifndef KWS_FRONT_ENDS
#define KWS_FRONT_ENDS 7u
#endif

void kws_posterior_init(kws_posterior *posterior, const kws_posterior_settings *settings,
                        void *memory) {
  const int keywords = settings->keywords;
  posterior->settings = settings;
  posterior->thresholds = settings->thresholds;
  posterior->sums = memory;
  posterior->posteriors = (uint16_t *)(void *)(posterior->sums + keywords);
  posterior->averages = posterior->posteriors + settings->smooth_steps * keywords;
  posterior->confidences = posterior->averages + settings->max_steps * keywords;
  posterior->peaks = posterior->confidences + keywords;
  posterior->shown = posterior->peaks + keywords;
  kws_posterior_reset(posterior);
}

void kws_posterior_reset(kws_posterior *posterior) {
  const kws_posterior_settings *settings = posterior->settings;
  memset(posterior->sums, 0,
         KWS_POSTERIOR_BYTES((size_t)settings->keywords, settings->smooth_steps,
                             settings->max_steps));
  posterior->next_posterior = 0;
  posterior->next_average = 0;
  posterior->refractory = 0;
  posterior->block_is_empty = true;
  if (KWS_FRONT_ENDS & 4u) posterior->begins = true;
  posterior->sample = settings->first_samples;
}

void kws_posteriors(const uint32_t *exponentials, int count, int keywords, const int8_t *scores,
                    uint16_t *posteriors) {
  int highest = scores[0];
  for (int i = 1; i <= keywords; ++i)
    if (scores[i] > highest) highest = scores[i];
  uint32_t total = 0;
  for (int i = 0; i <= keywords; ++i)
    if (highest - scores[i] < count) total += exponentials[highest - scores[i]];
  for (int i = 0; i < keywords; ++i) {
    const int distance = highest - scores[i + 1];
    posteriors[i] = (uint16_t)(distance < count ? (exponentials[distance] << 15) / total : 0);
  }
}

/* Return whether scores are probabilities, as only models on TFLM's microfrontend have them. */
static bool is_sigmoid(const kws_posterior *posterior) {
  return (KWS_FRONT_ENDS & 4u) && posterior->settings->sigmoid;
}

/* Turn probabilities [keywords] in 1/256, from -128 on, into posteriors [keywords]. */
static void probabilities(int keywords, const int8_t *scores, uint16_t *posteriors) {
  for (int i = 0; i < keywords; ++i) posteriors[i] = (uint16_t)((scores[i] + 128) * 128);
}

/* Average the posteriors of the last smooth_steps, of which these scores complete the latest. */
static void average(kws_posterior *posterior, const int8_t *scores, uint16_t *averages) {
  const kws_posterior_settings *settings = posterior->settings;
  const int keywords = settings->keywords;
  uint16_t *posteriors = posterior->posteriors + posterior->next_posterior * keywords;
  for (int i = 0; i < keywords; ++i) posterior->sums[i] -= posteriors[i];
  if (is_sigmoid(posterior))
    probabilities(keywords, scores, posteriors);
  else
    kws_posteriors(settings->exponentials, settings->exponential_count, keywords, scores,
                   posteriors);
  for (int i = 0; i < keywords; ++i) {
    posterior->sums[i] += posteriors[i];
    averages[i] = (uint16_t)(posterior->sums[i] / settings->smooth_steps);
  }
  if (++posterior->next_posterior == settings->smooth_steps) posterior->next_posterior = 0;
  if (!is_sigmoid(posterior)) return;
  if (posterior->next_posterior == 0) posterior->begins = false;
  if (posterior->begins) memset(averages, 0, (size_t)keywords * sizeof *averages);
}

/* Take the maximum over max_steps, of which the averages in the next slot are the latest. */
static void maximise(kws_posterior *posterior, const uint16_t *shown) {
  const kws_posterior_settings *settings = posterior->settings;
  const int keywords = settings->keywords;
  for (int i = 0; i < keywords; ++i) {
    uint16_t confidence = 0;
    for (int step = 0; step < settings->max_steps; ++step) {
      const uint16_t average = posterior->averages[step * keywords + i];
      if (average > confidence) confidence = average;
    }
    posterior->confidences[i] = confidence;
    posterior->shown[i] = confidence > 0 ? confidence : shown[i];
    if (posterior->block_is_empty || posterior->shown[i] > posterior->peaks[i])
      posterior->peaks[i] = posterior->shown[i];
  }
  posterior->block_is_empty = false;
  if (++posterior->next_average == settings->max_steps) posterior->next_average = 0;
}

void kws_posterior_begin_block(kws_posterior *posterior) {
  if (posterior->block_is_empty) return;
  memcpy(posterior->peaks, posterior->shown,
         posterior->settings->keywords * sizeof *posterior->peaks);
  posterior->block_is_empty = true;
}

void kws_posterior_skip(kws_posterior *posterior, uint64_t steps) {
  posterior->sample += steps * posterior->settings->step_samples;
  posterior->refractory =
      (uint16_t)(posterior->refractory > steps ? posterior->refractory - steps : 0);
}

/* Conclude a step whose averages are in the next slot; return as kws_posterior_push. */
static bool conclude(kws_posterior *posterior, const uint16_t *shown, kws_detection *detection) {
  const kws_posterior_settings *settings = posterior->settings;
  const uint64_t sample = posterior->sample;
  maximise(posterior, shown);
  posterior->sample += settings->step_samples;
  if (posterior->refractory > 0) {
    --posterior->refractory;
    return false;
  }
  int best = -1, margin = -1; /* the keyword furthest above its threshold; of equals, the first */
  for (int i = 0; i < settings->keywords; ++i) {
    const int above = posterior->confidences[i] - posterior->thresholds[i];
    if (above > margin) {
      margin = above;
      best = i;
    }
  }
  if (best < 0) return false;
  detection->sample = sample;
  detection->keyword = (uint8_t)best;
  detection->confidence = posterior->confidences[best];
  posterior->refractory = settings->refractory_steps;
  return true;
}

/* Return the slot of the next averages. */
static uint16_t *next_averages(const kws_posterior *posterior) {
  return posterior->averages + posterior->next_average * posterior->settings->keywords;
}

bool kws_posterior_decide(kws_posterior *posterior, const uint16_t *averages,
                          const uint16_t *shown, kws_detection *detection) {
  memcpy(next_averages(posterior), averages, posterior->settings->keywords * sizeof *averages);
  return conclude(posterior, shown, detection);
}

bool kws_posterior_push(kws_posterior *posterior, const int8_t *scores, kws_detection *detection) {
  uint16_t *averages = next_averages(posterior);
  average(posterior, scores, averages);
  return conclude(posterior, averages, detection);
}
