#include "crc8.h"

/* Polynomial x^8 + x^5 + x^4 + 1, bits reflected, begins with zero. */
unsigned char crc8(const unsigned char *data, size_t size)
{
    unsigned char crc = 0;

    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (unsigned char)(crc & 1 ? (crc >> 1) ^ 0x8c : crc >> 1);
    }
    return crc;
}
