#include <stdio.h>
#include <stdlib.h>

#include "io.h"

static FILE *in, *out;

void io_open(const char *input, const char *output) {
  in = fopen(input, "rb");
  out = fopen(output, "wb");
  if (in == NULL || out == NULL) exit(2);
}

size_t io_read(void *bytes, size_t count) { return fread(bytes, 1, count, in); }

void io_write(const void *bytes, size_t count) {
  if (fwrite(bytes, 1, count, out) != count) exit(3);
}

void io_close(void) {
  fclose(in);
  if (fclose(out) != 0) exit(4);
}

int main(int count, char **words) {
  if (count != 3) return 1;
  io_open(words[1], words[2]);
  const int result = run();
  io_close();
  return result;
}
