/* Print the keywords that an I2S microphone hears, such as an INMP441 or ICS-43434.
 *
 * SCK to pin 4, WS to pin 5, SD to pin 6, L/R and GND to GND, VDD to 3.3 V. */
#include <inttypes.h>
#include <stdio.h>

@INCLUDES@
#include <KwsI2s.h>

static KwsI2s microphone(4, 5, 6); /* SCK, WS, SD */
@STATIC_SPOTTERS@

static void detected(const KwsDetection &found) {
  printf("%8.2f s  %s  %.2f\n", (double)found.seconds, found.keyword, (double)found.confidence);
}

extern "C" void app_main(void) {
@BEGINS@
  uint32_t lost = 0;
  for (;;) {
    @FIRST@.poll(); /* waits for the microphone */
    if (microphone.lost() != lost) {
      lost = microphone.lost();
      printf("lost %" PRIu32 " samples so far\n", lost);
    }
  }
}
