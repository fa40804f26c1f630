/* Print the keywords that the microphone of the board hears.
 *
 * Board: @BOARD@. */
@INCLUDES@
#include <KwsPdm.h>

KwsPdm microphone;
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
  @FIRST@.poll(100); /* sleeps for up to 100 ms until audio comes */
}
