#ifndef FRAME_H
#define FRAME_H

#include "sizes.h"

struct frame {
    int station;
    int code;
    int value;
    char remark[REMARK_SIZE + 1];
};

enum frame_fault { FRAME_OK, FRAME_MALFORMED, FRAME_CHECKSUM, FRAME_STATION };

enum frame_fault frame_parse(const char *line, struct frame *frame);
const char *frame_fault_text(enum frame_fault fault);

#endif
