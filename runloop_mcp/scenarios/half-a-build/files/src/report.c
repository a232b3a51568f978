#include "report.h"

#include <stdio.h>
#include <string.h>

#include "codes.h"

static const struct code *find(int number)
{
    for (int i = 0; i < CODE_COUNT; i++)
        if (codes[i].number == number)
            return &codes[i];
    return NULL;
}

/* Whatever the definitions say, someone has to go and look when the station itself is in danger. */
static int is_alarm(const struct code *code, const struct frame *frame)
{
    if (code->number == CODE_TILT || code->number == CODE_BATTERY_LOW)
        return code->alarm || frame->value > 100;
    return code->alarm;
}

void report_frame(struct report *report, const struct frame *frame)
{
    const struct code *code = find(frame->code);
    char *last = report->last_remark[frame->station];

    report->frames++;
    report->by_code[frame->code]++;
    if (frame->remark[0])
        strcpy(last, frame->remark);
    if (code)
        printf("%c station %02d %-14s %6d", is_alarm(code, frame) ? '!' : ' ', frame->station, code->name, frame->value);
    else
        printf("? station %02d code 0x%02x      %6d", frame->station, (unsigned)frame->code, frame->value);
    printf("%s%s\n", last[0] ? "  " : "", last);
}

void report_fault(struct report *report, long line, enum frame_fault fault)
{
    report->faults++;
    printf("line %ld: %s\n", line, frame_fault_text(fault));
}

void report_summary(const struct report *report)
{
    printf("%ld frames, %ld faults\n", report->frames, report->faults);
    for (int i = 0; i < CODE_COUNT; i++)
        printf("%-14s %ld\n", codes[i].name, report->by_code[codes[i].number]);
}
