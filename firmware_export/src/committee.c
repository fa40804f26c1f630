/* Confirm what one network suspects by a committee; see committee.h. */
#include "committee.h"

#include <string.h>

#include "posterior.h"

/* Return the network of a member, whose state lies in the memory of the detector. */
static kws_ds_cnn network_of(const kws_committee *committee, const kws_member *member) {
  const kws_ds_cnn network = {&member->network, committee->memory};
  return network;
}

static kws_member_state *state_of(const kws_committee *committee, int member) {
  void *at = committee->memory + committee->settings->members_at;
  return (kws_member_state *)at + member;
}

static uint32_t *sums_of(const kws_committee *committee, const kws_member *member) {
  return (uint32_t *)(void *)(committee->memory + member->sums_at);
}

/* Return a kept frame; age: 1 is the latest. */
static int8_t *kept(const kws_committee *committee, int age) {
  const kws_committee_settings *settings = committee->settings;
  const int slot = committee->next - age;
  return committee->memory + settings->kept_at +
         (slot < 0 ? slot + settings->kept_frames : slot) * settings->members->network.frame_values;
}

/* Forget what a member has taken; its network leaves out `delay` frames. */
static void reset_member(kws_committee *committee, int index, int delay) {
  const kws_member *member = &committee->settings->members[index];
  const size_t keywords = committee->settings->keywords;
  kws_ds_cnn network = network_of(committee, member);
  kws_ds_cnn_reset(&network);
  memset(sums_of(committee, member), 0, 4 * keywords + 2 * keywords * member->count);
  state_of(committee, index)->delay = (uint16_t)delay;
  state_of(committee, index)->next = 0;
}

/* Add the posteriors of a member's scores to its sums, in place of its oldest. */
static void add(kws_committee *committee, int index, const int8_t *scores) {
  const kws_member *member = &committee->settings->members[index];
  const int keywords = committee->settings->keywords;
  kws_member_state *state = state_of(committee, index);
  uint32_t *sums = sums_of(committee, member);
  uint16_t *posteriors = (uint16_t *)(void *)(sums + keywords) + state->next * keywords;
  for (int i = 0; i < keywords; ++i) sums[i] -= posteriors[i];
  kws_posteriors(member->exponentials, member->exponential_count, keywords, scores, posteriors);
  for (int i = 0; i < keywords; ++i) sums[i] += posteriors[i];
  if (++state->next == member->count) state->next = 0;
}

/* Let a member take a frame. */
static void take(kws_committee *committee, int index, const int8_t *frame) {
  kws_member_state *state = state_of(committee, index);
  if (state->delay > 0) {
    --state->delay;
    return;
  }
  int8_t *scores = committee->memory + committee->settings->scores_at;
  kws_ds_cnn network = network_of(committee, &committee->settings->members[index]);
  if (kws_ds_cnn_push_quantised(&network, frame, scores)) add(committee, index, scores);
}

/* Return how many frames a member has to take from its reset to the latest one, so that its sums are
 * those of the smoothing window. */
static int frames_needed(const kws_committee *committee, const kws_member *member) {
  /* Its first score within the window is that of the step `back` before this one. */
  int back = committee->steps;
  back -= (member->offset + committee->parity + back) % member->every;
  return back * committee->settings->stride + member->network.window_frames;
}

/* Let the others take the frames up to the latest: those since they stopped, or, where that is
 * fewer, those that they need from a reset. */
static void catch_up(kws_committee *committee) {
  const kws_committee_settings *settings = committee->settings;
  int most = 0;
  for (int i = 1; i < settings->member_count; ++i) {
    const int needed = frames_needed(committee, &settings->members[i]);
    if (needed > most) most = needed;
  }
  if (committee->lag > most) {
    committee->lag = (uint16_t)most;
    for (int i = 1; i < settings->member_count; ++i)
      reset_member(committee, i, most - frames_needed(committee, &settings->members[i]));
  }
  for (; committee->lag > 0; --committee->lag)
    for (int i = 1; i < settings->member_count; ++i)
      take(committee, i, kept(committee, committee->lag));
}

/* Return the bound of a keyword: at a threshold that is lower than those that it is for, the others
 * need to add less. */
static int bound_at(const kws_committee *committee, const uint16_t *thresholds, int keyword) {
  const kws_committee_settings *settings = committee->settings;
  const int lowered = settings->least_thresholds[keyword] - thresholds[keyword];
  const int count = settings->members->count;
  if (lowered <= 0) return settings->bounds[keyword];
  const int bound =
      settings->bounds[keyword] - (lowered * settings->posteriors + count - 1) / count;
  return bound > 1 ? bound : 1;
}

/* Average the first member's posteriors; return whether it suspects a keyword. */
static bool suspect(kws_committee *committee, const uint16_t *thresholds) {
  const kws_committee_settings *settings = committee->settings;
  const kws_member *first = settings->members;
  uint16_t *averages = (uint16_t *)(void *)(committee->memory + settings->averages_at);
  bool suspected = false;
  const uint32_t *sums = sums_of(committee, first);
  for (int i = 0; i < settings->keywords; ++i) {
    averages[i] = 0;
    averages[settings->keywords + i] = (uint16_t)(sums[i] / first->count);
    if (averages[settings->keywords + i] >= bound_at(committee, thresholds, i)) suspected = true;
  }
  return suspected;
}

/* Average the posteriors of all members for the keywords that the first suspects. */
static void confirm(kws_committee *committee, const uint16_t *thresholds) {
  const kws_committee_settings *settings = committee->settings;
  uint16_t *averages = (uint16_t *)(void *)(committee->memory + settings->averages_at);
  for (int keyword = 0; keyword < settings->keywords; ++keyword) {
    if (committee->of_first[keyword] < bound_at(committee, thresholds, keyword)) continue;
    uint32_t sum = 0;
    for (int i = 0; i < settings->member_count; ++i)
      sum += sums_of(committee, &settings->members[i])[keyword];
    averages[keyword] = (uint16_t)(sum / settings->posteriors);
  }
}

void kws_committee_init(kws_committee *committee, const kws_committee_settings *settings,
                        void *memory) {
  committee->settings = settings;
  committee->memory = memory;
  committee->averages = (const uint16_t *)(const void *)(committee->memory + settings->averages_at);
  committee->of_first = committee->averages + settings->keywords;
  kws_committee_reset(committee);
}

void kws_committee_reset(kws_committee *committee) {
  const kws_committee_settings *settings = committee->settings;
  if (settings->member_count == 0) return;
  reset_member(committee, 0, settings->window_frames - settings->members->network.window_frames);
  committee->next = 0;
  committee->lag = UINT16_MAX;
  committee->wait = settings->window_frames;
  committee->parity = 0;
  committee->steps = 0;
}

/* Return the room for the next frame. */
static int8_t *next_frame(kws_committee *committee) {
  if (++committee->next == committee->settings->kept_frames) committee->next = 0;
  if (committee->lag < UINT16_MAX) ++committee->lag;
  return kept(committee, 1);
}

/* Let the first member take the latest frame; return true if it completes a step. */
static bool advance_first(kws_committee *committee, const int8_t *latest) {
  const kws_committee_settings *settings = committee->settings;
  take(committee, 0, latest);
  if (--committee->wait > 0) return false;
  committee->wait = settings->stride;
  return true;
}

bool kws_committee_push(kws_committee *committee, const float *frame) {
  int8_t *latest = next_frame(committee);
  kws_ds_cnn_quantise(&committee->settings->members->network, frame, latest);
  return advance_first(committee, latest);
}

bool kws_committee_push_quantised(kws_committee *committee, const int8_t *frame) {
  int8_t *latest = next_frame(committee);
  memcpy(latest, frame, committee->settings->members->network.frame_values);
  return advance_first(committee, latest);
}

void kws_committee_decide(kws_committee *committee, const uint16_t *thresholds) {
  if (suspect(committee, thresholds)) {
    catch_up(committee);
    confirm(committee, thresholds);
  }
  committee->parity ^= 1;
  if (committee->steps + 1 < committee->settings->smooth_steps) ++committee->steps;
}
