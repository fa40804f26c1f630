/* Read one input and write one output: stdio on the host, semihosting on the emulated board. */
#ifndef IO_H
#define IO_H

#include <stddef.h>

void io_open(const char *input, const char *output);
size_t io_read(void *bytes, size_t count); /* returns how many bytes were read */
void io_write(const void *bytes, size_t count);
void io_close(void);
int run(void); /* the program */

#endif
