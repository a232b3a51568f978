#ifndef REPORT_H
#define REPORT_H

#include "frame.h"

struct report {
    long frames;
    long faults;
    long by_code[256];
    char last_remark[STATIONS][REMARK_SIZE + 1];
};

void report_frame(struct report *report, const struct frame *frame);
void report_fault(struct report *report, long line, enum frame_fault fault);
void report_summary(const struct report *report);

#endif
