#include "frame.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "crc8.h"
#include "text.h"

enum { FRAME_BYTES = 5 };

static int hex(char digit)
{
    return isdigit((unsigned char)digit) ? digit - '0' : tolower((unsigned char)digit) - 'a' + 10;
}

static int decode(const char *word, unsigned char *bytes)
{
    if (strlen(word) != 2 * FRAME_BYTES || strspn(word, "0123456789abcdefABCDEF") != 2 * FRAME_BYTES)
        return 0;
    for (int i = 0; i < FRAME_BYTES; i++)
        bytes[i] = (unsigned char)(hex(word[2 * i]) * 16 + hex(word[2 * i + 1]));
    return 1;
}

enum frame_fault frame_parse(const char *line, struct frame *frame)
{
    enum frame_fault fault = FRAME_OK;
    unsigned char bytes[FRAME_BYTES];
    char *copy = text_cut(line, (int)strlen(line));
    char *rest = NULL;
    char *word = text_word(copy, &rest);
    char *remark = text_cut(rest ? rest : "", REMARK_SIZE);

    if (!decode(word, bytes))
        fault = FRAME_MALFORMED;
    else if (crc8(bytes, FRAME_BYTES - 1) != bytes[FRAME_BYTES - 1])
        fault = FRAME_CHECKSUM;
    else if (bytes[0] >= STATIONS)
        fault = FRAME_STATION;
    else {
        frame->station = bytes[0];
        frame->code = bytes[1];
        frame->value = (bytes[2] << 8 | bytes[3]) - (bytes[2] & 0x80 ? 0x10000 : 0);
        strcpy(frame->remark, remark);
    }
    free(remark);
    free(copy);
    return fault;
}

const char *frame_fault_text(enum frame_fault fault)
{
    switch (fault) {
    case FRAME_MALFORMED: return "not a frame";
    case FRAME_CHECKSUM: return "bad checksum";
    case FRAME_STATION: return "no such station";
    default: return "fine";
    }
}
