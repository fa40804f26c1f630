/* Run an exported library on this machine: a microphone of recorded samples, and two spotters that
 * share it. Standard input: int16 samples. Prints "CLASS KEYWORD SAMPLE CONFIDENCE" per detection.
 * With a second argument all samples are pushed at once. */
#include <KwsHome.h>
#include <KwsLamp.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

/* Give samples in blocks of 256, a block per wait(), as an interrupt would. */
class Recording : public KwsAudio {
 public:
  bool begin() override { return true; }
  bool read(int16_t *samples, uint32_t count) override {
    if (filled < count) return false;
    std::memcpy(samples, ring, count * sizeof *samples);
    std::memmove(ring, ring + count, (filled - count) * sizeof *samples);
    filled -= count;
    return true;
  }
  void wait(uint32_t) override {
    const size_t got = std::fread(ring + filled, sizeof *ring, 256, stdin);
    filled += got;
    ended = got == 0;
  }
  size_t left() const { return filled; }
  bool ended = false;

 private:
  int16_t ring[1024];
  size_t filled = 0;
};

Recording recording;
KwsHome home;
KwsLamp lamp;

void print(const char *name, const KwsDetection &found) {
  std::printf("%s %d %llu %.6f\n", name, found.index, (unsigned long long)found.sample,
              (double)found.confidence);
}

}  // namespace

int main(int count, char **arguments) {
  home.onDetection([](const KwsDetection &found) { print("home", found); });
  lamp.onDetection([](const KwsDetection &found) { print("lamp", found); });
  if (!home.begin(recording)) return 2;
  lamp.begin(home);
  lamp.begin(home); /* again, which changes nothing */
  if (home.setThreshold("no such word", 0.5) || home.setThreshold(home.keyword(0), 0)) return 3;
  if (count >= 2 && !lamp.setThreshold(lamp.keyword(0), std::atof(arguments[1]))) return 4;
  if (count == 3) {
    std::vector<int16_t> samples(60 * 16000);
    home.push(samples.data(), std::fread(samples.data(), sizeof samples[0], samples.size(), stdin));
    return 0;
  }
  while (!recording.ended) {
    home.poll(100);
    if (recording.left() >= 160) return 5; /* a poll takes what is there */
  }
}
