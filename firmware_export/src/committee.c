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

/* Forget what a member has taken. */
static void reset_member(kws_committee *committee, int index) {
  const kws_member *member = &committee->settings->members[index];
  const size_t keywords = committee->settings->keywords;
  kws_ds_cnn network = network_of(committee, member);
  kws_ds_cnn_reset(&network);
  memset(sums_of(committee, member), 0, 4 * keywords + 2 * keywords * member->count);
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

/* Let a member take the frames up to the latest: those since it stopped, or, where that is fewer,
 * those that it needs from a reset. */
static void catch_up(kws_committee *committee, int index) {
  kws_member_state *state = state_of(committee, index);
  const int needed = frames_needed(committee, &committee->settings->members[index]);
  if (state->lag > needed) {
    reset_member(committee, index);
    state->lag = (uint16_t)needed;
  }
  for (; state->lag > 0; --state->lag) take(committee, index, kept(committee, state->lag));
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

static uint16_t *averages_of(const kws_committee *committee) {
  return (uint16_t *)(void *)(committee->memory + committee->settings->averages_at);
}

/* Sum up the posteriors of a keyword that some members give; return how many they are. */
static uint32_t sum_up(const kws_committee *committee, int first, int end, int keyword,
                       uint32_t *sum) {
  uint32_t count = 0;
  *sum = 0;
  for (int i = first; i < end; ++i) {
    const kws_member *member = &committee->settings->members[i];
    *sum += sums_of(committee, member)[keyword];
    count += member->count;
  }
  return count;
}

/* Average the posteriors of members, for the keywords that are still suspected. */
static void average(kws_committee *committee, int first, int end) {
  uint16_t *averages = averages_of(committee), *shown = averages + committee->settings->keywords;
  for (int i = 0; i < committee->settings->keywords; ++i) {
    uint32_t sum;
    const uint32_t count = sum_up(committee, first, end, i, &sum);
    if (averages[i]) shown[i] = (uint16_t)(sum / count);
  }
}

/* Suspect the keywords whose bound the first member reaches. */
static void suspect(kws_committee *committee, const uint16_t *thresholds) {
  uint16_t *averages = averages_of(committee), *shown = averages + committee->settings->keywords;
  const int keywords = committee->settings->keywords;
  for (int i = 0; i < keywords; ++i) averages[i] = true;
  average(committee, 0, 1);
  for (int i = 0; i < keywords; ++i) averages[i] = shown[i] >= bound_at(committee, thresholds, i);
}

/* Unless every average is wanted, suspect no longer the keywords whose mean cannot reach the
 * threshold, however sure the members are that have not run. Return whether a keyword is left. */
static bool narrow(kws_committee *committee, int ran, const uint16_t *thresholds) {
  const uint32_t posteriors = committee->settings->posteriors;
  const int first = committee->settings->first_stage;
  uint16_t *averages = averages_of(committee);
  bool left = false;
  for (int i = 0; i < committee->settings->keywords; ++i) {
    uint32_t sum;
    const uint32_t others = posteriors - sum_up(committee, first, ran, i, &sum);
    const bool in_reach = sum + (others << 15) >= thresholds[i] * posteriors;
    if (!in_reach && !committee->every_average) averages[i] = false;
    if (averages[i]) left = true;
  }
  return left;
}

void kws_committee_init(kws_committee *committee, const kws_committee_settings *settings,
                        void *memory) {
  committee->settings = settings;
  committee->memory = memory;
  committee->averages = (const uint16_t *)(const void *)(committee->memory + settings->averages_at);
  committee->shown = committee->averages + settings->keywords;
  committee->every_average = false;
  kws_committee_reset(committee);
}

void kws_committee_reset(kws_committee *committee) {
  const kws_committee_settings *settings = committee->settings;
  if (settings->member_count == 0) return;
  reset_member(committee, 0);
  for (int i = 1; i < settings->member_count; ++i) state_of(committee, i)->lag = UINT16_MAX;
  committee->next = 0;
  committee->skip = (uint16_t)(settings->window_frames - settings->members->network.window_frames);
  committee->wait = settings->window_frames;
  committee->parity = 0;
  committee->steps = 0;
}

/* Return the room for the next frame. */
static int8_t *next_frame(kws_committee *committee) {
  if (++committee->next == committee->settings->kept_frames) committee->next = 0;
  for (int i = 1; i < committee->settings->member_count; ++i) {
    kws_member_state *state = state_of(committee, i);
    if (state->lag < UINT16_MAX) ++state->lag;
  }
  return kept(committee, 1);
}

/* Let the first member take the latest frame; return true if it completes a step. */
static bool advance_first(kws_committee *committee, const int8_t *latest) {
  const kws_committee_settings *settings = committee->settings;
  if (committee->skip > 0)
    --committee->skip;
  else
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
  const kws_committee_settings *settings = committee->settings;
  uint16_t *averages = averages_of(committee);
  suspect(committee, thresholds);
  for (int ran = 1; ran < settings->member_count && narrow(committee, ran, thresholds); ++ran) {
    catch_up(committee, ran);
    average(committee, settings->first_stage, ran + 1);
  }
  for (int i = 0; i < settings->keywords; ++i)
    if (averages[i]) averages[i] = committee->shown[i];
  committee->parity ^= 1;
  if (committee->steps + 1 < settings->smooth_steps) ++committee->steps;
}
