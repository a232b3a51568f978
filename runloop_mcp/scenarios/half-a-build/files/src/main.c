#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "report.h"

static struct report report;

int main(void)
{
    char *line = NULL;
    size_t room = 0;

    for (long number = 1; getline(&line, &room, stdin) >= 0; number++) {
        struct frame frame;
        enum frame_fault fault;

        if (strspn(line, " \t\r\n") == strlen(line))
            continue;
        fault = frame_parse(line, &frame);
        if (fault == FRAME_OK)
            report_frame(&report, &frame);
        else
            report_fault(&report, number, fault);
    }
    free(line);
    report_summary(&report);
    return 0;
}
