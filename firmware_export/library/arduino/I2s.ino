/* Print the keywords that an I2S microphone hears, such as an INMP441 or ICS-43434.
 *
 * Board: @BOARD@.
 * SCK to pin 4, WS to pin 5, SD to pin 6, L/R and GND to GND, VDD to 3.3 V. */
@INCLUDES@
#include <KwsI2s.h>

KwsI2s microphone(4, 5, 6); /* SCK, WS, SD */
@SPOTTERS@

void detected(const KwsDetection &found) {
  Serial.print(found.keyword);
  Serial.print(" ");
  Serial.println(found.confidence);
}

void setup() {
  Serial.begin(115200);
@BEGINS@
}

void loop() {
  @FIRST@.poll(); /* waits for the microphone */
}
