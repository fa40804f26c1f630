/* Choose the thresholds that settings.h asks for; what the model lacks does not compile. */
#ifndef SENSITIVITY_H
#define SENSITIVITY_H

#include <stdint.h>

#include "settings.h"
#include "src/kws.h"
#include "src/kws_model.h"

#ifndef KWS_SENSITIVITY /* a settings.h of an earlier export */
#define KWS_SENSITIVITY KWS_NORMAL
#define KWS_THRESHOLDS
#endif

class Sensitivity {
 public:
  /* Let a detector use the thresholds; it keeps a pointer to them. */
  void apply(kws_spotter *spotter) {
    for (int i = 0; i < KWS_MODEL_KEYWORDS; ++i)
      thresholds[i] = kws_model_data.sensitivities[KWS_SENSITIVITY * KWS_MODEL_KEYWORDS + i];
    for (const Choice *choice = choices; choice->keyword != nullptr; ++choice)
      thresholds[index_of(choice->keyword)] = quantised(choice->threshold);
    spotter->posterior.thresholds = thresholds;
  }

 private:
  struct Choice {
    const char *keyword;
    double threshold; /* as Python has it, so that both round the same */
  };
  static constexpr Choice choices[] = {KWS_THRESHOLDS{nullptr, 1}};

  static constexpr bool same(const char *a, const char *b) {
    return *a == *b && (*a == 0 || same(a + 1, b + 1));
  }

  /* Return the index of a keyword of the model, or -1. */
  static constexpr int index_of(const char *keyword, int i = 0) {
    return i == KWS_MODEL_KEYWORDS ? -1 : same(keyword, names[i]) ? i : index_of(keyword, i + 1);
  }

  /* Return the least posterior that reaches a threshold, 32768 being 1.0, as kws listen does. */
  static constexpr uint16_t quantised(double threshold) {
    return (uint16_t)((uint16_t)(threshold * 32768) +
                      ((uint16_t)(threshold * 32768) < threshold * 32768));
  }

  static constexpr bool all_known(const Choice *choice) {
    return choice->keyword == nullptr ||
           (index_of(choice->keyword) >= 0 && all_known(choice + 1));
  }

  static constexpr bool all_in_range(const Choice *choice) {
    return (choice->threshold > 0 && choice->threshold <= 1) &&
           (choice->keyword == nullptr || all_in_range(choice + 1));
  }

  static constexpr const char *names[] = {KWS_MODEL_KEYWORD_NAMES};
  uint16_t thresholds[KWS_MODEL_KEYWORDS];

  friend struct SensitivityChecks;
};

constexpr Sensitivity::Choice Sensitivity::choices[];
constexpr const char *Sensitivity::names[];

struct SensitivityChecks {
  static_assert(KWS_MODEL_SENSITIVITIES >> KWS_SENSITIVITY & 1,
                "KWS_SENSITIVITY: the model does not have it");
  static_assert(Sensitivity::all_known(Sensitivity::choices),
                "KWS_THRESHOLDS: the model does not have such a keyword");
  static_assert(Sensitivity::all_in_range(Sensitivity::choices),
                "KWS_THRESHOLDS: a threshold is not above 0 up to 1");
};

static Sensitivity sensitivity;

#endif
